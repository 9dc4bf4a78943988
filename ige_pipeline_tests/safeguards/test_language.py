import tomllib
from pathlib import Path

import pytest

from ige_pipeline.safeguards.language import other_language

TEXTS = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))


def test_no_english_text_is_taken_for_another_language() -> None:
    assert len(TEXTS["en"]) >= 100
    assert {text: found for text in TEXTS["en"] if (found := other_language(text, "en"))} == {}


@pytest.mark.parametrize("language", ["es", "fr", "de", "pt", "it"])
def test_a_text_in_another_language_is_noticed(language: str) -> None:
    assert {text: other_language(text, "en") for text in TEXTS[language]} == dict.fromkeys(TEXTS[language], language)


@pytest.mark.parametrize("language", ["es", "fr", "it"])
def test_a_text_in_the_language_that_is_set_passes_and_an_english_one_does_not(language: str) -> None:
    assert {text for text in TEXTS[language] if other_language(text, language)} == set()
    assert other_language("Hi Dana, the contract is signed! That was a lot of back and forth.", language) == "en"


def test_what_a_contractor_wrote_may_be_in_their_own_language() -> None:
    item = "subir el certificado del seguro de responsabilidad civil antes de la reunion"

    assert other_language(f"Hi, this is still open: {item}. Anything in the way?", "en", quoted=[item]) is None
    assert other_language(f"Hola, esto sigue pendiente: {item}. Que falta?", "en", quoted=[item]) == "es"


def test_an_english_quotation_does_not_make_a_text_english() -> None:
    item = "upload the insurance certificate for the new van and the trailer"

    assert other_language(f"Hola Maria, esto sigue pendiente: {item}. Que te falta?", "en", quoted=[item]) == "es"


@pytest.mark.parametrize("text", ["", "OK?", "Hi Giuseppe", "\u2764\ufe0f", "123"])
def test_of_too_few_words_nobody_can_tell(text: str) -> None:
    assert other_language(text, "en") is None
