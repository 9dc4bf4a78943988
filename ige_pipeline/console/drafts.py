"""What waits for a person before it may go: drafts in review mode, and batches that would have reached too many."""

from starlette.responses import Response

from ige_pipeline.console import render
from ige_pipeline.console.ask import Ask
from ige_pipeline.console.confirm import Field, Question, ask_first, done, reason, reason_field
from ige_pipeline.console.desk import Desk
from ige_pipeline.delivery import drafts, schedule
from ige_pipeline.ledger import compare
from ige_pipeline.ledger.batch import close_batch
from ige_pipeline.masking import has_number
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal

_QUERIES = load(__package__, "console.sql")
_SHOWN = 100
_BACK = "/drafts"


def page(desk: Desk, ask: Ask) -> Response:
    """Show what waits, the oldest first."""
    at, number = ask.moment("after_at"), ask.number("after")
    after = None if at is None or number is None else (at, number)
    waiting = drafts.waiting(ask.conn, desk.settings(), after=after, at_most=_SHOWN)
    batches = [
        (row, compare.held(ask.conn, compare.by_id(ask.conn, row["id"])))
        for row in ask.conn.execute(_QUERIES["held_batches"]).fetchall()
    ]
    return render.page(
        desk,
        ask,
        "drafts.html",
        drafts=waiting,
        newer=waiting[-1] if len(waiting) == _SHOWN else None,
        batches=[(row, held) for row, held in batches if held],
        reviewing=desk.settings().review_drafts,
    )


def ask_approve(desk: Desk, ask: Ask) -> Response:
    """Ask whether a draft may go."""
    draft = drafts.find(ask.conn, ask.part(), desk.settings())
    told = (draft["text"], f"To {draft['name'] or draft['contractor_id']}, after every safeguard was asked again.")
    question = Question(f"Send draft {draft['draft']}?", told, "Approve", _BACK, hidden=_seen(draft))
    return ask_first(desk, ask, question)


def approve(desk: Desk, ask: Ask) -> Response:
    """Approve, as `ige drafts approve` does."""
    verdict, reasons = drafts.approve(
        ask.conn,
        ask.part(),
        desk.settings(),
        who=ask.visitor.who,
        consent_needed=desk.consent_needed,
        seen=ask.text("seen"),
    )
    if verdict != "scheduled":
        raise Refusal(f"You approved it, but draft {ask.part()} is {verdict}: {'; '.join(reasons)}.")
    return done(_BACK, "approved")


def ask_edit(desk: Desk, ask: Ask) -> Response:
    """Ask for another text."""
    draft = drafts.find(ask.conn, ask.part(), desk.settings())
    if has_number(draft["text"]) and not ask.visitor.sees_numbers:
        raise Refusal(f"The text of draft {draft['draft']} holds a number: an admin may write it anew.")
    text = Field("text", "The text", "text block", value=draft["text"])
    told = (f"To {draft['name'] or draft['contractor_id']}. It is checked like any other text, and goes on waiting.",)
    title = f"Write draft {draft['draft']} anew?"
    return ask_first(desk, ask, Question(title, told, "Keep this text", _BACK, (text,), _seen(draft)))


def edit(desk: Desk, ask: Ask) -> Response:
    """Give it another text, as `ige drafts edit` does."""
    text, seen = ask.text("text", most=1600), ask.text("seen")
    drafts.edit(ask.conn, ask.part(), text, desk.settings(), who=ask.visitor.who, seen=seen)
    return done(_BACK, "edited")


def ask_reject(desk: Desk, ask: Ask) -> Response:
    """Ask whether a draft shall never go."""
    settings = desk.settings()
    draft = drafts.find(ask.conn, ask.part(), settings)
    told = (draft["text"], f"Nothing is written in its place for {settings.rejected_draft_days:g} days.")
    title = f"Reject draft {draft['draft']}?"
    question = Question(title, told, "Reject", _BACK, (reason_field(),), _seen(draft), grave=True)
    return ask_first(desk, ask, question)


def reject(desk: Desk, ask: Ask) -> Response:
    """Reject, as `ige drafts reject` does."""
    who, why, seen = ask.visitor.who, reason(ask), ask.text("seen")
    drafts.reject(ask.conn, ask.part(), desk.settings(), who=who, why=why, seen=seen)
    return done(_BACK, "rejected")


def _seen(draft: drafts.Draft) -> tuple[tuple[str, str]]:
    """What a decision is about: the text as it was shown, and no other."""
    return (("seen", drafts.mark_of(draft["text"])),)


def ask_release(desk: Desk, ask: Ask) -> Response:
    """Ask whether a held batch shall be scheduled."""
    batch = compare.by_id(ask.conn, ask.part())
    schedule.require_approvable(batch)
    # First the mark: what changes between the two is refused, and never sent unseen.
    mark, held = compare.held_mark(ask.conn, batch), compare.held(ask.conn, batch)
    if not held:
        raise Refusal(f"Nothing is held in batch {batch.id}.")
    told = [f"{row['messages']:,} of {render.words(row['trigger_name'])}, such as: {row['example']}" for row in held]
    total, seen = sum(row["messages"] for row in held), (("seen", mark),)
    title = f"Schedule {total:,} messages of batch {batch.id}?"
    return ask_first(desk, ask, Question(title, told, "Schedule them", _BACK, hidden=seen, grave=True))


def release(desk: Desk, ask: Ask) -> Response:
    """Schedule it, as `ige batches approve` does."""
    batch = compare.by_id(ask.conn, ask.part())
    schedule.approve(ask.conn, batch, desk.settings(), who=ask.visitor.who, seen=ask.text("seen"))
    close_batch(ask.conn, batch)
    return done(_BACK, "released")
