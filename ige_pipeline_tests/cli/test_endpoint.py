"""`ige endpoint` and what `ige status` says of a webhook that is wrong."""

from collections.abc import Iterator

import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline_tests.cli.people import make_awake_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.factories import make_message


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    with receiving(lambda _body: 404) as receiver:
        yield receiver


@pytest.fixture
def terminal(database_url: str, webhook: Receiver) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url, "N8N_OUTBOUND_WEBHOOK_URL": webhook.url})


def test_a_webhook_that_is_wrong_is_shown_and_resumed(conn: Connection, terminal: Terminal, webhook: Receiver) -> None:
    make_message(conn, make_awake_contractor(conn))
    assert terminal.type("endpoint", "show").output == "Nothing was posted yet.\n"
    refused = terminal.type("run", "deliver")
    assert (refused.exit_code, "http_404" in refused.stderr) == (2, True)

    shown, status = terminal.type("endpoint", "show"), terminal.type("status")
    webhook.answer = lambda _body: 200
    resumed = terminal.type("endpoint", "resume")
    terminal.type("run", "deliver")

    assert (shown.exit_code, status.exit_code) == (1, 1)
    assert "PAUSED since" in shown.output
    assert "(http_404)" in shown.output
    assert "Alert:" in status.output
    assert "the endpoint is wrong and not the messages" in status.output
    assert resumed.exit_code == 0
    assert len(webhook.posts) == 2
    after = terminal.json("status")
    assert (after["alerts"], after["endpoints"][0]["state"]) == ([], "closed")


def test_an_endpoint_that_nobody_posted_to_cannot_be_resumed(terminal: Terminal) -> None:
    assert "Nothing was ever posted to elsewhere:1" in terminal.refused("endpoint", "resume", "elsewhere:1")
