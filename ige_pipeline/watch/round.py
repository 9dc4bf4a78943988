"""One round of the checks: what fails is written down as an alert until it passes. Dagster is not needed for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ige_pipeline.delivery.alert import end_alerts, open_checks, raise_alert
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.watch.figures import Figures, read
from ige_pipeline.watch.judge import CHECKS, Judged, judge

SETTINGS = "settings"


@dataclass(frozen=True)
class Round:
    """What was seen, what each check made of it, and by which limits; `refused` says what is wrong with our own."""

    seen: Figures
    judged: Mapping[str, Judged]
    limits: Settings
    refused: str | None

    @property
    def failing(self) -> list[str]:
        """A sentence for each that a person should look at."""
        found = [each.sentence for each in self.judged.values() if not each.passed]
        return found if self.refused is None else [self.refused, *found]


def look(conn: Connection, settings: Callable[[], Settings]) -> Round:
    """Judge everything now. A typo in the settings must not switch the checks off: they then go by the defaults."""
    limits, refused = limits_of(settings)
    seen = read(conn)
    done = Round(seen, judge(seen, limits), limits, refused)
    raise_and_end(conn, done.judged, refused=refused)
    return done


def limits_of(settings: Callable[[], Settings]) -> tuple[Settings, str | None]:
    """Return the settings, or the defaults and what is wrong with ours."""
    try:
        return settings(), None
    except Refusal as refusal:
        return Settings(), f"{str(refusal).rstrip('.')}; until that is mended the checks go by the defaults."


def raise_and_end(conn: Connection, judged: Mapping[str, Judged], *, refused: str | None = None) -> None:
    """Write down what begins to fail as an alert, and end it when that passes again."""
    told = {check.name for check in CHECKS if check.alerts and not check.only_warns}
    failing = {name: each.sentence for name, each in judged.items() if name in told and not each.passed}
    if refused is not None:
        failing[SETTINGS] = refused
    known = open_checks(conn)
    for name in sorted(known - failing.keys()):
        end_alerts(conn, about=name)
    for name in [name for name in failing if name not in known]:
        raise_alert(conn, kind="check", about=name, sentence=failing[name])
