"""`ige stop` reaches every run on every machine before its next POST, and outlives whatever dies."""

import threading
from contextlib import suppress
from pathlib import Path

import psycopg

from ige_pipeline.chaos.outage import crash, restart
from ige_pipeline.chaos.receiver import counting
from ige_pipeline.chaos.victim import SAID_WHY, deliver_all, end_of, forks
from ige_pipeline.chaos.world import World, own_world
from ige_pipeline.delivery.outbox import standing
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.postgres.connection import Connection, connect

RUNS = 2


def test_a_stop_halts_overlapping_runs_within_one_message_each(conn: Connection, database_url: str) -> None:
    world, first = World(database_url), iter(range(RUNS))
    world.fill(40)

    def stop() -> None:
        set_stop(conn, on=True, reason="wrong texts", who="test")

    both_post = threading.Barrier(RUNS, action=stop)

    def stop_while_both_post() -> None:
        if next(first, None) is not None:
            both_post.wait(20)

    with counting() as counted:
        counted.before = stop_while_both_post
        runs = [forks().Process(target=deliver_all, args=(world.url, counted.url)) for _ in range(RUNS)]
        for each in runs:
            each.start()
        codes = [end_of(each, within_s=30) for each in runs]

    assert codes == [0] * RUNS
    assert len(counted.posts) == RUNS
    assert len(world.not_sent()) == 40 - RUNS


def test_a_stop_outlives_a_crash_of_the_server_and_a_new_run_says_why_it_sends_nothing(tmp_path: Path) -> None:
    with own_world() as world, counting() as counted:
        world.fill(3)
        with suppress(psycopg.OperationalError), connect(world.url) as conn:
            set_stop(conn, on=True, reason="wrong texts", who="test")
            crash(world)
        restart(world)

        run = forks().Process(target=deliver_all, args=(world.url, counted.url, tmp_path / "told"))
        run.start()

        assert end_of(run, within_s=30) == SAID_WHY
        assert "All sending is stopped (wrong texts)" in (tmp_path / "told").read_text()
        assert counted.posts == []
        with connect(world.url) as conn:
            assert standing(conn).stopped
