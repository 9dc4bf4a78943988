"""What one run was asked for, beside what holds for all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings


@dataclass(frozen=True)
class RunRequest:
    """`settings` reads the thresholds in force now (Refusal when one is malformed); `as_of` is ISO 8601 or empty.

    Without `triggers` all of them are run. `consent_needed` is false only where the endpoint is loopback.
    """

    settings: Callable[[], Settings]
    dry_run: bool = False
    as_of: str | None = None
    triggers: tuple[str, ...] = ()
    consent_needed: Callable[[], bool] = lambda: True

    def require_sender(self, settings: Settings) -> None:
        """Refuse a batch whose texts would not say who writes: see the function of that name."""
        require_sender(settings, texts_leave=self.consent_needed(), dry_run=self.dry_run)

    def moment(self) -> datetime | None:
        """Return the as-of that was asked for, None for the database's now; Refusal when it is no time."""
        if not self.as_of:
            return None
        try:
            moment = datetime.fromisoformat(self.as_of)
        except ValueError as error:
            raise Refusal("as_of is not a time: write it as 2026-11-23T14:00:00Z.") from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def require_sender(settings: Settings, *, texts_leave: bool, dry_run: bool) -> None:
    """Refuse a batch whose texts would leave this machine and not say who writes; a dry run sends none."""
    if texts_leave and not dry_run and not settings.sender_name.strip():
        raise Refusal(
            "sender_name is not set: the first text to a number must say who writes; set it in ige.toml or as "
            "IGE_SENDER_NAME.",
        )
