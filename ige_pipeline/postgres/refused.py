"""What Postgres would not do, in one sentence that shows nothing of a row."""

import traceback
from pathlib import Path

import psycopg

_PACKAGE = Path(__file__).parents[1]


def refused_sentence(error: psycopg.Error) -> str:
    """Say what was refused and where in our code. The error's own text may quote the row: a number and a message."""
    quotes = isinstance(error, psycopg.DataError | psycopg.errors.RaiseException)
    said = "" if quotes else str(error).strip().partition("\n")[0].rstrip(".")
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _PACKAGE in Path(frame.filename).parents]
    where = f" at {Path(ours[-1].filename).relative_to(_PACKAGE)}:{ours[-1].lineno}" if ours else ""
    return f"Postgres: {type(error).__name__}{where}: {said or 'a value is not what it should be'}."
