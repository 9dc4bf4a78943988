"""Alerts that Postgres would not take: this process remembers them, tells them itself, and writes them down later."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.watch.tell import tell_directly

# `alert_minutes` by default. Settings may be what cannot be read.
_EVERY_S = 1800.0
# A job every five minutes fails so often in two days.
_REMEMBERED = 600


@dataclass(frozen=True)
class Untold:
    """One alert that is not written down; `sentence` holds no text and no number."""

    kind: str
    about: str
    sentence: str


@dataclass
class UntoldAlerts:
    """Shared by the sensors of a process. Nothing is lost while it lives, and nobody is told oftener than in peace."""

    clock: Callable[[], float] = time.monotonic
    waiting: list[Untold] = field(default_factory=list)
    told: int = 0
    told_at: float | None = None

    def add(self, alert: Untold) -> None:
        """Remember it until Postgres takes it."""
        if len(self.waiting) < _REMEMBERED:
            self.waiting.append(alert)

    def tell(self, url: str | None) -> str | None:
        """Post the newest, with how many there are; return what came of it, None where there was nothing to tell."""
        recently = self.told_at is not None and self.clock() - self.told_at < _EVERY_S
        if url is None or recently or len(self.waiting) == self.told:
            return None
        newest, more = self.waiting[-1], len(self.waiting) - self.told - 1
        sentence = f"{newest.sentence} (and {more} more)" if more else newest.sentence
        why_not = tell_directly(url, kind=newest.kind, about=newest.about, sentence=sentence)
        if why_not is not None:
            return why_not
        self.told, self.told_at = len(self.waiting), self.clock()
        return "Told it, though it is not written down."

    def write_down(self, conn: Connection) -> None:
        """Let Postgres have them, now that it is there."""
        while self.waiting:
            first = self.waiting[0]
            raise_alert(conn, kind=first.kind, about=first.about, sentence=first.sentence)
            del self.waiting[0]
        self.told = 0
