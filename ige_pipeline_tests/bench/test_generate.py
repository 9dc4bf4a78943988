"""The benchmark of writing texts, small: a run that is killed has paid for nothing twice but what was in flight."""

from collections.abc import Iterator

import pytest

from ige_pipeline.bench.bare import bare_client
from ige_pipeline.bench.generate import Scene, killed_in_the_middle, scene, turn

MESSAGES, IN_FLIGHT = 40, 5


@pytest.fixture
def there(server_url: str) -> Iterator[Scene]:
    with scene(server_url, MESSAGES, latency_ms=5, in_flight=IN_FLIGHT) as made:
        yield made


def test_a_run_that_is_killed_asks_again_only_for_what_is_missing(there: Scene) -> None:
    # Twenty are answered and kept, and the five that were asked next never get an answer: then kill -9.
    there.server.answer_only(20)

    killed = killed_in_the_middle(there, messages=MESSAGES, at=20 + IN_FLIGHT)

    asked = there.server.asked()
    assert (killed.kept, killed.asked_by_second, killed.repeats) == (20, 20, IN_FLIGHT)
    assert len(asked) == MESSAGES
    assert sorted(asked.values()) == [1] * (MESSAGES - IN_FLIGHT) + [2] * IN_FLIGHT


def test_both_ways_to_write_have_their_figures_and_templates_ask_nobody(there: Scene) -> None:
    by_hand = turn(there, by_model=False)
    asked_by_hand = there.server.asked().total()
    by_model = turn(there, by_model=True)
    bare_client(there.server.url, messages=7, in_flight=2)

    assert (asked_by_hand, there.server.asked().total()) == (0, 2 * MESSAGES + 7)
    assert by_model.first_seconds > 0
    assert by_hand.peak_mb > 10
