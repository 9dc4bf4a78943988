"""Have the model read what no rule knows, after the reply was taken: an opt-out never waits for a model.

Off unless `replies_read_by_model` says so. What the model does not know, refuses, or answers in another shape stays
unknown for good; what could not be asked, or not be paid for, is asked again the next hour.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ige_pipeline.generation.asking import Account, put_to_all
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import CutOff, Fault, Refused
from ige_pipeline.generation.purse import Purse
from ige_pipeline.inbound.deadlock import unless_deadlocked
from ige_pipeline.inbound.feeling import RATING, Indicator
from ige_pipeline.inbound.question import VERSION, Told, inquiry
from ige_pipeline.inbound.trust import hold_trust, move_trust
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES, _REPLIES = load(__package__, "read_replies.sql"), load(__package__, "receive.sql")
# Asked again, it would answer the same.
_FOR_GOOD = frozenset({"model_malformed_answer", "model_http_400", "model_http_422"})


@dataclass(frozen=True, slots=True)
class _Unread:
    """A reply that no rule knows. `said` and `replied`: texts."""

    id: int
    contractor_id: int
    message_id: int | None
    first_response: bool
    said: str | None
    replied: str


@dataclass(frozen=True, slots=True)
class _Hour:
    """Who pays."""

    id: int


def read_replies(conn: Connection, settings: Settings, *, model: ModelWriter | None) -> Mapping[str, int]:
    """Ask about each reply once; return how many told what, or were not read for which reason."""
    if model is None or not settings.replies_read_by_model:
        return {}
    unread = [_Unread(**row) for row in conn.execute(_QUERIES["unread"])]
    if not unread:
        return {}
    payer = _Hour((conn.execute(_QUERIES["reader"]).fetchone() or {})["id"])
    keeping = _Keeping(conn, settings, read_by=f"{model.model} {VERSION}")
    put_to_all(unread, put=_put, model=model, account=Account(conn, payer, settings), keep=keeping.keep)
    return dict(keeping.counts)


async def _put(reply: _Unread, model: ModelWriter, purse: Purse) -> Told | Fault:
    return await model.ask(inquiry(they_said=reply.replied, we_said=reply.said), purse=purse)


class _Keeping:
    """Writes down what came of each question, and counts it."""

    def __init__(self, conn: Connection, settings: Settings, *, read_by: str) -> None:
        self.counts: Counter[str] = Counter()
        self._conn, self._settings, self._read_by = conn, settings, read_by

    def keep(self, answered: Sequence[tuple[_Unread, Told | Fault]]) -> None:
        for reply, outcome in answered:
            match outcome:
                case Told(indicator):
                    self._note(reply, indicator)
                    self.counts[str(indicator or "unknown")] += 1
                case _:
                    if isinstance(outcome, Refused | CutOff) or outcome.reason in _FOR_GOOD:
                        self._note(reply, None)
                    self.counts[outcome.reason] += 1

    def _note(self, reply: _Unread, indicator: Indicator | None) -> None:
        unless_deadlocked(lambda: self._write(reply, indicator))

    def _write(self, reply: _Unread, indicator: Indicator | None) -> None:
        """Trust is held before the messages are touched, as whoever takes a reply does."""
        values = {"id": reply.id, "message_id": reply.message_id, "read_by": self._read_by, "indicator": indicator}
        with self._conn.transaction():
            hold_trust(self._conn, [reply.contractor_id])
            moves = indicator is not None and not self._acted_already(reply, indicator)
            new = self._conn.execute(_QUERIES["note_reading"], values).rowcount > 0
            if new and indicator is not None and reply.first_response:
                self._conn.execute(_QUERIES["rate"], values | {"rating": RATING[indicator]})
            if new and indicator is not None and moves:
                self._move(reply, indicator)

    def _acted_already(self, reply: _Unread, indicator: Indicator) -> bool:
        if indicator is not Indicator.ACTED_ON_SUGGESTION:
            return False
        return self._conn.execute(_REPLIES["acted_already"], {"message_id": reply.message_id}).fetchone() is not None

    def _move(self, reply: _Unread, indicator: Indicator) -> None:
        cause = {"cause": "model", "inbound_id": reply.id, "message_id": reply.message_id, "read_by": self._read_by}
        why = f"Reply {reply.id}: {str(indicator).replace('_', ' ')}, as the model reads it."
        move_trust(self._conn, reply.contractor_id, indicator, self._settings, why=why, cause=cause)
