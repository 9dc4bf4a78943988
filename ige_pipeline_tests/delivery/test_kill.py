"""kill -9 at every bad moment, and Postgres gone: nothing is lost, and only what was in flight is posted again."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ige_pipeline.chaos.kill import MOMENTS, Killed, kill, out_of_reach, recover, unexplained
from ige_pipeline.chaos.outage import OUTAGES, Endured, crash, endure, restart
from ige_pipeline.chaos.receiver import Counted, counting
from ige_pipeline.chaos.victim import SAID_WHY, deliver_all, end_of, forks
from ige_pipeline.chaos.world import World, own_world, repeats, require_empty
from ige_pipeline.delivery.backoff import MAX_ATTEMPTS
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection, connect
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.factories import fetch, make_contractor, one

KILLS, RUNS = 12, 4
SLOTS = 10
LEFT = """
SELECT sum(attempts) AS spent, count(lease_token) AS leased,
       count(*) FILTER (WHERE last_error = 'unevaluated') AS postponed, (SELECT state FROM ige_circuits) AS circuit
  FROM ai_proactive_messages"""


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
    in_time(world, counted, processes, did)

    assert set(did.moments) == set(MOMENTS)
    assert world.not_sent() == []
    assert sorted(counted.times) == world.messages()
    assert sum(repeats(counted).values()) >= KILLS // 2, "A kill around an answer always hits a message in flight."
    assert unexplained(counted, did) == []
    assert out_of_reach(counted, did) == []
    assert sum(repeats(counted).values()) <= KILLS * SLOTS, "No more than a run has slots, taking all kills together."
    assert all(len(keys) == 1 for keys in counted.keys.values())


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_hangs_and_is_ended_holds_nothing_any_more(
    conn: Connection, database_url: str, counted: Counted, processes: ForkServerContext, sign: signal.Signals
) -> None:
    """Dagster ends a run that takes too long as ^C does, and a machine that dies as SIGKILL does."""
    world = World(database_url)
    world.fill(3)
    conn.execute("INSERT INTO ige_circuits (endpoint, state, reason, opened_at, probe_at) "
                 "VALUES (%s, 'open', 'http_503', now(), now())", [urlsplit(counted.url).netloc])  # fmt: skip
    hung = processes.Process(target=deliver_all, args=(world.url, counted.url))
    with conn.transaction():
        conn.execute("LOCK TABLE ige_suppressions IN ACCESS EXCLUSIVE MODE")
        hung.start()
        with connect(database_url) as eye:
            wait_for(eye, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            os.kill(hung.pid or 0, sign)
            assert end_of(hung, within_s=20) != 0
            wait_for(eye, "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
            left = one(eye.execute(LEFT))

    told, killed = {"spent": 0, "leased": 0, "postponed": 1}, {"spent": 1, "leased": 1, "postponed": 0}
    assert left == (killed | {"circuit": "half_open"} if sign is signal.SIGKILL else told | {"circuit": "open"})
    assert counted.posts == []
    # What a dead run held of the circuit is free when its lease would be over.
    conn.execute("UPDATE ige_circuits SET probe_at = probe_at - interval '60 seconds'")
    conn.execute("UPDATE ai_proactive_messages SET next_attempt_at = NULL")
    in_time(world, counted, processes, Killed())
    assert world.not_sent() == []


def in_time(world: World, counted: Counted, processes: ForkServerContext, did: Killed) -> None:
    recover(world, counted, processes, did=did)

    assert did.unfinished == []


def test_a_restart_that_does_not_finish_is_written_down_and_the_rest_goes_on(
    database_url: str, counted: Counted, processes: ForkServerContext
) -> None:
    world, did = World(database_url), Killed()
    world.fill(3)
    # As if nothing could be delivered: somebody stopped all sending.
    with connect(database_url) as conn:
        set_stop(conn, on=True, reason="why", who="test")

    recover(world, counted, processes, did=did)

    assert did.unfinished == [f"10 s after a restart the run had ended with {SAID_WHY}."]
    assert len(did.recoveries_s) == 1


def wait_for(conn: Connection, query: str) -> None:
    for _ in range(2000):
        if conn.execute(query).rowcount:
            return
        time.sleep(0.01)
    raise AssertionError(query)


def test_a_message_that_kills_its_runs_takes_none_of_those_beside_it_along(
    conn: Connection, database_url: str, counted: Counted, processes: ForkServerContext
) -> None:
    world = World(database_url)
    world.fill(15)
    killer = world.messages()[5]

    for _ in range(MAX_ATTEMPTS):
        since = len(counted.posts)
        victim = processes.Process(target=deliver_all, args=(world.url, counted.url))

        def dies(victim: BaseProcess = victim, since: int = since) -> None:
            if killer in {message_id for message_id, _ in counted.posts[since:]} and victim.pid is not None:
                os.kill(victim.pid, signal.SIGKILL)

        counted.before = dies
        victim.start()
        assert end_of(victim, within_s=30) == -signal.SIGKILL
        counted.wait_until_quiet()
    counted.spare()
    in_time(world, counted, processes, Killed())

    dead = fetch(conn, "ai_proactive_messages", killer)
    assert dead["dead_reason"] == "attempts_exhausted"
    assert world.not_sent() == [killer]
    assert counted.times[killer] == MAX_ATTEMPTS
    assert max(times for message_id, times in counted.times.items() if message_id != killer) <= 2


def test_when_postgres_goes_away_under_a_run_it_says_so_and_the_next_one_carries_on(
    counted: Counted, processes: ForkServerContext, chance: random.Random, tmp_path: Path
) -> None:
    did, told = Endured(), tmp_path / "told"
    with own_world() as world:
        for outage in OUTAGES:
            endure(world, counted, processes, chance, outage=outage, told=told, did=did)
        in_time(world, counted, processes, Killed())

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
