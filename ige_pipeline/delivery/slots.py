"""The posting slots of one run: so many POSTs under way at once, in a thread of their own, and what comes back of them.

The thread runs one event loop and touches no database; the run's own thread never waits for the network.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ige_pipeline.delivery.endpoint import Endpoint
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.pace import elapsed
from ige_pipeline.delivery.reply import Answered, TooLate
from ige_pipeline.delivery.settlement import Sent
from ige_pipeline.tracing import span


@dataclass(frozen=True)
class Landed:
    """A message whose POST is over. `error`: what no reply can express, to be raised in the run.

    Neither sent nor in error: it was too late to post it.
    """

    lease: Lease
    sent: Sent | None
    error: BaseException | None = None


class Slots:
    """So many slots to one endpoint. Used by one thread; `close` waits for nobody."""

    def __init__(self, endpoint: Endpoint, *, count: int, clock: Callable[[], float] = elapsed) -> None:
        self._endpoint, self._count, self._clock = endpoint, count, clock
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

    def start(self, leases: Sequence[Lease], *, now: datetime, until: float) -> None:
        """Begin to post these now; of what could not leave by `until` nothing is sent, and it comes back as it is."""
        self.busy += len(leases)
        self._loop.call_soon_threadsafe(self._begin, leases, now, until)

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

    def _begin(self, leases: Sequence[Lease], now: datetime, until: float) -> None:
        for lease in leases:
            task = self._loop.create_task(self._fly(lease, now, until))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _fly(self, lease: Lease, now: datetime, until: float) -> None:
        began = self._clock()
        if began > until:
            self._landed.put(Landed(lease, None))
            return
        try:
            key = str(lease.idempotency_key)
            with span("post", message_id=lease.message_id, attempt=lease.attempt) as seen:
                reply = await self._endpoint.post(lease, key=key, now=now, in_time=lambda: self._clock() <= until)
                seen.tell("reply", type(reply).__name__)
                if isinstance(reply, Answered):
                    seen.tell("status", reply.status)
            sent = Sent(at=now, duration_ms=round((self._clock() - began) * 1000), reply=reply)
        except TooLate:
            self._landed.put(Landed(lease, None))
        except BaseException as error:  # noqa: BLE001 - it is raised where the run can see it
            self._landed.put(Landed(lease, None, error))
        else:
            self._landed.put(Landed(lease, sent))

    async def _end(self) -> None:
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._endpoint.aclose()
