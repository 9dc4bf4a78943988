"""How long somebody waits who tries tokens that there are not."""

from datetime import UTC, datetime, timedelta

from ige_pipeline.console.guesses import Guesses

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_ten_in_a_minute_are_too_many_until_the_first_is_a_minute_old() -> None:
    guesses = Guesses()
    for second in range(10):
        assert guesses.wait("1.2.3.4", now=NOON) is None
        guesses.wrong("1.2.3.4", now=NOON + timedelta(seconds=second))

    assert guesses.wait("1.2.3.4", now=NOON + timedelta(seconds=10)) == 50
    assert guesses.wait("1.2.3.4", now=NOON + timedelta(seconds=60)) is None
    assert guesses.wait("5.6.7.8", now=NOON + timedelta(seconds=10)) is None


def test_a_thousand_places_are_remembered_and_no_more() -> None:
    guesses = Guesses()
    for _ in range(10):
        guesses.wrong("first", now=NOON)
    for number in range(1_000):
        assert guesses.wait("first", now=NOON) == 60
        guesses.wrong(f"other {number}", now=NOON)

    assert guesses.wait("first", now=NOON) is None
