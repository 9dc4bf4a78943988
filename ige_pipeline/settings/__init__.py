"""Every threshold, with its bounds, its default and a sentence. Pure values: nothing here reads the environment.

Defaults marked "old system" are what the application did before us.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from ige_pipeline.settings.inbound import InboundSettings
from ige_pipeline.settings.keep import KeepSettings
from ige_pipeline.settings.watch import WatchSettings

Hours = Annotated[float, Field(ge=0, le=24 * 365)]
Days = Annotated[float, Field(ge=0, le=365)]
# One weekday and when a text may arrive on it.
_WINDOW = r"(mon|tue|wed|thu|fri|sat|sun) (closed|([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)"
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(KeepSettings, WatchSettings, InboundSettings):
    """What one run obeys: run config over environment (`IGE_` + the name) over the TOML file over these defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Who is due
    high_priority_min_score: int = Field(7, ge=1, le=10, description="Goals of at least this priority are checked on.")
    high_priority_repeat_days: Days = Field(3, description="Days between two messages about one high-priority goal.")
    high_priority_at_most: int = Field(3, ge=1, le=20, description="High-priority goals considered per contractor.")
    stalled_min_score: int = Field(
        5, ge=1, le=10, description="Stalled goals of at least this priority are encouraged."
    )
    stalled_after_days: Days = Field(7, description="Days without an update after which a goal has stalled.")
    stalled_repeat_days: Days = Field(7, description="Days between two messages about one stalled goal.")
    stalled_at_most: int = Field(2, ge=1, le=20, description="Stalled goals considered per contractor.")
    celebrate_within_days: Days = Field(2, description="Days within which a completed item is worth a celebration.")
    celebrate_at_most: int = Field(2, ge=1, le=20, description="Completed items considered per contractor.")

    approaching_within_days: Days = Field(3, description="Days before a due date in which it is near.")
    approaching_min_progress: int = Field(80, ge=0, le=100, description="Progress (%) from which a milestone is near.")
    approaching_repeat_days: Days = Field(7, description="Days between two messages about one approaching milestone.")
    approaching_at_most: int = Field(1, ge=1, le=20, description="Approaching milestones considered per contractor.")
    overdue_within_days: Days = Field(30, description="Days after which an overdue action item is history.")
    overdue_repeat_days: Days = Field(7, description="Days between two messages about one overdue action item.")
    overdue_at_most: int = Field(1, ge=1, le=20, description="Overdue action items considered per contractor.")
    data_gap_repeat_days: Days = Field(14, description="Days between two questions about one goal.")
    data_gap_at_most: int = Field(1, ge=1, le=20, description="Goals with open questions considered per contractor.")
    suggestion_min_confidence: Share = Field(0.7, description="Confidence from which a pattern is worth a suggestion.")
    suggestion_at_most: int = Field(1, ge=1, le=20, description="Suggestions considered per contractor.")
    promised_late_hours: Hours = Field(24, description="Hours after which a promised message is not sent any more.")

    batch_connections: int = Field(
        2, ge=1, le=16, description="Connections to Postgres on which a batch evaluates and screens at once."
    )
    shard_size: int = Field(
        50_000,
        ge=1,
        le=10_000_000,
        description="Candidates from which a batch is split by contractor into shards that may run side by side.",
    )

    # Whether they may be contacted
    min_gap_hours: Hours = Field(48, description="Hours between two messages to one contractor (old system: 48).")
    ignored_in_a_row: int = Field(
        3, ge=1, le=50, description="Unanswered messages in a row that pause (old system: 3)."
    )
    ignored_pause_days: Days = Field(7, description="Days of pause after the last ignored message (old system: 7).")
    min_trust_score: int = Field(20, ge=0, le=100, description="Trust below this blocks (old system: 20).")
    trust_without_record: int = Field(50, ge=0, le=100, description="The trust of a contractor who has no score yet.")

    complaints_at_most: int = Field(
        3, ge=1, le=50, description="So much negative feedback or ignored suggestions within the days below pauses."
    )
    complaints_days: Days = Field(7, description="Days within which complaints are counted.")
    trust_tiers: bool = Field(default=False, description="Widen the gap where there is less trust, as below.")
    gap_days_trust_80: Days = Field(2, description="With trust tiers: days between messages at trust 80 and above.")
    gap_days_trust_60: Days = Field(5, description="With trust tiers: days between messages at trust 60 to 79.")
    gap_days_trust_40: Days = Field(10, description="With trust tiers: days between messages at trust 40 to 59.")
    gap_days_trust_20: Days = Field(30, description="With trust tiers: days between messages at trust below 40.")
    cap_per_day: int = Field(2, ge=0, le=100, description="Messages to one number in any 24 hours; 0 is no cap.")
    cap_per_week: int = Field(3, ge=0, le=500, description="Messages to one number in any 7 days; 0 is no cap.")
    cap_per_30_days: int = Field(10, ge=0, le=2000, description="Messages to one number in any 30 days; 0 is no cap.")
    cap_per_type_per_week: int = Field(
        2, ge=0, le=500, description="Messages of one type to one number in any 7 days; 0 is no cap."
    )
    consent_basis: str = Field(
        "",
        max_length=500,
        description="Why those without a row in ige_consents may be texted, in words; empty blocks all but loopback.",
    )

    blast_radius_share: Share = Field(0.2, description="Share of contractors over which a batch waits for approval.")
    blast_radius_at_least: int = Field(50, ge=0, description="Up to so many messages a batch never waits for approval.")
    quiet_until_hour: int = Field(8, ge=0, le=12, description="Local hour from which a text may arrive.")
    quiet_from_hour: int = Field(21, ge=13, le=23, description="Local hour from which none may arrive any more.")
    quiet_guess_until_hour: int = Field(
        9, ge=0, le=12, description="Local hour from which a text may arrive where the time zone is a guess."
    )
    quiet_guess_from_hour: int = Field(
        20,
        ge=13,
        le=23,
        description="Local hour from which none may arrive any more where it is; both only narrow.",
    )
    quiet_weekdays: str = Field(
        "",
        pattern=f"^({_WINDOW}(, *{_WINDOW})*)?$",
        json_schema_extra={"also": "each weekday once, each window forwards, some day left"},
        description="Weekdays with narrower hours for everyone, `sun closed, sat 10:00-17:00`; never wider ones.",
    )
    state_rules: bool = Field(
        default=True, description="Keep to stricter laws of the state that gave out the number (quiet_rules.toml)."
    )
    quiet_holidays: str = Field(
        "",
        pattern="^([A-Z]{2})?$",
        description="A country on whose public holidays nothing is sent (US); needs the extra `holidays`.",
    )
    postpone_at_most_hours: Hours = Field(48, description="If the first allowed moment is later, look again then.")
    default_region: str = Field(
        "US",
        pattern="^[A-Z]{2}$",
        json_schema_extra={"also": "a country of ISO 3166: the United Kingdom is `GB`"},
        description="The country of numbers without a country code.",
    )
    phone_check: Literal["lenient", "strict"] = Field(
        "lenient", description="`strict` blocks numbers without area code."
    )

    # What the message says
    sender_name: str = Field(
        "",
        max_length=40,
        pattern=r"^[^{}<>\[\]\r\n]*$",
        description="Who writes: the first text to a number names it. Empty refuses batches for all but loopback.",
    )
    opt_out_text: str = Field(
        "Reply STOP to opt out",
        min_length=10,
        max_length=100,
        pattern=r"^[^{}<>\[\]\r\n]*$",
        description="The end of the first text to a number.",
    )
    introduce_after_days: Days = Field(
        30, description="Days after which a text to a number names the sender and the opt-out again."
    )
    language: Literal["en", "es", "fr", "it", "nl"] = Field(
        "en", description="The language of every text (ISO 639-1); a text in another one is rejected."
    )
    templates_file: str = Field("", max_length=500, description="Your own file of templates; empty: the built-in ones.")
    style: Literal["auto", "casual", "professional", "friendly"] = Field(
        "auto", description="The style of all templates; `auto`: the one that a contractor answers best."
    )
    style_evidence: int = Field(
        5, ge=1, le=100, description="Texts in a style, answered or two days old, from which answers choose the style."
    )
    allowed_domains: str = Field(
        "", max_length=2000, description="Domains that a text may link to, with commas between them."
    )
    allowed_emails: str = Field(
        "", max_length=2000, description="E-mail addresses that a text may hold, with commas between them."
    )
    allowed_phones: str = Field(
        "", max_length=2000, description="Phone numbers that a text may hold, with commas between them."
    )
    near_duplicate_days: Days = Field(30, description="Days within which a contractor gets no two texts nearly alike.")
    near_duplicate_share: float = Field(
        0.6, gt=0, le=1, description="Share of word pairs in common from which two texts are nearly alike."
    )
    min_characters: int = Field(20, ge=1, le=300, description="A shorter text is rejected.")
    max_characters: int = Field(300, ge=20, le=1600, description="A longer text is rejected.")
    max_segments: int = Field(2, ge=1, le=10, description="SMS segments that a text may take.")
    max_exclamations: int = Field(2, ge=0, le=10, description="Exclamation marks that a text may have.")
    max_questions: int = Field(2, ge=0, le=10, description="Question marks that a text may have.")
    model_prompt: Literal["concierge-3", "concierge-2", "concierge-1"] = Field(
        "concierge-3", description="Which version of the instructions the model is given."
    )
    model_timeout_seconds: float = Field(20, ge=1, le=120, description="Seconds one call to the model may take.")
    model_total_seconds: float = Field(45, ge=1, le=600, description="Seconds all tries for one message may take.")
    model_retries: int = Field(2, ge=0, le=5, description="Times a call to the model that failed is made again.")
    model_concurrency: int = Field(10, ge=1, le=200, description="Calls to the model under way at once.")
    model_requests_per_minute: int = Field(
        500, ge=0, le=1_000_000, description="Calls to the model in a minute; 0 is no limit."
    )
    model_tokens_per_minute: int = Field(
        200_000, ge=0, le=1_000_000_000, description="Tokens in a minute, in and out; 0 is no limit."
    )
    model_spend_per_batch_usd: float = Field(5, ge=0, le=10_000, description="USD that a batch may spend on the model.")
    model_spend_per_day_usd: float = Field(
        20, ge=0, le=100_000, description="USD that all batches of a UTC day may spend on the model."
    )
    when_spend_is_reached: Literal["template", "wait"] = Field(
        "template", description="What becomes of the rest: templates write it, or it is looked at in the next hour."
    )
    model_prices: str = Field(
        "",
        pattern=r"^(\d+(\.\d+)?/\d+(\.\d+)?/\d+(\.\d+)?)?$",
        description="USD per million tokens in/cached/out (0.40/0.10/1.60) of a model that prices.toml does not list.",
    )

    review_drafts: bool = Field(
        default=False, description="Let drafts wait for a person (`ige drafts`); promised texts in own words do not."
    )
    review_hours: float = Field(
        24, ge=0.5, le=168, description="Hours after which a draft that nobody approved expires."
    )
    rejected_draft_days: float = Field(
        7, ge=0, le=60, description="Days in which nothing is written for what a draft was rejected for."
    )

    rejected_text_days: float = Field(
        1, ge=0, le=60, description="Days in which nothing is written for what no text passed the checks for."
    )

    # How it is sent
    max_messages_per_run: int = Field(
        20, ge=1, le=100_000, description="Messages one delivery run posts (old system: 20)."
    )
    messages_per_second: float = Field(
        0.5, gt=0, le=100_000, description="Pace, start to start (old system: 2 s apart)."
    )
    delivery_concurrency: int = Field(
        10, ge=1, le=256, description="POSTs of one delivery run under way at once, where answers are slow."
    )
    expire_after_hours: Hours = Field(24, description="Hours after which an unsent message is stale.")
    lease_seconds: int = Field(60, ge=20, le=90, description="Seconds after which a silent run has lost its lease.")
    post_timeout_seconds: float = Field(
        15,
        ge=1,
        le=60,
        json_schema_extra={"also": "at least 10 less than `lease_seconds`"},
        description="Seconds one POST may take in all.",
    )
    ignore_other_sender: bool = Field(
        default=False,
        description="Deliver although a row became sent within the hour without us: the old worker may be running.",
    )
    webhook_format: Literal["flat", "ghl"] = Field("flat", description="The body: seven fields, or nested for GHL.")
    webhook_phone_format: Literal["as_stored", "e164"] = Field(
        "as_stored", description="The number in the body; with `e164` one without area code is dead (`no_e164`)."
    )

    @field_validator("quiet_weekdays")
    @classmethod
    def _a_week_with_an_hour_in_it(cls, written: str) -> str:
        """Each day once, each window forwards, and some day left: a closed week would be a stop in disguise."""
        days = [each.split() for each in written.split(",") if each]
        if len({name for name, _ in days}) < len(days):
            raise ValueError("each weekday may stand in it once")
        if any(hours != "closed" and hours[:5] >= hours[6:] for _, hours in days):
            raise ValueError("a window must end after it starts")
        if sum(hours == "closed" for _, hours in days) == 7:  # noqa: PLR2004 - a week
            raise ValueError("some day must be left; `ige stop` stops everything")
        return written

    @field_validator("default_region")
    @classmethod
    def _a_country_that_has_numbers(cls, region: str) -> str:
        """Of any other country no number is possible: everybody's would be dead at sending."""
        from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - most commands read no number

        if region not in SUPPORTED_REGIONS:
            raise ValueError(f"{region} is no country of ISO 3166 with phone numbers (the United Kingdom is GB)")
        return region

    @field_validator("post_timeout_seconds")
    @classmethod
    def _fits_into_a_lease(cls, seconds: float, given: ValidationInfo) -> float:
        """A POST begins only if the lease outlasts it; ten seconds are for the safeguards before it."""
        if seconds + 10 > given.data.get("lease_seconds", seconds + 10):
            raise ValueError("it must be at least 10 less than lease_seconds")
        return seconds
