"""What came back from the endpoint, before anybody decides what it means."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class TooLate(Exception):  # noqa: N818 - nothing is wrong with it
    """Nothing was sent: it took too long until there was a connection."""


@dataclass(frozen=True)
class Answered:
    """An HTTP status; `body` holds its first 2 kB. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True)
class Unreached:
    """No connection: nothing left this machine."""

    reason: str


@dataclass(frozen=True)
class Broken:
    """The name does not resolve or the certificate is wrong: no message will ever arrive there."""

    reason: str


@dataclass(frozen=True)
class Lost:
    """The request was written and no answer came."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """We did not post it ourselves: no try will ever make it fit."""

    reason: str


Reply = Answered | Unreached | Broken | Lost | Refused
