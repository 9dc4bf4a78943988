"""Sessions that were ended before their time: a signed cookie cannot be taken back, its mark can be refused."""

from ige_pipeline.console.session import Visitor
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load

_QUERIES = load(__package__, "logouts.sql")


def log_out(conn: Connection, visitor: Visitor) -> None:
    """Let nobody in with this session any more."""
    if visitor.until is not None:
        conn.execute(_QUERIES["log_out"], {"mark": visitor.mark, "until": visitor.until})


def is_out(conn: Connection, visitor: Visitor) -> bool:
    """Whether somebody logged out of it."""
    if visitor.until is None:
        return False
    row = conn.execute(_QUERIES["is_out"], {"mark": visitor.mark}).fetchone()
    return bool(row and row["out"])
