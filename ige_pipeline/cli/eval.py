"""`ige eval`: how good the texts are, and whether another prompt or model writes better ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import click

from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option, set_option
from ige_pipeline.environment import Environment
from ige_pipeline.evaluation import checks
from ige_pipeline.evaluation.evaluate import Evaluation, Limit, Result, evaluate
from ige_pipeline.evaluation.situation import situations, version
from ige_pipeline.generation import prompt, template
from ige_pipeline.generation.variants import MESSAGE_TYPES
from ige_pipeline.refusal import Refusal

TEMPLATES = "templates"


@click.command(name="eval")
@click.option("--writer", help="Who writes: `templates`, a version of the prompt, or a model; else as configured.")
@click.option("--against", help="Who writes beside it, named in the same way.")
@click.option("--type", "message_type", type=click.Choice(MESSAGE_TYPES), help="Only this message type.")
@click.option("--examples", default=8, show_default=True, help="Show so many texts; those that fail come first.")
@click.option(
    "--at-least",
    type=click.FloatRange(0, 1),
    default=0.95,
    show_default=True,
    help="Exit with 1 where a smaller share of first texts passes every check.",
)
@set_option
@json_option
@click.pass_context
def eval(  # noqa: A001 - its name on the command line
    context: click.Context,
    *,
    writer: str | None,
    against: str | None,
    message_type: str | None,
    examples: int,
    at_least: float,
    overrides: dict[str, str],
    json_wanted: bool,
) -> None:
    """Write about a set of made-up situations and count which checks the texts pass.

    Both writers together keep to the spend limit of one batch; that of the day neither holds nor is charged.

    Exit codes: 0 good enough, 1 under `--at-least` or worse than what it is set against, 2 refused.
    """
    about = [each for each in situations() if message_type in {None, each.message_type}]
    limit = Limit(Decimal(str(Environment.of_process().settings(overrides).model_spend_per_batch_usd)))
    names = [writer] if against is None else [writer, against]
    found = [_evaluation(about, name, overrides, limit) for name in names]
    if json_wanted:
        as_json({"situations": len(about), "version": version(), "writers": [_as_dict(each) for each in found]})
    else:
        _show(found, examples=examples)
    better = len(found) > 1 and found[1].fit > found[0].fit
    context.exit(1 if better or found[0].fit < at_least else 0)


def _evaluation(about: Sequence[Any], name: str | None, overrides: dict[str, str], limit: Limit) -> Evaluation:
    environment = Environment.of_process()
    if name in prompt.VERSIONS:
        overrides = overrides | {"model_prompt": str(name)}
    elif name not in {None, TEMPLATES}:
        environment = replace(environment, values={**environment.values, "IGE_OPENAI_MODEL": str(name)})
    settings = environment.settings(overrides)
    model = None if name == TEMPLATES else environment.model(settings)
    if model is None and name not in {None, TEMPLATES}:
        raise Refusal(f"OPENAI_API_KEY is not set, so {name} cannot write.")
    return evaluate(about, settings, templates=template.of(settings), model=model, limit=limit)


def _show(found: Sequence[Evaluation], *, examples: int) -> None:
    names = [each.writer for each in found]
    rates = [each.rates() for each in found]
    rows = ((check, *(f"{rate[check]:.1%}" for rate in rates)) for check in checks.ALL)
    title = f"{len(found[0].results)} situations (set {version()}): first texts that pass"
    table(title, ("check", *names), [*rows, ("every check", *(f"{each.fit:.1%}" for each in found))])
    for each in found:
        ways = ", ".join(f"{way} {count}" for way, count in each.ways().items() if count)
        say(f"{each.writer}: {ways}; {each.cost_usd:.4f} USD")
    if examples:
        table("Texts", ("situation", *names), _examples(found, examples))


def _examples(found: Sequence[Evaluation], number: int) -> Iterator[tuple[str, ...]]:
    together = list(zip_longest(*(each.results for each in found)))
    together.sort(key=lambda results: -sum(len(each.failed) for each in results))
    for results in together[:number]:
        yield (results[0].situation.name, *(_told(each) for each in results))


def _told(result: Result) -> str:
    why = f" [{', '.join(result.failed)}]" if result.failed else ""
    return (result.text or result.why_no_text) + why


def _as_dict(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "writer": evaluation.writer,
        "fit": round(evaluation.fit, 4),
        "checks": {name: round(rate, 4) for name, rate in evaluation.rates().items()},
        "ways": evaluation.ways(),
        "cost_usd": evaluation.cost_usd,
        "texts": [
            {
                "situation": each.situation.name,
                "text": each.text or None,
                "why_no_text": each.why_no_text or None,
                "failed": each.failed,
                "sent": each.sent or None,
                "how": each.how,
                "sent_failed": each.sent_failed,
            }
            for each in evaluation.results
        ],
    }
