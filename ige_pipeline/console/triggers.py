"""Triggers: whom each selects, what comes of it over time, and what another threshold would change."""

import re
from functools import partial
from typing import Any

from starlette.responses import RedirectResponse, Response

from ige_pipeline.by_hand import what_would_change
from ige_pipeline.console import figures, render
from ige_pipeline.console.ask import Ask, Malformed, Missing
from ige_pipeline.console.desk import Desk
from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.trigger import Trigger, load_all

_SUBJECTS = {
    "ai_concierge_goals": "goals",
    "ai_concierge_checklist_items": "checklist items",
    "contractor_action_items": "action items",
    "contractor_followup_schedules": "follow-ups",
    "event_messages": "event messages",
}
_NAMED = re.compile(r"%\((\w+)\)s")
# What the safeguards go by: the same list for every trigger.
OF_SAFEGUARDS = (
    "min_gap_hours",
    "ignored_in_a_row",
    "ignored_pause_days",
    "min_trust_score",
    "complaints_at_most",
    "cap_per_day",
    "cap_per_week",
    "cap_per_30_days",
    "cap_per_type_per_week",
    "quiet_until_hour",
    "quiet_from_hour",
    "postpone_at_most_hours",
)


def page(desk: Desk, ask: Ask) -> Response:
    """Show every trigger with its last fortnight."""
    days = figures.by_trigger(ask.conn)
    counted = figures.count_if_old(desk, ask.conn)
    rows = [(trigger, _totals(days.get(trigger.name, [])), days.get(trigger.name, [])) for trigger in load_all()]
    return render.page(desk, ask, "triggers.html", rows=rows, counted=counted, trial=desk.trials.newest)


def one(desk: Desk, ask: Ask) -> Response:
    """Show one trigger: its days, its thresholds, and a trial of another one."""
    trigger = next((each for each in load_all() if each.name == ask.parts["name"]), None)
    if trigger is None:
        raise Missing
    days, values = figures.by_trigger(ask.conn).get(trigger.name, []), desk.settings().model_dump()
    known = [(name, values[name], Settings.model_fields[name].description) for name in thresholds(trigger)]
    return render.page(
        desk,
        ask,
        "trigger.html",
        trigger=trigger,
        subject=_SUBJECTS[trigger.subject],
        days=days,
        totals=_totals(days),
        known=known,
        of_all=OF_SAFEGUARDS,
    )


def thresholds(trigger: Trigger) -> list[str]:
    """Return the settings that a trigger goes by."""
    named = [trigger.at_most, trigger.repeat_days, *_NAMED.findall(trigger.selects)]
    return [name for name in dict.fromkeys(named) if name in Settings.model_fields]


def _totals(days: list[dict[str, Any]]) -> dict[str, Any]:
    sums = {name: sum(day[name] for day in days) for name in ("selected", "scheduled", "sent", "answered", "acted")}
    sent = sums["sent"]
    return sums | {
        "response": sums["answered"] / sent if sent else None,
        "action": sums["acted"] / sent if sent else None,
    }


def ask_trial(desk: Desk, ask: Ask) -> Response:
    """Show the newest trial, and ask for another."""
    chosen = ask.text("setting") or None
    return render.page(
        desk,
        ask,
        "_trial.html" if ask.fragment else "trial.html",
        trial=desk.trials.newest,
        settings=_changeable(),
        chosen=chosen,
        of_reason=of_reason,
    )


def try_out(desk: Desk, ask: Ask) -> Response:
    """Try it, as `ige preview --set` does: nothing is scheduled or sent, and no model is asked."""
    setting, value = ask.one_of("setting", tuple(_changeable())), ask.text("value", most=60)
    if setting is None or not value:
        raise Malformed("A setting and a value are needed.")
    overrides = {setting: value}
    desk.environment.settings(overrides)
    trial = desk.trials.begin(setting, value, by=ask.visitor.name)
    find = partial(what_would_change, desk.environment, overrides)
    desk.beside(partial(desk.trials.run, trial, find))
    return RedirectResponse(f"{render.HOME}/what-if", status_code=303, headers=render.HEADERS)


def _changeable() -> list[str]:
    return list(dict.fromkeys([*(name for trigger in load_all() for name in thresholds(trigger)), *OF_SAFEGUARDS]))
