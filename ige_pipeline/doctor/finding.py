"""A finding, what a check may look at, and the round of all checks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property

import psycopg

from ige_pipeline.environment import Environment
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do; neither holds a secret, a number or a text."""

    what: str
    todo: str = ""


@dataclass(frozen=True)
class NotLookedAt:
    """Why a check could say neither that all is well nor that something is wrong."""

    why: str


@dataclass
class Surroundings:
    """What a check may look at. What cannot be had raises Refusal, which becomes the finding of the first who asked."""

    environment: Environment
    stack: ExitStack = field(default_factory=ExitStack)

    @cached_property
    def settings(self) -> Settings:
        """What a run started here would obey."""
        return self.environment.settings()

    @cached_property
    def conn(self) -> Connection:
        """A connection to the migrated database."""
        database = self.environment.checked_database()
        return self.stack.enter_context(database.connect())


Check = Callable[[Surroundings], Iterator[Finding | NotLookedAt]]
_TOLD_ABOVE = "what was found above is in the way."


@dataclass(frozen=True)
class Checked:
    """One check and what it found; the name is that of its function. Without findings and without `why` all is well."""

    name: str
    findings: tuple[Finding, ...]
    not_looked_at: str | None = None


def examine(environment: Environment, checks: Sequence[Check]) -> list[Checked]:
    """Run every check, one after the other. What stops one check is told once, by the first that it stops."""
    told: set[str] = set()
    with ExitStack() as stack:
        look = Surroundings(environment, stack)
        return [_checked(check, look, told) for check in checks]


def _checked(check: Check, look: Surroundings, told: set[str]) -> Checked:
    """Say one of three things: what is wrong, that nothing was looked at, or nothing."""
    said = list(_findings(check, look))
    found = [each for each in said if isinstance(each, Finding)]
    findings = tuple(_new(found, told))
    unseen = [each.why for each in said if isinstance(each, NotLookedAt)]
    if found and not findings:
        unseen = [_TOLD_ABOVE]
    return Checked(check.__name__, findings, unseen[0] if unseen and not findings else None)


def _findings(check: Check, look: Surroundings) -> Iterator[Finding | NotLookedAt]:
    try:
        yield from check(look)
    except Refusal as refusal:
        yield Finding(str(refusal))
    except psycopg.Error as error:
        yield Finding(refused_sentence(error))


def _new(found: Iterable[Finding], told: set[str]) -> Iterator[Finding]:
    for finding in found:
        if finding.what not in told:
            told.add(finding.what)
            yield finding
