"""What Postgres's own ways of coming back make of the outbox: an earlier moment, a replica that takes over, pg_upgrade.

Each test is a disaster with real servers, and the answer of docs/backup.md to it: nothing is sent twice, and where
nothing is missing nothing is cancelled either.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ige_pipeline_tests.cli.people import make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.factories import Conn
from ige_pipeline_tests.recovery.servers import Server, newest, older, own

pytestmark = pytest.mark.skipif(
    "IGE_TEST_RECOVERY" not in os.environ, reason="servers of their own: make test-recovery"
)
ELSEWHERE = "restored, copied or taken over"


@pytest.fixture
def ground() -> Iterator[Path]:
    """A place that the server's user may enter."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@contextmanager
def running(server: Server, **settings: str) -> Iterator[Server]:
    try:
        yield server.start(**settings)
    finally:
        server.end("immediate")


def at(server: Server, webhook: Receiver) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": server.url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def archived(ground: Path) -> dict[str, str]:
    """The settings of docs/backup.md for keeping the log."""
    archive = own(ground / "archive")
    return {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": f"test ! -f {archive}/%f && cp %p {archive}/%f",
    }


def copied(primary: Server, folder: Path, *words: str) -> Server:
    """A base backup, or the beginning of a replica."""
    copy = Server(own(folder), primary.programs)
    said = ["--pgdata", copy.data, "--checkpoint=fast", "--dbname", primary.url, *words]
    copy.run("pg_basebackup", *[str(word) for word in said])
    return copy


@contextmanager
def with_two_messages(server: Server, webhook: Receiver) -> Iterator[Conn]:
    """A database of ours with two messages that are due, of two people."""
    assert at(server, webhook).type("migrate").exit_code == 0
    with server.connect() as conn:
        make_due_contractor(conn)
        make_due_contractor(conn)
        assert at(server, webhook).type("run", "schedule").exit_code == 0
        yield conn


def recovered(copy: Server, ground: Path, until: str | None) -> dict[str, str]:
    """Ask for a recovery from the archive, to a moment or to its end."""
    (copy.data / "recovery.signal").touch()
    said = {"restore_command": f"cp {ground}/archive/%f %p", "archive_mode": "off"}
    return said | ({"recovery_target_time": until, "recovery_target_action": "promote"} if until else {})


