"""What if a threshold were another? Two dry batches side by side, tried beside the pages, one trial at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ige_pipeline.refusal import Refusal


@dataclass(frozen=True)
class Trial:
    """One trial: what was changed, by whom and when; `found` once it is over, or why it was `refused`."""

    setting: str
    value: str
    by: str
    began: datetime
    found: dict[str, Any] | None = None
    refused: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is something to see."""
        return self.found is not None or self.refused is not None


@dataclass
class Trials:
    """The newest trial of this process."""

    newest: Trial | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, setting: str, value: str, *, by: str) -> Trial:
        """Begin one; Refusal while another is under way, for each costs as much as two batches."""
        with self._lock:
            if self.newest is not None and not self.newest.is_over:
                raise Refusal(f"{self.newest.by} is trying {self.newest.setting} at this moment: wait for it.")
            self.newest = Trial(setting, value, by, datetime.now(UTC))
            return self.newest

    def run(self, trial: Trial, find: Callable[[], dict[str, Any]]) -> None:
        """Do it, and keep what came of it, whatever that is."""
        try:
            self.newest = replace(trial, found=find())
        except Refusal as refusal:
            self.newest = replace(trial, refused=str(refusal))
        except Exception as error:
            self.newest = replace(trial, refused=f"It failed ({type(error).__name__}).")
            raise
