"""Who sends us something: a token, a Standard Webhooks signature, or Twilio's. Pure; all compared in constant time."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl

from ige_pipeline.delivery.signature import sign
from ige_pipeline.refusal import Refusal

_TOLERANCE_S = 300
_SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Credentials:
    """What a sender may prove itself with. Tokens and `whsec_…` secrets are separated by blanks while they rotate."""

    tokens: str = field(default="", repr=False)
    secrets: str = field(default="", repr=False)
    twilio_token: str = field(default="", repr=False)
    public_url: str = ""


@dataclass(frozen=True)
class Request:
    """As much of a request as a proof needs. `target`: path and query as they came; `fields`: those of a form."""

    headers: Mapping[str, str]
    target: str
    body: bytes
    fields: Sequence[tuple[str, str]] = ()


def check(credentials: Credentials) -> Credentials:
    """Return credentials that can be used; Refusal, without showing them, when there are none or they are malformed."""
    if not (credentials.tokens or credentials.secrets or credentials.twilio_token):
        raise Refusal(
            "Nobody could prove who sends us replies: set IGE_INBOUND_TOKEN, IGE_INBOUND_SECRET or "
            "IGE_TWILIO_AUTH_TOKEN."
        )
    if any(len(token) < _SHORTEST_TOKEN for token in credentials.tokens.split()):
        raise Refusal(f"IGE_INBOUND_TOKEN is too short: {_SHORTEST_TOKEN} characters or more cannot be guessed.")
    if credentials.secrets:
        _signed(credentials.secrets, Request({}, "", b""), "", 0)
    if credentials.twilio_token and not credentials.public_url:
        raise Refusal("IGE_PUBLIC_URL is not set: Twilio signs the address that it posts to, https://your-host.")
    return credentials


def proven_by(request: Request, credentials: Credentials, *, now: datetime) -> str | None:
    """Name the proof that a request brings: `token`, `signature` or `twilio`; None for none that holds."""
    holds = {
        "token": _token_holds(request, credentials.tokens),
        "signature": _signature_holds(request, credentials.secrets, now=now),
        "twilio": _twilio_holds(request, credentials),
    }
    return next((name for name, held in holds.items() if held), None)


def _token_holds(request: Request, tokens: str) -> bool:
    kind, _, bearer = request.headers.get("authorization", "").partition(" ")
    brought = bearer.strip() if kind.lower() == "bearer" else request.headers.get("x-webhook-token", "")
    return _among(brought, tokens.split())


def _signature_holds(request: Request, secrets: str, *, now: datetime) -> bool:
    message_id, said = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not (secrets and message_id and said.isascii() and said.isdigit() and len(said) <= 12):  # noqa: PLR2004 - a time
        return False
    fresh = abs(now.timestamp() - int(said)) <= _TOLERANCE_S
    ours = _signed(secrets, request, message_id, int(said))
    brought = request.headers.get("webhook-signature", "").split()
    return any([_among(each, ours) for each in brought]) and fresh  # noqa: C419 - all of them, for constant time


def _signed(secrets: str, request: Request, message_id: str, timestamp: int) -> list[str]:
    try:
        return sign(secrets, message_id=message_id, timestamp=timestamp, body=request.body).split()
    except Refusal as refusal:
        raise Refusal("IGE_INBOUND_SECRET is not whsec_ and base64: copy it again.") from refusal


def _twilio_holds(request: Request, credentials: Credentials) -> bool:
    """Twilio signs its own view of the address, and each field after it, sorted, without a separator.

    https://www.twilio.com/docs/usage/webhooks/webhooks-security
    """
    if not credentials.twilio_token or not (request.fields or _digest_holds(request)):
        return False
    told = credentials.public_url.rstrip("/") + request.target
    told += "".join(name + value for name, value in sorted(set(request.fields)))
    # SHA-1 is what Twilio signs with.
    digest = hmac.new(credentials.twilio_token.encode(), told.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
    return _among(request.headers.get("x-twilio-signature", ""), [base64.b64encode(digest).decode()])


def _digest_holds(request: Request) -> bool:
    """Whether the address, which is signed, tells the digest of a body that is no form."""
    told = dict(parse_qsl(request.target.partition("?")[2])).get("bodySHA256", "")
    return _among(told.lower(), [hashlib.sha256(request.body).hexdigest()])


def _among(brought: str, held: Sequence[str]) -> bool:
    """Compare with all of them; nothing brought is never among them."""
    brought_bytes = brought.encode("utf-8", "surrogatepass")
    found = [hmac.compare_digest(brought_bytes, each.encode()) for each in held]
    return bool(brought) and any(found)
