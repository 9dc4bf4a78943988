"""`ige dead` and `ige redrive`: what died in the outbox, and how it gets another life."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from ige_pipeline.cli.asking import since, span, sure, who, yes_option
from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery.dead import OBSTACLES, Letter, Which, letter, letters
from ige_pipeline.delivery.dead import redrive as send_again
from ige_pipeline.environment import Environment
from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.refusal import Refusal

_LONGEST = timedelta(days=7)
_NAMED = 20

since_option = click.option("--since", callback=since, help="Only what died since then (a time, or 2h, 3d).")
reason_option = click.option("--reason", help="Only what died of this, as `ige dead list` names it: http_400.")


@click.group()
def dead() -> None:
    """Look at messages that no further try could help; `ige redrive` sends them again."""


@dead.command(name="list")
@since_option
@reason_option
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Show at most so many.")
@json_option
def list_dead(since: datetime | None, reason: str | None, limit: int, *, json_wanted: bool) -> None:
    """Show what died, when and why, and what stands against sending it again; the newest first, no texts."""
    environment = Environment.of_process()
    with environment.checked_database().connect() as conn:
        found = letters(conn, Which(since=since, reason=reason, limit=limit), environment.settings())
    if json_wanted:
        as_json([vars(each) for each in found])
    elif found:
        _show("Dead letters", found)
    else:
        say("Nothing is dead.")


@dead.command()
@click.argument("message_id", type=int)
@json_option
def show(message_id: int, *, json_wanted: bool) -> None:
    """Show one dead letter whole: its text, every attempt, and what the webhook answered."""
    with Environment.of_process().checked_database().connect() as conn:
        row = letter(conn, message_id)
    if json_wanted:
        as_json(row)
        return
    say(f"Message {message_id} to contractor {row['contractor_id']} ({row['trigger_name']}, {row['message_type']})")
    say(f"  died:     {row['dead_at']:%Y-%m-%d %H:%M %Z}, {row['dead_reason']}")
    say(f"  text:     {row['text']}")
    for tried in row["tried"]:
        say(_attempt(tried))
    say(f"  whole:    ige why {row['contractor_id']} --message {message_id}")


@click.command()
@click.argument("ids", type=int, nargs=-1)
@since_option
@reason_option
@click.option(
    "--expires-in",
    callback=span,
    help="How long they may be sent from now: 4h. Without it each keeps its own end; what is over stays dead.",
)
@yes_option
@json_option
@click.pass_context
def redrive(
    context: click.Context,
    ids: tuple[int, ...],
    since: datetime | None,
    reason: str | None,
    expires_in: timedelta | None,
    *,
    yes: bool,
    json_wanted: bool,
) -> None:
    """Make dead letters due again, after their cause was mended: by id, or all since a time or of one reason.

    Each keeps its idempotency key and its history, and gets seven new tries. Every safeguard is asked again when it is
    sent. Exits with 1 when some could not be redriven.
    """
    which = _which(ids, since, reason)
    _require_short(expires_in)
    environment = Environment.of_process()
    settings = environment.settings()
    with environment.checked_database().connect() as conn:
        found = letters(conn, which, settings, expires_in=expires_in)
        free = [each.message_id for each in found if each.obstacle is None]
        if free:
            if not (yes or json_wanted):
                _show("Dead letters", found)
            sure(f"Send {len(free)} of them again?", yes=yes)
        done, _ = send_again(conn, free, settings, who=who(), expires_in=expires_in)
    left = {each.message_id: each.obstacle or "occurrence_taken" for each in found if each.message_id not in done}
    left |= {message_id: "not dead" for message_id in ids if message_id not in left and message_id not in done}
    _tell(done, left, json_wanted=json_wanted)
    context.exit(1 if left else 0)


def _which(ids: Sequence[int], since: datetime | None, reason: str | None) -> Which:
    if bool(ids) == (since is not None or reason is not None):
        raise Refusal("Say which: either the ids of dead letters, or --since and --reason; `ige dead list` shows them.")
    return Which(ids=ids or None, since=since, reason=reason)


def _require_short(expires_in: timedelta | None) -> None:
    if expires_in is not None and not timedelta(0) < expires_in <= _LONGEST:
        raise Refusal(f"--expires-in may be at most {_LONGEST.days} days: what is older than that says nothing true.")


def _tell(done: Sequence[int], left: dict[int, str], *, json_wanted: bool) -> None:
    if json_wanted:
        as_json({"redriven": done, "left": left})
        return
    say(f"Redriven: {_ids(done)}. The next delivery run asks every safeguard again and sends what may go.")
    for obstacle in sorted(set(left.values())):
        ids = sorted(message_id for message_id, why in left.items() if why == obstacle)
        say(f"Left as they are: {_ids(ids)}: {OBSTACLES.get(obstacle, 'not dead')}.")


def _show(title: str, found: Sequence[Letter]) -> None:
    columns = ("message", "contractor", "trigger", "died (UTC)", "of", "tries", "against a redrive")
    table(
        title,
        columns,
        (
            (
                each.message_id,
                each.contractor_id,
                each.trigger_name,
                f"{each.dead_at:%Y-%m-%d %H:%M}",
                each.dead_reason,
                each.attempts,
                OBSTACLES.get(each.obstacle or ""),
            )
            for each in found
        ),
    )


def _attempt(tried: dict[str, Any]) -> str:
    because = "; ".join(of_reason(reason) for reason in tried["reasons"])
    status = f" HTTP {tried['status_code']}" if tried["status_code"] else ""
    answer = f"\n            {' '.join(tried['response'].split())[:300]}" if tried["response"] else ""
    said = f" ({because})" if because else ""
    return f"  attempt:  {tried['outcome']}{status} at {tried['at'][:16]}{said}{answer}"


def _ids(ids: Sequence[int]) -> str:
    """Name a few; of thousands nobody reads more than how many they are."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return (", ".join(map(str, ids[:_NAMED])) or "nothing") + more
