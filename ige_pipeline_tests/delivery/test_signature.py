import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from ige_pipeline.delivery.signature import sign
from ige_pipeline.refusal import Refusal

OLD = "whsec_" + base64.b64encode(b"an old secret of 24 byte").decode()
NEW = "whsec_" + base64.b64encode(b"a new secret of 24 bytes").decode()
BODY = '{"phone": "+12125550107", "message": "Grüße"}'.encode()


def headers(secrets: str, body: bytes = BODY) -> dict[str, str]:
    stamp = int(datetime.now(UTC).timestamp())
    signed = sign(secrets, message_id="msg_1", timestamp=stamp, body=body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(stamp), "webhook-signature": signed}


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_while_secrets_rotate_a_receiver_with_either_one_accepts(secret: str) -> None:
    assert Webhook(secret).verify(BODY.decode(), headers(f"{NEW} {OLD}"))


def test_another_secret_or_another_body_is_not_accepted() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY.decode(), headers(NEW))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(BODY.decode(), headers(NEW, body=BODY + b" "))


@pytest.mark.parametrize("secret", ["whsec_not-base64!", "whsec_", "whsec_abc", "geheim\u00e4"])
def test_a_secret_that_cannot_sign_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(Refusal) as refused:
        sign(f"{NEW} {secret}", message_id="msg_1", timestamp=0, body=b"")

    assert str(refused.value) == "IGE_WEBHOOK_SECRET is not whsec_ and base64: copy it again from the receiving side."
