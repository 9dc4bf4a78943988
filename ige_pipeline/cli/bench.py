"""`ige bench`: what the work costs on this machine, on made-up people and a server of its own."""

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

import click

from ige_pipeline.bench.evaluate import Report, run
from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.refusal import Refusal


@click.group()
def bench() -> None:
    """Measure the work beside other ways to do it, on a server that is started for this and discarded."""


@bench.command()
@click.option(
    "--contractors",
    type=click.IntRange(min=1),
    multiple=True,
    default=(200_000,),
    show_default=True,
    help="How many; may be given several times, to see how the cost grows.",
)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="The best of so many counts.")
@json_option
def evaluate(contractors: tuple[int, ...], rounds: int, *, json_wanted: bool) -> None:
    """Find who is due and who may be written to: ours, a naive query, one contractor at a time."""
    reports = []
    for report in run(contractors, rounds=rounds):
        reports.append(_as_dict(report))
        if not json_wanted:
            _show(report)
    if json_wanted:
        as_json(reports)


@bench.command()
@click.option("--messages", type=click.IntRange(min=10), default=1_000, show_default=True, help="Texts to be written.")
@click.option("--latency-ms", type=click.IntRange(min=1), default=500, show_default=True, help="What an answer takes.")
@click.option("--in-flight", type=click.IntRange(1, 200), default=100, show_default=True, help="Calls at once.")
@json_option
def generate(messages: int, latency_ms: int, in_flight: int, *, json_wanted: bool) -> None:
    """Write texts: with a model on this machine that takes its time, from templates, and killed in the middle."""
    from ige_pipeline.bench import generate as writing  # noqa: PLC0415 - kept out of the other's start-up

    report = writing.run(messages=messages, latency_ms=latency_ms, in_flight=in_flight)
    if json_wanted:
        as_json(asdict(report))
        return
    timed = (
        ("ideal: messages / in flight x latency", report.ideal, None),
        ("a client that does nothing but ask", report.bare, None),
        ("by the model, in a new process", report.model.first_seconds, report.model.peak_mb),
        ("by the model, again in that process", report.model.again_seconds, report.model.peak_mb),
        ("from templates, in a new process", report.templates.first_seconds, report.templates.peak_mb),
    )
    rows = ((what, f"{took:.2f}", f"{took / report.ideal:.2f}", mb and f"{mb:.0f}") for what, took, mb in timed)
    title = f"{messages:,} texts, {in_flight} in flight, {latency_ms} ms each"
    table(title, ("what", "seconds", "times ideal", "peak MB"), rows)
    killed = report.killed
    say(
        f"Killed in the middle: {killed.kept} texts were kept, the second run asked {killed.asked_by_second} times, "
        f"{killed.repeats} questions were asked twice ({in_flight} were in flight)."
    )


@bench.command()
@click.option(
    "--messages", type=click.IntRange(min=100), default=20_000, show_default=True, help="Posted in each turn."
)
@click.option("--due", type=click.IntRange(min=1100), default=100_000, show_default=True, help="Due rows in all.")
@click.option("--in-flight", type=click.IntRange(1, 256), default=64, show_default=True, help="POSTs at once.")
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="The median of so many turns.")
@json_option
def deliver(messages: int, due: int, in_flight: int, rounds: int, *, json_wanted: bool) -> None:
    """Empty an outbox through a webhook on this machine, at once and after 50 ms, beside a loop that only posts."""
    from ige_pipeline.bench import deliver as posting  # noqa: PLC0415 - kept out of the others' start-up

    if messages * rounds + 1000 > due:
        raise Refusal("--due must be at least --messages times --rounds and 1,000 more: the first thousand warm up.")
    reports = []
    asked = {"messages": messages, "due": due, "at_once": in_flight, "rounds": rounds}
    for report in posting.run(latencies_s=(0.0, 0.05), **asked):
        reports.append(asdict(report))
        if not json_wanted:
            _show_posted(report, due=due)
    if json_wanted:
        as_json(reports)


