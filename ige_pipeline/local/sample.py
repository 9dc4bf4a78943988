"""The people of the sandbox: who they are is in sample.toml; here they become rows, relative to the database's now."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from ige_pipeline.postgres import queries
from ige_pipeline.postgres.connection import Connection

AWAKE_FROM, AWAKE_UNTIL = 9, 20
"""Local hours, the first included and the last not, in which nobody minds a text message."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody in the sandbox: a name, a trade, a number, a time zone, and where they stand."""

    first_name: str
    last_name: str
    company: str
    trade: str
    phone: str
    zone: str
    situation: str

    @property
    def email(self) -> str:
        """An address that exists nowhere; it tells the sample's people apart."""
        return f"{self.first_name}@{self.company.replace(' ', '-')}.example".lower()


def awake(zone: str, *, now: datetime) -> bool:
    """Whether a text message is welcome in a time zone at an aware moment."""
    return AWAKE_FROM <= now.astimezone(ZoneInfo(zone)).hour < AWAKE_UNTIL


@cache
def data() -> Row:
    """Return the sample as it stands in sample.toml."""
    return tomllib.loads(files(__package__).joinpath("sample.toml").read_text(encoding="utf-8"))


def people() -> tuple[Person, ...]:
    """Everyone the sandbox begins with, the due ones first."""
    return tuple(Person(*row) for row in data()["people"]["due"] + data()["people"]["not_due"])


def due_people() -> tuple[Person, ...]:
    """Those of them who would be written to at a civil hour."""
    return tuple(person for person in people() if data()["situations"][person.situation].get("due"))


def load(conn: Connection) -> int:
    """Load the sample where there are no contractors; return how many were added."""
    with conn.transaction():
        contractors, _ = _take_turn(conn)
        return 0 if contractors else _add(conn, people(), promises=("add_follow_up", "add_event_message"))


def add_newly_due(conn: Connection, count: int = 4) -> int:
    """Add `count` contractors who are due and awake just now; return how many were added."""
    with conn.transaction():
        contractors, now = _take_turn(conn)
        return _add(conn, newcomers(number=contractors, count=count, now=now))


def newcomers(*, number: int, count: int, now: datetime) -> tuple[Person, ...]:
    """Make up the people after the `number` who are there: the same for the same number and hour, and each once."""
    zones = sorted({person.zone for person in due_people() if awake(person.zone, now=now)})
    return tuple(_newcomer(number + place, zones[place % len(zones)]) for place in range(count))


def _newcomer(number: int, zone: str) -> Person:
    names, trades = data()["newcomers"], list(data()["trades"])
    last_name = names["last_names"][number % len(names["last_names"])]
    trade = trades[number % len(trades)]
    prefix = names["area_codes"][number // 100 % len(names["area_codes"])]
    return Person(
        first_name=names["first_names"][number % len(names["first_names"])],
        last_name=last_name,
        company=f"{last_name} {trade.capitalize()}",
        trade=trade,
        phone=f"+1-{prefix}-555-01{number % 100:02}",
        zone=zone,
        situation=("high_priority", "stalled", "milestone", "two_triggers")[number % 4],
    )


def _take_turn(conn: Connection) -> tuple[int, datetime]:
    sql = queries.load(__package__, "sample.sql")
    conn.execute(sql["take_turn"])
    row = conn.execute(sql["count_contractors"]).fetchone()
    if row is None:
        raise RuntimeError("A count gave no row")
    return row["contractors"], row["now"]


def _add(conn: Connection, newly: tuple[Person, ...], *, promises: tuple[str, ...] = ()) -> int:
    sql = queries.load(__package__, "sample.sql")
    rows = {
        "add_contractor": [_contractor(person) for person in newly],
        "add_goal": [row for person in newly for row in _goals(person)],
        "add_item": [row for person in newly for row in _items(person)],
        "add_message": [row for person in newly for row in _messages(person)],
        "add_trust": [row for person in newly for row in _trust(person)],
    }
    with conn.cursor() as cursor:
        for statement, those in rows.items():
            cursor.executemany(sql[statement], those)
        for statement in promises:
            cursor.execute(sql[statement])
    return len(newly)


def _situation(person: Person) -> Row:
    situation: Row = data()["situations"][person.situation]
    return situation


def _contractor(person: Person) -> Row:
    situation = _situation(person)
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "phone": person.phone or None,
        "company": person.company,
        "zone": person.zone,
        "pause_ends": _hours(situation.get("pause_ends_hours")),
        "pause_reason": situation.get("pause_reason"),
    }


def _goals(person: Person) -> Iterator[Row]:
    if goal := _situation(person).get("goal"):
        trade = data()["trades"][person.trade]
        yield {**trade, **goal, "updated": _hours(goal["updated_hours"]), "email": person.email}


def _items(person: Person) -> Iterator[Row]:
    """Give them their trade's two items: the first may be completed, the second is open or completed as well."""
    situation = _situation(person)
    if "goal" not in situation:
        return
    completed = _hours(situation.get("completed_hours"))
    first, second = data()["trades"][person.trade]["items"]
    yield {"email": person.email, "item": first, "completed": completed}
    yield {"email": person.email, "item": second, "completed": None if situation.get("pending", True) else completed}


def _messages(person: Person) -> Iterator[Row]:
    """Write what was sent to them, oldest first; an answer came two hours after the last."""
    situation = _situation(person)
    sent_hours, answer = situation.get("sent_hours", []), situation.get("answer")
    words = data()["past"]["unrelated_message" if situation.get("unrelated") else "message"]
    for hours in sent_hours:
        last = answer if hours == sent_hours[-1] else None
        yield {
            "email": person.email,
            "text": words.format(first_name=person.first_name, goal=data()["trades"][person.trade]["goal"]),
            "unrelated": situation.get("unrelated", False),
            "sent": _hours(hours),
            "answer": last,
            "answered": _hours(hours - 2) if last else None,
        }


def _trust(person: Person) -> Iterator[Row]:
    if (trust := _situation(person).get("trust")) is not None:
        yield {"email": person.email, "trust": trust}


def _hours(hours: float | None) -> timedelta | None:
    return None if hours is None else timedelta(hours=hours)
