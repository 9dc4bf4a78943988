"""Starting `dagster dev` beside us: its home, its port, and the moment from which it answers."""

import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from ige_pipeline.local.child import Child, free_port, start, wait_until_up

FIRST_PORT = 3000
READY_WITHIN_S = 120.0
"""It takes 17 to 19 s on two quiet cores."""


def prepare_home(home: Path) -> None:
    """Make a DAGSTER_HOME with our dagster.yaml and its databases; one with a dagster.yaml of its own stays as it is.

    The services of one `dagster dev` would otherwise create the same SQLite files at once, and kill one another.
    """
    home.mkdir(parents=True, exist_ok=True)
    config, ours = home / "dagster.yaml", files(__package__).joinpath("dagster.yaml").read_bytes()
    if not config.exists():
        config.write_bytes(ours)
    if config.read_bytes() == ours:
        _create_storage(home)


def _create_storage(home: Path) -> None:
    # A second to import, in a module that is imported before anything has been shown to the user.
    from dagster import DagsterInstance  # noqa: PLC0415

    DagsterInstance.from_config(str(home)).dispose()


def start_dagster(
    home: Path,
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path | None,
    module: str = "ige_pipeline.definitions",
) -> tuple[Child, str]:
    """Start `dagster dev` on loopback and return it with its URL once it answers.

    Dagster itself reads `.env` from `cwd`, over `env`. The port is 3000, or the next one that is free. Raises Refusal
    if it does not come up.
    """
    prepare_home(home)
    port = free_port(FIRST_PORT)
    command = [sys.executable, "-m", "dagster", "dev", "-m", module, "-h", "127.0.0.1", "-p", str(port)]
    surroundings = {**env, "DAGSTER_HOME": str(home.absolute())}
    child = start("dagster dev", command, env=surroundings, cwd=cwd, log=log)
    try:
        wait_until_up(child, port=port, path="/server_info", seconds=READY_WITHIN_S)
    except BaseException:
        child.end()
        raise
    return child, f"http://127.0.0.1:{port}/"
