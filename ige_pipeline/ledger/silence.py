"""Say why the ledger holds nothing about somebody: only what was asked can have been answered."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any


def silence(seen: Mapping[str, Any], at: datetime | None, *, triggers: Collection[str]) -> str:
    """Return what is known where there is no decision, so far or in the hour of `at`; `triggers` are all there are."""
    if at is None:
        last = seen["last_batch_at"]
        return f"No trigger selected them so far{_last(last)}." if last else "No batch has run to its end yet."
    return " ".join(_of_hour(seen, f"in the hour of {at:%Y-%m-%d %H:%M %Z}", triggers))


def _of_hour(seen: Mapping[str, Any], when: str, triggers: Collection[str]) -> list[str]:
    if seen["dropped_then"]:
        return [f"Decisions of the batches {when} are no longer kept (`keep_decisions_days`)."]
    told = []
    if seen["batches_then"]:
        told.append(f"{_asked(seen, when, triggers)}{_last(seen['last_batch_at'])}.")
    elif not seen["unfinished_then"]:
        told.append(_none(seen, when))
    if seen["unfinished_then"]:
        told.append(f"A batch {when} has not run to its end: whom it would have selected is not known.")
    return told


def _none(seen: Mapping[str, Any], when: str) -> str:
    """Of long ago the ledger does not even keep which batches there were."""
    if seen["not_kept_then"]:
        return f"The ledger has no batch {when}, which is longer ago than it is kept (`keep_decisions_days`)."
    return f"No batch ran {when}."


def _asked(seen: Mapping[str, Any], when: str, triggers: Collection[str]) -> str:
    if set(triggers) <= set(seen["triggers_then"]):
        return f"No trigger selected them {when}"
    names = ", ".join(seen["triggers_then"]) or "no trigger"
    return f"Only some triggers were asked {when} ({names}), and none of those selected them"


def _last(moment: datetime | None) -> str:
    return f"; the last batch looked at {moment:%Y-%m-%d %H:%M %Z}" if moment else ""
