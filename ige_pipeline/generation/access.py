"""The key and the address of a model's server, looked at before anything is sent there."""

from urllib.parse import urlsplit

from ige_pipeline.refusal import Refusal

DEFAULT_BASE_URL = "https://api.openai.com/v1"


def usable_key(key: str) -> str:
    """Return the key; Refusal, which does not show it, where it cannot be one."""
    # A key that cannot be a header would come back inside of the HTTP client's error.
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise Refusal("The model's key is empty or has characters that no key has; set OPENAI_API_KEY again.")
    return key


def usable_url(url: str) -> str:
    """Return the address; Refusal, which does not show it, where it cannot be one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Refusal("The model's address is not an http or https URL; set OPENAI_BASE_URL again.")
    return url
