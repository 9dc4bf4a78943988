"""The two jobs by hand: the same stage functions in the same order, without Dagster."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ige_pipeline.delivery import outbox
from ige_pipeline.delivery.deliver import deliver, require_permission
from ige_pipeline.delivery.run import Progress
from ige_pipeline.delivery.tally import DeliveryReport
from ige_pipeline.environment import Environment
from ige_pipeline.inbound.take_refusal import take_refusal
from ige_pipeline.ledger.batch import Batch, close_batch, explain_left_behind, open_batch
from ige_pipeline.ledger.home import require_home
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import lanes_of
from ige_pipeline.run_request import require_sender
from ige_pipeline.settings import Settings

if TYPE_CHECKING:
    from ige_pipeline.generation.model import ModelWriter

Step = Callable[[str], None]


def schedule_batch(
    environment: Environment,
    *,
    settings: Settings,
    as_of: datetime | None = None,
    dry_run: bool = False,
    step: Step = lambda _name: None,
) -> tuple[Batch, dict[str, Any]]:
    """Run the five stages of one batch; return it and its closing row (counts by verdict, tokens, cost in USD)."""
    from ige_pipeline.delivery.held import count_of_batch  # noqa: PLC0415 - as below
    from ige_pipeline.delivery.schedule import require_not_held  # noqa: PLC0415 - kept out of the others' start-up
    from ige_pipeline.triggers.trigger import load_all  # noqa: PLC0415 - as above

    triggers = load_all()
    with lanes_of(environment.checked_database(), settings.batch_connections) as lanes:
        conn = lanes[0]
        require_sender(settings, texts_leave=environment.consent_needed, dry_run=dry_run)
        batch = open_batch(
            conn,
            root_run_id=f"cli-{uuid4()}",
            triggers=[trigger.name for trigger in triggers],
            settings=settings.model_dump(),
            as_of=as_of,
            dry_run=dry_run,
        )
        for name, stage in _stages(lanes, batch, environment, settings, model=environment.model(settings)):
            step(name)
            stage()
        closed = close_batch(conn, batch)
        explain_left_behind(conn)
        drafts = count_of_batch(conn, batch)
    require_not_held(batch, closed["counts"], within_hours=settings.expire_after_hours, drafts=drafts)
    return batch, closed


def _stages(
    lanes: Sequence[Connection],
    batch: Batch,
    environment: Environment,
    settings: Settings,
    *,
    model: "ModelWriter | None",
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Name each stage of a batch and say how it is run, in order."""
    from ige_pipeline.delivery.schedule import schedule_messages  # noqa: PLC0415
    from ige_pipeline.generation import generate, template  # noqa: PLC0415
    from ige_pipeline.safeguards import review, screen, second_try  # noqa: PLC0415
    from ige_pipeline.triggers.evaluate import evaluate  # noqa: PLC0415
    from ige_pipeline.triggers.trigger import load_all  # noqa: PLC0415

    templates = template.of(settings)
    conn, *beside = lanes
    needed = environment.consent_needed

    def check_texts() -> None:
        second_try.ask_again(conn, batch, settings, model=model)
        review.screen_content(conn, batch, settings, templates=templates)

    yield "evaluate_triggers", lambda: evaluate(conn, batch, load_all(), settings, beside=beside)
    yield (
        "screen_recipients",
        lambda: screen.screen_recipients(conn, batch, settings, consent_needed=needed, beside=beside),
    )
    yield (
        "generate_messages",
        lambda: generate.generate_messages(conn, batch, settings, templates=templates, model=model),
    )
    yield "screen_content", check_texts
    yield "schedule_messages", lambda: schedule_messages(conn, batch, settings)


def deliver_once(
    environment: Environment, *, settings: Settings, progress: Progress = lambda _lease, _outcome: None
) -> tuple[DeliveryReport, dict[str, Any]]:
    """Run the three stages of one delivery run; return its report and the backlog that is left."""
    endpoint = environment.endpoint(settings)
    run_id = f"cli-{uuid4()}"
    with environment.checked_database().connect() as conn:
        require_home(conn)
        now = outbox.standing(conn)
        require_permission(now, settings)
        expired = outbox.expire_stale(conn, settings, run_id=run_id, adopted=now.adopted)
        report = deliver(conn, endpoint, settings, run_id=run_id, progress=progress, take_refusal=take_refusal)
        report.counts["Expired"] += expired
        return report, outbox.backlog(conn, adopted=now.adopted)


def what_would_change(
    environment: Environment, overrides: dict[str, str], *, as_of: datetime | None = None, examples: int = 3
) -> dict[str, Any]:
    """Run two dry batches as of one moment, with the settings in force and with `overrides`; return counts of both.

    Stage by stage, so that the safeguards, which go by the database's clock, look at both within moments. The templates
    write the texts: nobody pays for a question. `changes` counts the candidates that are judged differently, `examples`
    are a few of each kind.
    """
    from ige_pipeline.ledger.compare import differences  # noqa: PLC0415 - kept out of the others' start-up

    both = (environment.settings(), environment.settings(overrides))
    with lanes_of(environment.checked_database(), both[0].batch_connections) as lanes:
        one, other = _two_batches(lanes[0], both, as_of=as_of)
        pairs = zip((one, other), both, strict=True)
        stages = [_stages(lanes, batch, environment, settings, model=None) for batch, settings in pairs]
        for (_, now), (_, then) in zip(*stages, strict=True):
            now()
            then()
        closed = [close_batch(lanes[0], batch)["counts"] for batch in (one, other)]
        found = differences(lanes[0], one, other, examples=examples)
    kinds = {f"{row['now']} -> {row['then']}": row.pop("of_this_kind") for row in found}
    return {"now": closed[0], "then": closed[1], "changes": sum(kinds.values()), "kinds": kinds, "examples": found}


def _two_batches(conn: Connection, both: Sequence[Settings], *, as_of: datetime | None) -> list[Batch]:
    """Open both in one transaction: the database's now, and the day, are then the same."""
    from ige_pipeline.triggers.trigger import load_all  # noqa: PLC0415 - as above

    with conn.transaction():
        return [
            open_batch(
                conn,
                root_run_id=f"cli-{uuid4()}",
                triggers=[trigger.name for trigger in load_all()],
                settings=settings.model_dump(),
                as_of=as_of,
                dry_run=True,
            )
            for settings in both
        ]
