"""Sign a request as Standard Webhooks describes (specification 1.0: HMAC-SHA256 over id, timestamp and body)."""

import base64
import hashlib
import hmac

from ige_pipeline.refusal import Refusal


def sign(secrets: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` header: one `v1,…` for each of the space-separated `whsec_…` secrets.

    Raises Refusal when a secret is not base64; it is not shown.
    """
    content = b".".join([message_id.encode(), str(timestamp).encode(), body])
    return " ".join(f"v1,{_digest(_key(secret), content)}" for secret in secrets.split())


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise Refusal("IGE_WEBHOOK_SECRET is not whsec_ and base64: copy it again from the receiving side.")
    return key


def _digest(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
