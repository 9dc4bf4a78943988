"""Why did they get nothing? For a contractor and an hour, from the ledger."""

from typing import Any

from starlette.responses import Response

from ige_pipeline.console import messages, render
from ige_pipeline.console.ask import Ask, Missing
from ige_pipeline.console.desk import Desk
from ige_pipeline.ledger import why as ledger
from ige_pipeline.ledger.sentence import of_decision
from ige_pipeline.ledger.silence import silence
from ige_pipeline.ledger.story import of_row
from ige_pipeline.masking import masked
from ige_pipeline.refusal import Refusal
from ige_pipeline.triggers.nearest import in_words, nearest
from ige_pipeline.triggers.trigger import load_all


def page(desk: Desk, ask: Ask) -> Response:
    """Ask for somebody and an hour, and explain, as `ige why` does."""
    asked, at = messages.sought(ask, "contractor"), ask.moment("at")
    people = _meant(asked, messages.people(ask.conn, asked))
    if len(people) != 1:
        nobody: dict[str, Any] = {"who": None, "rows": [], "silent": None, "fires": None}
        return render.page(desk, ask, "why_not.html", asked=asked, at=at, people=people, **nobody)
    contractor_id = int(people[0]["id"])
    settings, triggers = desk.settings(), load_all()
    promised = [trigger.name for trigger in triggers if trigger.promised]
    try:
        who = ledger.contractor(
            ask.conn, contractor_id, promised=promised, keep_days=settings.keep_decisions_days, at=at
        )
    except Refusal as refusal:
        raise Missing from refusal
    rows = ledger.why(ask.conn, contractor_id=contractor_id, at=at, limit=20)
    shown = ask.visitor.sees_numbers
    told = [
        (row, of_decision(row), [(label, masked(said, shown=shown)) for label, said in of_row(row)]) for row in rows
    ]
    return render.page(
        desk,
        ask,
        "why_not.html",
        asked=asked,
        people=[],
        who=who,
        at=at,
        rows=told,
        silent=None if rows else silence(who, at, triggers=[trigger.name for trigger in triggers]),
        fires=None if at else in_words(nearest(ask.conn, contractor_id, settings)),
    )


def _meant(asked: str, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those whom somebody may mean: who writes a contractor's own number means nobody else."""
    return [each for each in people if str(each["id"]) == asked.removeprefix("#")] or people
