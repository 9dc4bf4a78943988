"""A variable, or the file that stands for it: `NAME_FILE` names a mounted file whose content is the value of `NAME`.

A file is not shown by `docker inspect`, is not inherited by every child process, and can be replaced without a restart:
it is read anew at each use. Only what may be secret has such a twin.
"""

from collections.abc import Mapping
from pathlib import Path

from ige_pipeline.refusal import Refusal

SECRETS = frozenset(
    {
        "DAGSTER_POSTGRES_URL",
        "IGE_ALERT_WEBHOOK_URL",
        "IGE_CELERY_URL",
        "IGE_CONSOLE_PROXY_SECRET",
        "IGE_CONSOLE_TOKENS",
        "IGE_DATABASE_URL",
        "IGE_INBOUND_SECRET",
        "IGE_INBOUND_TOKEN",
        "IGE_TWILIO_AUTH_TOKEN",
        "IGE_WEBHOOK_AUTH_HEADER",
        "IGE_WEBHOOK_SECRET",
        "N8N_OUTBOUND_WEBHOOK_URL",
        "N8N_WEBHOOK_URL",
        "OPENAI_API_KEY",
    },
)
"""What may stand in a file. A webhook's address is among them: whoever knows it can have texts sent."""

FILES = frozenset(f"{name}_FILE" for name in SECRETS)


def value_of(name: str, values: Mapping[str, str]) -> str | None:
    """Return a variable's value, or what its file holds; empty counts as not set. Refusal when both are given.

    Neither value nor content is ever part of the sentence.
    """
    plain = values.get(name, "").strip() or None
    path = values.get(f"{name}_FILE", "").strip() if name in SECRETS else ""
    if not path:
        return plain
    if plain is not None:
        raise Refusal(f"{name} and {name}_FILE are both set: unset one of them.")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Refusal(f"{name}_FILE names {path}, which cannot be read ({why}).") from None
