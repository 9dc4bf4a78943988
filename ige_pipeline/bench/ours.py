"""The pipeline's own way, with nothing written and with the ledger written: the same functions that its ops call."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import uuid4

import pandas as pd

from ige_pipeline.bench.reference import Winners
from ige_pipeline.ledger.batch import Batch, open_batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import fetch_frame, of_whole_contractors, with_facts
from ige_pipeline.safeguards.judgement import blocked
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


def unwritten(conn: Connection, batch: Batch, triggers: Iterable[Trigger], settings: Settings) -> pd.DataFrame:
    """Return whom we would write to, with nothing written: contractor_id, trigger_name and subject_id."""
    found = [
        fetch_frame(conn, selection(trigger), parameters(trigger, batch, settings))
        for trigger in triggers
        if not trigger.promised
    ]
    candidates = pd.concat([frame for frame in found if len(frame)]).reset_index(drop=True)
    # In the ledger a decision's number says the same: which trigger came first, and then which subject.
    candidates["id"] = candidates.index
    return pd.concat(
        [
            _free(conn, piece, settings)
            for piece in of_whole_contractors(candidates.sort_values("contractor_id", kind="stable"))
        ]
    )


def _free(conn: Connection, candidates: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    findings, _ = decide(with_facts(conn, candidates, settings, consent_needed=False), settings)
    free = candidates[~candidates.index.isin(blocked(findings))]
    return free[["contractor_id", "trigger_name", "subject_id"]]


def written(conn: Connection, batch: Batch, triggers: Iterable[Trigger], settings: Settings) -> None:
    """Record and screen a batch: the scheduling job's first two ops."""
    evaluate(conn, batch, triggers, settings)
    screen_recipients(conn, batch, settings, consent_needed=False)


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
