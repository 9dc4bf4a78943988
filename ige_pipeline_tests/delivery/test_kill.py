"""kill -9 at every bad moment, and Postgres gone: nothing is lost, and only what was in flight is posted again."""

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from pathlib import Path

import psycopg
import pytest

from ige_pipeline.chaos.kill import MOMENTS, Killed, kill, recover, unexplained
from ige_pipeline.chaos.outage import OUTAGES, Endured, crash, endure, restart
from ige_pipeline.chaos.receiver import Counted, counting
from ige_pipeline.chaos.victim import SAID_WHY, deliver_all, end_of, forks
from ige_pipeline.chaos.world import World, own_world, repeats, require_empty
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.factories import make_contractor

KILLS, RUNS = 12, 4


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    return forks()


@pytest.fixture
def counted() -> Iterator[Counted]:
    with counting() as counted:
        yield counted


@pytest.fixture
def chance() -> random.Random:
    return random.Random(20261123)  # noqa: S311 - moments, not secrets


def test_after_a_dozen_kills_nothing_is_lost_and_only_what_was_in_flight_is_repeated_under_the_same_key(
    database_url: str, counted: Counted, processes: ForkServerContext, chance: random.Random
) -> None:
    world, did = World(database_url), Killed()
    kill(world, counted, processes, chance, times=KILLS, did=did)
    recover(world, counted, processes, did=did)

    assert set(did.moments) == set(MOMENTS)
    assert world.not_sent() == []
    assert sorted(counted.times) == world.messages()
    assert sum(repeats(counted).values()) >= KILLS // 2, "A kill around an answer always hits a message in flight."
    assert unexplained(counted, did) == []
    assert all(len(keys) == 1 for keys in counted.keys.values())


def test_when_postgres_goes_away_under_a_run_it_says_so_and_the_next_one_carries_on(
    counted: Counted, processes: ForkServerContext, chance: random.Random, tmp_path: Path
) -> None:
    did, told = Endured(), tmp_path / "told"
    with own_world() as world:
        for outage in OUTAGES:
            endure(world, counted, processes, chance, outage=outage, told=told, did=did)
        recover(world, counted, processes, did=Killed())

        assert world.not_sent() == []
        assert sorted(counted.times) == world.messages()
        require_that_a_stop_outlives_a_crash(world, counted, processes, told)
    assert all(end.endswith(("ended with a sentence", "carried on to the end")) for end in did.ends), did.ends
    assert all(sentence.startswith("Postgres") for sentence in did.sentences)
    assert unexplained(counted, Killed(in_the_air=did.in_the_air)) == []
    assert all(len(keys) == 1 for keys in counted.keys.values())


def require_that_a_stop_outlives_a_crash(
    world: World, counted: Counted, processes: ForkServerContext, told: Path
) -> None:
    """Beside the outages, for a server of its own takes three seconds."""
    arrived = len(counted.posts)
    world.fill(3)
    with suppress(psycopg.OperationalError), connect(world.url) as conn:
        set_stop(conn, on=True, reason="wrong texts", who="test")
        crash(world)
    restart(world)

    run = processes.Process(target=deliver_all, args=(world.url, counted.url, told))
    run.start()

    assert end_of(run, within_s=30) == SAID_WHY
    assert "All sending is stopped (wrong texts)" in told.read_text()
    assert len(counted.posts) == arrived


def test_a_stop_halts_overlapping_runs_within_one_message_each(
    conn: Connection, database_url: str, counted: Counted, processes: ForkServerContext
) -> None:
    world, first = World(database_url), iter(range(2))
    world.fill(40)

    def stop() -> None:
        set_stop(conn, on=True, reason="wrong texts", who="test")

    both_post = threading.Barrier(2, action=stop)

    def stop_while_both_post() -> None:
        if next(first, None) is not None:
            both_post.wait(20)

    counted.before = stop_while_both_post
    runs = [processes.Process(target=deliver_all, args=(world.url, counted.url, None, 1)) for _ in range(2)]
    for each in runs:
        each.start()
    codes = [end_of(each, within_s=30) for each in runs]

    assert codes == [0, 0]
    assert len(counted.posts) == 2
    assert len(world.not_sent()) == 40 - 2


def test_four_runs_at_once_post_each_message_once(
    conn: Connection, database_url: str, counted: Counted, processes: ForkServerContext
) -> None:
    world, together, first = World(database_url), threading.Barrier(RUNS), iter(range(RUNS))
    world.fill(80)

    def begin_together() -> None:
        if next(first, None) is not None:
            with suppress(threading.BrokenBarrierError):
                together.wait(5)

    counted.before = begin_together

    runs = [processes.Process(target=deliver_all, args=(world.url, counted.url)) for _ in range(RUNS)]
    for each in runs:
        each.start()
    codes = [end_of(each, within_s=30) for each in runs]

    assert codes == [0] * RUNS
    assert world.not_sent() == []
    assert set(counted.times.values()) == {1}
    assert sorted(counted.times) == world.messages()
    who = conn.execute("SELECT count(DISTINCT run_id) AS runs FROM ige_delivery_attempts").fetchone()
    assert (who or {})["runs"] > 1


def test_a_database_with_people_in_it_is_not_harmed(conn: Connection) -> None:
    make_contractor(conn)

    with pytest.raises(Refusal, match="started itself"):
        require_empty(conn)


def test_a_server_that_is_not_our_own_is_not_taken_away(
    database_url: str, counted: Counted, processes: ForkServerContext, chance: random.Random, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="started for this"):
        endure(
            World(database_url),
            counted,
            processes,
            chance,
            outage="server stopped",
            told=tmp_path / "told",
            did=Endured(),
        )
