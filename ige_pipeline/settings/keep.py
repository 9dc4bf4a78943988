"""For how long what is written down is kept. Messages are the application's, and with them stays what led to them."""

from pydantic import BaseModel, Field


class KeepSettings(BaseModel):
    """Obeyed by housekeep_job and `ige housekeep`."""

    keep_decisions_days: int = Field(
        90, ge=7, le=3650, description="Days that decisions are kept which led to no message."
    )
    keep_attempts_days: int = Field(
        1461,
        ge=90,
        le=3650,
        description="Days that attempts of sent messages are kept (four years: docs/compliance.md); messages stay.",
    )
    keep_inbound_days: int = Field(
        365, ge=30, le=3650, description="Days that texts of replies and receipts are kept; that there was one stays."
    )
    keep_runs_days: int = Field(
        14,
        ge=2,
        le=3650,
        description="Days that Dagster's runs and logs are kept; what partitions show stays.",
    )
