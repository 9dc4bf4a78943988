"""`ige doctor`: what is wrong around here, and what to do about it."""

from textwrap import fill
from typing import Any

import click

from ige_pipeline.cli.output import as_json, say
from ige_pipeline.cli.run import json_option
from ige_pipeline.doctor.checks import CHECKS
from ige_pipeline.doctor.finding import Checked, examine
from ige_pipeline.doctor.signature import signature
from ige_pipeline.environment import Environment


@click.command()
@click.option("--post", is_flag=True, help="Also post to the webhook: a signed message without number and text.")
@json_option
@click.pass_context
def doctor(context: click.Context, *, post: bool, json_wanted: bool) -> None:
    """Look at variables, database, webhook, switches and the outbox, and say what to do; changes and sends nothing.

    Whether the webhook takes our signature only an answer can tell: --post asks for one. The workflow of deploy/n8n
    refuses what has no number; another one may do something with it. Exits with 1 on any finding. What was not looked
    at is none, and says why.
    """
    found = examine(Environment.of_process(), (*CHECKS, signature) if post else CHECKS)
    if json_wanted:
        as_json([_told(each) for each in found])
    else:
        for each in found:
            _show(each)
    context.exit(1 if any(each.findings for each in found) else 0)


def _told(checked: Checked) -> dict[str, Any]:
    findings = [vars(finding) for finding in checked.findings]
    return {"check": checked.name, "findings": findings, "not_looked_at": checked.not_looked_at}


def _show(checked: Checked) -> None:
    name = f"{checked.name}:"
    if checked.not_looked_at is not None:
        say(f"{name:<11} not looked at: {checked.not_looked_at}")
    elif not checked.findings:
        say(f"{name:<11} good")
    for finding in checked.findings:
        say(f"{name:<11} {finding.what}")
        if finding.todo:
            say(fill(finding.todo, 110, initial_indent=" " * 12 + "-> ", subsequent_indent=" " * 15))
