"""Tell whoever is to be told, through a webhook of their choice: at once, then no oftener than `alert_minutes`.

What may not be told yet waits in Postgres and is told, counted, with the next. Nothing is silent: what could not be
posted stays untold and is tried again in a minute.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.postgres.queries import load
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

log = logging.getLogger(__name__)

_QUERIES = load(__package__, "tell.sql")
_WITHIN_S = 5.0
_TOLD = "Told"

# The environment's IGE_ALERT_WEBHOOK_URL, asked each time: None where nobody is to be told.
AlertTarget = Callable[[], str | None]


def target_of(alerts: AlertTarget) -> str | None:
    """Return where to; what is no web address is told in the log, for there is nobody else."""
    try:
        return alerts()
    except Refusal as refusal:
        log.error("%s", refusal)  # noqa: TRY400 - a refusal is a sentence
        return None


def tell(conn: Connection, url: str | None, settings: Settings, *, within_s: float = _WITHIN_S) -> str | None:
    """Post what is to be told; return what a person should know of it: None where there was nothing to tell."""
    if url is None or not (conn.execute(_QUERIES["take_turn"]).fetchone() or {}).get("ours"):
        return None
    try:
        rows = conn.execute(_QUERIES["to_tell"], {"alert_minutes": settings.alert_minutes}).fetchall()
        if not rows:
            return None
        why_not = post(url, document(rows, settings), within_s=within_s)
        if why_not is not None:
            log.error("%s", why_not)
            return why_not
        told = {
            "ids": [row["id"] for row in rows],
            "times": [row["times"] for row in rows],
            "ended": [row["ended_at"] is not None for row in rows],
        }
        conn.execute(_QUERIES["told"], told)
    finally:
        conn.execute(_QUERIES["leave_turn"])
    return f"{_TOLD} {len(rows)} alerts."


def was_told(said: str | None) -> bool:
    """Whether nothing waits to be told, by what `tell` returned; another machine may be telling it."""
    return said is None or said.startswith(_TOLD)


def document(rows: Sequence[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    """Return what is posted: `text` for people (Slack and others show it), the same as fields for programs."""
    return {
        "text": "\n".join(["ige_pipeline:", *(_line(row) for row in rows), *_where(settings)]),
        "alerts": [
            {
                "kind": row["kind"],
                "about": row["about"],
                "sentence": row["sentence"],
                "since": row["at"].isoformat(timespec="seconds"),
                "times": row["times"],
                "over": row["ended_at"] is not None,
            }
            for row in rows
        ],
        # Those of which only the count is told.
        "suppressed": sum(max(row["unseen"] - 1, 0) for row in rows),
    }


def tell_directly(url: str | None, *, kind: str, about: str, sentence: str) -> str | None:
    """Post one alert that could not be written down; return why that failed, too. None where nobody is to be told."""
    if url is None:
        return None
    text = f"ige_pipeline (not written down, for the database cannot be used):\n- {sentence}\nLook with `ige doctor`."
    return post(
        url,
        {"text": text, "alerts": [{"kind": kind, "about": about, "sentence": sentence}], "suppressed": 0},
    )


def _line(row: dict[str, Any]) -> str:
    if row["ended_at"] is not None:
        return f"- over since {row['ended_at']:%H:%M %Z}: {row['sentence']}"
    times = f", {row['times']} times" if row["times"] > 1 else ""
    return f"- since {row['at']:%Y-%m-%d %H:%M %Z}{times}: {row['sentence']}"


def _where(settings: Settings) -> list[str]:
    look = "Look with `ige status` and `ige doctor`."
    return [f"{look} {settings.dagster_url}" if settings.dagster_url else look]


def post(url: str, body: dict[str, Any], *, within_s: float = _WITHIN_S) -> str | None:
    """Post JSON, in so many seconds in all; return None when it was accepted, else one sentence without the address."""
    import aiohttp  # noqa: PLC0415 - every process of Dagster's reads this file, and hardly one ever tells anything

    try:
        status = asyncio.run(_posted(url, body, within_s))
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return f"The alert webhook was not reached ({type(error).__name__}): what it should tell waits."
    if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110: successful
        return f"The alert webhook answered {status}: what it should tell waits."
    return None


async def _posted(url: str, body: dict[str, Any], within_s: float) -> int:
    import aiohttp  # noqa: PLC0415 - as above

    timeout = aiohttp.ClientTimeout(total=within_s)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, json=body, allow_redirects=False) as response,
    ):
        return response.status
