"""Databases for the tests: one embedded server for all workers, one migrated template, clones of it (databases.py)."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from ige_pipeline.postgres import embedded, migrate
from ige_pipeline_tests.databases import Databases

SERVER_IDLE_STOP = timedelta(seconds=60)
# Statistics come and go with ANALYZE alone, and nobody looks after hundreds of databases that live for seconds.
SERVER_SETTINGS = ("autovacuum=off", "max_wal_size=4GB", "checkpoint_timeout=1h", "scram_iterations=1")
# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("suite", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
# A real n8n is three gigabytes: `make test-n8n` installs it outside of the repository and says where.
# So is a browser; `make test-console` says that there is one.
collect_ignore = [] if "IGE_TEST_N8N" in os.environ else ["n8n/test_n8n.py"]
collect_ignore += [] if "IGE_TEST_BROWSER" in os.environ else ["console/test_in_a_browser.py"]
# Two Celery workers and a Redis: `make test-celery`.
collect_ignore += [] if "IGE_TEST_CELERY" in os.environ else ["celery/test_celery.py"]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        flock(file, LOCK_EX)
        yield


def _count(path: Path, *, change: int) -> int:
    """Change a number in a file and return what it is now."""
    users = int(path.read_text() if path.exists() else 0) + change
    path.write_text(str(users))
    return users


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the session's server; with xdist it is the same one for all workers."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "postgres"


@pytest.fixture(scope="session")
def server_url(server_folder: Path) -> Iterator[str]:
    """The URL of a running server; the last worker to finish stops it and deletes its data."""
    lock, users = server_folder.with_suffix(".lock"), server_folder.with_suffix(".users")
    with _locked(lock):
        url = embedded.ensure_running(
            server_folder, idle_stop=SERVER_IDLE_STOP, durable=False, settings=SERVER_SETTINGS
        )
        if _count(users, change=+1) == 1:
            _make_logins_cheap(url)

    yield url

    with _locked(lock):
        if _count(users, change=-1) == 0:
            embedded.discard(server_folder)


def _make_logins_cheap(url: str) -> None:
    """Hash the password once and not 4,096 times, which takes four fifths of the time of a connection."""
    password = sql.Literal(urlsplit(url).password)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))


def _named(server_url: str, name: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def _schema_hash() -> str:
    """A word that changes with the migrations and with what runs them."""
    folder = Path(migrate.__file__).parent
    files = sorted([*folder.glob("migrations/**/*.py"), *folder.glob("migrations/**/*.sql"), Path(migrate.__file__)])
    return sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


@pytest.fixture(scope="session")
def template_database(server_url: str, server_folder: Path) -> str:
    """The name of a migrated database that nobody can connect to, for cloning."""
    name = f"ige_template_{_schema_hash()}"
    with _locked(server_folder.with_suffix(".template.lock")), psycopg.connect(server_url, autocommit=True) as conn:
        if not conn.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            _make_template(conn, server_url, name)
    return name


def _make_template(conn: psycopg.Connection, server_url: str, name: str) -> None:
    """Migrate under a draft's name, so that a failed migration leaves no template behind."""
    draft = f"{name}_draft"
    identifiers = {"draft": sql.Identifier(draft), "name": sql.Identifier(name)}
    conn.execute(sql.SQL("DROP DATABASE IF EXISTS {draft} WITH (FORCE)").format(**identifiers))
    conn.execute(sql.SQL("CREATE DATABASE {draft}").format(**identifiers))
    migrate.migrate(_named(server_url, draft))
    conn.execute(sql.SQL("ALTER DATABASE {draft} WITH ALLOW_CONNECTIONS false").format(**identifiers))
    conn.execute(sql.SQL("ALTER DATABASE {draft} RENAME TO {name}").format(**identifiers))


@pytest.fixture(scope="session")
def databases(server_url: str, template_database: str) -> Iterator[Databases]:
    with closing(Databases(server_url, template=template_database)) as databases:
        yield databases


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """The URL of a migrated database of the test's own."""
    with databases.migrated() as url:
        yield url


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """The URL of an empty database of the test's own."""
    with databases.empty() as url:
        yield url


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[DictRow]]:
    """A connection to the test's migrated database, each statement its own transaction."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture(scope="module")
def shared_conn(databases: Databases) -> Iterator[psycopg.Connection[DictRow]]:
    """A connection to a migrated database that a module's tests share: each leaves it as it found it."""
    with (
        databases.migrated() as url,
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection,
    ):
        yield connection


def pytest_configure() -> None:
    """A shell lets what it starts in the background ignore ^C, and `nohup` hanging up: the tests send both."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
