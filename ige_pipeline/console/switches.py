"""Stop and start: all sending, on all machines."""

from starlette.responses import Response

from ige_pipeline.console.ask import Ask
from ige_pipeline.console.confirm import Question, ask_first, done, reason, reason_field
from ige_pipeline.console.desk import Desk
from ige_pipeline.delivery import switches


def ask_stop(desk: Desk, ask: Ask) -> Response:
    """Ask whether nothing shall leave any more."""
    told = ("Nothing leaves any more within one message, on all machines. Batches still decide and schedule.",)
    return ask_first(
        desk, ask, Question("Stop all sending?", told, "Stop all sending", "/", (reason_field(),), grave=True)
    )


def stop(_desk: Desk, ask: Ask) -> Response:
    """Stop, as `ige stop` does."""
    switches.set_stop(ask.conn, on=True, reason=reason(ask), who=ask.visitor.who)
    return done("/", "stopped")


def ask_start(desk: Desk, ask: Ask) -> Response:
    """Ask whether sending shall go on."""
    told = ("What is due leaves with the next delivery run, after every safeguard was asked again.",)
    return ask_first(desk, ask, Question("Start sending?", told, "Start sending", "/"))


def start(_desk: Desk, ask: Ask) -> Response:
    """Start, as `ige start` does."""
    switches.set_stop(ask.conn, on=False, reason=None, who=ask.visitor.who)
    return done("/", "started")
