"""Move somebody's trust score, and write down why: one row of `ai_trust_indicators` for each change."""

from typing import Any

from psycopg.types.json import Jsonb

from ige_pipeline.inbound.feeling import IMPACT, Indicator
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "trust.sql")


def hold_trust(conn: Connection, contractor_ids: list[int]) -> None:
    """Let nobody else move these scores before the end of the transaction."""
    conn.execute(_QUERIES["hold_trust"], {"contractor_ids": contractor_ids})


def move_trust(
    conn: Connection, contractor_id: int, indicator: Indicator, settings: Settings, *, why: str, cause: dict[str, Any]
) -> None:
    """Add one indicator with its impact, inside of the caller's transaction; nothing for somebody whose row is gone."""
    hold_trust(conn, [contractor_id])
    values = {
        "contractor_id": contractor_id,
        "indicator": str(indicator),
        "impact": IMPACT[indicator],
        "description": why,
        "cause": Jsonb(cause),
        "trust_without_record": settings.trust_without_record,
    }
    conn.execute(_QUERIES["record_indicator"], values)
