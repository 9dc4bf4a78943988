from decimal import Decimal

from ige_pipeline.generation.draft import Brief, Usage


def test_private_facts_are_given_but_not_quotable() -> None:
    facts = {"goal": "Win 50 clients", "item": "Call Acme", "progress": 40, "due_in_days": 3, "tags": ["a", {"b": 7}]}
    brief = Brief(1, 2, "stalled_goal", "encouragement", "Maria", None, facts, "because")

    assert brief.quotable() == ("Maria", "Call Acme", "3 days", "a", "7")
    assert set(brief.given()) == {"Maria", "Call Acme", "3", "a", "7", "Win 50 clients", "40"}


def test_usage_keeps_the_cost_exact() -> None:
    usage = Usage("m", "v", "r", 10, 5, 3, Decimal("0.0000001"), 120)

    assert usage.as_json()["cost_usd"] == "0.0000001"
    assert usage.as_json()["price_known"] is True
