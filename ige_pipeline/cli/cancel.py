"""`ige cancel`: single messages that must not leave."""

import click

from ige_pipeline.cli.asking import sure, who, without_number, yes_option
from ige_pipeline.cli.output import as_json, say, table
from ige_pipeline.cli.run import json_option
from ige_pipeline.delivery.cancel import cancel as take_back
from ige_pipeline.delivery.cancel import outlook
from ige_pipeline.environment import Environment


@click.command()
@click.argument("ids", type=int, nargs=-1, required=True)
@click.option("--reason", callback=without_number, default="no reason given", help="Why; shown by `ige why`.")
@yes_option
@json_option
@click.pass_context
def cancel(context: click.Context, ids: tuple[int, ...], reason: str, *, yes: bool, json_wanted: bool) -> None:
    """Cancel messages that have not left yet; a follow-up or event message is taken off its plan, too.

    It counts as written: about the same goal nothing follows before the trigger's repeat time is over. What is being
    sent at this moment cannot be held back. Exits with 1 when some could not be cancelled.
    """
    with Environment.of_process().checked_database().connect() as conn:
        found = {each.message_id: each for each in outlook(conn, ids)}
        waiting = [each.message_id for each in found.values() if each.state == "waits"]
        if waiting:
            if not (yes or json_wanted):
                columns = ("message", "contractor", "trigger", "message type", "state")
                table("Messages", columns, (vars(each).values() for each in found.values()))
            sure(f"Cancel {len(waiting)} of them?", yes=yes)
        done = take_back(conn, waiting, who=who(), reason=reason)
        after = {each.message_id: each.state for each in outlook(conn, ids)}
    left = {message_id: after.get(message_id, "unknown") for message_id in ids if message_id not in done}
    if json_wanted:
        as_json({"cancelled": done, "left": left})
    else:
        say(f"Cancelled: {', '.join(map(str, done)) or 'nothing'}.")
        for message_id, state in left.items():
            say(f"Left as it is: {message_id}: {_SENTENCES[state]}.")
    context.exit(1 if left else 0)


_SENTENCES = {
    "sent": "it was sent",
    "dead": "it is dead already",
    "cancelled": "it is cancelled already",
    "expired": "it has expired",
    "being sent": "it is being sent at this moment, look again",
    "waits": "somebody else changed it meanwhile, look again",
    "unknown": "there is no such message",
}
