"""The pipeline's own way, with nothing written and with the ledger written: the same functions that its ops call."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from uuid import uuid4

import pandas as pd
from psycopg import sql

from ige_pipeline.bench.reference import Winners
from ige_pipeline.ledger.batch import Batch, open_batch
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.lanes import side_by_side
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.batch_facts import fetch_frame
from ige_pipeline.safeguards.judgement import blocked
from ige_pipeline.safeguards.piece import Piece, Screening, Sources, pieces_of, take
from ige_pipeline.safeguards.screen import cut_and_look_up, decide, screen_recipients
from ige_pipeline.settings import Settings
from ige_pipeline.triggers.evaluate import evaluate, parameters, selection
from ige_pipeline.triggers.trigger import Trigger, load_all

_QUERIES = load(__package__, "ours.sql")
_SLIM = Sources(candidates=sql.Identifier("ige_bench_candidates"))
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
    """Return whom we would write to, with nothing recorded: contractor_id, trigger_name and subject_id."""
    conn = lanes[0]
    for name in ("slim_candidates", "no_slim_candidates", "index_slim_candidates"):
        conn.execute(_slim(name))
    chosen = [trigger for trigger in triggers if not trigger.promised]

    def select(lane: Connection, trigger: Trigger) -> None:
        keep = _slim("keep_slim", selection=selection(trigger))
        lane.execute(keep, parameters(trigger, batch, settings) | batch.key, prepare=False)

    side_by_side(lanes, chosen, select)
    return _free(lanes, batch, settings)


def _free(lanes: Sequence[Connection], batch: Batch, settings: Settings) -> pd.DataFrame:
    spans, sharing = cut_and_look_up(lanes, batch, settings, sources=_SLIM)
    asked = Screening(batch, settings, consent_needed=False, sharing=sharing)
    free: list[pd.DataFrame] = []

    def screen(lane: Connection, piece: Piece) -> None:
        with lane.transaction():
            frame = take(lane, piece, asked, sources=_SLIM)
            findings, _ = decide(frame, settings)
            passed = frame["id"][~frame.index.isin(blocked(findings))]
            free.append(fetch_frame(lane, _slim("free"), {"free_ids": passed.tolist()}))

    side_by_side(lanes, pieces_of(lanes[0], batch, spans), screen)
    return pd.concat(free)


def _slim(name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(_QUERIES[name]).format(slim=_SLIM.candidates, piece=sql.Identifier("piece"), **parts)


def written(lanes: Sequence[Connection], batch: Batch, triggers: Iterable[Trigger], settings: Settings) -> None:
    """Record and screen a batch: the scheduling job's first two ops."""
    conn, *beside = lanes
    evaluate(conn, batch, triggers, settings, beside=beside)
    screen_recipients(conn, batch, settings, consent_needed=False, beside=beside)


def ledger_again(conn: Connection, measure: Callable[[Callable[[], object]], object]) -> None:
    """Have the writing of the last batch's decisions measured by itself: what no way to decide can come under."""
    keep, write, drop = (
        sql.SQL(_QUERIES[name]).format(aside=sql.Identifier("ledger_aside"))
        for name in ("keep_ledger", "write_ledger", "drop_ledger")
    )
    conn.execute(keep)
    empty_ledger(conn)
    measure(lambda: conn.execute(write))
    conn.execute(drop)


def empty_ledger(conn: Connection) -> None:
    """Begin as each day does; what the last batch wrote is not the next one's to flush."""
    conn.execute("TRUNCATE ige_decisions, ige_batch_candidates")
    conn.execute("CHECKPOINT")


def recorded(conn: Connection, batch: Batch) -> tuple[int, Winners]:
    """Return how many candidates a batch recorded, and whom it would write to."""
    counted = conn.execute(_QUERIES["candidates"], batch.key).fetchone()
    return (counted or {})["candidates"], winners_of(fetch_frame(conn, _QUERIES["winners"], batch.key))


def winners_of(frame: pd.DataFrame) -> Winners:
    """Return a frame's winners in the form that can be compared."""
    return set(zip(frame["contractor_id"].tolist(), frame["trigger_name"], frame["subject_id"].tolist(), strict=True))
