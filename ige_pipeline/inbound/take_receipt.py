"""Take one receipt: keep it, find its message, tell the message, and do what its code asks, in one transaction."""

from dataclasses import dataclass
from functools import partial
from typing import Any, assert_never

from ige_pipeline.delivery.alert import raise_alert
from ige_pipeline.delivery.switches import set_stop
from ige_pipeline.inbound import opt_out
from ige_pipeline.inbound.correspondent import number_of, whose
from ige_pipeline.inbound.deadlock import unless_deadlocked
from ige_pipeline.inbound.letter import Fields, clean, short_id
from ige_pipeline.inbound.opt_out_source import Source
from ige_pipeline.inbound.receipt import STATUSES, Call, Receipt
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.settings import Settings

_QUERIES, _REPLIES = load(__package__, "receipts.sql"), load(__package__, "receive.sql")
_LARGEST_ID = 2**63 - 1
_FILTERED = (
    "All sending is stopped: a carrier filters our texts (30007). Find out why with your provider, then `ige start`."
)


@dataclass(frozen=True)
class TakenReceipt:
    """What became of a receipt; `id` is None where there is nothing in it that could be kept."""

    id: int | None
    status: str
    repeat: bool = False
    message_id: int | None = None
    done: str = ""


def receipt_of(fields: Fields) -> Receipt | None:
    """Read a receipt; None where nothing says which text it is about."""
    said = clean(fields.get("status")).lower()[:40]
    named = fields.get("message_id")
    digits = named.isascii() and named.isdigit() and len(named) < 20  # noqa: PLR2004 - a bigint
    provider_id = short_id(fields.get("provider_id")) or (f"ours-{named}" if digits else "")
    if not provider_id:
        return None
    return Receipt(
        provider_id=provider_id,
        status=STATUSES.get(said, said or "unknown"),
        code=clean(fields.get("code"))[:40].removesuffix(".0"),
        number=fields.get("recipient").rpartition(":")[2],
        message_id=int(named) if digits and int(named) <= _LARGEST_ID else None,
        key=clean(fields.get("key"))[:100],
    )


def take_receipt(conn: Connection, receipt: Receipt, settings: Settings, *, proof: str) -> TakenReceipt:
    """Keep a receipt and do what it asks; a repeat changes nothing."""
    return unless_deadlocked(lambda: _take(conn, receipt, settings, proof=proof))


def _take(conn: Connection, receipt: Receipt, settings: Settings, *, proof: str) -> TakenReceipt:
    number = number_of(receipt.number, settings)
    values = vars(receipt) | {"proof": proof, "phone_e164": number}
    with conn.transaction():
        conn.execute(_QUERIES["hold"], values)
        row = conn.execute(_QUERIES["take"], values).fetchone()
        message_id = _message(conn, values)
        if row is None:
            return TakenReceipt(None, receipt.status, repeat=True, message_id=message_id)
        return _Case(conn, settings, row["id"], receipt, message_id, number).settle()


def settle_again(conn: Connection, settings: Settings) -> int:
    """Look once more at receipts that came before what they are about; return how many found it."""
    found = 0
    for row in conn.execute(_QUERIES["unsettled"]).fetchall():
        settled = unless_deadlocked(partial(_settle_again, conn, row, settings))
        found += settled.done != ""
    return found


def _settle_again(conn: Connection, row: dict[str, Any], settings: Settings) -> TakenReceipt:
    receipt = Receipt(row["provider_id"], row["status"], row["code"], "", row["message_id"], "")
    with conn.transaction():
        conn.execute(_QUERIES["hold"], vars(receipt))
        message_id = row["message_id"] or _message(conn, vars(receipt) | {"phone_e164": row["phone_e164"]})
        return _Case(conn, settings, row["id"], receipt, message_id, row["phone_e164"]).settle()


def _message(conn: Connection, values: dict[str, Any]) -> int | None:
    """Find the message: as it is named, as an earlier receipt named it, or by what its POST was answered."""
    for query in ("message_named", "message_known", "message_answered"):
        row = conn.execute(_QUERIES[query], values).fetchone()
        if row is not None:
            return int(row["id"])
    return None


@dataclass(frozen=True)
class _Case:
    """One receipt and all that is known about it."""

    conn: Connection
    settings: Settings
    id: int
    receipt: Receipt
    message_id: int | None
    number: str | None

    def settle(self) -> TakenReceipt:
        """Tell its message, do what it asks, and write down what that was."""
        if self.message_id is not None:
            self.conn.execute(_QUERIES["link"], self._values)
            if self.receipt.status == "delivered":
                self.conn.execute(_REPLIES["arrived"], self._values)
            if self.receipt.rank is not None:
                self.conn.execute(_QUERIES["tell_message"], self._values)
        done = self._act()
        self.conn.execute(_QUERIES["done"], {"id": self.id, "done": done})
        return TakenReceipt(self.id, self.receipt.status, message_id=self.message_id, done=done)

    @property
    def _values(self) -> dict[str, Any]:
        known = {"message_id": self.message_id, "rank": self.receipt.rank, "who": f"receipt {self.id}"}
        return vars(self.receipt) | known | {"region": self.settings.default_region}

    def _act(self) -> str:
        """Do what the code asks; return what was done, nothing where it cannot be done yet."""
        match self.receipt.call:
            case Call.SUPPRESS:
                return self._suppress(Source.PROVIDER)
            case Call.NEVER_AGAIN:
                return self._suppress(Source.UNREACHABLE)
            case Call.SEND_AGAIN:
                return "" if self.message_id is None else self._send_again()
            case Call.STOP:
                return self._stop()
            case Call.NOTHING:
                return "" if self.message_id is None else "told"
            case never:
                assert_never(never)

    def _suppress(self, source: Source) -> str:
        number = self.number or self._number_of_message()
        if number is None:
            return ""
        who = f"receipt {self.id}"
        new = opt_out.suppress(self.conn, number, source=source, reason=f"{who}: {self.receipt.code}")
        ids = whose(self.conn, number, self.settings).reached_by_it
        opt_out.cancel_waiting(self.conn, ids, who=who, anew=new)
        return "suppressed"

    def _number_of_message(self) -> str | None:
        row = self.conn.execute(_QUERIES["number_of_message"], self._values).fetchone()
        return row["e164"] if row else None

    def _send_again(self) -> str:
        return "sent_again" if self.conn.execute(_QUERIES["send_again"], self._values).rowcount else "left"

    def _stop(self) -> str:
        """Stop all sending, unless it is stopped, or was started again after this text had left."""
        now = self.conn.execute(_QUERIES["left_since_start"], self._values).fetchone() or {}
        if now["stopped"] or not now["new"]:
            return "left"
        set_stop(self.conn, on=True, reason="a carrier filters our texts (30007)", who=f"receipt {self.id}")
        raise_alert(self.conn, kind="carrier_filtering", about="stop", sentence=_FILTERED)
        return "stopped"
