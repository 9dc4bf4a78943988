"""The harness itself: a count that is taken too early accuses the engine of repeats that it did not make."""

import json
import socket
from collections.abc import Iterator, Sequence

import pytest

from ige_pipeline.chaos.kill import Killed, out_of_reach, story, unexplained
from ige_pipeline.chaos.receiver import Counted, counting


@pytest.fixture
def counted() -> Iterator[Counted]:
    with counting() as counted:
        yield counted


def post_and_die(counted: Counted, message_id: int) -> None:
    """Write a whole request and close, as the system does for a process that was killed."""
    body = json.dumps({"message_id": message_id}).encode()
    head = f"POST /webhook HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", counted.port)) as dying:
        dying.sendall(head + body)


@pytest.mark.parametrize("let_in_before", [(), range(1, 65536)], ids=["new ports", "ports that came before"])
def test_what_a_dead_run_wrote_into_a_connection_that_nobody_had_let_in_is_waited_for(
    counted: Counted, let_in_before: Sequence[int]
) -> None:
    counted.doors.extend(let_in_before)
    # Whoever holds this lock keeps the door closed: the requests stand in the system's queue.
    with counted.quiet:
        for message_id in range(20):
            post_and_die(counted, message_id)
        counted.wait_until_quiet()

        assert sorted(counted.times) == list(range(20))


def test_half_a_request_is_no_arrival_and_nothing_to_wait_for(counted: Counted) -> None:
    with socket.create_connection(("127.0.0.1", counted.port)) as dying:
        dying.sendall(b'POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{"mess')
    counted.wait_until_quiet()

    assert counted.posts == []
    assert counted.at_work == 0


def test_a_repeat_that_nothing_explains_is_found_and_told(counted: Counted) -> None:
    counted.posts = [(7, "k"), (8, "k"), (7, "k"), (8, "k")]
    counted.arrived = [100.0, 100.0, 104.5, 104.5]
    counted.over = [(7, 100.0), (8, 100.0), (7, 104.5), (8, 104.5)]
    did = Killed(moments=["after the answer"], at=[100.25], in_the_air=[[8]], in_reach=[{8}])

    assert unexplained(counted, did) == [7]
    assert out_of_reach(counted, did) == [7]
    assert story(counted, did, 7) == (
        "Message 7 arrived at 0.000, 4.500 s; kills around its arrivals: after the answer +0.250 s."
    )
