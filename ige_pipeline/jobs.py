"""The story, read top to bottom: what there is, the hourly job that decides, and the job that delivers."""

from datetime import timedelta

import dagster as dg

from ige_pipeline.delivery.forecast import SHORTEST_RUN_S
from ige_pipeline.delivery.ops import deliver_messages, expire_stale, schedule_messages
from ige_pipeline.delivery.report import FIRST_HOUR
from ige_pipeline.generation.ops import generate_messages
from ige_pipeline.housekeeping.ops import prune_dagster, tidy_ledger
from ige_pipeline.inbound.ops import read_replies, track_outcomes
from ige_pipeline.safeguards.ops import (
    screen_content,
    screen_content_shard,
    screen_recipients,
    screen_recipients_shard,
)
from ige_pipeline.triggers.ops import evaluate_triggers
from ige_pipeline.watch.ops import checks, report_backlog

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

OURS = ["team:concierge"]

# A batch an hour: one that is missing warns, two in a row fail.
each_hour = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=75), fail_window=timedelta(minutes=135))
# A delivery run every five minutes, and one may take a while.
each_run = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=15), fail_window=timedelta(minutes=60))
# Nights and weekends are quiet, rightly.
most_days = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=74))

sources = [
    dg.AssetSpec(
        name,
        group_name="application",
        kinds={"postgres", "table"},
        owners=["team:application"],
        tags={"ige/stage": "source"},
        metadata={"dagster/table_name": name},
        description=about,
    )
    for name, about in SOURCES.items()
]
trigger_decisions = dg.AssetSpec(
    "trigger_decisions",
    deps=list(SOURCES),
    group_name="concierge",
    kinds={"postgres", "table"},
    owners=OURS,
    tags={"ige/stage": "decide"},
    metadata={"dagster/table_name": "ige_decisions"},
    partitions_def=hours,
    freshness_policy=each_hour,
    description=(
        "The ledger: for each candidate of an hour what was known, every reason, and the verdict. A partition shows "
        "the counts, the reasons and the cost of its newest batch; `ige why CONTRACTOR` tells a single story."
    ),
)
scheduled_messages = dg.AssetSpec(
    "scheduled_messages",
    deps=[trigger_decisions],
    group_name="concierge",
    kinds={"postgres", "table"},
    owners=OURS,
    tags={"ige/stage": "schedule"},
    metadata={"dagster/table_name": "ai_proactive_messages"},
    partitions_def=hours,
    freshness_policy=each_hour,
    description=(
        "Rows that an hour's batch put into ai_proactive_messages with sent_at NULL. A partition lists some of them, "
        "each with the way to its story."
    ),
)
outbox = dg.AssetSpec(
    "outbox",
    deps=[scheduled_messages],
    group_name="concierge",
    kinds={"postgres"},
    owners=OURS,
    tags={"ige/stage": "deliver"},
    freshness_policy=each_run,
    description=(
        "What waits to be sent, as the newest delivery run left it: the plots show how the backlog comes and goes, and "
        "whether the pace keeps up. It is fresh while delivery runs succeed."
    ),
)
delivered_messages = dg.AssetSpec(
    "delivered_messages",
    deps=[scheduled_messages, outbox],
    group_name="concierge",
    kinds={"postgres", "webhook"},
    owners=OURS,
    tags={"ige/stage": "deliver"},
    metadata={"dagster/table_name": "ai_proactive_messages"},
    partitions_def=hours,
    freshness_policy=most_days,
    description=(
        "Messages of an hour's batch that the webhook accepted, whichever delivery run sent them; how long they took "
        "since they could leave, and what has become of the others of that hour."
    ),
)

assets = [*sources, trigger_decisions, scheduled_messages, outbox, delivered_messages]
asset_checks = [checks]


@dg.job(
    partitions_def=hours,
    description="Decide who should hear from the concierge this hour, write it, check it, and put it into the outbox.",
    tags={"ige/job": "schedule", "ige/batch": "whole", "dagster/max_runtime": "3000"},
)
def schedule_messages_job() -> None:
    """Five ops in order; each finds the batch in Postgres and can be run again alone.

    A large batch is screened by shards of its contractors, each a step that may run beside the others. What holds for
    the whole batch, its limits and what the model may cost, is seen to once all of them are done.
    """
    screened = screen_recipients(evaluate_triggers())
    written = generate_messages(start=screened.done, shards=screened.shards.map(screen_recipients_shard).collect())
    checked = screen_content(written)
    schedule_messages(start=checked.done, shards=checked.shards.map(screen_content_shard).collect())


@dg.job(
    description="Empty the outbox through the webhook, at the pace that was set, and report what is left.",
    # What hangs keeps all delivery waiting, so it is ended soon. Where settings let a run take longer, its schedule and
    # its sensor say so (delivery/forecast.py).
    tags={"ige/job": "deliver", "dagster/max_runtime": str(SHORTEST_RUN_S)},
)
def deliver_messages_job() -> None:
    """Three ops in order; any number of these may overlap."""
    report_backlog(deliver_messages(expire_stale()))


@dg.job(
    description="Write down what was done because of a message, which messages nobody answered, and what replies tell.",
    tags={"ige/job": "outcomes", "dagster/max_runtime": "3000"},
)
def track_outcomes_job() -> None:
    """Two ops, which may be run at any time: nothing is counted twice."""
    read_replies(track_outcomes())


@dg.job(
    description="End what is older than it is kept, in our tables and in what Dagster writes down of its runs.",
    tags={"ige/job": "housekeep", "dagster/max_runtime": "3000"},
)
def housekeep_job() -> None:
    """Two ops that have nothing to do with one another but the hour."""
    prune_dagster(tidy_ledger())
