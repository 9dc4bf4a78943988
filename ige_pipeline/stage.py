"""What every op shares: order without cargo, a refusal as the run's one clear sentence, and the batch it works on."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import dagster as dg
import psycopg

from ige_pipeline.ledger.batch import Batch, find_batch
from ige_pipeline.postgres.connection import Connection, Database
from ige_pipeline.postgres.refused import refused_sentence
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings
from ige_pipeline.tracing import span

DONE, SHARDS = "done", "shards"
P = ParamSpec("P")
R = TypeVar("R")

# Resources are functions: what is wrong with the surroundings then fails the op that asks, in one sentence.
DatabaseSource = Callable[[], Database]
EndpointSource = Callable[[Settings], Any]
ModelSource = Callable[[Settings], Any]


def stage_op(
    *, kinds: set[str], first: bool = False, after: tuple[str, ...] = ("start",), splits: bool = False
) -> Callable[[Callable[P, R]], dg.OpDefinition]:
    """Make an op of a function: between ops travels only order, so each can be run again alone, on any machine.

    `after` names what it waits for. One that `splits` a large batch gives a step to each shard: what a shard is stands
    in the step's name, so that there is nothing to store.
    """
    done = dg.Out(dg.Nothing)
    outs: dict[str, Any] = {DONE: done, SHARDS: dg.DynamicOut(dg.Nothing)} if splits else {"result": done}

    def decorate(stage: Callable[P, R]) -> dg.OpDefinition:
        return dg.op(
            ins={} if first else {name: dg.In(dg.Nothing) for name in after},
            out=outs,
            description=(stage.__doc__ or "").strip(),
            tags={f"dagster/kind/{kind}": "" for kind in kinds},
        )(_refusing(stage))

    return decorate


Split = tuple[None, list[dg.DynamicOutput[None]]]
"""What an op that splits a batch returns."""


def split(keys: Iterable[str]) -> Split:
    """Give each of these shards a step of its own; without any, the batch goes straight on."""
    return None, [dg.DynamicOutput(None, mapping_key=key) for key in keys]


def root_run_id(context: dg.OpExecutionContext) -> str:
    """Return the id under which re-execution from failure finds the batch it began."""
    return context.run.root_run_id or context.run_id


def batch_of(conn: Connection, context: dg.OpExecutionContext) -> Batch:
    """Return the batch that this run's first op, or that of the run it repeats, opened."""
    return find_batch(conn, root_run_id(context))


def counts_as_metadata(title: str, counts: dict[str, int]) -> dict[str, int]:
    """Name counts so that each becomes a plot of its own on the asset's page."""
    return {f"{title}/{name}": count for name, count in counts.items()}


def as_table(rows: list[dict[str, Any]]) -> dg.MarkdownMetadataValue:
    """Show rows as a Markdown table; the caller has left out texts and numbers."""
    if not rows:
        return dg.MetadataValue.md("*none*")
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_cell(row[name]) for name in names] for row in rows)]
    return dg.MetadataValue.md("\n".join("| " + " | ".join(line) + " |" for line in lines))


def _cell(value: Any) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def _refusing(stage: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(stage)
    def refuse(*args: P.args, **kwargs: P.kwargs) -> R:
        context = next((each for each in args if isinstance(each, dg.OpExecutionContext)), None)
        known = (
            {} if context is None else {"run_id": context.run_id, "step": context.get_step_execution_context().step.key}
        )
        try:
            with span(stage.__name__, **known):
                return stage(*args, **kwargs)
        except Refusal as refusal:
            raise dg.Failure(description=str(refusal), allow_retries=False) from None
        except psycopg.Error as error:
            # Its own text quotes the row that was refused: a number and a message would end in Dagster's log.
            raise dg.Failure(description=refused_sentence(error)) from None

    return refuse
