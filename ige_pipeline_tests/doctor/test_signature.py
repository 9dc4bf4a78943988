"""`ige doctor --post`: what the webhook's answer to a message to nobody says of our signature."""

from typing import Any

import pytest

from ige_pipeline.doctor.finding import Surroundings
from ige_pipeline.doctor.signature import signature
from ige_pipeline.environment import Environment
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import receiving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def asked(status: int, **env: str) -> tuple[list[str], dict[str, Any]]:
    """What is found where the webhook answers so, and what it was sent."""
    with receiving(lambda _body: status) as webhook:
        look = Surroundings(Environment({"N8N_OUTBOUND_WEBHOOK_URL": webhook.url, **env}))
        told = [finding.what for finding in signature(look)]
        ((_, body),) = webhook.posts
    return told, body


@pytest.mark.parametrize("status", [200, 204, 400, 422])
def test_who_takes_it_or_refuses_what_it_lacks_takes_the_signature(status: int) -> None:
    assert asked(status)[0] == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "The webhook refuses us (401)."),
        (403, "The webhook refuses us (403)."),
        (404, "The webhook answers 404: nothing listens there, or not to a POST."),
        (302, "The webhook answers 302: nothing listens there, or not to a POST."),
        (500, "The webhook answers 500."),
    ],
)
def test_what_else_it_says_is_found(status: int, told: str) -> None:
    assert asked(status)[0] == [told]


@pytest.mark.parametrize("kind", ["flat", "ghl"])
def test_what_is_posted_goes_to_nobody_and_says_nothing(kind: str) -> None:
    _, body = asked(200, IGE_WEBHOOK_FORMAT=kind)

    flat = body if kind == "flat" else body["send_via_ghl"] | body["metadata"]
    assert (flat["phone"], flat["message"], flat["contractor_id"]) == ("", "", None)


def test_nobody_listens_where_nobody_does() -> None:
    look = Surroundings(Environment({"N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:9/webhook"}))

    (found,) = signature(look)

    assert found.what.startswith("The webhook gave no answer (")


def test_nothing_is_posted_unless_it_is_asked_for(database_url: str) -> None:
    with receiving() as webhook:
        env = {"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url}
        assert "signature:" not in Terminal(env).type("doctor").output
        assert webhook.posts == []

        assert "signature:  good" in Terminal(env).type("doctor", "--post").output
        assert len(webhook.posts) == 1
