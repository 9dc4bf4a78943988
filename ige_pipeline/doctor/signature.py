"""Whether the webhook takes our signature and token: only an answer can tell, so this posts, and only when asked to."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

from ige_pipeline.delivery.endpoint import WebhookEndpoint
from ige_pipeline.delivery.reply import Answered, Reply
from ige_pipeline.doctor.finding import Finding, Surroundings

_REFUSED, _ELSEWHERE = frozenset({401, 403}), frozenset({404, 405, 410})


def signature(look: Surroundings) -> Iterator[Finding]:
    """A message without number and text, signed as any other, is let in: 2xx, or refused for what it lacks."""
    reply = asyncio.run(_try_out(look.environment.endpoint(look.settings)))
    variable = look.environment.target(look.settings).variable
    match reply:
        case Answered(status) if status in _REFUSED:
            yield Finding(
                f"The webhook refuses us ({status}).",
                "Set IGE_WEBHOOK_SECRET and IGE_WEBHOOK_AUTH_HEADER to what n8n expects, and look at the clocks.",
            )
        case Answered(status) if status in _ELSEWHERE or 300 <= status < 400:  # noqa: PLR2004 - RFC 9110: redirects
            yield Finding(
                f"The webhook answers {status}: nothing listens there, or not to a POST.",
                f"Publish the n8n workflow and mend {variable}.",
            )
        case Answered(status) if status < 500:  # noqa: PLR2004 - RFC 9110: it is the message that is refused
            return
        case Answered(status):
            yield Finding(f"The webhook answers {status}.", "Look at the last execution in n8n.")
        case other:
            reason = getattr(other, "reason", "")
            yield Finding(f"The webhook gave no answer ({reason}).", "`webhook` above may say why.")


async def _try_out(endpoint: WebhookEndpoint) -> Reply:
    try:
        return await endpoint.try_out(now=datetime.now(UTC))
    finally:
        await endpoint.aclose()
