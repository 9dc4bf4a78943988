"""The body that the webhook receives, in the two formats that the old system's workflows read."""

from datetime import datetime
from typing import Any, Literal, Protocol


class Sendable(Protocol):
    """What a body is made from."""

    @property
    def message_id(self) -> int: ...  # noqa: D102 - a field
    @property
    def contractor_id(self) -> int | None: ...  # noqa: D102 - a field
    @property
    def contractor_name(self) -> str: ...  # noqa: D102 - a field
    @property
    def phone(self) -> str: ...  # noqa: D102 - a field
    @property
    def message(self) -> str: ...  # noqa: D102 - a field
    @property
    def message_type(self) -> str: ...  # noqa: D102 - a field
    @property
    def ai_reasoning(self) -> str: ...  # noqa: D102 - a field


def body(
    sendable: Sendable, *, kind: Literal["flat", "ghl"], now: datetime, phone: str | None = None
) -> dict[str, Any]:
    """Return the JSON body: `flat` has exactly seven fields, `ghl` nests them for GoHighLevel.

    `phone` is the number to write, where that is not the one that is stored.
    """
    flat = {
        "phone": sendable.phone if phone is None else phone,
        "message": sendable.message,
        "contractor_id": sendable.contractor_id,
        "message_type": sendable.message_type,
        "message_id": sendable.message_id,
        "contractor_name": sendable.contractor_name,
        "ai_reasoning": sendable.ai_reasoning,
    }
    return flat if kind == "flat" else _ghl(flat, now)


def _ghl(flat: dict[str, Any], now: datetime) -> dict[str, Any]:
    kept = ("contractor_id", "message_type", "message_id", "contractor_name", "ai_reasoning")
    return {
        "send_via_ghl": {
            "phone": flat["phone"],
            "message": flat["message"],
            "from_name": "AI Concierge",
            "timestamp": now.isoformat(),
        },
        "metadata": {name: flat[name] for name in kept} | {"source": "ige_pipeline"},
    }
