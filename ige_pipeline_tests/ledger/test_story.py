"""A decision as a manager reads it: why John got this, and why Mary got nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ige_pipeline.ledger.story import of_row

AT = datetime(2026, 11, 23, 22, 55, tzinfo=UTC)
KNOWN = {
    "trust_score": 62,
    "last_sent_at": "2026-11-01T10:00:00+00:00",
    "sent_week": 0,
    "sent_30_days": 2,
    "recent_sent": 3,
    "recent_unanswered": 1,
    "complaints": 0,
    "consent": "given",
    "timezone": "America/New_York",
    "phone_verdict": "possible",
}
TRIED = {
    "attempt": 1,
    "outcome": "Retry",
    "at": "2026-11-23T22:55:10+00:00",
    "status_code": 503,
    "error_class": None,
    "reasons": [{"reason": "http_503", "observed": None, "limit": None}],
    "duration_ms": 40,
    "repeats": 1,
    "next_attempt_at": "2026-11-23T22:55:15+00:00",
    "response": "<h1>no\nworkers</h1>",
}


def row(**over: Any) -> dict[str, Any]:
    """A message that was sent, and answered."""
    return {
        "why_due": "Goal #5 has priority 8 and an open checklist item (#7).",
        "facts": {"goal": "Win two contracts", "item": "Call the suppliers", "action_item": None, "template": "Hi"},
        "recipient_facts": KNOWN,
        "verdict": "scheduled",
        "reasons": [],
        "dry_run": False,
        "draft": "Hi Ada, how did the call go?",
        "draft_source": "template:check_in/casual/1",
        "fallback_reason": None,
        "generation": None,
        "message_id": 24,
        "message_content": "Hi Ada, how did the call go?",
        "state": "sent",
        "state_reason": None,
        "sent_at": AT,
        "attempts": [],
        "response_received_at": None,
        "contractor_response": None,
    } | over


def told(**over: Any) -> dict[str, str]:
    return dict(of_row(row(**over)))


def test_what_was_known_is_told_in_words() -> None:
    story = told()

    assert story["known"] == "goal: Win two contracts; item: Call the suppliers"
    assert story["person"] == (
        "trust 62; last written to 2026-11-01 10:00; 0 in 7 days, 2 in 30; 1 of the last 3 unanswered; consent given; "
        "time zone America/New_York"
    )
    assert story["checks"] == "every safeguard was asked, and none objected"
    assert story["verdict"] == "Message 24 was sent at 2026-11-23 22:55 UTC."


def test_somebody_of_whom_little_is_known() -> None:
    nobody = dict.fromkeys(KNOWN) | {"phone_zones": "Europe/London"}

    assert told(recipient_facts=nobody)["person"] == (
        "no trust score yet; never written to; no consent on record; time zone guessed from the number: Europe/London"
    )
    assert "person" not in told(recipient_facts=None)
    assert "checks" not in told(recipient_facts=None)


def test_who_gets_nothing_is_told_every_reason_with_what_was_seen_and_the_limit() -> None:
    reasons = [
        {"reason": "gap", "observed": 5.0, "limit": 48.0},
        {"reason": "low_trust", "observed": 12, "limit": 20},
    ]

    story = told(verdict="blocked", reasons=reasons, message_id=None, state=None, draft=None, message_content=None)

    assert story["verdict"] == (
        "Not written to: the last one was 5.0 h ago, and 48.0 h must lie between two; trust is 12, and 20 is the least."
    )
    assert "text" not in story


def test_a_local_number_leaves_a_note() -> None:
    assert "no area code" in told(recipient_facts=KNOWN | {"phone_verdict": "local_only"})["note"]
    assert "note" not in told()


def test_what_the_model_was_asked_and_answered() -> None:
    asked = {
        "model": "gpt-4o-mini",
        "prompt_version": "7f3a",
        "tokens_in": 400,
        "tokens_out": 60,
        "cost_usd": "0.000120",
        "latency_ms": 900,
        "rejected_answer": "Call +1 212 555 0100 now!",
    }

    story = told(generation=asked, fallback_reason="rejected: phone_number")

    assert story["written"] == (
        "from the template check_in/casual/1, and not by the model: rejected: phone number (gpt-4o-mini was asked with "
        "prompt 7f3a: 400 tokens in, 60 out, $0.000120, 900 ms)"
    )
    assert story["refused"] == "what the model had answered: Call +1 212 555 0100 now!"
    assert told(draft_source="model:gpt-4o-mini", generation=asked)["written"].startswith("by the model gpt-4o-mini (")


def test_what_the_model_was_told_beside_the_facts() -> None:
    told = {"first_name": "Ada", "tone": "Warm.", "language": "en", "objections": ["no links", "no amounts"]}

    lines = dict(of_row(row(generation={"asked": told})))

    assert lines["asked"] == "first name: Ada; tone: Warm.; language: en; objections: no links; no amounts"


def test_why_the_model_was_asked_a_second_time() -> None:
    tries = [
        {"text": "Look at http://example.com", "outcome": "rejected", "rejected_for": ["link", "too_short"]},
        {"outcome": "written"},
    ]

    story = told(draft_source="model:gpt-4o-mini", generation={"tries": tries})

    assert story["refused"] == "its first text, for link, too short: Look at http://example.com"


@pytest.mark.parametrize(
    ("source", "words"), [("promised:follow_up_due", "words that were planned"), ("external", "another program")]
)
def test_who_wrote_it_when_neither_a_model_nor_a_template_did(source: str, words: str) -> None:
    assert words in told(draft_source=source)["written"]


def test_each_attempt_says_what_came_back_and_when_the_next_one_is() -> None:
    assert told(attempts=[TRIED])["attempt"] == (
        "Retry HTTP 503 at 2026-11-23 22:55 in 40 ms (http 503); again from 2026-11-23 22:55; "
        "it answered: <h1>no workers</h1>"
    )
    lost = TRIED | {"status_code": None, "error_class": "ReadTimeout", "response": None, "repeats": 4}
    assert "Retry ReadTimeout at 2026-11-23 22:55 in 40 ms, 4 times by now" in told(attempts=[lost])["attempt"]


def test_a_reply_is_told() -> None:
    assert told(response_received_at=AT, contractor_response="All done")["reply"] == "at 2026-11-23 22:55: All done"
    assert told(response_received_at=AT)["reply"].endswith("its text was not kept")
    assert "reply" not in told()


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ({"state": "cancelled", "state_reason": "goal_closed, replied"}, "they have written to us since"),
        ({"state": "dead", "state_reason": "http_422"}, "Message 24 is dead: http 422."),
        ({"state": "waiting", "attempts": [TRIED]}, "waits to be sent: http 503"),
        ({"dry_run": True}, "Would have been written to (dry run)."),
        ({"verdict": "undecided"}, "Not decided"),
    ],
)
def test_what_became_of_it_is_one_sentence(over: dict[str, Any], sentence: str) -> None:
    assert sentence in told(**over)["verdict"]


def test_what_is_long_is_cut_and_says_so() -> None:
    assert told(facts={"item": "x" * 500})["known"].endswith("x…")
