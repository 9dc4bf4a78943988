"""Where to post, and what of that could never work or must not be."""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from yarl import URL

from ige_pipeline.delivery.address import is_metadata_host
from ige_pipeline.delivery.signature import sign
from ige_pipeline.refusal import Refusal

# RFC 9110, 5.1 and 5.5: a token, a colon, printable characters; never a line break.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*:\s*[!-~](?:[ -~]*[!-~])?\s*")


@dataclass(frozen=True)
class Target:
    """Where and how to post. `auth_header` is `Name: value`; `secrets` are space-separated `whsec_…`.

    With `e164_region` numbers are written as E.164, one without a country code as of that region; else as stored.
    """

    url: str = field(repr=False)
    kind: Literal["flat", "ghl"] = "flat"
    auth_header: str | None = field(default=None, repr=False)
    secrets: str | None = field(default=None, repr=False)
    timeout_s: float = 15.0
    e164_region: str | None = None
    variable: str = "N8N_OUTBOUND_WEBHOOK_URL"

    @property
    def host(self) -> str:
        """The host and port, which may be shown; a path may be a secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]


def check_target(target: Target) -> Target:
    """Refuse what could never work: no http(s) URL, an unreadable auth header, a secret that cannot sign.

    And what must not: a cloud's metadata service, which gives its machine's secrets to whoever asks.
    """
    try:
        url = URL(target.url)
        host = url.host or ""
        named = urlsplit(target.url).port != 0
    except ValueError:
        url, host, named = URL(), "", False
    if url.scheme not in {"http", "https"} or not host or not named or target.url.endswith(":/"):
        raise Refusal(f"{target.variable} is not a web address: write it as https://host/webhook/path.")
    if is_metadata_host(host):
        raise Refusal(f"{target.variable} names a cloud's metadata service, which no message is ever posted to.")
    if target.auth_header is not None and not _HEADER.fullmatch(target.auth_header):
        raise Refusal("IGE_WEBHOOK_AUTH_HEADER is not a header: write it as `Name: value`.")
    if target.secrets is not None:
        sign(target.secrets, message_id="", timestamp=0, body=b"")
    return target
