"""`ige opt-out` and `ige replies`."""

from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn, insert, make_contractor, make_message


def test_somebody_is_opted_out_and_in_and_flagged_replies_are_looked_at(database_url: str, conn: Conn) -> None:
    terminal = Terminal({"IGE_DATABASE_URL": database_url})
    ada = make_contractor(conn, phone="+12125550142")
    make_message(conn, ada)
    reply = {"provider_id": "SM1", "proof": "token", "body": "not now", "meaning": "reply", "flag": "doubtful_opt_out"}
    reply_id = insert(conn, "ige_inbound_messages", reply)

    out = terminal.type("opt-out", str(ada), "--reason", "asked by phone", answer="y\n")
    lifted = terminal.type("opt-out", str(ada), "--lift", "--reason", "asked by mail", "--yes")
    flagged = terminal.json("replies", "flagged")
    seen = terminal.type("replies", "seen", str(reply_id))

    assert "…0142 is opted out; 1 waiting messages were cancelled." in out.stdout
    assert "The opt-out is lifted: …0142." in lifted.stdout
    assert [(each["id"], each["body"]) for each in flagged] == [(reply_id, "not now")]
    assert f"Seen: {reply_id}." in seen.stdout
    assert "No reply is flagged." in terminal.type("replies", "flagged").stdout
    unknown = terminal.type("opt-out", "--number", "(212) 555-0177", "--reason", "a letter", answer="y\n")
    again = terminal.type("opt-out", "--number", "+12125550177", "--lift", "--reason", "a letter", "--yes")
    assert "…0177 is opted out; 0 waiting" in unknown.stdout
    assert "5550177" not in unknown.stdout + unknown.stderr
    assert "The opt-out is lifted: …0177." in again.stdout
    assert "pause them instead" in terminal.refused("opt-out", "--number", "555-0177", "--reason", "x", "--yes")
    assert "There is no contractor 999" in terminal.refused("opt-out", "999", "--reason", "x", "--yes")
