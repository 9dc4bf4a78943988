"""The sieve finds ordinary people and leaves everybody else to the safeguards; its law is held in agreement/."""

from datetime import timedelta
from typing import Any

import pytest

from ige_pipeline.postgres.connection import Connection
from ige_pipeline.safeguards.phonebook import look_up
from ige_pipeline.safeguards.sieve import ask_plain, told_plain
from ige_pipeline.settings import Settings
from ige_pipeline_tests.delivery.fakes import asleep, awake
from ige_pipeline_tests.factories import ago, make_contractor, make_message, make_sent_message, make_trust


def plain(conn: Connection, contractor: int, **settings: Any) -> list[str] | None:
    """Return what the hour says against a message to somebody who is plain, None where they are not."""
    asked, message_id = Settings(**settings), make_message(conn, contractor)
    look_up(conn, [contractor], region=asked.default_region)
    told = told_plain(ask_plain(conn, [message_id], [contractor], asked, consent_needed=False), asked)
    return [each.reason.value for each in told[message_id]] if message_id in told else None


def test_somebody_ordinary_is_plain(conn: Connection) -> None:
    contractor = make_contractor(conn, timezone=awake())

    assert plain(conn, contractor) == []


def test_so_is_somebody_to_whom_we_wrote_and_who_answered_and_trusts_us(conn: Connection) -> None:
    contractor = make_contractor(conn, timezone=awake())
    for days in (4, 12, 20):
        make_sent_message(conn, contractor, sent_at=ago(days=days), response_received_at=ago(days=days))
    make_trust(conn, contractor, 60)

    assert plain(conn, contractor) == []


def test_of_the_plain_the_hour_is_told(conn: Connection) -> None:
    assert plain(conn, make_contractor(conn, timezone=asleep())) == ["quiet_hours"]


@pytest.mark.parametrize(
    "over", [{"phone": None}, {"phone": "call me"}, {"ai_proactive_paused": True}, {"phone": "555-0107"}]
)
def test_whom_something_may_speak_against_is_not_plain(conn: Connection, over: dict[str, Any]) -> None:
    assert plain(conn, make_contractor(conn, **{"timezone": awake()} | over)) is None


def test_a_gap_that_ends_this_moment_is_left_to_the_safeguards(conn: Connection) -> None:
    contractor = make_contractor(conn, timezone=awake())
    make_sent_message(conn, contractor, sent_at=ago(hours=48) - timedelta(milliseconds=500))

    assert plain(conn, contractor, min_gap_hours=48) is None


def test_two_people_with_one_number_are_left_to_the_safeguards(conn: Connection) -> None:
    contractor = make_contractor(conn, timezone=awake(), phone="+12125550107")
    other = make_contractor(conn, timezone=awake(), phone="(212) 555-0107")
    look_up(conn, [other], region="US")

    assert plain(conn, contractor) is None


def test_a_number_that_this_library_has_not_read_is_left_to_the_safeguards(conn: Connection) -> None:
    contractor, asked = make_contractor(conn, timezone=awake()), Settings()
    message_id = make_message(conn, contractor)

    assert told_plain(ask_plain(conn, [message_id], [contractor], asked, consent_needed=False), asked) == {}


def test_a_confirmation_is_left_to_what_knows_confirmations(conn: Connection) -> None:
    contractor = make_contractor(conn, timezone=awake())
    message_id = make_message(conn, contractor)
    look_up(conn, [contractor], region="US")
    conn.execute("ALTER TABLE ai_proactive_messages DROP CONSTRAINT confirmation_is_one")
    conn.execute("UPDATE ai_proactive_messages SET confirms_opt_out = 1 WHERE id = %s", [message_id])

    assert told_plain(ask_plain(conn, [message_id], [contractor], Settings(), consent_needed=False), Settings()) == {}
