"""For somebody whom no trigger selects: which one comes nearest, and what is missing.

Whether a row fires is asked of the statement that the batch uses; the words are the trigger's own, where it has some.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import asked, due, last_message
from ige_pipeline.triggers.trigger import Trigger, load_all

_QUERIES = load(__package__, "_nearest.sql")
Values = dict[str, Any]


@dataclass(frozen=True)
class Nearest:
    """A trigger, a row of the contractor, and what that row lacks to fire it (nothing: it fires).

    `over` is a row that will never fire again, such as a follow-up that was sent.
    """

    trigger: Trigger
    subject_id: int
    missing: tuple[str, ...]
    over: bool = False


def nearest(
    conn: Connection, contractor_id: int, settings: Settings, *, triggers: Iterable[Trigger] | None = None
) -> Nearest | None:
    """Return what lacks least; ties go to the trigger of the highest priority. None when there is no row at all."""
    found = standings(conn, contractor_id, settings, triggers=triggers)
    return min(found, key=lambda each: (bool(each.missing), each.over, len(each.missing)), default=None)


def in_words(close: Nearest | None) -> str:
    """Say what would happen to somebody now, and what is missing where nothing would."""
    if close is None:
        return "No trigger has anything to go by: they have no goals, items, follow-ups or event messages."
    if close.missing:
        return f"Now: no trigger fires; {close.trigger.name} comes nearest: {'; '.join(close.missing)}."
    return f"Now: {close.trigger.name} fires; the next batch asks the safeguards."


def standings(
    conn: Connection,
    contractor_id: int,
    settings: Settings,
    *,
    as_of: datetime | None = None,
    triggers: Iterable[Trigger] | None = None,
) -> list[Nearest]:
    """Return every row of a contractor that a trigger (of all) looks at, with what it lacks at `as_of` (or now)."""
    with conn.transaction():
        moment = conn.execute(_QUERIES["moment"]).fetchone() or {}
        more = {"contractor_id": contractor_id, "adopted": moment.get("adopted")}
        return [
            each
            for trigger in (load_all() if triggers is None else triggers)
            for each in _of(conn, trigger, asked(trigger, settings, as_of=as_of or moment["now"]) | more)
        ]


def _of(conn: Connection, trigger: Trigger, values: Values) -> Iterator[Nearest]:
    firing = {row["subject_id"]: row for row in conn.execute(_statement("firing", trigger), values)}
    fitting = {row["subject_id"]: row for row in conn.execute(_statement("fitting", trigger), values)}
    told = {row["subject_id"]: row for row in conn.execute(trigger.nearest, values)} if trigger.nearest else {}
    for subject_id in sorted({*fitting, *told}):
        if subject_id in firing:
            missing = _closed(firing[subject_id], values) if trigger.promised else _place(firing[subject_id], values)
            # What a batch would take up only to close it will never fire again.
            yield Nearest(trigger, subject_id, missing, over=trigger.promised and missing != ())
        elif subject_id in fitting:
            yield Nearest(trigger, subject_id, (_held(trigger, fitting[subject_id], values),))
        else:
            row = told[subject_id]
            yield Nearest(trigger, subject_id, _missing(trigger, row), over=row.get("over") is True)


def _statement(name: str, trigger: Trigger) -> sql.Composed:
    selects = sql.SQL(trigger.selects + "\n")
    if name == "firing":
        return sql.SQL(_QUERIES["firing_promised" if trigger.promised else name]).format(due=due(trigger))
    if trigger.promised:
        return sql.SQL(_QUERIES["fitting_promised"]).format(selects=selects)
    return sql.SQL(_QUERIES[name]).format(selects=selects, last_message=last_message(trigger))


def _place(row: Values, values: Values) -> tuple[str, ...]:
    """One that fires lacks nothing, unless others of the same contractor come before it."""
    if row["place"] <= values["at_most"]:
        return ()
    return (f"it is number {row['place']} of theirs in urgency, and {values['at_most']} is the most at once",)


def _closed(row: Values, values: Values) -> tuple[str, ...]:
    """What a batch would close a promise for, as its ledger would say it."""
    late = f"its time was {row['late']} h ago, and {values['promised_late_hours']:g} h is the most"
    said = {"what it would ask about is done": row["done"], late: row["late"] is not None}
    return tuple(each for each, holds in said.items() if holds)


def _missing(trigger: Trigger, row: Values) -> tuple[str, ...]:
    """What the trigger's own words leave unsaid is said in general: it does not fire, whatever they are."""
    general = f"row #{row['subject_id']} of {trigger.subject} lacks something that {trigger.name} asks for"
    return tuple(row["missing"]) or (general,)


def _held(trigger: Trigger, row: Values, values: Values) -> str:
    """What keeps a row from firing that the trigger's SELECT names: a message about it, or adoption."""
    if trigger.promised:
        return _promise(row) if values["adopted"] else "promised messages wait until `ige adopt` was run"
    if row["waits"]:
        return "a message about it waits to be sent"
    said = "it was written about" if row["days"] is None else f"it was written about {row['days']} days ago"
    wait = values["repeat_days"]
    return f"{said}, and once is enough" if wait is None else f"{said}, and {wait:g} must pass"


def _promise(row: Values) -> str:
    if row["died"]:
        return "its message could not be delivered and waits for a person (`ige dead`)"
    if row["cancelled"]:
        return "its message was cancelled by hand"
    return "its message was sent" if row["was_sent"] else "its message waits to be sent"
