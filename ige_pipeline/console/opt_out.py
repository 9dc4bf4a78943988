"""Opting a number out, and taking that back: a contractor's, or that of a reply, which nobody here may have."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import Response

from ige_pipeline.console import contractors
from ige_pipeline.console.ask import Ask, Missing
from ige_pipeline.console.confirm import Question, ask_first, done, reason, reason_field
from ige_pipeline.console.desk import Desk
from ige_pipeline.inbound import by_hand
from ige_pipeline.refusal import Refusal

_HOW = (reason_field("How do you know?"),)


@dataclass(frozen=True)
class _Whose:
    """A number, how it is called, and the page that leads here."""

    number: str
    called: str
    back: str


def of_contractor(desk: Desk, ask: Ask) -> _Whose:
    """Return the number of the contractor whom the path names."""
    who = contractors.find(ask)
    number = by_hand.number_of_contractor(ask.conn, who["id"], desk.settings())
    return _Whose(number, f"the number of {contractors.called(who)}", f"/contractors/{who['id']}")


def of_reply(_desk: Desk, ask: Ask) -> _Whose:
    """Return the number that the reply of the path came from; Missing where there is no such reply."""
    found = by_hand.number_of_reply(ask.conn, ask.part())
    if found is None:
        raise Missing
    return _Whose(found, f"the number that wrote reply {ask.part()} (…{found[-4:]})", "/replies")


Find = Callable[[Desk, Ask], _Whose]
View = Callable[[Desk, Ask], Response]


def ask_opt_out(find: Find) -> View:
    """Make the page that asks whether nothing more shall go to a number."""

    def view(desk: Desk, ask: Ask) -> Response:
        whose = find(desk, ask)
        told = (
            f"Nothing goes to {whose.called} any more, whoever has it; what waits is cancelled.",
            "It outlives a contractor's row, and a START from that number does not lift it.",
        )
        return ask_first(desk, ask, Question(f"Opt {whose.called} out?", told, "Opt out", whose.back, _HOW, grave=True))

    return view


def ask_opt_in(find: Find) -> View:
    """Make the page that asks whether texts may go to a number again."""

    def view(desk: Desk, ask: Ask) -> Response:
        whose = find(desk, ask)
        told = ("Only if the person behind the number told us so. Every other safeguard holds as before.",)
        title = f"Lift the opt-out of {whose.called}?"
        return ask_first(desk, ask, Question(title, told, "Lift it", whose.back, _HOW, grave=True))

    return view


def opt_out(find: Find) -> View:
    """Make what opts a number out, as `ige opt-out` does."""

    def view(desk: Desk, ask: Ask) -> Response:
        whose = find(desk, ask)
        by_hand.opt_out(ask.conn, whose.number, desk.settings(), reason=reason(ask), who=ask.visitor.who)
        return done(whose.back, "opted_out")

    return view


def opt_in(find: Find) -> View:
    """Make what lifts an opt-out, as `ige opt-out --lift` does."""

    def view(desk: Desk, ask: Ask) -> Response:
        whose = find(desk, ask)
        lifted = by_hand.opt_in(ask.conn, whose.number, desk.settings(), reason=reason(ask), who=ask.visitor.who)
        if not lifted.changed:
            raise Refusal("Their number was not opted out.")
        return done(whose.back, "opted_in")

    return view
