"""Writing down what became of messages: over a connection and in a thread of its own, so that no slot waits for it.

Whatever has gathered is written as soon as the last commit returned. What was posted and is not marked yet would be
posted again after a kill, so nothing is held back.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ige_pipeline.delivery.circuit import Circuit
from ige_pipeline.delivery.settlement import Ended, Settled

Write = Callable[[Sequence[Ended]], tuple[dict[int, Settled], Circuit | None]]
"""Settles messages; returns those that were ours, and how the endpoint stands if something was posted."""


@dataclass(frozen=True)
class Marked:
    """What was written at once."""

    ended: Sequence[Ended]
    settled: dict[int, Settled]
    circuit: Circuit | None


_BEATS_EVERY_S = 0.5


def _nothing() -> None:
    """Do nothing meanwhile."""


class Marks:
    """Hands ended messages to `write` in a thread, and gives back what was written. Used by one thread.

    While there is nothing to write it calls `beat` twice a second.
    """

    def __init__(self, write: Write, *, beat: Callable[[], object] = _nothing) -> None:
        self._write, self._beat = write, beat
        self._waiting: queue.SimpleQueue[Sequence[Ended] | None] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[tuple[int, Marked | BaseException]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="marks", daemon=True)
        self._thread.start()
        self.pending = 0

    def put(self, ended: Sequence[Ended]) -> None:
        """Have these written."""
        self.pending += len(ended)
        self._waiting.put(ended)

    def take(self, *, all_of_it: bool = False) -> Iterator[Marked]:
        """Give what was written since, or wait until everything is; raises what a write raised, once its turn comes."""
        while self.pending:
            try:
                count, told = self._written.get(block=all_of_it)
            except queue.Empty:
                return
            self.pending -= count
            if isinstance(told, BaseException):
                raise told
            yield told

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while gathered := self._gather():
            try:
                self._written.put((len(gathered), Marked(gathered, *self._write(gathered))))
            except BaseException as error:  # noqa: BLE001 - it is raised where the run can see it
                self._written.put((len(gathered), error))

    def _gather(self) -> list[Ended]:
        """Wait for something to write, and take all that is there; nothing: it is over."""
        gathered: list[Ended] = list(self._first())
        with contextlib.suppress(queue.Empty):
            while gathered and (more := self._waiting.get_nowait()) is not None:
                gathered += more
            if gathered:
                # The end was among them: it is met again once these are written.
                self._waiting.put(None)
        return gathered

    def _first(self) -> Sequence[Ended]:
        """Wait for something to write, and show meanwhile that we live; nothing: it is over."""
        while True:
            try:
                return self._waiting.get(timeout=_BEATS_EVERY_S) or ()
            except queue.Empty:
                self._beat()
