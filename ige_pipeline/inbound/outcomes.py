"""What became of messages: what was done because of one, and which nobody answered; each written down once."""

from dataclasses import dataclass
from typing import Any

from ige_pipeline.inbound.feeling import IMPACT, Indicator
from ige_pipeline.inbound.take_receipt import settle_again
from ige_pipeline.inbound.trust import hold_trust
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES = load(__package__, "outcomes.sql")
_AT_ONCE = 1_000


@dataclass(frozen=True)
class Outcomes:
    """How many messages led to action, how many were ignored, and how many late receipts found their message."""

    led_to_action: int = 0
    ignored: int = 0
    receipts: int = 0


def listen(conn: Connection, *, who: str) -> None:
    """Note that from now on somebody takes replies: what was sent before cannot have been ignored."""
    conn.execute(_QUERIES["listen"], {"who": who})


def track_outcomes(conn: Connection, settings: Settings) -> Outcomes:
    """Write down what is new; running it again, or twice at once, writes nothing twice."""
    receipts = settle_again(conn, settings)
    concerned = [row["contractor_id"] for row in conn.execute(_QUERIES["concerned"], settings.model_dump())]
    ids = [each for each in concerned if each is not None]
    led = ignored = 0
    for start in range(0, len(ids), _AT_ONCE):
        few = ids[start : start + _AT_ONCE]
        with conn.transaction():
            conn.execute(_QUERIES["hold_outcomes"])
            hold_trust(conn, few)
            values = settings.model_dump() | {"contractor_ids": few}
            led += _record(conn, "attribute", Indicator.ACTED_ON_SUGGESTION, values, cause="acted")
            ignored += _record(conn, "ignore", Indicator.IGNORED_SUGGESTION, values, cause="silence")
    return Outcomes(led, ignored, receipts)


def _record(conn: Connection, query: str, indicator: Indicator, values: dict[str, Any], *, cause: str) -> int:
    found = conn.execute(_QUERIES[query], values).fetchall()
    rows = [row for row in found if row["moves_trust"]]
    told = {
        "message_ids": [row["message_id"] for row in rows],
        "contractor_ids": [row["contractor_id"] for row in rows],
        "indicator": str(indicator),
        "impact": IMPACT[indicator],
        "cause": cause,
        "trust_without_record": values["trust_without_record"],
    }
    if rows:
        conn.execute(_QUERIES["record_outcomes"], told)
    return len(found)
