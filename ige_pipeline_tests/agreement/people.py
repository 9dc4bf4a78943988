"""Contractors, what is known of them, and the candidates of one batch, as plain values; and how they are generated."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from ige_pipeline.settings import Settings
from ige_pipeline_tests.agreement.generated import numbered

NOW = datetime(2026, 3, 2, 14, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Person:
    id: int
    phone: str | None
    timezone: str | None
    paused: bool | None
    paused_until: datetime | None


@dataclass(frozen=True)
class Message:
    """`sent_at` None: it still waits, unless it was cancelled. `promised`: it has a word of its own, not ours."""

    id: int
    contractor_id: int
    message_type: str
    sent_at: datetime | None
    cancelled: bool
    answered: bool
    promised: bool


@dataclass(frozen=True)
class Indicator:
    id: int
    contractor_id: int
    indicator_type: str
    score: int | None
    recorded_at: datetime | None


@dataclass(frozen=True)
class Consent:
    number: str
    given_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class Rival:
    """A candidate of the batch."""

    id: int
    contractor_id: int
    message_type: str
    priority: int
    urgency: float
    promised: bool
    changed_since: bool


@dataclass(frozen=True)
class People:
    persons: list[Person]
    messages: list[Message] = field(default_factory=list)
    indicators: list[Indicator] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    rivals: list[Rival] = field(default_factory=list)
    opted_out: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Number:
    """What anybody who knows phone numbers would say of one."""

    verdict: str
    e164: str | None = None
    local: str | None = None
    zones: tuple[str, ...] = ()
    state: str | None = None


NEW_YORK, MIAMI, LONDON = "+12125550101", "+13055550102", "+442079460001"
ALIKE = "+12125550123"
NUMBERS: dict[str | None, Number] = {
    NEW_YORK: Number("possible", NEW_YORK, zones=("America/New_York",), state="NY"),
    "(212) 555-0101": Number("possible", NEW_YORK, zones=("America/New_York",), state="NY"),
    MIAMI: Number("possible", MIAMI, zones=("America/New_York",), state="FL"),
    LONDON: Number("possible", LONDON, zones=("Europe/London",)),
    ALIKE: Number("possible", ALIKE, zones=("America/New_York",), state="NY"),
    "555-0123": Number("local_only", local="5550123"),
    "555 0123": Number("local_only", local="5550123"),
    "12": Number("impossible"),
    "ask her brother": Number("impossible"),
    " ": Number("none"),
    None: Number("none"),
}

# In Great Britain these are numbers, of which nobody knows where they ring.
NUMBERS_OF: dict[str, dict[str | None, Number]] = {
    "US": NUMBERS,
    "GB": NUMBERS
    | {"(212) 555-0101": Number("possible", "+442125550101", zones=("Etc/Unknown",))}
    | dict.fromkeys(["555-0123", "555 0123"], Number("possible", "+445550123", zones=("Etc/Unknown",))),
}

Hours = tuple[time, time]
CLOSED: Hours = (time.min, time.min)
WEEKS: dict[str, dict[int, Hours]] = {
    "": {},
    "sun closed": {6: CLOSED},
    "mon closed, tue closed,wed 12:30-15:45": {0: CLOSED, 1: CLOSED, 2: (time(12, 30), time(15, 45))},
    "thu 08:00-10:00, fri closed, sat 10:00-17:00": {
        3: (time(8), time(10)),
        4: CLOSED,
        5: (time(10), time(17)),
    },
}
"""Settings of `quiet_weekdays`, and what they say, by weekday from Monday."""

SOMEBODY = st.sampled_from([*[1, 2, 3] * 4, 4, 5, 99])
HOURS = [0, 1, 2, 5, 23, 24, 30, 47, 48, 49, 100, 7 * 24, 8 * 24, 29 * 24, 30 * 24, 31 * 24, 90 * 24, -1]
WHEN = st.builds(
    lambda hours, off: NOW - timedelta(hours=hours) + off,
    st.sampled_from(HOURS),
    st.sampled_from([-INSTANT, timedelta(0), INSTANT]),
)
TYPES = st.sampled_from(["check_in", "check_in", "check_in", "celebration", "encouragement"])
SOME_NUMBER = st.sampled_from([NEW_YORK, MIAMI, LONDON, ALIKE])

PERSON = st.builds(
    Person,
    id=st.just(0),
    phone=st.sampled_from([*NUMBERS, *[NEW_YORK, MIAMI, MIAMI, LONDON] * 3]),
    timezone=st.sampled_from(["America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Nowhere/City", "", None]),
    paused=st.sampled_from([False, False, False, True, None]),
    paused_until=st.one_of(st.none(), WHEN),
)
MESSAGE = st.builds(
    Message,
    id=st.just(0),
    contractor_id=SOMEBODY,
    message_type=TYPES,
    sent_at=st.one_of(WHEN, WHEN, WHEN, st.none()),
    cancelled=st.booleans(),
    answered=st.sampled_from([False, False, True]),
    promised=st.sampled_from([False, False, False, True]),
)
INDICATOR = st.builds(
    Indicator,
    id=st.just(0),
    contractor_id=SOMEBODY,
    indicator_type=st.sampled_from(
        ["negative_feedback", "negative_feedback", "ignored_suggestion", "positive_feedback"]
    ),
    score=st.sampled_from([0, 19, 20, 40, 59, 60, 79, 80, 80, 100, None]),
    recorded_at=st.one_of(WHEN, WHEN, WHEN, st.none()),
)
CONSENT = st.one_of(
    st.builds(Consent, SOME_NUMBER, WHEN, st.none()),
    st.builds(Consent, SOME_NUMBER, st.none(), WHEN),
    st.builds(
        lambda number, given_at, lasted: Consent(number, given_at, given_at + lasted),
        SOME_NUMBER,
        WHEN,
        st.sampled_from([timedelta(0), timedelta(hours=3)]),
    ),
)
RIVAL = st.builds(
    Rival,
    id=st.just(0),
    contractor_id=SOMEBODY,
    message_type=TYPES,
    priority=st.sampled_from([30, 50, 70]),
    urgency=st.sampled_from([0, 1, 2]),
    promised=st.sampled_from([False, False, False, False, True]),
    changed_since=st.sampled_from([False] * 9 + [True]),
)
THRESHOLDS = st.builds(
    Settings,
    min_gap_hours=st.sampled_from([48, 48, 24, 0]),
    ignored_in_a_row=st.sampled_from([3, 2, 1]),
    ignored_pause_days=st.sampled_from([7, 7, 30]),
    min_trust_score=st.sampled_from([20, 20, 60]),
    trust_without_record=st.sampled_from([50, 50, 10]),
    trust_tiers=st.booleans(),
    gap_days_trust_80=st.sampled_from([2, 2, 0]),
    gap_days_trust_60=st.sampled_from([5, 5, 3]),
    gap_days_trust_40=st.sampled_from([10, 10, 8]),
    gap_days_trust_20=st.sampled_from([30, 30, 31]),
    complaints_at_most=st.sampled_from([3, 2, 1]),
    complaints_days=st.sampled_from([7, 30]),
    cap_per_day=st.sampled_from([2, 1, 0]),
    cap_per_week=st.sampled_from([3, 2, 0]),
    cap_per_30_days=st.sampled_from([10, 3, 0]),
    cap_per_type_per_week=st.sampled_from([2, 1, 0]),
    consent_basis=st.sampled_from([*["they signed the membership terms"] * 3, "", " "]),
    phone_check=st.sampled_from(["lenient", "strict"]),
    state_rules=st.booleans(),
    quiet_until_hour=st.sampled_from([8, 8, 0, 10]),
    quiet_from_hour=st.sampled_from([21, 21, 23, 13]),
    quiet_guess_until_hour=st.sampled_from([9, 9, 11, 0]),
    quiet_guess_from_hour=st.sampled_from([20, 20, 17, 23]),
    quiet_weekdays=st.sampled_from([*[""] * 3, *WEEKS]),
    quiet_holidays=st.sampled_from(["", "", "US", "DE"]),
    default_region=st.sampled_from(["US", "US", "US", "GB"]),
    postpone_at_most_hours=st.sampled_from([48, 48, 3]),
)


TODAY = st.builds(
    replace,
    MESSAGE,
    sent_at=st.builds(lambda hours: NOW - timedelta(hours=hours), st.integers(1, 24)),
    cancelled=st.just(value=False),
)


@st.composite
def people(draw: st.DrawFn) -> People:
    persons = draw(st.lists(PERSON, min_size=3, max_size=5))
    messages = draw(st.lists(MESSAGE, max_size=14))
    rivals = draw(st.lists(RIVAL, min_size=2, max_size=9))
    # Chance alone writes to somebody in Florida three times in a day in one database of five hundred.
    if draw(st.booleans()):
        persons = [replace(persons[0], phone=MIAMI), *persons[1:]]
        messages += [replace(each, contractor_id=1) for each in draw(st.lists(TODAY, min_size=2, max_size=5))]
        rivals = [replace(rivals[0], contractor_id=1, promised=False), *rivals[1:]]
    return People(
        persons=numbered(persons),
        messages=at_moments_of_their_own(numbered(messages)),
        indicators=numbered(draw(st.lists(INDICATOR, max_size=8))),
        consents=draw(st.lists(CONSENT, max_size=3)),
        rivals=numbered(rivals),
        opted_out=draw(st.frozensets(SOME_NUMBER, max_size=1)),
    )


def at_moments_of_their_own(messages: list[Message]) -> list[Message]:
    """No two were sent in the same microsecond: which of a number's came first is then never in doubt."""
    seen: set[Any] = set()
    kept = []
    for message in messages:
        if message.sent_at is None or message.sent_at not in seen:
            kept.append(message)
        seen.add(message.sent_at)
    return kept


def later(people_then: People, by: timedelta) -> People:
    """The same people, all of whose times lie so much later."""
    lists = {name: getattr(people_then, name) for name in ("persons", "messages", "indicators", "consents")}
    moved: dict[str, Any] = {name: [_later(row, by) for row in rows] for name, rows in lists.items()}
    return replace(people_then, **moved)


def _later(row: Any, by: timedelta) -> Any:
    times = {name: value + by for name, value in vars(row).items() if isinstance(value, datetime)}
    return replace(row, **times)
