"""One kind of connection, and a sentence without a secret where there is none."""

import socket

import psycopg
import pytest
from psycopg import sql

from ige_pipeline.postgres.connection import Database, another, connect, describe, normalise_url
from ige_pipeline.refusal import Refusal


@pytest.mark.parametrize(
    "spelling",
    [
        "postgresql://ada:secret@db/ige",
        "postgres://ada:secret@db/ige",
        "postgresql+psycopg://ada:secret@db/ige",
        "postgresql+psycopg2://ada:secret@db/ige",
        "postgresql+asyncpg://ada:secret@db/ige",
    ],
)
def test_every_usual_spelling_of_a_url_is_understood(spelling: str) -> None:
    assert normalise_url(spelling) == "postgresql://ada:secret@db/ige"


@pytest.mark.parametrize("url", ["mysql://ada:secret@db/ige", "db:5432/ige", "host=db password=secret", " "])
def test_anything_else_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(Refusal, match="IGE_DATABASE_URL is not a Postgres URL") as refusal:
        normalise_url(url)

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:top@secret@db/ige",  # an @ in the password: all before the last one is not the host
        "postgresql://ada:top/secret@db/ige",
        "postgresql://ada:secret",  # no host at all: then the password would be the port
        "postgresql://ada:%secret@db/ige",
        "postgresql://ada:secret@[::1/ige",
        "postgresql://ada:x@db/ige?password=secret&no_such_option=1",
    ],
)
def test_a_malformed_url_is_refused_without_a_piece_of_its_password(url: str) -> None:
    with pytest.raises(Refusal, match="IGE_DATABASE_URL cannot be read") as refusal:
        connect(url, connect_timeout_s=1)

    assert "secret" not in str(refusal.value)


def test_a_server_that_is_not_there_is_refused_in_one_sentence_without_the_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        with pytest.raises(Refusal, match=f"Postgres at 127.0.0.1:{port}/ige cannot be reached") as refusal:
            connect(f"postgresql://ada:secret@127.0.0.1:{port}/ige", connect_timeout_s=2)

    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_wrong_database_is_refused_by_its_name(server_url: str) -> None:
    with pytest.raises(Refusal, match="no_such_database"):
        connect(server_url.rpartition("/")[0] + "/no_such_database")


def test_a_database_is_described_without_user_and_password() -> None:
    assert describe("postgresql://ada:secret@db:5433/ige?password=secret") == "db:5433/ige"
    assert describe("postgresql://ada:%secret@db/ige") == "an unreadable URL"


def test_a_database_does_not_show_its_url() -> None:
    assert "secret" not in repr(Database("postgresql://ada:secret@db/ige"))


def test_a_connection_commits_by_itself_names_itself_and_gives_rows_as_dicts(database_url: str) -> None:
    with Database(database_url).connect() as conn:
        row = conn.execute("SELECT current_setting('application_name') AS name").fetchone()

        assert conn.autocommit
        assert row == {"name": "ige_pipeline"}


def test_a_connection_is_closed_after_its_block(database_url: str) -> None:
    with Database(database_url).connect() as conn:
        pass

    assert conn.closed


def test_the_session_keeps_the_time_zone_of_the_database(database_url: str) -> None:
    """The other programs write times without zone by NOW(): ours must be compared in the same one."""
    with psycopg.connect(database_url, autocommit=True) as theirs:
        name = sql.Identifier(theirs.info.dbname)
        theirs.execute(sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Kolkata'").format(name))

    with connect(database_url) as conn:
        row = conn.execute("SELECT current_setting('timezone') AS zone").fetchone()

    assert row == {"zone": "Asia/Kolkata"}


def test_another_connection_is_of_the_same_kind_in_every_respect(database_url: str) -> None:
    url = database_url + ("&" if "?" in database_url else "?") + "target_session_attrs=read-write&connect_timeout=3"
    with connect(url) as one, another(one)() as other:
        known, same = one.info.get_parameters(), other.info.get_parameters()

    assert (same["target_session_attrs"], same["tcp_user_timeout"]) == ("read-write", "25000")
    assert {name for name in known if known[name] != same.get(name)} <= {"connect_timeout"}
