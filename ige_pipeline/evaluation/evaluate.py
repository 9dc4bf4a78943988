"""Let a writer write about every situation, as production would: a second try with the reasons, then the templates."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ige_pipeline.evaluation import checks
from ige_pipeline.evaluation.checks import NO_TEXT, failed, standard_of
from ige_pipeline.evaluation.situation import Situation
from ige_pipeline.generation.asking import Question
from ige_pipeline.generation.draft import Draft, Usage
from ige_pipeline.generation.generate import by_hand
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import Failed, Outcome, Written
from ige_pipeline.generation.purse import Grant, Purse
from ige_pipeline.generation.segments import downgrade
from ige_pipeline.generation.variants import Templates
from ige_pipeline.safeguards.objection import in_words
from ige_pipeline.safeguards.review import fittest
from ige_pipeline.settings import Settings


@dataclass
class Limit:
    """What may still be spent by one command, in USD; an evaluation needs no database."""

    left: Decimal

    async def fetch(self, needed: Decimal, wanted: Decimal) -> Grant:
        """Grant what is needed, and more where there is more; nothing where less is left."""
        granted = max(needed, min(wanted, self.left))
        if granted > self.left:
            return Grant(Decimal(0), "spend_per_batch")
        self.left -= granted
        return Grant(granted)


WAYS = ("first", "second", "template", "nothing")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one situation.

    `failed` are the checks that the writer's first text fails. `sent` is what would go out in the end, "" for nothing,
    and `how` says which it is: first, second, template, nothing. `sent_failed` are the checks that this one fails.
    """

    situation: Situation
    text: str
    failed: tuple[str, ...]
    sent: str
    how: str
    sent_failed: tuple[str, ...]
    why_no_text: str = ""
    usages: tuple[Usage, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One writer over all situations."""

    writer: str
    results: tuple[Result, ...]

    @property
    def cost_usd(self) -> Decimal:
        """What it took."""
        return sum((usage.cost_usd for each in self.results for usage in each.usages), Decimal(0))

    @property
    def fit(self) -> float:
        """The share of situations in which the first text fails no check."""
        return sum(not each.failed for each in self.results) / len(self.results)

    def rates(self) -> Mapping[str, float]:
        """Return {check: share of the first texts that pass it}; that of `no_text` is of all situations."""
        texts = [each for each in self.results if NO_TEXT not in each.failed]
        rates = {
            name: sum(name not in each.failed for each in texts) / len(texts) if texts else 0.0 for name in checks.ALL
        }
        return rates | {NO_TEXT: len(texts) / len(self.results)}

    def ways(self) -> Mapping[str, int]:
        """Return how many texts go out at the first try, at the second, from a template, or not at all."""
        return {
            way: sum(each.how == way for each in self.results) for way in ("first", "second", "template", "nothing")
        }


def evaluate(
    situations: Sequence[Situation],
    settings: Settings,
    *,
    templates: Templates,
    model: ModelWriter | None,
    limit: Limit,
) -> Evaluation:
    """Write about each situation, for no more than what is left of `limit`; without a model the templates do."""
    if model is None:
        drafts = [_as_sent(by_hand(each.brief, templates)) for each in situations]
        results = (
            _ended(each, draft, None, settings, templates) for each, draft in zip(situations, drafts, strict=True)
        )
        return Evaluation("templates", tuple(results))
    return Evaluation(
        f"{model.model}, {model.prompt_version}", _by_model(situations, settings, templates, model, limit)
    )


def _by_model(
    situations: Sequence[Situation], settings: Settings, templates: Templates, model: ModelWriter, limit: Limit
) -> tuple[Result, ...]:
    firsts = _ask(model, limit, [Question(each.brief) for each in situations])
    again = {
        number: Question(each.brief, tuple(map(in_words, objections)))
        for number, (each, first) in enumerate(zip(situations, firsts, strict=True))
        if isinstance(first, Written)
        and (objections := standard_of(each, settings).objections(_as_sent(first.draft), each.brief))
    }
    seconds = dict(zip(again, _ask(model, limit, list(again.values())), strict=True))
    return tuple(
        _ended(each, firsts[number], seconds.get(number), settings, templates) for number, each in enumerate(situations)
    )


def _ended(
    situation: Situation, first: Outcome | Draft, second: Outcome | None, settings: Settings, templates: Templates
) -> Result:
    tries = [first, *([second] if second is not None else [])]
    texts = [text for text in map(_text_of, tries) if text is not None]
    last = texts[-1] if texts else _as_sent(by_hand(situation.brief, templates))
    sent, objections = fittest(situation.brief, last, standard_of(situation, settings), templates=templates)
    how = "nothing" if objections else _how(sent, texts)
    wrote = _text_of(first)
    return Result(
        situation=situation,
        text=wrote.text if wrote else "",
        failed=failed(situation, wrote, settings) if wrote else (NO_TEXT,),
        sent="" if objections else sent.text,
        how=how,
        sent_failed=() if objections else failed(situation, sent, settings),
        why_no_text="" if wrote or isinstance(first, Written | Draft) else first.reason,
        usages=tuple(usage for each in tries if (usage := _usage_of(each)) is not None),
    )


def _how(sent: Draft, texts: Sequence[Draft]) -> str:
    if sent.text not in {text.text for text in texts}:
        return "template"
    return "second" if len(texts) > 1 else "first"


def _text_of(outcome: Outcome | Draft) -> Draft | None:
    match outcome:
        case Draft():
            return outcome
        case Written(draft):
            return _as_sent(draft)
        case _:
            return None


def _usage_of(outcome: Outcome | Draft) -> Usage | None:
    return outcome.draft.usage if isinstance(outcome, Written) else outcome.usage


def _as_sent(draft: Draft) -> Draft:
    return replace(draft, text=downgrade(draft.text))


def _ask(model: ModelWriter, limit: Limit, questions: Sequence[Question]) -> list[Outcome]:
    """Ask every question; after a server has said that it will refuse them all, the rest end as that one did."""

    async def ask() -> list[Outcome]:
        purse, outcomes, waiting = Purse(limit.fetch), dict[int, Outcome](), iter(enumerate(questions))

        async def work() -> None:
            for number, each in waiting:
                outcome = await model.write(each.brief, objections=each.objections, purse=purse)
                outcomes[number] = outcome
                if isinstance(outcome, Failed) and outcome.hopeless:
                    outcomes.update((number, outcome) for number, _ in waiting)

        async with model:
            await asyncio.gather(*(work() for _ in range(model.concurrency)))
        limit.left += purse.left
        return [outcomes[number] for number in range(len(questions))]

    return asyncio.run(ask()) if questions else []