@bench.command()
@click.option("--sent", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Sent rows behind.")
@json_option
def claim(sent: int, *, json_wanted: bool) -> None:
    """Claim 64 of a thousand due rows with nothing behind them, and with so many sent ones; show the plan."""
    from ige_pipeline.bench import deliver as posting  # noqa: PLC0415 - as above

    found = list(posting.claiming(sent=sent))
    if json_wanted:
        as_json(found)
        return
    for each in found:
        say(f"{each['sent']:>12,} sent rows behind: {each['milliseconds']:.2f} ms a claim of 64")
    say("\n".join(found[-1]["plan"]))


@bench.command()
@click.option("--contractors", type=click.IntRange(min=100), default=200_000, show_default=True, help="In the batch.")
@click.option("--shards", type=click.IntRange(2, 64), default=8, show_default=True, help="Of the batch.")
@click.option("--messages", type=click.IntRange(min=50), default=4_000, show_default=True, help="In the backlog.")
@click.option("--latency-ms", type=click.IntRange(min=0), default=100, show_default=True, help="Of the webhook.")
@click.option("--rounds", type=click.IntRange(min=1), default=2, show_default=True, help="Turns of each.")
@json_option
def workers(contractors: int, shards: int, messages: int, latency_ms: int, rounds: int, *, json_wanted: bool) -> None:
    """Screen one batch, and empty one backlog, with one worker and with two; what comes of it must be the same."""
    from ige_pipeline.bench import workers as beside  # noqa: PLC0415 - as above

    titles = (
        f"The batch of {contractors:,} contractors in {shards} shards, one connection for each process",
        f"{messages:,} due messages, {latency_ms} ms latency, 20 POSTs in flight in each run",
    )
    screened = list(beside.screening(contractors=contractors, shards=shards, rounds=rounds))
    delivered = list(beside.delivering(messages=messages, latency_s=latency_ms / 1000, rounds=rounds))
    if json_wanted:
        as_json({"screening": [asdict(each) for each in screened], "delivering": [asdict(each) for each in delivered]})
        return
    for title, turns in zip(titles, (screened, delivered), strict=True):
        _show_turns(title, turns)


def _show_turns(title: str, turns: Sequence[Any]) -> None:
    half = {workers: median(each.seconds for each in turns if each.workers == workers) for workers in (1, 2)}
    rows = (
        (
            str(workers),
            ", ".join(f"{each.seconds:.2f}" for each in turns if each.workers == workers),
            f"{turns[0].amount / seconds:,.0f}",
            f"{half[1] / seconds:.2f}",
        )
        for workers, seconds in half.items()
    )
    table(title, ("workers", "seconds", "a second, the median", "speed-up of it"), rows)
    say(f"{turns[0].amount:,} each time, and the same ones.")


def _show_posted(report: Any, *, due: int) -> None:
    share, thousands = report.share_of_ideal, report.ours.messages / 1000
    rows = (
        (
            each.method,
            f"{each.per_second:,.0f}",
            f"{each.cpu_s / thousands:.3f}",
            f"{each.postgres_cpu_s / thousands:.3f}",
            f"{each.cpu_per_1000:.3f}",
            f"{each.cpu_per_1000 / report.plain.cpu_per_1000:.1f}",
        )
        for each in (report.ours, report.plain)
    )
    posted = f"{report.ours.messages:,} of {due:,} due, {report.at_once} in flight"
    heads = ("method", "messages/s", "CPU s per 1,000: own", "Postgres", "all", "times plain")
    table(f"{posted}, {report.latency_s * 1000:.0f} ms latency", heads, rows)
    before, after = report.peak_mb
    ideal = "" if share is None else f"{share:.0%} of what the latency allows; "
    say(f"{ideal}peak memory of this process {before:,.0f} MB before and {after:,.0f} MB after.")


@bench.command()
@click.option("--messages", type=click.IntRange(min=3_000), default=1_000_000, show_default=True, help="How many.")
@click.option("--rounds", type=click.IntRange(min=1), default=10, show_default=True, help="Each page so many times.")
@json_option
def console(messages: int, rounds: int, *, json_wanted: bool) -> None:
    """Open every page of the console with many messages behind it."""
    from ige_pipeline.bench import console as pages  # noqa: PLC0415 - as above

    report = pages.run(messages=messages, rounds=rounds)
    if json_wanted:
        as_json(asdict(report))
        return
    rows = ((each.path, f"{each.median_ms:.0f}", f"{each.longest_ms:.0f}") for each in report.pages)
    table(f"{report.messages:,} messages", ("page", "median ms", "longest ms"), rows)
    say(
        f"The figures of the days were counted beside in {report.first_count_seconds:.1f} s the first time, "
        f"and in {report.count_seconds:.1f} s after that."
    )


def _as_dict(report: Report) -> dict[str, Any]:
    return {
        "contractors": report.contractors,
        "candidates": report.candidates,
        "winners": report.winners,
        "peak_mb": round(report.peak_mb),
        "methods": [
            {
                "method": figure.method,
                "seconds": round(figure.seconds, 3),
                "contractors_per_second": round(figure.per_second),
                "times_naive": round(report.ratio(figure), 2),
                "extrapolated_from": figure.sample,
            }
            for figure in report.figures
        ],
    }


def _show(report: Report) -> None:
    table(
        f"{report.contractors:,} contractors",
        ("method", "seconds", "contractors/s", "times naive", ""),
        (
            (
                figure.method,
                f"{figure.seconds:,.2f}",
                f"{figure.per_second:,.0f}",
                f"{report.ratio(figure):.2f}",
                f"extrapolated from {figure.sample:,}" if figure.sample else "",
            )
            for figure in report.figures
        ),
    )
    say(
        f"The same {report.winners:,} winners by every method; {report.candidates:,} candidates with all triggers; "
        f"at most {report.peak_mb:,.0f} MB in this process."
    )
