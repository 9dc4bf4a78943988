"""A number that a provider refuses at once, in the answer to our POST: as if a receipt had said so."""

from ige_pipeline.delivery.provider_said import refused_with
from ige_pipeline.delivery.settlement import Ended
from ige_pipeline.inbound.receipt import Call, Receipt
from ige_pipeline.inbound.take_receipt import take_receipt
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.settings import Settings

_OF_THE_NUMBER = {Call.SUPPRESS, Call.NEVER_AGAIN}


def take_refusal(conn: Connection, ended: Ended, settings: Settings) -> None:
    """Suppress the number of a message that was refused because its owner opted out, or because it is no mobile."""
    code = refused_with(ended)
    receipt = Receipt(
        # One of its own for each POST: after a START the provider may refuse once more.
        provider_id=f"answer-{ended.lease.token}",
        status="failed",
        code=code,
        number=ended.lease.phone,
        message_id=ended.lease.message_id,
        key=str(ended.lease.idempotency_key),
    )
    if code and receipt.call in _OF_THE_NUMBER:
        take_receipt(conn, receipt, settings, proof="answer")
