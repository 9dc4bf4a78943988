"""The posting slots of one run: so many POSTs under way at once, in a thread of their own, and what comes back of them.

The thread runs one event loop and touches no database; the run's own thread never waits for the network.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ige_pipeline.delivery.endpoint import Endpoint
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.settlement import Sent

_WORTH_WAITING_S = 0.001


@dataclass(frozen=True)
class Landed:
    """A message whose POST is over. `error`: what no reply can express, to be raised in the run."""

    lease: Lease
    sent: Sent | None
    error: BaseException | None = None


class Slots:
    """So many slots to one endpoint. Used by one thread; `close` waits for nobody."""

    def __init__(self, endpoint: Endpoint, *, count: int) -> None:
        self._endpoint, self._count = endpoint, count
        self._landed: queue.SimpleQueue[Landed] = queue.SimpleQueue()
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="posting slots", daemon=True)
        self._thread.start()
        self.busy = 0

    @property
    def free(self) -> int:
        """How many more may be started."""
        return self._count - self.busy

    def start(self, leases: Sequence[Lease], *, now: datetime, apart_s: float) -> None:
        """Begin to post these, the first now, each so many seconds after the one before."""
        self.busy += len(leases)
        self._loop.call_soon_threadsafe(self._begin, leases, now, apart_s)

    def landed(self, *, within_s: float) -> list[Landed]:
        """Return all that is over; if nothing is yet, wait so many seconds for the first."""
        back: list[Landed] = []
        with contextlib.suppress(queue.Empty):
            back.append(self._landed.get(timeout=within_s) if within_s > 0 else self._landed.get_nowait())
            while True:
                back.append(self._landed.get_nowait())
        self.busy -= len(back)
        return back

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begin(self, leases: Sequence[Lease], now: datetime, apart_s: float) -> None:
        for place, lease in enumerate(leases):
            task = self._loop.create_task(self._fly(lease, now, after_s=place * apart_s))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _fly(self, lease: Lease, now: datetime, *, after_s: float) -> None:
        try:
            if after_s > _WORTH_WAITING_S:
                await asyncio.sleep(after_s)
            at, began = now + timedelta(seconds=after_s), time.monotonic()
            reply = await self._endpoint.post(lease, key=str(lease.idempotency_key), now=at)
            sent = Sent(at=at, duration_ms=round((time.monotonic() - began) * 1000), reply=reply)
        except BaseException as error:  # noqa: BLE001 - it is raised where the run can see it
            self._landed.put(Landed(lease, None, error))
        else:
            self._landed.put(Landed(lease, sent))

    async def _end(self) -> None:
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._endpoint.aclose()
