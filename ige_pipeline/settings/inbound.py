"""What becomes of what comes back: replies, opt-outs, and messages that nobody answered."""

from typing import Literal

from pydantic import BaseModel, Field

_ONE_LINE = r"^[^{}<>\[\]\r\n]*$"


class InboundSettings(BaseModel):
    """Obeyed by `ige serve`, track_outcomes_job and `ige run outcomes`."""

    opt_out_confirmation: Literal["provider", "ours"] = Field(
        "provider",
        description="Who confirms an opt-out: the provider, as carriers do by themselves, or we, by one text.",
    )
    opt_out_confirmation_text: str = Field(
        "You are unsubscribed and will get no more texts from us. Reply START to subscribe again.",
        min_length=20,
        max_length=160,
        pattern=_ONE_LINE,
        description="That text; where there is one, the sender's name goes before it.",
    )
    opt_in_text: str = Field(
        "You are subscribed again. Reply STOP to opt out.",
        min_length=20,
        max_length=160,
        pattern=_ONE_LINE,
        description="What START is answered with where opt_out_confirmation is `ours`.",
    )
    help_answer: Literal["provider", "ours"] = Field(
        "ours",
        description="Who answers HELP and INFO: the provider, where it does so by itself, or we, with help_text.",
    )
    help_text: str = Field(
        "These are texts about your goals, at most a few a week. Reply STOP to opt out. Msg & data rates may apply.",
        min_length=20,
        max_length=160,
        pattern=_ONE_LINE,
        description="That text, where help_answer is `ours`; where there is one, the sender's name goes before it.",
    )
    complaint_pause_days: float = Field(
        30, ge=0, le=365, description="Days of pause after a complaint (old system: 30)."
    )
    ignored_after_hours: float = Field(
        72, ge=1, le=24 * 30, description="Hours after which a message that nobody answered was ignored."
    )
    acted_within_days: float = Field(
        7, gt=0, le=60, description="Days after a message within which a completed item was done because of it."
    )
    replies_read_by_model: bool = Field(
        default=False,
        description="Show the model what no rule knows, once an hour, with our message; needs OPENAI_API_KEY.",
    )
