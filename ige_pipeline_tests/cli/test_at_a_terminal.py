"""What is asked of a person is not asked of a script, and an emergency waits for nobody."""

from io import BytesIO
from typing import Any

import pytest
from click.testing import CliRunner

from ige_pipeline.cli.main import ige
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn, fetch, insert, make_contractor, one


class Keyboard(BytesIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def typed(url: str, *words: str, answer: bytes) -> Any:
    env = {"IGE_DATABASE_URL": url, "IGE_SENDER_NAME": "Acme"}
    return CliRunner().invoke(ige, words, input=Keyboard(answer), env=env)


@pytest.mark.parametrize("answer", [b"n\n", b"y\n"])
def test_somebody_at_a_terminal_is_asked_first(database_url: str, conn: Conn, answer: bytes) -> None:
    ada = make_contractor(conn, ai_proactive_paused=True)
    reply = {"provider_id": "SM1", "proof": "token", "body": "x", "meaning": "reply", "flag": "no_text"}
    seen = insert(conn, "ige_inbound_messages", reply)
    Terminal({"IGE_DATABASE_URL": database_url}).type("stop", "--reason", "a try")

    asked = [
        typed(database_url, "resume", str(ada), "--reason", "they called", answer=answer),
        typed(database_url, "replies", "seen", str(seen), answer=answer),
        typed(database_url, "start", answer=answer),
    ]

    done = answer == b"y\n"
    assert [each.exit_code for each in asked] == [0 if done else 1] * 3
    assert all("[y/N]" in each.stderr for each in asked)
    assert fetch(conn, "contractors", ada)["ai_proactive_paused"] is not done
    assert (fetch(conn, "ige_inbound_messages", seen)["seen_at"] is not None) is done
    stop = one(conn.execute("SELECT (value ->> 'on')::boolean AS stopped FROM ige_switches WHERE name = 'stop'"))
    assert stop["stopped"] is not done


def test_to_stop_asks_nobody(database_url: str, conn: Conn) -> None:
    stopped = typed(database_url, "stop", "--reason", "wrong texts", answer=b"")

    assert stopped.exit_code == 0
    assert "[y/N]" not in stopped.stderr
    assert conn.execute("SELECT FROM ige_switches WHERE name = 'stop'").rowcount == 1
