"""Work is spread over connections, never two pieces at once on one."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ige_pipeline.postgres.lanes import side_by_side


class Lane:
    """Stands for a connection: tells whether it was given two works at once."""

    def __init__(self) -> None:
        self.free = threading.Lock()
        self.done: list[int] = []


def work(lane: Any, piece: int) -> None:
    assert lane.free.acquire(blocking=False)
    lane.done.append(piece)
    lane.free.release()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_piece_is_done_once_and_on_a_lane_that_is_free(count: int) -> None:
    lanes: list[Any] = [Lane() for _ in range(count)]

    side_by_side(lanes, range(200), work)

    assert sorted(piece for lane in lanes for piece in lane.done) == list(range(200))


def test_two_lanes_work_at_once() -> None:
    meeting = threading.Barrier(2, timeout=10)

    side_by_side([Lane(), Lane()], range(2), lambda _lane, _piece: meeting.wait())  # type: ignore[list-item]

    assert not meeting.broken


@pytest.mark.parametrize("count", [1, 2])
def test_what_a_piece_raises_is_raised_and_no_other_is_begun(count: int) -> None:
    begun: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(1000):
            begun.append(piece)
            yield piece

    def fail(_lane: Any, piece: int) -> None:
        if piece == 3:
            raise ValueError("piece 3")

    lanes: list[Any] = [Lane() for _ in range(count)]
    with pytest.raises(ValueError, match="piece 3"):
        side_by_side(lanes, pieces(), fail)
    assert len(begun) <= 4 + count
