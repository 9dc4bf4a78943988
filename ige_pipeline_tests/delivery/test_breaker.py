"""The circuit as Postgres keeps it: two runs share it, one of them gets the probe, and five minutes are looked at."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ige_pipeline.delivery.alert import open_alerts
from ige_pipeline.delivery.breaker import Breaker, circuits, forget_old_calls, resume
from ige_pipeline.delivery.circuit import Circuit, Seen
from ige_pipeline.postgres.connection import Connection, connect

HOST = "n8n.example:443"
FAULT = Seen(1, 1, "http_404", fault="http_404")


@pytest.fixture
def two(database_url: str) -> Iterator[tuple[Breaker, Breaker]]:
    with connect(database_url) as one, connect(database_url) as other:
        yield tuple(Breaker(conn, endpoint=HOST, lease_seconds=60) for conn in (one, other))  # type: ignore[misc]


def pass_time(conn: Connection, **amount: float) -> None:
    """Let what is written down lie so much further back."""
    conn.execute("UPDATE ige_circuits SET probe_at = probe_at - %(a)s, accepted_at = accepted_at - %(a)s", {
        "a": timedelta(**amount)})  # fmt: skip
    conn.execute("UPDATE ige_endpoint_calls SET since = since - %s", [timedelta(**amount)])


def test_what_one_run_sees_counts_for_the_other(two: tuple[Breaker, Breaker]) -> None:
    one, other = two

    one.note(Seen(5, 4, "http_503"), accepted_at=None)
    assert other.read().state == "closed"
    circuit = other.note(Seen(5, 3, "http_502"), accepted_at=None)

    assert (circuit.state, circuit.reason) == ("open", "http_502")
    assert one.read() == circuit


def test_what_lies_more_than_five_minutes_back_does_not_count(conn: Connection, two: tuple[Breaker, Breaker]) -> None:
    one, _ = two
    one.note(Seen(9, 9, "http_503"), accepted_at=None)
    pass_time(conn, minutes=5, seconds=11)

    assert one.note(Seen(9, 9, "http_503"), accepted_at=None).state == "closed"
    assert one.note(Seen(1, 1, "http_503"), accepted_at=None).state == "open"


def test_only_one_run_gets_the_probe_and_only_when_its_time_has_come(
    conn: Connection, two: tuple[Breaker, Breaker]
) -> None:
    one, other = two
    one.note(FAULT, accepted_at=None)
    assert (one.take_probe(), other.take_probe()) == (False, False)

    pass_time(conn, seconds=30)
    assert one.take_probe()
    assert not other.take_probe()

    pass_time(conn, seconds=60)
    assert other.take_probe(), "The run that had it has died."


def test_a_probe_that_was_given_back_is_anybodys_at_once(conn: Connection, two: tuple[Breaker, Breaker]) -> None:
    one, other = two
    one.note(FAULT, accepted_at=None)
    pass_time(conn, seconds=30)
    one.take_probe()

    one.return_probe()

    assert other.take_probe()


def test_a_circuit_that_closes_counts_anew_and_its_alerts_end(conn: Connection, two: tuple[Breaker, Breaker]) -> None:
    one, other = two
    one.note(Seen(20, 20, "http_503"), accepted_at=None)
    assert {each["kind"] for each in open_alerts(conn)} == {"circuit_open", "failing_100"}
    pass_time(conn, seconds=30)
    one.take_probe()

    assert one.note(Seen(1, 0, probe=True), accepted_at=None).state == "closed"

    assert open_alerts(conn) == []
    assert other.note(Seen(9, 9, "http_503"), accepted_at=None).state == "closed"


def test_a_person_may_close_it_and_that_is_written_down(conn: Connection, two: tuple[Breaker, Breaker]) -> None:
    one, other = two
    one.note(FAULT, accepted_at=None)
    one.note(Seen(1, 0, probe=False, wait=timedelta(seconds=30)), accepted_at=None)

    assert resume(conn, HOST, who="me")
    assert not resume(conn, "elsewhere:1", who="me")

    assert other.read() == Circuit()
    assert open_alerts(conn) == []
    assert conn.execute("SELECT FROM ige_audit WHERE action = 'endpoint_resume' AND who = 'me'").rowcount == 2


def test_one_endpoint_says_nothing_of_another(conn: Connection, two: tuple[Breaker, Breaker]) -> None:
    two[0].note(FAULT, accepted_at=None)

    assert Breaker(conn, endpoint="elsewhere:1", lease_seconds=60).note(Seen(1, 0), accepted_at=None).state == "closed"
    assert {row["endpoint"]: row["state"] for row in circuits(conn)} == {HOST: "open", "elsewhere:1": "closed"}


def test_old_calls_are_forgotten(conn: Connection, two: tuple[Breaker, Breaker]) -> None:
    two[0].note(Seen(1, 0), accepted_at=None)
    pass_time(conn, minutes=61)

    forget_old_calls(conn)

    assert conn.execute("SELECT FROM ige_endpoint_calls").rowcount == 0
