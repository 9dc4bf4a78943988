from hypothesis import given
from hypothesis import strategies as st

from ige_pipeline.generation import voice
from ige_pipeline.generation.variants import STYLES

COUNTS = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(lambda pair: (sum(pair), pair[0]))
ANSWERS = st.dictionaries(st.sampled_from(STYLES), COUNTS)


@given(ANSWERS, st.integers(0, 10**6), st.integers(1, 30))
def test_without_enough_texts_a_contractor_keeps_its_own_voice(
    answers: dict[str, tuple[int, int]], contractor_id: int, evidence: int
) -> None:
    chosen = voice.best(answers, contractor_id=contractor_id, evidence=evidence)

    assert chosen in STYLES
    if sum(sent for sent, _ in answers.values()) < evidence:
        assert chosen == voice.own(contractor_id)


@given(ANSWERS, st.integers(0, 10**6))
def test_one_more_answer_in_the_chosen_style_does_not_change_the_choice(
    answers: dict[str, tuple[int, int]], contractor_id: int
) -> None:
    chosen = voice.best(answers, contractor_id=contractor_id, evidence=1)
    sent, answered = answers.get(chosen, (0, 0))
    after = answers | {chosen: (sent + 1, answered + 1)}

    assert voice.best(after, contractor_id=contractor_id, evidence=1) == (
        chosen if any(each for each, _ in answers.values()) else voice.own(contractor_id)
    )


def test_the_style_that_is_answered_best_is_preferred() -> None:
    answers = {"casual": (10, 2), "professional": (10, 8), "friendly": (10, 5)}

    assert {voice.best(answers, contractor_id=number, evidence=5) for number in range(20)} == {"professional"}


def test_nine_answers_to_ten_texts_weigh_more_than_one_to_one() -> None:
    answers = {"casual": (1, 1), "professional": (10, 9), "friendly": (4, 0)}

    assert voice.best(answers, contractor_id=1, evidence=5) == "professional"


def test_somebody_who_never_answers_hears_another_voice_and_somebody_who_does_keeps_it() -> None:
    mine = voice.own(1)

    assert voice.best({mine: (5, 0)}, contractor_id=1, evidence=5) != mine
    assert voice.best({mine: (5, 4)}, contractor_id=1, evidence=5) == mine
