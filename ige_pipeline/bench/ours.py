"""The pipeline's own way, with nothing written and with the ledger written: the same functions that its ops call."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import uuid4

import pandas as pd

from ige_pipeline.bench.reference import Winners
from ige_pipeline.ledger.batch import Batch, open_batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import side_by_side
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import fetch_frame, of_whole_contractors, with_facts
from ige_pipeline.safeguards.judgement import blocked
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.safeguards.screen import decide, screen_recipients
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate, parameters, selection
from ige_pipeline.triggers.trigger import Trigger, load_all

_QUERIES = load(__package__, "ours.sql")
GOAL_TRIGGERS = ("high_priority_goal", "milestone_achieved", "stalled_goal")


def goal_triggers() -> list[Trigger]:
    """Return the three triggers that the old system had."""
    return [trigger for trigger in load_all() if trigger.name in GOAL_TRIGGERS]


def every_trigger() -> list[Trigger]:
    """Return all that there are."""
    return list(load_all())


def new_batch(conn: Connection, batch: Batch | None = None) -> Batch:
    """Open a batch of its own, as of the same moment as another if one is given."""
    opened = open_batch(conn, root_run_id=f"bench-{uuid4()}", triggers=[], settings={})
    return opened if batch is None else replace(opened, as_of=batch.as_of)


def unwritten(
    lanes: Sequence[Connection], batch: Batch, triggers: Iterable[Trigger], settings: Settings
) -> pd.DataFrame:
    """Return whom we would write to, with nothing written: contractor_id, trigger_name and subject_id."""
    chosen = [trigger for trigger in triggers if not trigger.promised]
    found: dict[str, pd.DataFrame] = {}

    def select(lane: Connection, trigger: Trigger) -> None:
        found[trigger.name] = fetch_frame(lane, selection(trigger), parameters(trigger, batch, settings))

    side_by_side(lanes, chosen, select)
    frames = [found[trigger.name] for trigger in chosen]
    candidates = pd.concat([frame for frame in frames if len(frame)]).reset_index(drop=True)
    # In the ledger a decision's number says the same: which trigger came first, and then which subject.
    candidates["id"] = candidates.index
    return _free(lanes, candidates.sort_values("contractor_id", kind="stable"), settings)


def _free(lanes: Sequence[Connection], candidates: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    sharing = look_up(lanes[0], candidates["contractor_id"].unique().tolist(), region=settings.default_region)
    free: list[pd.DataFrame] = []

    def screen(lane: Connection, piece: pd.DataFrame) -> None:
        frame = with_facts(lane, piece, settings, consent_needed=False, sharing=sharing)
        findings, _ = decide(frame, settings)
        free.append(piece[~piece.index.isin(blocked(findings))])

    side_by_side(lanes, of_whole_contractors(candidates), screen)
    return pd.concat(free)[["contractor_id", "trigger_name", "subject_id"]]


def written(lanes: Sequence[Connection], batch: Batch, triggers: Iterable[Trigger], settings: Settings) -> None:
    """Record and screen a batch: the scheduling job's first two ops."""
    conn, *beside = lanes
    evaluate(conn, batch, triggers, settings, beside=beside)
    screen_recipients(conn, batch, settings, consent_needed=False, beside=beside)


def empty_ledger(conn: Connection) -> None:
    """Begin as each day does; what the last batch wrote is not the next one's to flush."""
    conn.execute("TRUNCATE ige_decisions, ige_candidates")
    conn.execute("CHECKPOINT")


def recorded(conn: Connection, batch: Batch) -> tuple[int, Winners]:
    """Return how many candidates a batch recorded, and whom it would write to."""
    counted = conn.execute(_QUERIES["candidates"], batch.key).fetchone()
    return (counted or {})["candidates"], winners_of(fetch_frame(conn, _QUERIES["winners"], batch.key))


def winners_of(frame: pd.DataFrame) -> Winners:
    """Return a frame's winners in the form that can be compared."""
    return set(zip(frame["contractor_id"].tolist(), frame["trigger_name"], frame["subject_id"].tolist(), strict=True))
