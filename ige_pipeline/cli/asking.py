"""What every command asks that changes something by hand: who is it, are they sure, and which time is meant."""

import getpass
import os
import re
import sys
from datetime import UTC, datetime, timedelta

import click

from ige_pipeline.masking import has_number

_SPAN = re.compile(r"(\d{1,4})\s*(m|min|h|d)")
_UNIT = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

yes_option = click.option("--yes", is_flag=True, help="Do not ask; for scripts.")


def who() -> str:
    """Name the person at this terminal, for the audit trail; a container may know them by number only."""
    try:
        return f"ige ({getpass.getuser()})"
    except (KeyError, OSError):
        return f"ige (user {os.getuid()})"


def sure(question: str, *, yes: bool) -> None:
    """Ask on standard error unless `yes`; anything but a yes ends the command with exit code 1."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def sure_at_terminal(question: str, *, yes: bool) -> None:
    """Ask as `sure` does, but only somebody who sits at a terminal: what can be taken back stops no script."""
    sure(question, yes=yes or not sys.stdin.isatty())


def without_number(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse a reason that holds a phone number: it is kept, and shown to everybody."""
    if value is not None and has_number(value):
        raise click.BadParameter("it is kept and shown to everybody, so leave the phone number out")
    return value


def span(_context: click.Context, _parameter: click.Parameter, value: str | None) -> timedelta | None:
    """Read `30m`, `4h` or `2d`."""
    if value is None:
        return None
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter("write a span as 30m, 4h or 2d")
    return int(found[1]) * _UNIT[found[2]]


def moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a time in ISO 8601, UTC where it names no zone."""
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter("write a time as 2026-11-23T14:00:00Z") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def since(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a time, or a span that counts back from now."""
    if value is not None and (found := _SPAN.fullmatch(value.strip())) is not None:
        return datetime.now(UTC) - int(found[1]) * _UNIT[found[2]]
    return moment(context, parameter, value)
