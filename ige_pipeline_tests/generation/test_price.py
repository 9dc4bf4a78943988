from decimal import Decimal

from ige_pipeline.generation import price


def test_cached_tokens_are_a_part_of_the_input_and_cost_less() -> None:
    listed = price.find("gpt-4.1-mini")

    assert listed is not None
    assert listed.of(tokens_in=1_000_000, tokens_cached=0, tokens_out=0) == Decimal("0.40")
    assert listed.of(tokens_in=1_000_000, tokens_cached=1_000_000, tokens_out=1_000_000) == Decimal("1.70")


def test_a_dated_or_routed_name_has_the_price_of_the_bare_one() -> None:
    assert price.find("gpt-4.1-mini-2025-04-14") == price.find("openai/gpt-4.1-mini") == price.find("gpt-4.1-mini")
    assert price.find("llama-of-ours") is None


def test_every_price_of_the_table_is_sensible() -> None:
    for listed in price.table().values():
        assert Decimal(0) < listed.cached < listed.input < listed.output
