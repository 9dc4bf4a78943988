"""Dead letters, and sending them again; and single messages that are taken back."""

from datetime import timedelta

from starlette.responses import Response

from ige_pipeline.console import render
from ige_pipeline.console.ask import Ask, Malformed
from ige_pipeline.console.confirm import Field, Question, ask_first, done, reason, reason_field
from ige_pipeline.console.desk import Desk
from ige_pipeline.delivery.cancel import cancel as take_back
from ige_pipeline.delivery.cancel import outlook
from ige_pipeline.delivery.dead import Letter, Which, letters
from ige_pipeline.delivery.dead import redrive as send_again
from ige_pipeline.refusal import Refusal

_SHOWN = 200
_LIVES = {"": None, "4h": timedelta(hours=4), "24h": timedelta(hours=24)}
_CHOICES = (("", "as long as they had"), ("4h", "4 hours from now"), ("24h", "24 hours from now"))
_OBSTACLES = {
    "stale": "its time is over: it needs more",
    "occurrence_taken": "another message about the same waits, or was sent",
}


def page(desk: Desk, ask: Ask) -> Response:
    """Show what died and why, the newest first."""
    why = ask.text("reason", most=60) or None
    at, number = ask.moment("before_at"), ask.number("before")
    before = None if at is None or number is None else (at, number)
    found = letters(ask.conn, Which(reason=why, limit=_SHOWN, before=before), desk.settings())
    return render.page(
        desk,
        ask,
        "dead.html",
        letters=found,
        older=found[-1] if len(found) == _SHOWN else None,
        obstacles=_OBSTACLES,
        why=why,
        reasons=sorted({each.dead_reason for each in found}),
    )


def ask_redrive(desk: Desk, ask: Ask) -> Response:
    """Ask whether these shall be sent again, and how long they may be."""
    found = _meant(desk, ask)
    stale = sum(each.obstacle == "stale" for each in found)
    taken = sum(each.obstacle == "occurrence_taken" for each in found)
    told = [
        "Each keeps its idempotency key and its history, and gets all its tries. Every safeguard is asked again.",
        *([f"Too old by now, and sent only if you give more time: {stale}."] if stale else []),
        *([f"Another message about the same waits, or was sent; these stay dead: {taken}."] if taken else []),
    ]
    lives = Field("expires_in", "They may be sent for", "choice", value=ask.text("expires_in"), choices=_CHOICES)
    hidden = [("id", str(each.message_id)) for each in found]
    number = f"{len(found)} dead letter{'s' if len(found) > 1 else ''}"
    return ask_first(desk, ask, Question(f"Send {number} again?", told, "Send again", "/dead", (lives,), hidden))


def redrive(desk: Desk, ask: Ask) -> Response:
    """Send them again, as `ige redrive` does."""
    expires_in = _LIVES[ask.one_of("expires_in", _LIVES) or ""]
    ids = [each.message_id for each in _meant(desk, ask)]
    redriven, left = send_again(ask.conn, ids, desk.settings(), who=ask.visitor.who, expires_in=expires_in)
    if not redriven:
        raise Refusal(f"None of them was sent again: {_OBSTACLES.get(left[0].obstacle or '', 'they are not dead')}.")
    word = "redriven_in_part" if left else "redriven"
    return done("/dead", word, sent=len(redriven), left=len(left))


def _meant(desk: Desk, ask: Ask) -> list[Letter]:
    ids = ask.numbers("id")
    if not ids:
        raise Malformed("Choose at least one dead letter.")
    found = letters(ask.conn, Which(ids=ids), desk.settings())
    if not found:
        raise Refusal("None of these is a dead letter any more.")
    return found


def ask_cancel(desk: Desk, ask: Ask) -> Response:
    """Ask whether a message shall not leave."""
    each = _outlook(ask)
    if each != "waits":
        raise Refusal(f"Message {ask.part()} cannot be cancelled: it is {each}.")
    told = ("It never leaves, and counts as written: about the same nothing follows before the trigger's repeat time.",)
    back = f"/messages/{ask.part()}"
    return ask_first(
        desk, ask, Question(f"Cancel message {ask.part()}?", told, "Cancel it", back, (reason_field(),), grave=True)
    )


def cancel(_desk: Desk, ask: Ask) -> Response:
    """Take it back, as `ige cancel` does."""
    if not take_back(ask.conn, [ask.part()], who=ask.visitor.who, reason=reason(ask)):
        each = _outlook(ask)
        raise Refusal(f"Message {ask.part()} was not cancelled: it is {each}.")
    return done(f"/messages/{ask.part()}", "cancelled")


def _outlook(ask: Ask) -> str:
    found = outlook(ask.conn, [ask.part()])
    if not found:
        raise Refusal(f"There is no message {ask.part()}.")
    return found[0].state
