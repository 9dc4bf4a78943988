"""Postgres servers of our own, with the commands of docs/backup.md: archived, copied, recovered, followed, upgraded."""

import os
import pwd
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ige_pipeline.local.child import free_port
from ige_pipeline.postgres.programs import reachable_programs, wheel_programs
from ige_pipeline_tests.factories import Conn


def newest() -> Path:
    """The folder of the embedded server's programs."""
    return reachable_programs(wheel_programs()) / "bin"


def older() -> Path | None:
    """The folder of an older Postgres that Debian's packages put on this machine, the newest of them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parents[1].name))
    return found[-1].parent if found else None


@dataclass
class Server:
    """One server in a folder of its own; Postgres refuses to run as root, so root runs it as `nobody`."""

    folder: Path
    programs: Path = field(default_factory=newest)
    port: int = field(default_factory=lambda: free_port(27000))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self, *words: str) -> "Server":
        """Make an empty one."""
        self.run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", *words, self.data)
        return self

    def start(self, **settings: str) -> "Server":
        """Start it with these settings over those of its folder."""
        said = {"port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder)}
        lines = [f"{name} = '{value}'\n" for name, value in (said | settings).items()]
        with (self.data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(lines)
        self.run("pg_ctl", "start", "--wait", "--log", self.folder / "log", "--pgdata", self.data)
        return self

    def end(self, how: str = "fast") -> None:
        """Stop it, or with `immediate` let it crash."""
        self.run("pg_ctl", "stop", "--mode", how, "--pgdata", self.data, check=False)

    def run(self, program: str, *words: str | Path, check: bool = True) -> str:
        """Run one of Postgres's programs as the server's user, in its folder."""
        out = self.folder / "out"
        # A file and not a pipe: the server that pg_ctl starts keeps it open.
        with out.open("w") as file:
            done = subprocess.run(  # noqa: S603 - Postgres's own
                [self.programs / program, *words],
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
                **_server_user(),
            )
        assert done.returncode == 0 or not check, out.read_text()
        return out.read_text()

    def connect(self) -> Conn:
        return psycopg.connect(self.url, autocommit=True, row_factory=dict_row)


def _server_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def own(folder: Path) -> Path:
    """Make a folder that the server's user owns."""
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder
