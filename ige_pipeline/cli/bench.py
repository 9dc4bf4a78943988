"""`ige bench`: what the work costs on this machine, on made-up people and a server of its own."""

from typing import Any

import click

from ige_pipeline.bench.evaluate import Report, run
from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option


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
