"""Every change is asked about first: one page that says what will happen, and takes what must be known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from ige_pipeline.console import render
from ige_pipeline.console.ask import Ask, Malformed
from ige_pipeline.console.desk import Desk
from ige_pipeline.masking import has_number

REASON_LENGTH = 300


@dataclass(frozen=True)
class Field:
    """Something that must be said: its name in the form, what it is called, and how it is asked for."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    hint: str = ""
    required: bool = True
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Question:
    """What somebody is asked before anything changes. `grave` ones cannot be taken back."""

    title: str
    sentences: Sequence[str]
    act: str
    back: str
    fields: Sequence[Field] = ()
    hidden: Sequence[tuple[str, str]] = field(default=())
    grave: bool = False


def ask_first(desk: Desk, ask: Ask, question: Question) -> Response:
    """Show the page that asks."""
    return render.page(desk, ask, "confirm.html", question=question)


def reason_field(label: str = "Why?") -> Field:
    """Ask for a reason, which the audit trail and the pages show."""
    return Field("reason", label, hint="Shown to whoever looks next. No numbers, no texts.")


def reason(ask: Ask) -> str:
    """Return the reason that was given; Malformed without one."""
    given = ask.text("reason", most=REASON_LENGTH)
    if not given:
        raise Malformed("A reason is needed: go back and write one.")
    if has_number(given):
        raise Malformed("A reason is kept and shown to everybody: go back and leave the phone number out.")
    return given


def done(where: str, word: str, **more: int) -> Response:
    """Lead back to a page that says, in a sentence of `render.DONE`, what was done."""
    return RedirectResponse(
        f"{render.HOME}{where}?{urlencode({'done': word, **more})}", status_code=303, headers=render.HEADERS
    )
