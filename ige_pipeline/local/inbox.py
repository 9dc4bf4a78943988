"""The inbox: the texts that reached the sandbox receiver, in memory and in a file that outlives it."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Flat(BaseModel):
    """The seven fields of the flat body, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid")

    phone: str = Field(min_length=1)
    message: str = Field(min_length=1)
    contractor_id: int
    message_type: str
    message_id: int
    contractor_name: str
    ai_reasoning: str | None

    def flat(self) -> "Flat":
        """Return the seven fields."""
        return self


class SendViaGhl(BaseModel):
    """What the nested body asks GoHighLevel to send."""

    model_config = ConfigDict(strict=True, extra="forbid")

    phone: str = Field(min_length=1)
    message: str = Field(min_length=1)
    from_name: str
    timestamp: str


class GhlMetadata(BaseModel):
    """What the nested body says about the message."""

    model_config = ConfigDict(strict=True, extra="forbid")

    contractor_id: int
    message_type: str
    message_id: int
    contractor_name: str
    ai_reasoning: str | None
    source: str


class Ghl(BaseModel):
    """The nested body."""

    model_config = ConfigDict(strict=True, extra="forbid")

    send_via_ghl: SendViaGhl
    metadata: GhlMetadata

    def flat(self) -> Flat:
        """Return the seven fields that lie in it."""
        sent = self.send_via_ghl.model_dump(exclude={"from_name", "timestamp"})
        return Flat.model_validate({**sent, **self.metadata.model_dump(exclude={"source"})})


def parse(body: dict[str, Any]) -> Flat:
    """Read either body; ValidationError when a field is missing, unknown or of the wrong type."""
    return (Ghl if "send_via_ghl" in body else Flat).model_validate(body).flat()


@dataclass(frozen=True)
class Text:
    """A text that arrived, when (UTC, ISO 8601), under which idempotency key, and how often it was repeated."""

    key: str
    arrived_at: str
    body: dict[str, Any]
    repeats: int = 0


class Inbox:
    """Remembers each text once by its idempotency key. A line of the file is a text or the repeat of one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[str, Text] = {}
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in before.splitlines():
            self._recall(line)
        if before and not before.endswith("\n"):
            path.write_text(before + "\n", encoding="utf-8")

    @property
    def texts(self) -> list[Text]:
        """Every text, newest first."""
        return list(reversed(self._texts.values()))

    def take(self, key: str, flat: Flat) -> Text:
        """Remember a text, or that it was repeated; on disk before this returns."""
        known = self._texts.get(key)
        if known:
            self._write({"key": key, "repeated_at": _now()})
            text = replace(known, repeats=known.repeats + 1)
        else:
            text = Text(key=key, arrived_at=_now(), body=flat.model_dump())
            self._write({"key": key, "arrived_at": text.arrived_at, "body": text.body})
        self._texts[key] = text
        return text

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _recall(self, line: str) -> None:
        """Read a line back; one that a crash cut off was never answered and so will come again."""
        try:
            was = json.loads(line)
        except json.JSONDecodeError:
            return
        if "body" in was:
            self._texts[was["key"]] = Text(**was)
        elif known := self._texts.get(was["key"]):
            self._texts[was["key"]] = replace(known, repeats=known.repeats + 1)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