def until_true(question: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unsent(conn: Conn) -> int:
    row = conn.execute("SELECT count(*) AS n FROM ai_proactive_messages WHERE sent_at IS NULL AND cancelled_at IS NULL")
    return int((row.fetchone() or {})["n"])


def writable(conn: Conn) -> bool:
    return (conn.execute("SELECT pg_is_in_recovery() AS reads").fetchone() or {}) == {"reads": False}


def log_goes_to_the_archive(primary: Server, conn: Conn, ground: Path) -> None:
    """Finish the segment that is written now, as `archive_timeout` would, and wait for it."""
    (segment,) = (conn.execute("SELECT pg_walfile_name(pg_switch_wal()) AS segment").fetchone() or {}).values()
    until_true((ground / "archive" / segment).exists)
    primary.end()


def test_what_was_sent_after_the_moment_that_was_recovered_to_is_not_sent_again(
    ground: Path, webhook: Receiver
) -> None:
    primary = Server(own(ground / "primary")).make()
    with running(primary, **archived(ground)), with_two_messages(primary, webhook) as conn:
        copy = copied(primary, ground / "copy", "--wal-method=none")
        moment = (conn.execute("SELECT now()::text AS now").fetchone() or {})["now"]
        assert at(primary, webhook).type("run", "deliver").exit_code == 0
        log_goes_to_the_archive(primary, conn, ground)
    sent = list(webhook.message_ids)

    with running(copy, **recovered(copy, ground, moment)), copy.connect() as back:
        until_true(lambda: writable(back))
        due = unsent(back)
        refused = [at(copy, webhook).refused("run", job) for job in ("deliver", "schedule")]
        taken_over = at(copy, webhook).type("restored", "--yes")
        at(copy, webhook).type("start")
        after = [at(copy, webhook).type("run", job).exit_code for job in ("schedule", "deliver")]

    assert len(sent) == due == 2
    assert all(ELSEWHERE in sentence for sentence in refused)
    assert "Cancelled: 2 messages" in taken_over.stdout
    assert after == [0, 0]
    assert webhook.message_ids == sent


def test_a_recovery_to_the_end_of_the_log_misses_nothing_and_goes_on(ground: Path, webhook: Receiver) -> None:
    primary = Server(own(ground / "primary")).make()
    with running(primary, **archived(ground)), with_two_messages(primary, webhook) as conn:
        copy = copied(primary, ground / "copy", "--wal-method=none")
        only_one = Terminal({**at(primary, webhook).env, "IGE_MAX_MESSAGES_PER_RUN": "1"})
        assert only_one.type("run", "deliver").exit_code == 0
        log_goes_to_the_archive(primary, conn, ground)

    with running(copy, **recovered(copy, ground, None)), copy.connect() as back:
        until_true(lambda: writable(back))
        goes_on(copy, webhook)

    assert set(webhook.times.values()) == {1}
    assert len(webhook.posts) == 2


def goes_on(server: Server, webhook: Receiver) -> None:
    """It is held, and `ige restored --moved` lets it send what is left."""
    assert ELSEWHERE in at(server, webhook).refused("run", "deliver")
    assert at(server, webhook).type("restored", "--moved", "--yes").exit_code == 0
    assert at(server, webhook).type("run", "deliver").exit_code == 0


def test_a_synchronous_replica_that_takes_over_has_it_all_and_goes_on(ground: Path, webhook: Receiver) -> None:
    primary = Server(own(ground / "primary")).make()
    with running(primary), with_two_messages(primary, webhook) as conn:
        replica = copied(primary, ground / "replica", "--write-recovery-conf", "--wal-method=stream")
        with running(replica):
            conn.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            conn.execute("SELECT pg_reload_conf()")
            until_true(lambda: conn.execute("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'").rowcount)
            only_one = Terminal({**at(primary, webhook).env, "IGE_MAX_MESSAGES_PER_RUN": "1"})
            assert only_one.type("run", "deliver").exit_code == 0

            primary.end("immediate")
            replica.run("pg_ctl", "promote", "--wait", "--pgdata", replica.data)
            goes_on(replica, webhook)

    assert set(webhook.times.values()) == {1}
    assert len(webhook.posts) == 2


def test_an_asynchronous_replica_that_lags_does_not_send_again_what_it_never_heard_of(
    ground: Path, webhook: Receiver
) -> None:
    primary = Server(own(ground / "primary")).make()
    with running(primary), with_two_messages(primary, webhook):
        replica = copied(primary, ground / "replica", "--write-recovery-conf", "--wal-method=stream")
        assert at(primary, webhook).type("run", "deliver").exit_code == 0
        primary.end("immediate")
    sent = list(webhook.message_ids)

    with running(replica), replica.connect() as back:
        replica.run("pg_ctl", "promote", "--wait", "--pgdata", replica.data)
        due = unsent(back)
        refused = at(replica, webhook).refused("run", "deliver")
        at(replica, webhook).type("restored", "--yes")
        at(replica, webhook).type("start")
        delivered = at(replica, webhook).type("run", "deliver")

    assert len(sent) == due == 2
    assert ELSEWHERE in refused
    assert delivered.exit_code == 0
    assert webhook.message_ids == sent


@pytest.mark.skipif(older() is None, reason="no older Postgres on this machine: apt install postgresql")
def test_pg_upgrade_moves_everything_and_sending_goes_on(ground: Path, webhook: Receiver) -> None:
    before = Server(own(ground / "before"), older() or Path()).make()
    with running(before), with_two_messages(before, webhook):
        before.end()
    after = Server(own(ground / "after"), newest()).make(*unlike(before))

    said = after.run(
        "pg_upgrade", "--old-bindir", before.programs, "--new-bindir", after.programs, "--old-datadir", before.data,
        "--new-datadir", after.data, "--username", "postgres", "--socketdir", after.folder,
    )  # fmt: skip
    with running(after):
        assert ELSEWHERE in at(after, webhook).type("migrate").stdout
        goes_on(after, webhook)

    assert "Upgrade Complete" in said
    assert sorted(webhook.times.values()) == [1, 1]


def unlike(before: Server) -> list[str]:
    """What the newer initdb does by itself and the older did not."""
    checked = "Data page checksum version:           0" not in before.run("pg_controldata", before.data)
    return [] if checked else ["--no-data-checksums"]


def test_these_servers_leave_nothing_behind(ground: Path) -> None:
    with running(Server(own(ground / "one")).make()) as server, server.connect() as conn:
        assert conn.execute("SELECT 1 AS one").fetchone() == {"one": 1}
    shutil.rmtree(ground / "one")
