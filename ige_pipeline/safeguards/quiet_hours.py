"""When a text may arrive: within the allowed hours of the contractor's own day, right across changes of the clock.

The federal window is 08:00 to 21:00 at the called party's location (47 CFR 64.1200(c)(1)). Where we do not know where
somebody is, a moment counts only if it is allowed in all six zones that most people with a US number live in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SOMEWHERE_IN_THE_US = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
)
_LOOK_AHEAD_DAYS = 15


@dataclass(frozen=True, slots=True)
class Hours:
    """The allowed hours of a day, the start included and the end not, by the clock on the wall."""

    start: time
    end: time

    def within(self, other: "Hours | None") -> "Hours | None":
        """Return what both allow, None where that is nothing."""
        if other is None:
            return None
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Hours(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


Week = tuple[Hours | None, ...]
"""Seven days from Monday; None is a day on which nothing may arrive."""
Closed = Callable[[date], bool]


def never_closed(_day: date) -> bool:
    """No day is a holiday."""
    return False


def first_allowed(now: datetime, zones: Sequence[ZoneInfo], *, start: time, end: time) -> datetime:
    """Return `now` if it lies in [start, end) in all `zones`, else the next moment (UTC) that does.

    Raises ValueError when no moment of the coming weeks is allowed in all of them.
    """
    try:
        return first_open(now, zones, (Hours(start, end),) * 7)
    except ValueError as error:
        names = [str(zone) for zone in zones]
        raise ValueError(f"No moment between {start} and {end} is allowed in all of {names}") from error


def first_open(now: datetime, zones: Sequence[ZoneInfo], week: Week, *, closed: Closed = never_closed) -> datetime:
    """Return `now` if the week is open then in all `zones`, else the next moment (UTC) at which it is.

    Raises ValueError when there is none within 15 days.
    """
    moment = now.astimezone(UTC)
    for _ in range(_LOOK_AHEAD_DAYS * len(zones)):
        later = max(_next_in(zone, moment, week, closed) for zone in zones)
        if later == moment:
            return moment
        moment = later
    raise ValueError(f"No moment within {_LOOK_AHEAD_DAYS} days is allowed in all of {[str(zone) for zone in zones]}")


def zones_of(name: str | None) -> tuple[ZoneInfo, ...]:
    """Return the one zone of that IANA name, or all that somebody without a usable one might be in."""
    known = zone_of(name)
    return (known,) if known else tuple(ZoneInfo(each) for each in SOMEWHERE_IN_THE_US)


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the zone of that IANA name, None if there is none."""
    return _zone(name) if name else None


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _next_in(zone: ZoneInfo, moment: datetime, week: Week, closed: Closed) -> datetime:
    local = moment.astimezone(zone)
    for ahead in range(_LOOK_AHEAD_DAYS):
        day = local.date() + timedelta(days=ahead)
        hours = None if closed(day) else week[day.weekday()]
        if hours is None or (ahead == 0 and local.time() >= hours.end):
            continue
        if ahead == 0 and local.time() >= hours.start:
            return moment
        return datetime.combine(day, hours.start, tzinfo=zone).astimezone(UTC)
    raise ValueError(f"No day of the next {_LOOK_AHEAD_DAYS} is open in {zone}")
