"""What is wrong around us is answered with one sentence, exit code 2, and without a secret, a number or a trace."""

from pathlib import Path

import pytest

from ige_pipeline_tests.cli.people import make_awake_contractor, make_due_contractor
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.factories import Conn, make_message

READS = [
    ["status"],
    ["why", "1"],
    ["adopt"],
    ["run", "schedule"],
    ["preview"],
    ["triggers", "check"],
    ["batches", "list"],
    ["dead", "list"],
    ["redrive", "1"],
    ["cancel", "1"],
    ["retire"],
]
NOWHERE = "postgresql://ige:s3cret@127.0.0.1:1/ige"


@pytest.fixture
def terminal(database_url: str) -> Terminal:
    return Terminal({"IGE_DATABASE_URL": database_url})


@pytest.mark.parametrize("words", [*READS, ["migrate"]], ids=" ".join)
def test_a_database_that_is_not_there(words: list[str]) -> None:
    refusal = Terminal({"IGE_DATABASE_URL": NOWHERE}).refused(*words)

    assert refusal.startswith("Postgres at 127.0.0.1:1/ige cannot be reached")
    assert "s3cret" not in refusal


@pytest.mark.parametrize("url", ["mysql://ige:s3cret@host/ige", "postgresql://ige:s3@cret@host/ige", "s3cret"])
def test_an_address_that_is_none_is_not_shown(url: str) -> None:
    refusal = Terminal({"IGE_DATABASE_URL": url}).refused("status")

    assert "IGE_DATABASE_URL" in refusal
    assert "cret" not in refusal


@pytest.mark.parametrize("words", READS, ids=" ".join)
def test_a_database_that_was_never_migrated(words: list[str], empty_database_url: str) -> None:
    refusal = Terminal({"IGE_DATABASE_URL": empty_database_url}).refused(*words)

    assert refusal == "The database has never been migrated: run `ige migrate`."


def test_a_database_that_is_newer_than_the_code(terminal: Terminal, conn: Conn) -> None:
    conn.execute("UPDATE ige_alembic_version SET version_num = '9999'")
    conn.execute("""UPDATE ige_switches SET value = '{"serves": "9000"}' WHERE name = 'schema'""")

    assert "is at schema 9999, which is newer than this code" in terminal.refused("status")
    assert "is at schema 9999, which is newer than this code" in terminal.refused("migrate")


def test_no_webhook_touches_no_row(terminal: Terminal, conn: Conn) -> None:
    message = make_message(conn, make_awake_contractor(conn))

    refusal = terminal.refused("run", "deliver")

    assert refusal == "N8N_OUTBOUND_WEBHOOK_URL is not set: set it to the webhook that sends your texts."
    row = conn.execute("SELECT attempts, last_error FROM ai_proactive_messages WHERE id = %s", [message]).fetchone()
    assert row == {"attempts": 0, "last_error": None}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("N8N_OUTBOUND_WEBHOOK_URL", "n8n.example/s3cret"),
        ("IGE_WEBHOOK_AUTH_HEADER", "s3cret"),
        ("IGE_WEBHOOK_SECRET", "whsec_s3cret!"),
    ],
)
def test_a_malformed_webhook_setting_is_named_and_not_shown(terminal: Terminal, variable: str, value: str) -> None:
    env = {"N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:1/", **terminal.env, variable: value}

    refusal = Terminal(env).refused("run", "deliver")

    assert variable in refusal
    assert "s3cret" not in refusal


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("min_gap_hours=soon", "min_gap_hours in the run's config is malformed: "),
        ("min_gap_hours=-1", "min_gap_hours in the run's config is malformed: "),
        ("min_gap=1", "the run's config sets min_gap, which is not a setting: see docs/settings.md"),
    ],
)
def test_a_malformed_setting_of_one_run(terminal: Terminal, setting: str, sentence: str) -> None:
    assert sentence in terminal.refused("run", "schedule", "--set", setting)


def test_a_malformed_setting_of_the_environment(terminal: Terminal) -> None:
    refusal = Terminal(dict(terminal.env) | {"IGE_MAX_MESSAGES_PER_RUN": "many"}).refused("run", "schedule")

    assert "max_messages_per_run in IGE_MAX_MESSAGES_PER_RUN is malformed" in refusal


def test_a_malformed_settings_file(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "ige.toml"
    typed = Terminal(dict(terminal.env) | {"IGE_SETTINGS": str(file)})

    missing = typed.refused("run", "schedule")
    file.write_text("min_gap_hours = \n")
    unreadable = typed.refused("run", "schedule")

    assert missing == f"IGE_SETTINGS names {file}, which does not exist."
    assert unreadable.startswith(f"The settings file {file} cannot be read: ")


def test_somebody_who_does_not_exist(terminal: Terminal) -> None:
    assert terminal.refused("why", "999") == "There is no contractor 999."


def test_a_batch_and_a_trigger_that_do_not_exist(terminal: Terminal) -> None:
    assert "no batch 999" in terminal.refused("batches", "show", "999")
    assert "no batch 999" in terminal.refused("batches", "approve", "999")
    assert "no trigger lapsed" in terminal.refused("triggers", "check", "lapsed")


def test_a_batch_whose_texts_would_not_say_who_writes(terminal: Terminal) -> None:
    nameless = Terminal({**terminal.env, "IGE_SENDER_NAME": ""})

    assert nameless.refused("run", "schedule").startswith("sender_name is not set: ")
    assert nameless.type("run", "schedule", "--dry-run").exit_code == 0
    loopback = Terminal({**nameless.env, "N8N_WEBHOOK_URL": "http://127.0.0.1:1/x"})
    assert loopback.type("run", "schedule").exit_code == 0


def test_a_table_that_is_not_as_it_was_is_one_sentence(terminal: Terminal, conn: Conn) -> None:
    conn.execute("ALTER TABLE ai_concierge_goals RENAME COLUMN data_gaps TO gaps")

    refusal = terminal.refused("run", "schedule")

    assert refusal.startswith("Postgres: UndefinedColumn at triggers/evaluate.py:")
    assert "data_gaps" in refusal


def test_a_row_that_the_table_refuses_is_not_shown(terminal: Terminal, conn: Conn) -> None:
    make_due_contractor(conn, first_name="Zebulon", phone="+442079460199")
    conn.execute("ALTER TABLE ai_proactive_messages ADD CONSTRAINT nobody CHECK (message_content IS NULL) NOT VALID")

    refusal = Terminal(dict(terminal.env) | {"N8N_WEBHOOK_URL": "http://127.0.0.1:1/"}).refused("run", "schedule")

    assert refusal.startswith("Postgres: CheckViolation at delivery/schedule.py:")
    assert "Zebulon" not in refusal
