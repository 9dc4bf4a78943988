"""When a text may arrive: within the allowed hours of the contractor's own day, right across changes of the clock.

The federal window is 08:00 to 21:00 at the called party's location (47 CFR 64.1200(c)(1)). Where we do not know where
somebody is, a moment counts only if it is allowed in all six zones that most people with a US number live in.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
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


def first_allowed(now: datetime, zones: Sequence[ZoneInfo], *, start: time, end: time) -> datetime:
    """Return `now` if it lies in [start, end) in all `zones`, else the next moment (UTC) that does.

    Raises ValueError when no moment of the coming week is allowed in all of them.
    """
    moment = now.astimezone(UTC)
    for _ in range(8 * len(zones)):
        later = max(_next_in(zone, moment, start=start, end=end) for zone in zones)
        if later == moment:
            return moment
        moment = later
    raise ValueError(f"No moment between {start} and {end} is allowed in all of {[str(zone) for zone in zones]}")


def zones_of(name: str | None) -> tuple[ZoneInfo, ...]:
    """Return the one zone of that IANA name, or all that somebody without a usable one might be in."""
    known = _zone(name) if name else None
    return (known,) if known else tuple(ZoneInfo(each) for each in SOMEWHERE_IN_THE_US)


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _next_in(zone: ZoneInfo, moment: datetime, *, start: time, end: time) -> datetime:
    local = moment.astimezone(zone)
    if start <= local.time() < end:
        return moment
    day = local.date() if local.time() < start else local.date() + timedelta(days=1)
    return datetime.combine(day, start, tzinfo=zone).astimezone(UTC)
