"""Named queries: SQL lives in `.sql` files, each statement under a `-- name:` line."""

import re
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries:
    """The statements of one `.sql` file, by name; KeyError for a name that is not in it."""

    def __init__(self, package: str, file: str) -> None:
        self.source = f"{package}/{file}"
        self.statements = parse(files(package).joinpath(file).read_text(encoding="utf-8"))

    def __getitem__(self, name: str) -> str:
        return self.statements[name]


@cache
def load(package: str, file: str) -> Queries:
    """Read a package's `.sql` file once."""
    return Queries(package, file)


def parse(text: str) -> dict[str, str]:
    """Split a file's text into {name: statement}, in order; ValueError when a name is given twice."""
    parts = _NAME.split(text)[1:]
    names = parts[0::2]
    if len(set(names)) != len(names):
        raise ValueError(f"A query name occurs twice: {sorted(names)}")
    return {name: body.strip().rstrip(";") for name, body in zip(names, parts[1::2], strict=True)}
