"""One contractor: who they are, what was said, how trust moved, and whether and when they may be contacted."""

from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from ige_pipeline.console import chart, messages, render
from ige_pipeline.console.ask import Ask, Missing
from ige_pipeline.console.confirm import Field, Question, ask_first, done, reason, reason_field
from ige_pipeline.console.desk import Desk
from ige_pipeline.delivery import outbox
from ige_pipeline.delivery import pause as by_hand
from ige_pipeline.delivery.breaker import circuits
from ige_pipeline.delivery.circuit import LIMITED
from ige_pipeline.ledger.sentence import of_reason
from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.safeguards.standing import Standing, standing
from ige_pipeline.triggers.nearest import in_words, nearest

_QUERIES = load(__package__, "contractors.sql")
_NAMES = {
    "known": "Known",
    "phone": "Phone number",
    "suppressed": "Opt-out",
    "consent": "Consent",
    "paused": "Pause",
    "undelivered": "Nothing waits",
    "gap": "Gap between messages",
    "ignored": "Ignored in a row",
    "low_trust": "Trust",
    "complaints": "Complaints",
    "caps": "Caps for the number",
    "cap_of_type": "Cap for a check-in",
    "cap_of_state": "Cap of the state",
    "quiet_hours": "Quiet hours",
}


def page(desk: Desk, ask: Ask) -> Response:
    """Show everything about one contractor."""
    who, settings, conn = find(ask), desk.settings(), ask.conn
    stands = standing(conn, who["id"], settings, consent_needed=desk.consent_needed)
    trust = conn.execute(_QUERIES["trust"], {"id": who["id"]}).fetchall()
    return render.page(
        desk,
        ask,
        "contractor.html",
        who=who,
        goals=conn.execute(_QUERIES["goals"], {"id": who["id"]}).fetchall(),
        trust=trust,
        drawn=_drawn(trust, settings.min_trust_score),
        stands=stands,
        guards=[(_NAMES[each.name], [_in_words(f.as_json()) for f in each.findings]) for each in stands.guards],
        first=list(_first(ask, stands)),
        next_said=_next(stands),
        fires=in_words(nearest(conn, who["id"], settings)),
        deeds=conn.execute(_QUERIES["by_hand"], {"id": who["id"]}).fetchall(),
        found=messages.of_contractor(conn, who["id"], before=ask.number("before")),
        chosen={},
        came=conn.execute(_QUERIES["came"], {"id": who["id"]}).fetchall(),
        now_true={
            "paused": who["paused"],
            "resumed": not who["paused"],
            "opted_out": bool(stands.facts["suppressed"]),
            "opted_in": not stands.facts["suppressed"],
        },
    )


def find(ask: Ask) -> dict[str, Any]:
    """Return who is meant by the path; Missing where there is nobody."""
    return one(ask.conn, ask.part())


def one(conn: Connection, contractor_id: int) -> dict[str, Any]:
    """Return a contractor; Missing where there is none."""
    row = conn.execute(_QUERIES["contractor"], {"id": contractor_id}).fetchone()
    if row is None:
        raise Missing
    return row


def called(who: dict[str, Any]) -> str:
    """Name somebody, also where no name is known."""
    return who["name"] or f"contractor {who['id']}"


def _drawn(trust: list[dict[str, Any]], limit: int) -> Any:
    points = [
        chart.Point(
            row["at"], row["score"], f"{row['at']:%Y-%m-%d}: {row['score']}, {render.words(row['indicator_type'])}"
        )
        for row in reversed(trust)
    ]
    return chart.line(points, limit=limit, label="Trust over time") if points else None


def _in_words(finding: dict[str, Any]) -> str:
    until = finding.get("clears_at")
    return of_reason(finding) + (f" (until {until[:16].replace('T', ' ')} UTC)" if until else "")


def _first(ask: Ask, stands: Standing) -> Iterator[str]:
    """Say what keeps a message back whatever the safeguards of this one person say."""
    if outbox.standing(ask.conn).stopped:
        yield "Not while all sending is stopped."
    for each in circuits(ask.conn):
        if each["state"] != "closed":
            why = "it asked for fewer messages" if each["reason"] == LIMITED else "it fails"
            yield f"Not while {each['endpoint']} is paused because {why}: it is tried again by itself."
    waiting = next(guard for guard in stands.guards if guard.name == "undelivered").findings
    if waiting:
        yield "Nothing new before what waits for them has left, or has ended."


def _next(stands: Standing) -> str:
    if stands.next_contact is None:
        return "Not before a person does something about what stands in their way."
    if stands.next_contact <= stands.now:
        return "As far as they themselves are concerned, now: no safeguard stands in the way."
    return f"As far as they themselves are concerned, from {render.utc(stands.next_contact)} UTC on."


def ask_pause(desk: Desk, ask: Ask) -> Response:
    """Ask whether somebody shall hear nothing until another person resumes, or until a moment."""
    who = find(ask)
    told = (
        f"{called(who)} hears nothing, whatever fires. What waits for them goes on waiting, and expires in its time.",
        "Leave the time empty to pause until somebody resumes.",
    )
    until = Field("until", "Send nothing until (UTC)", "datetime-local", required=False)
    return ask_first(
        desk,
        ask,
        Question(f"Pause {called(who)}?", told, "Pause", f"/contractors/{who['id']}", (until, reason_field())),
    )


def pause(_desk: Desk, ask: Ask) -> Response:
    """Pause, as `ige pause` does."""
    who = find(ask)
    by_hand.pause(ask.conn, who["id"], until=ask.moment("until"), reason=reason(ask), who=ask.visitor.who)
    return done(f"/contractors/{who['id']}", "paused")


def ask_resume(desk: Desk, ask: Ask) -> Response:
    """Ask whether a pause shall end."""
    who = find(ask)
    told = (f"The pause of {called(who)} is lifted. Every other safeguard holds as before.",)
    title, back = f"Resume {called(who)}?", f"/contractors/{who['id']}"
    return ask_first(desk, ask, Question(title, told, "Resume", back, (reason_field(),)))


def resume(_desk: Desk, ask: Ask) -> Response:
    """Resume, as `ige resume` does."""
    who = find(ask)
    by_hand.resume(ask.conn, who["id"], reason=reason(ask), who=ask.visitor.who)
    return done(f"/contractors/{who['id']}", "resumed")
