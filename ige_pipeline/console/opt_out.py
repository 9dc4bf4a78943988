"""Opting somebody out, and taking that back: always by number."""

from collections.abc import Callable

from starlette.responses import Response

from ige_pipeline.console import contractors
from ige_pipeline.console.ask import Ask
from ige_pipeline.console.confirm import Question, ask_first, done, reason, reason_field
from ige_pipeline.console.desk import Desk
from ige_pipeline.inbound import by_hand
from ige_pipeline.refusal import Refusal

_HOW = (reason_field("How do you know?"),)


def ask_opt_out(desk: Desk, ask: Ask) -> Response:
    """Ask whether nothing more shall go to somebody's number."""
    who = contractors.find(ask)
    by_hand.number_of_contractor(ask.conn, who["id"], desk.settings())
    told = (
        f"Nothing goes to the number of {contractors.called(who)} any more, whoever has it; what waits is cancelled.",
        "It outlives the contractor's row, and a START from that number does not lift it.",
    )
    title, back = f"Opt {contractors.called(who)} out?", f"/contractors/{who['id']}"
    return ask_first(desk, ask, Question(title, told, "Opt out", back, _HOW, grave=True))


def opt_out(desk: Desk, ask: Ask) -> Response:
    """Opt somebody out, as `ige opt-out` does."""
    return _change(desk, ask, by_hand.opt_out, "opted_out")


def ask_opt_in(desk: Desk, ask: Ask) -> Response:
    """Ask whether texts may go to somebody's number again."""
    who = contractors.find(ask)
    by_hand.number_of_contractor(ask.conn, who["id"], desk.settings())
    told = ("Only if the person behind the number told us so. Every other safeguard holds as before.",)
    title, back = f"Lift the opt-out of {contractors.called(who)}?", f"/contractors/{who['id']}"
    return ask_first(desk, ask, Question(title, told, "Lift it", back, _HOW, grave=True))


def opt_in(desk: Desk, ask: Ask) -> Response:
    """Lift an opt-out, as `ige opt-out --lift` does."""
    return _change(desk, ask, by_hand.opt_in, "opted_in")


def _change(desk: Desk, ask: Ask, change: Callable[..., by_hand.Done], word: str) -> Response:
    who, settings = contractors.find(ask), desk.settings()
    number = by_hand.number_of_contractor(ask.conn, who["id"], settings)
    found = change(ask.conn, number, settings, reason=reason(ask), who=ask.visitor.who)
    if not found.changed and word == "opted_in":
        raise Refusal("Their number was not opted out.")
    return done(f"/contractors/{who['id']}", word)
