"""The story, read top to bottom: what there is, the hourly job that decides, and the job that delivers."""

import dagster as dg

from ige_pipeline.delivery.ops import deliver_messages, expire_stale, report_backlog, schedule_messages
from ige_pipeline.delivery.report import FIRST_HOUR
from ige_pipeline.generation.ops import generate_messages
from ige_pipeline.safeguards.ops import screen_content, screen_recipients
from ige_pipeline.triggers.ops import evaluate_triggers

# With end_offset=1 the 14:00 tick runs the partition 14:00, whose as-of is its start.
hours = dg.HourlyPartitionsDefinition(start_date=FIRST_HOUR, timezone="UTC", end_offset=1)

SOURCES = {
    "contractors": "Whom we serve: names, numbers, time zones, pauses.",
    "ai_concierge_goals": "The concierge's hidden goals for each contractor.",
    "ai_concierge_checklist_items": "The steps towards each goal.",
    "ai_trust_indicators": "How far each contractor trusts us, over time.",
    "contractor_action_items": "What contractors set out to do, with due dates.",
    "contractor_followup_schedules": "Follow-ups that were promised for a time.",
    "event_messages": "Messages around events, with their own text and time.",
}

sources = [
    dg.AssetSpec(name, group_name="application", kinds={"postgres", "table"}, description=about)
    for name, about in SOURCES.items()
]
trigger_decisions = dg.AssetSpec(
    "trigger_decisions",
    deps=list(SOURCES),
    group_name="concierge",
    kinds={"postgres"},
    partitions_def=hours,
    description="The ledger: for each candidate of an hour what was known, every reason, and the verdict.",
)
scheduled_messages = dg.AssetSpec(
    "scheduled_messages",
    deps=[trigger_decisions],
    group_name="concierge",
    kinds={"postgres"},
    partitions_def=hours,
    description="Rows that an hour's batch put into ai_proactive_messages with sent_at NULL.",
)
delivered_messages = dg.AssetSpec(
    "delivered_messages",
    deps=[scheduled_messages],
    group_name="concierge",
    kinds={"postgres", "webhook"},
    partitions_def=hours,
    description="Messages of an hour's batch that the webhook accepted, whichever delivery run sent them.",
)

assets = [*sources, trigger_decisions, scheduled_messages, delivered_messages]


@dg.job(
    partitions_def=hours,
    description="Decide who should hear from the concierge this hour, write it, check it, and put it into the outbox.",
    tags={"ige/job": "schedule", "dagster/max_runtime": "3000"},
)
def schedule_messages_job() -> None:
    """Five ops in order; each finds the batch in Postgres and can be run again alone."""
    schedule_messages(screen_content(generate_messages(screen_recipients(evaluate_triggers()))))


@dg.job(
    description="Empty the outbox through the webhook, at the pace that was set, and report what is left.",
    tags={"ige/job": "deliver", "dagster/max_runtime": "3000"},
)
def deliver_messages_job() -> None:
    """Three ops in order; any number of these may overlap."""
    report_backlog(deliver_messages(expire_stale()))
