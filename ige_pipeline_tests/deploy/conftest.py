"""The roles that deploy/roles.sql gives rights to."""

from fcntl import LOCK_EX, flock
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="module")
def two_roles(server_url: str, server_folder: Path) -> None:
    """The roles, once for the whole server: workers that come later find them."""
    with (
        server_folder.with_suffix(".roles.lock").open("a") as lock,
        psycopg.connect(server_url, autocommit=True) as conn,
    ):
        flock(lock, LOCK_EX)
        for role in ("ige_app", "ige_viewer"):
            if not conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'word'".encode())
