"""Arrays as the text that Postgres reads, for statements that are asked thousands of times."""

from collections.abc import Iterable


def array(values: Iterable[object]) -> str:
    """Write an array as Postgres reads it, to be cast: psycopg would look at each element several times."""
    return "{" + ",".join(["NULL" if each is None else _quoted(str(each)) for each in values]) + "}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"') if "\\" in text or '"' in text else text
    return f'"{escaped}"'
