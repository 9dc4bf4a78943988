"""The posting slots of one run: so many POSTs under way at once, in a thread of their own, and what comes back of them.

The thread runs one event loop and touches no database; the run's own thread never waits for the network. What is
started while every slot is taken goes as soon as one is free, if its last look still holds by then.
"""

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from ige_pipeline.delivery.endpoint import Endpoint
from ige_pipeline.delivery.lease import Lease
from ige_pipeline.delivery.pace import elapsed
from ige_pipeline.delivery.reply import Answered, Reply, TooLate
from ige_pipeline.delivery.settlement import Sent
from ige_pipeline.delivery.tally import tells
from ige_pipeline.tracing import span, traces


@dataclass(frozen=True)
class Landed:
    """A message whose POST is over. `error`: what no reply can express, to be raised in the run.

    Neither sent nor in error: it was too late to post it; `waited`: for want of a slot, or because of what came back
    of another.
    """

    lease: Lease
    sent: Sent | None
    error: BaseException | None = None
    waited: bool = False


class _Ready(NamedTuple):
    """What may be posted until its last look, which saw the database's `now`, is too old."""

    lease: Lease
    now: datetime
    until: float


class Slots:
    """So many slots to one endpoint. Used by one thread; `close` waits for nobody."""

    def __init__(self, endpoint: Endpoint, *, count: int, clock: Callable[[], float] = elapsed) -> None:
        self._endpoint, self.count, self._clock = endpoint, count, clock
        self._landed: queue.SimpleQueue[list[Landed]] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        # What only the thread knows: slots that are taken, what waits for one, until when, and what came back.
        self._under_way: set[asyncio.Task[None]] = set()
        self._taken = 0
        self._waiting: deque[_Ready] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._back: list[Landed] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="posting slots", daemon=True)
        self._thread.start()
        self.busy = 0

    @property
    def free(self) -> int:
        """How many more may be started without waiting; less than none where some wait."""
        return self.count - self.busy

    def start(self, leases: Sequence[Lease], *, now: datetime, until: float) -> None:
        """Begin to post these now; of what could not leave by `until` nothing is sent, and it comes back as it is."""
        self.busy += len(leases)
        self._loop.call_soon_threadsafe(self._begin, [_Ready(lease, now, until) for lease in leases])

    def withdraw(self) -> None:
        """Let nothing go any more that waits for a slot; it comes back as it is."""
        self._loop.call_soon_threadsafe(self._give_up_waiting)

    def landed(self, *, within_s: float) -> list[Landed]:
        """Return all that is over; if nothing is yet, wait so many seconds for the first."""
        back: list[Landed] = []
        with contextlib.suppress(queue.Empty):
            back += self._landed.get(timeout=within_s) if within_s > 0 else self._landed.get_nowait()
            while True:
                back += self._landed.get_nowait()
        self.busy -= len(back)
        return back

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _begin(self, ready: Sequence[_Ready]) -> None:
        self._waiting.extend(ready)
        while self._waiting and self._taken < self.count:
            self._taken += 1
            task = self._loop.create_task(self._slot(self._waiting.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        self._watch_the_first()

    def _watch_the_first(self) -> None:
        """What waits for a slot in vain is not held for longer than its look holds."""
        if self._waiting and self._alarm is None:
            left = max(self._waiting[0].until - self._clock(), 0)
            self._alarm = self._loop.call_later(left, self._give_back_late)

    def _give_back_late(self) -> None:
        self._alarm = None
        while self._waiting and self._waiting[0].until <= self._clock():
            self._land(Landed(self._waiting.popleft().lease, None, waited=True))
        self._watch_the_first()

    def _give_up_waiting(self) -> None:
        while self._waiting:
            self._land(Landed(self._waiting.popleft().lease, None, waited=True))

    async def _slot(self, first: _Ready) -> None:
        """Post this one, and then what waits: no slot waits for another thread."""
        self._land(await self._fly(first, waited=False))
        while self._waiting:
            self._land(await self._fly(self._waiting.popleft(), waited=True))
        self._taken -= 1

    async def _fly(self, ready: _Ready, *, waited: bool) -> Landed:
        lease, began = ready.lease, self._clock()
        if began > ready.until:
            return Landed(lease, None, waited=waited)
        try:
            reply = await self._post(ready)
        except TooLate:
            return Landed(lease, None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the run can see it
            self._give_up_waiting()
            return Landed(lease, None, error)
        if tells(reply):
            # It may open the circuit: what waits is not let go before the run knows.
            self._give_up_waiting()
        return Landed(lease, Sent(at=ready.now, duration_ms=round((self._clock() - began) * 1000), reply=reply))

    async def _post(self, ready: _Ready) -> Reply:
        lease, until, clock = ready.lease, ready.until, self._clock
        asked = self._endpoint.post(
            lease, key=str(lease.idempotency_key), now=ready.now, in_time=lambda: clock() <= until
        )
        if not traces():
            return await asked
        with span("post", message_id=lease.message_id, attempt=lease.attempt) as seen:
            reply = await asked
            seen.tell("reply", type(reply).__name__)
            if isinstance(reply, Answered):
                seen.tell("status", reply.status)
        return reply

    def _land(self, landed: Landed) -> None:
        """Hand over all at once what comes back in one turn of the loop: waking the run costs more than posting."""
        if not self._back:
            self._loop.call_soon(self._hand_over)
        self._back.append(landed)

    def _hand_over(self) -> None:
        back, self._back = self._back, []
        self._landed.put(back)

    async def _end(self) -> None:
        self._waiting.clear()
        if self._alarm is not None:
            self._alarm.cancel()
        for task in tuple(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self._endpoint.aclose()
