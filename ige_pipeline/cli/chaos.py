"""`ige chaos`: what a crash costs, counted."""

from collections import Counter
from statistics import mean
from typing import Any

import click

from ige_pipeline.chaos.run import Report, run
from ige_pipeline.cli.output import as_json, counts, say
from ige_pipeline.cli.run import json_option


@click.command()
@click.option(
    "--kills", type=click.IntRange(min=0), default=200, show_default=True, help="How many runs to kill with -9."
)
@click.option(
    "--outages",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How often to cut connections, to stop Postgres and to crash it, each.",
)
@click.option("--seed", default=20261123, show_default=True, help="Draws the same moments again.")
@json_option
@click.pass_context
def chaos(context: click.Context, kills: int, outages: int, seed: int, *, json_wanted: bool) -> None:
    """Kill delivery runs and Postgres at bad moments, and count what was lost or repeated.

    Runs on a server, a database and a webhook of its own, all on this machine; IGE_DATABASE_URL is never touched. Exits
    with 1 if a promise broke.
    """
    report = run(
        kills=kills, outages=outages, seed=seed, step=lambda said: None if json_wanted else click.echo(said, err=True)
    )
    if json_wanted:
        as_json(_as_dict(report))
    else:
        _show(report)
    context.exit(1 if report.broken else 0)


def _as_dict(report: Report) -> dict[str, Any]:
    air = [len(each) for each in report.killed.in_the_air]
    return {
        "kills": Counter(report.killed.moments),
        "messages": report.messages,
        "posts": report.posts,
        "lost": len(report.lost),
        "repeated": report.repeated,
        "in_the_air_at_a_kill": {"mean": round(mean(air), 2) if air else 0, "most": max(air, default=0)},
        "recovery_s": {
            "mean": round(mean(report.killed.recoveries_s or [0]), 1),
            "most": round(max(report.killed.recoveries_s, default=0), 1),
            "cold": round(report.cold_start_s, 1),
        },
        "outages": report.endured.ends,
        "sentences": report.endured.sentences,
        "unfinished": report.killed.unfinished,
        "broken": report.broken,
        "lost_ids": report.lost,
        "repeated_without_need": {"by_table": report.unexplained, "by_receiver": report.out_of_reach},
        "stories": report.stories,
    }


def _show(report: Report) -> None:
    told = _as_dict(report)
    counts("Kills", told["kills"])
    say(f"Messages: {report.messages}, of which lost: {len(report.lost)}.")
    say(f"POSTs: {report.posts}, of which repeats: {report.repeated}.")
    air, recovery = told["in_the_air_at_a_kill"], told["recovery_s"]
    say(f"In the air at a kill: {air['mean']} on average, {air['most']} at most.")
    say(f"All due rows finished {recovery['mean']} s after a restart on average, {recovery['most']} s at most;")
    say(f"from a cold start of `ige run deliver` in {recovery['cold']} s.")
    counts("Without Postgres", told["outages"])
    for sentence, times in report.endured.sentences.items():
        say(f"  {times} times: {sentence}")
    for sentence in report.killed.unfinished:
        say(f"  {sentence}")
    if report.lost:
        say(f"  Lost: {', '.join(map(str, report.lost))}")
    for sentence in report.stories:
        say(f"  {sentence}")
    say("Every promise held." if not report.broken else "BROKEN: " + " ".join(report.broken))
