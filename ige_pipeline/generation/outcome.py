"""What came of asking a model for one text. Each may have cost money, so each may say what was used."""

from dataclasses import dataclass

from ige_pipeline.generation.draft import Draft, Usage


@dataclass(frozen=True, slots=True)
class Written:
    """There is a text; nobody has judged it yet."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Refused:
    """The model, or its provider's content filter, would not write it."""

    usage: Usage
    reason: str = "model_refused"


@dataclass(frozen=True, slots=True)
class CutOff:
    """The answer was longer than the limit of tokens, so its end is missing."""

    usage: Usage
    reason: str = "model_cut_off"


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or none that can be read.

    `reason` is one of our own words (`model_timeout`, `model_rate_limited`, `model_http_500`, …) and never a
    server's text. `hopeless`: the next call would fail the same way (a wrong key, an unknown model, no quota).
    """

    reason: str
    usage: Usage | None = None
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Unpaid:
    """The call was not made, or not made again: a spend limit is reached, `spend_per_batch` or `spend_per_day`."""

    reason: str
    usage: None = None


Fault = Refused | CutOff | Failed | Unpaid
Outcome = Written | Fault
