"""The checks: each takes the figures and the limits and says whether a person should look. Values in, value out.

To add one, write a function here and name it in CHECKS; Dagster, `ige status` and `ige metrics` then have it, too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from ige_pipeline.delivery.forecast import Forecast, sustained_per_second
from ige_pipeline.settings import Settings
from ige_pipeline.watch.figures import Figures
from ige_pipeline.watch.usual import is_unusual

# Of fewer nothing can be said.
_ENOUGH_POSTS = 10
_ENOUGH_CANDIDATES = 20
# Nobody after a day of hours with several each means something; after a few hours with one each it is chance.
_DAY_OF_BATCHES, _SEVERAL = 24, 5
# Twice the interval of each job, in minutes.
_TWO_RUNS, _TWO_HOURS = 10.0, 120.0


@dataclass(frozen=True)
class Judged:
    """What a check found: a value beside its limit (None: there is none), and a sentence that says what to do."""

    passed: bool
    value: float
    limit: float | None
    sentence: str


@dataclass(frozen=True)
class Check:
    """One check: the asset it speaks of, what it asks, and whether a failure is an error or only a warning."""

    name: str
    asset: str
    about: str
    judge: Callable[[Figures, Settings], Judged]
    only_warns: bool = False
    # Whether a failure is an alert that somebody is told; a warning is none, and a circuit raises its own.
    alerts: bool = True


def _oldest_due(seen: Figures, limits: Settings) -> Judged:
    if seen.oldest_due_minutes <= limits.max_due_minutes:
        sentence = f"{seen.due} messages are due, the oldest for {seen.oldest_due_minutes:.0f} min."
        return Judged(passed=True, value=seen.oldest_due_minutes, limit=limits.max_due_minutes, sentence=sentence)
    sentence = (
        f"The oldest of {seen.due} due messages could have left {seen.oldest_due_minutes:.0f} min ago: `ige status` "
        "says what keeps it, `ige doctor` what to do."
    )
    return Judged(passed=False, value=seen.oldest_due_minutes, limit=limits.max_due_minutes, sentence=sentence)


def _failure_share(seen: Figures, limits: Settings) -> Judged:
    share = seen.failed / seen.posted if seen.posted else 0.0
    passed = seen.posted < _ENOUGH_POSTS or share <= limits.max_failure_share
    told = f"{seen.failed} of {seen.posted} POSTs of the last hour failed"
    sentence = f"{told}." if passed else f"{told}: `ige endpoint show` and `ige dead list` say of what."
    return Judged(passed=passed, value=share, limit=limits.max_failure_share, sentence=sentence)


def _unconfirmed(seen: Figures, _limits: Settings) -> Judged:
    """A confirmation is of use for five minutes: a run every five comes too late for some."""
    told = f"{seen.unconfirmed} opt-outs of the last day were not confirmed within five minutes"
    sentence = f"{told}: see with `ige doctor` that unsent_messages_sensor is on, and with `ige status` what keeps it."
    passed = seen.unconfirmed == 0
    return Judged(passed=passed, value=seen.unconfirmed, limit=0, sentence=f"{told}." if passed else sentence)


def _circuit(seen: Figures, _limits: Settings) -> Judged:
    open_ones = ", ".join(f"{endpoint} ({reason})" for endpoint, reason in sorted(seen.open_circuits.items()))
    told = f"Sending pauses to {open_ones}: `ige endpoint show` says since when."
    sentence = told if open_ones else "Sending is not paused."
    return Judged(passed=not open_ones, value=len(seen.open_circuits), limit=0, sentence=sentence)


def _candidates(seen: Figures, _limits: Settings) -> Judged:
    """A batch that finds nobody is fine, unless there always was somebody."""
    found, *earlier = [batch.candidates for batch in seen.batches] or [0]
    usual = len(earlier) >= _DAY_OF_BATCHES and min(earlier) > 0 and median(earlier) >= _SEVERAL
    silent = found == 0 and usual
    if not silent:
        return Judged(passed=True, value=found, limit=None, sentence=f"The newest batch found {found} candidates.")
    sentence = (
        f"Batch {seen.batches[0].id} found nobody, and each of the {len(earlier)} before it found somebody: see with "
        "`ige triggers preview NAME` whether the application still writes its tables."
    )
    return Judged(passed=False, value=found, limit=1, sentence=sentence)


def _blocked_share(seen: Figures, _limits: Settings) -> Judged:
    """More than usual may be a rule gone wrong; less than usual, one that no longer holds."""
    whole = [batch for batch in seen.batches if batch.candidates >= _ENOUGH_CANDIDATES]
    if not whole or whole[0] is not seen.batches[0]:
        return Judged(passed=True, value=0.0, limit=None, sentence="The newest batch is too small to be compared.")
    share, earlier = whole[0].blocked_share, [batch.blocked_share for batch in whole[1:]]
    told = f"Safeguards blocked {share:.0%} of batch {whole[0].id}'s candidates"
    if not is_unusual(share, earlier, at_least=0.15):
        return Judged(passed=True, value=share, limit=None, sentence=f"{told}.")
    sentence = f"{told}, which is out of the ordinary: `ige batches show {whole[0].id}` says of what."
    return Judged(passed=False, value=share, limit=None, sentence=sentence)


def _model_spend(seen: Figures, limits: Settings) -> Judged:
    day = limits.model_spend_per_day_usd
    passed = day == 0 or seen.spent_today_usd <= limits.max_spend_share * day
    told = f"{seen.spent_today_usd:.2f} of {day:g} USD a day are spent on the model"
    then = "templates then write" if limits.when_spend_is_reached == "template" else "the rest then waits"
    sentence = f"{told}." if passed else f"{told}; {then}. The limit is model_spend_per_day_usd."
    return Judged(passed=passed, value=seen.spent_today_usd, limit=limits.max_spend_share * day, sentence=sentence)


def _pace(seen: Figures, limits: Settings) -> Judged:
    coming = Forecast(seen.unsent, seen.arrivals_per_hour, sustained_per_second(limits))
    sentence = f"{coming}." if coming.keeps_up else f"{coming}. `ige status` shows both."
    return Judged(passed=coming.keeps_up, value=seen.arrivals_per_hour, limit=coming.pace_per_hour, sentence=sentence)


def _delivery_deadman(seen: Figures, _limits: Settings) -> Judged:
    if seen.stopped:
        return Judged(passed=True, value=0.0, limit=_TWO_RUNS, sentence="All sending is stopped, and no run expected.")
    return _deadman("delivery run", seen.delivery_silent_minutes, limit=_TWO_RUNS, never=seen.never_delivered)


def _scheduling_deadman(seen: Figures, _limits: Settings) -> Judged:
    return _deadman("hourly batch", seen.scheduling_silent_minutes, limit=_TWO_HOURS, never=seen.never_scheduled)


def _deadman(what: str, silent: float | None, *, limit: float, never: bool) -> Judged:
    """Between `ige migrate` and the first run somebody is still setting things up, for two hours at most."""
    if silent is None:
        return Judged(passed=True, value=0.0, limit=limit, sentence=f"No {what} has been asked for yet.")
    limit = _TWO_HOURS if never else limit
    told = f"The last {what} that succeeded was {silent:.0f} min ago"
    if never:
        told = f"No {what} has ever succeeded, {silent:.0f} min after there was reason for one"
    if silent <= limit:
        return Judged(passed=True, value=silent, limit=limit, sentence=f"{told}.")
    then = (
        "see that Dagster's daemon is up and IGE_SCHEDULES is on, and look at the last run; `ige doctor` looks further"
    )
    return Judged(passed=False, value=silent, limit=limit, sentence=f"{told}: {then}.")


CHECKS: tuple[Check, ...] = (
    Check("oldest_due", "outbox", "No message has been due for longer than max_due_minutes.", _oldest_due),
    Check("failure_share", "delivered_messages", "Few of the last hour's POSTs failed.", _failure_share),
    Check("unconfirmed", "outbox", "Every opt-out that we confirm was confirmed in time.", _unconfirmed),
    Check(
        "circuit",
        "delivered_messages",
        "Sending is not paused because the webhook is wrong or fails.",
        _circuit,
        alerts=False,
    ),
    Check("candidates", "trigger_decisions", "The newest batch found somebody, if batches always do.", _candidates),
    Check(
        "blocked_share",
        "trigger_decisions",
        "Safeguards blocked about as many as in the batches before.",
        _blocked_share,
        only_warns=True,
    ),
    Check("pace", "scheduled_messages", "No more arrives than the pace lets leave.", _pace, only_warns=True),
    Check("delivery_deadman", "outbox", "A delivery run succeeded within twice its five minutes.", _delivery_deadman),
    Check(
        "scheduling_deadman", "trigger_decisions", "A batch came to its end within twice its hour.", _scheduling_deadman
    ),
    Check("model_spend", "trigger_decisions", "The limit of the day is not near.", _model_spend, only_warns=True),
)


def judge(seen: Figures, limits: Settings) -> dict[str, Judged]:
    """Return what each check says, by its name."""
    return {check.name: check.judge(seen, limits) for check in CHECKS}
