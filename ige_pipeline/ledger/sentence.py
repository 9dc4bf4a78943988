"""A decision in plain words, for somebody who has never seen the code."""

from collections.abc import Mapping
from typing import Any

_REASONS = {
    "unknown_contractor": "the contractor's row is gone",
    "no_phone": "there is no phone number",
    "impossible_phone": "the phone number cannot be dialled",
    "paused": "messages are paused until {observed}",
    "undelivered": "an earlier one is still waiting to be sent ({observed})",
    "already_written": "the same occurrence was written about already ({observed})",
    "contacted_meanwhile": "another batch or program wrote to them while this one was at work",
    "gap": "the last one was {observed} h ago, and {limit} h must lie between two",
    "ignored": "the last {observed} were not answered",
    "low_trust": "trust is {observed}, and {limit} is the least",
    "changed_since": "the row has changed since",
    "quiet_hours": "it is outside of {limit} there ({observed})",
    "unevaluated": "the safeguard {observed} could not be evaluated, which counts as no",
    "outranked": "{observed} was more important",
    "same_number": "another contractor with the same number gets {observed}",
    "late": "its time was {observed} h ago, and {limit} h is the most",
    "item_completed": "what it would ask about is done",
    "item_reopened": "what it would celebrate is open again",
    "question_answered": "what it would ask is answered",
    "no_longer_planned": "somebody took it off the plan",
    "goal_closed": "its goal is not active any more",
    "goal_updated": "its goal has moved since",
    "confirmation_over": "the opt-out that it confirms was taken back, is over five minutes old, or of another number",
    "unreachable": "the phone could not be reached ({observed}), so it goes once more",
    "replied": "they have written to us since",
    "blast_radius": "the batch would have reached {observed}, which needs a person's approval ({limit})",
    "backlog": "the outbox holds {observed}, and {limit} is what the pace clears in time",
    "suppressed": "they opted out",
    "consent_revoked": "they took back their consent",
    "consent_unknown": "nobody wrote down that they consented ({limit})",
    "complaints": "they complained {observed} times in these days, and {limit} are too many",
    "cap_day": "{observed} went out in 24 hours, and {limit} is the most",
    "cap_week": "{observed} went out in 7 days, and {limit} is the most",
    "cap_30_days": "{observed} went out in 30 days, and {limit} is the most",
    "cap_type": "{observed} of this kind went out in 7 days, and {limit} is the most",
    "cap_state": "{observed} went out in 24 hours, and the law of their state allows {limit}",
    "spend_per_batch": "the model has cost {observed} USD in this batch, and {limit} is the most",
    "spend_per_day": "the model has cost {observed} USD on this day, and {limit} is the most",
    "stale": "it was too old to be sent",
    "stopped": "all sending was stopped",
    "redriven": "{limit} sent it on its way again; it had died of {observed}",
    "by_hand": "{observed} cancelled it: {limit}",
    "empty": "its text is empty",
    "too_short": "its text has {observed} characters, and {limit} is the least",
    "too_long": "its text has {observed} characters, and {limit} is the most",
    "too_many_segments": "its text takes {observed} SMS, and {limit} is the most",
    "placeholder_left": "its text has a placeholder that was not filled in",
    "stock_phrase": "its text has a stock phrase ({observed})",
    "inner_workings": "its text shows how messages come about ({observed})",
    "too_many_questions": "its text has {observed} question marks, and {limit} is the most",
    "too_many_exclamations": "its text has {observed} exclamation marks, and {limit} is the most",
    "link": "its text has a link that is not allowed",
    "email_address": "its text has an e-mail address that is not allowed",
    "phone_number": "its text has a phone number that is not allowed",
    "control_character": "its text has characters that cannot be seen",
    "untraced_number": "its text has a number or amount that was not given",
    "untraced_date": "its text has a date that was not given",
    "untraced_name": "its text has a name that was not given",
    "nearly_the_same": "they got nearly the same text lately ({observed} of it alike, from {limit} on is too much)",
    "other_language": "its text is in another language ({observed} and not {limit})",
    "promised_money": "its text speaks of money that we would owe or give ({observed})",
    "background_told": "its text says what it was to keep to itself: the goal or pattern behind it",
    "approval_wanted": "its text waits for a person to look at it ({limit})",
    "not_approved": "nobody approved its text within {observed} h",
    "draft_waiting": "a text for it waits for a person already (draft {observed})",
    "draft_rejected": "somebody rejected its text ({observed}: {limit})",
    "text_rejected": "no text for it passed the checks (decision {observed})",
    "long_promise": "it is long ({observed}), but somebody promised these words, so nothing was cut",
    "not_evaluated": "the check {observed} of its text could not be made, which counts as no",
}


def of_reason(reason: Mapping[str, Any]) -> str:
    """Say one reason; a word that has no sentence yet is shown with what was seen and the limit."""
    word = str(reason.get("reason"))
    if word in _REASONS:
        return _REASONS[word].format(observed=reason.get("observed"), limit=reason.get("limit"))
    seen = ", ".join(f"{name} {reason[name]}" for name in ("observed", "limit") if reason.get(name) is not None)
    return word.replace("_", " ") + (f" ({seen})" if seen else "")


def of_word(words: str) -> str:
    """Say reasons of which only the words were kept, such as `gap, quiet_hours`; any other word stays as it is."""
    return "; ".join(_plain(word) for word in words.split(", "))


def _plain(word: str) -> str:
    said = _REASONS.get(word, "")
    return said if said and "{" not in said else word.replace("_", " ")


def of_decision(row: Mapping[str, Any]) -> str:
    """Say what became of one candidate, as one sentence."""
    because = "; ".join(of_reason(reason) for reason in row["reasons"])
    if row["verdict"] == "undecided":
        return "Not decided: the batch has not finished; re-execute its run from failure."
    if row["verdict"] != "scheduled":
        return f"Not written to: {because or row['verdict']}."
    if row["dry_run"]:
        stale = any(reason["reason"] == "stale" for reason in row["reasons"])
        return f"Would have been written to{', in time; by now it is too old to be sent' * stale} (dry run)."
    return _of_message(row, because)


def _of_message(row: Mapping[str, Any], because: str) -> str:
    match row["state"]:
        case "sent":
            return f"Message {row['message_id']} was sent at {row['sent_at']:%Y-%m-%d %H:%M %Z}."
        case "waiting":
            because = _last_words(row) or because
            return f"Message {row['message_id']} waits to be sent" + (f": {because}." if because else ".")
        case None:
            return (
                f"Message {row['message_id']} is not in the outbox: `ige retire` put it aside, or somebody deleted it."
            )
        case state:
            why = f": {of_word(row['state_reason'])}" if row["state_reason"] else ""
            return f"Message {row['message_id']} is {state}{why}."


def _last_words(row: Mapping[str, Any]) -> str:
    """What stood against the last try, if there was one."""
    last = row["attempts"][-1]["reasons"] if row["attempts"] else []
    return "; ".join(map(of_reason, last))
