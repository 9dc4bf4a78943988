"""From when a person is told of something, and where its links lead: the settings that change no message."""

from typing import Annotated

from pydantic import BaseModel, Field

Share = Annotated[float, Field(ge=0, le=1)]
_ADDRESS = r"^(https?://[^\s?#]+)?$"


class WatchSettings(BaseModel):
    """Limits of the checks that Dagster, `ige status` and `ige metrics` show under the same names."""

    max_due_minutes: float = Field(
        120, ge=5, le=10_080, description="Minutes a message may be due before `oldest_due` fails, however it waits."
    )
    max_failure_share: Share = Field(
        0.2, description="Share of the last hour's POSTs that may fail before `failure_share` fails (of ten or more)."
    )
    max_spend_share: Share = Field(
        0.8, description="Share of the day's model spend that may be used before `model_spend` warns."
    )
    alert_minutes: int = Field(
        30,
        ge=1,
        le=1440,
        description="Minutes between two posts of alerts; what happens meanwhile is told with the next.",
    )
    dagster_url: str = Field(
        "", max_length=500, pattern=_ADDRESS, description="Where people open Dagster, for links in alerts and answers."
    )
    console_url: str = Field(
        "", max_length=500, pattern=_ADDRESS, description="Where people open the console of `ige serve`, for links."
    )
