"""A secret in a mounted file counts like the variable itself, and stands in nothing that anybody prints."""

import re
from pathlib import Path

import pytest
from dagster._core.instance.config import dagster_instance_config

from ige_pipeline.environment import Environment
from ige_pipeline.postgres.dagster_storage import PostgresStorage
from ige_pipeline.refusal import Refusal
from ige_pipeline.secret_files import FILES, SECRETS, value_of
from ige_pipeline.settings import Settings
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.dagster_instances import DELIVER, ROOT, SCHEDULE, instance_at, run_job, surroundings, told

KEPT = "swordfish"
"""A word in every secret below; where it is seen, something told."""


def file_with(folder: Path, content: str | bytes) -> str:
    path = folder / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_file_holds_what_the_variable_would(name: str, tmp_path: Path) -> None:
    assert Environment({f"{name}_FILE": file_with(tmp_path, "the value\n")}).get(name) == "the value"


def test_what_is_no_secret_has_no_file(tmp_path: Path) -> None:
    assert value_of("IGE_SCHEDULES", {"IGE_SCHEDULES_FILE": file_with(tmp_path, "on")}) is None

    with pytest.raises(Refusal, match="IGE_SCHEDULES_FILE is no variable of ours"):
        Environment({"IGE_SCHEDULES_FILE": "x"}).settings()


def test_whatever_sounds_like_a_secret_may_stand_in_a_file() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^#([A-Z0-9_]+(?:SECRET|TOKENS?|KEY|PASSWORD|_URL|AUTH_HEADER))=", example, re.MULTILINE)

    # Our own address, and that of a server whose key is the secret.
    assert set(named) - SECRETS == {"IGE_PUBLIC_URL", "OPENAI_BASE_URL"}


def test_the_files_are_variables_of_ours() -> None:
    assert Environment(dict.fromkeys(FILES, "/nowhere")).settings() == Settings()


def test_an_empty_file_counts_as_not_set(tmp_path: Path) -> None:
    assert Environment({"OPENAI_API_KEY_FILE": file_with(tmp_path, "\n")}).model(Settings()) is None


def test_a_secret_that_was_replaced_is_seen_at_its_next_use(tmp_path: Path) -> None:
    environment = Environment({"IGE_WEBHOOK_SECRET_FILE": file_with(tmp_path, "old")})
    assert environment.get("IGE_WEBHOOK_SECRET") == "old"
    file_with(tmp_path, "new")

    assert environment.get("IGE_WEBHOOK_SECRET") == "new"


def test_both_at_once_are_refused_and_neither_is_shown(tmp_path: Path) -> None:
    values = {"OPENAI_API_KEY": KEPT, "OPENAI_API_KEY_FILE": file_with(tmp_path, KEPT)}

    with pytest.raises(Refusal) as refused:
        Environment(values).model(Settings())

    assert str(refused.value) == "OPENAI_API_KEY and OPENAI_API_KEY_FILE are both set: unset one of them."


@pytest.mark.parametrize("content", [None, b"\xff" + KEPT.encode()])
def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = str(tmp_path / "gone") if content is None else file_with(tmp_path, content)

    with pytest.raises(Refusal, match=r"IGE_DATABASE_URL_FILE names .* cannot be read") as refused:
        Environment({"IGE_DATABASE_URL_FILE": path}).database()

    assert KEPT not in str(refused.value)


def test_an_environment_shows_no_value() -> None:
    assert KEPT not in repr(Environment({"OPENAI_API_KEY": KEPT}))


def test_dagsters_storage_is_found_by_its_file_and_its_address_is_in_no_configuration(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL_FILE", file_with(tmp_path, server_url))

    storage = PostgresStorage.from_config_value(None, {})

    assert storage.postgres_url == server_url.replace("postgresql://", "postgresql+psycopg2://")
    (tmp_path / "dagster.yaml").write_bytes((ROOT / "deploy" / "dagster.yaml").read_bytes())
    config, custom = dagster_instance_config(str(tmp_path))
    assert custom is None or "postgresql" not in str(custom)
    assert config["storage"] == {
        "custom": {"module": "ige_pipeline.postgres.dagster_storage", "class": "PostgresStorage", "config": {}}
    }


def test_without_a_database_dagster_says_which_variable_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DAGSTER_POSTGRES_URL", "DAGSTER_POSTGRES_URL_FILE"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(Refusal, match="DAGSTER_POSTGRES_URL is not set"):
        PostgresStorage.from_config_value(None, {})


def secrets_in(database_url: str) -> dict[str, str]:
    """Every secret, each with the word; the database's is in a parameter that Postgres takes and nobody needs."""
    return {
        "IGE_DATABASE_URL": f"{database_url}?fallback_application_name={KEPT}",
        "N8N_OUTBOUND_WEBHOOK_URL": f"http://user:{KEPT}@127.0.0.1:9/webhook/{KEPT}?token={KEPT}",
        "N8N_WEBHOOK_URL": f"http://127.0.0.1:9/{KEPT}",
        "IGE_WEBHOOK_AUTH_HEADER": f"X-Token: {KEPT}",
        "IGE_WEBHOOK_SECRET": f"whsec_{KEPT}AAA=",
        "OPENAI_API_KEY": f"sk-{KEPT}",
        "IGE_ALERT_WEBHOOK_URL": f"http://127.0.0.1:9/{KEPT}",
        "IGE_INBOUND_TOKEN": f"{KEPT}{KEPT}{KEPT}",
        "IGE_INBOUND_SECRET": f"whsec_{KEPT}AAA=",
        "IGE_TWILIO_AUTH_TOKEN": KEPT,
        "IGE_CONSOLE_TOKENS": f"ada:operator:{KEPT}{KEPT}{KEPT}",
        "IGE_CONSOLE_PROXY_SECRET": KEPT,
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }


def wrong(database_url: str) -> list[dict[str, str]]:
    """The same secrets, one of them as people mistype it."""
    return [
        {"IGE_DATABASE_URL": f"postgresql://ige:{KEPT}@127.0.0.1:9/app"},
        {"IGE_DATABASE_URL": f"postgresql://ige:{KEPT}@{KEPT}@127.0.0.1/app"},
        {"IGE_DATABASE_URL": f"mysql://ige:{KEPT}@127.0.0.1/app"},
        {"IGE_DATABASE_URL": database_url.replace("://", "://x", 1).replace("@", f"{KEPT}@")},
        {"N8N_OUTBOUND_WEBHOOK_URL": f"ftp://{KEPT}"},
        {"IGE_WEBHOOK_AUTH_HEADER": KEPT},
        {"IGE_WEBHOOK_SECRET": KEPT},
        {"OPENAI_API_KEY": f"{KEPT}\u00e9"},
        {"OPENAI_API_KEY_FILE": "/nowhere/x"},
        {"IGE_ALERT_WEBHOOK_URL": f"ftp://{KEPT}"},
        {"IGE_CONSOLE_TOKENS": f"{KEPT}:{KEPT}:{KEPT}"},
    ]


LOOKING = (("doctor",), ("status",), ("endpoint", "show"), ("why", "1"), ("batches", "list"), ("run", "deliver"))


def test_no_command_prints_a_secret_whether_it_works_or_fails(database_url: str) -> None:
    secrets = secrets_in(database_url)
    printed = [Terminal(secrets).type(*words) for words in LOOKING] + [
        Terminal(secrets | mistyped).type(*words)
        for mistyped in wrong(database_url)
        for words in (("doctor",), ("run", "schedule"), ("run", "deliver"), ("serve", "--host", "256.1.1.1"))
    ]

    assert {result.exit_code for result in printed} >= {0, 1, 2}
    assert [result.output for result in printed if KEPT in result.output] == []
    # What was not anticipated would be a trace with all that is in it.
    assert [result.exception for result in printed if not isinstance(result.exception, SystemExit | None)] == []


@pytest.mark.parametrize("name", [SCHEDULE, DELIVER])
def test_dagster_keeps_no_secret_of_a_run(
    name: str, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (surroundings(database_url, None) | secrets_in(database_url)).items():
        monkeypatch.setenv(variable, value)

    with instance_at(tmp_path / "home") as instance:
        kept = told(instance, run_job(name, instance).run_id)

    assert re.search(r"STEP_(SUCCESS|FAILURE)", kept)
    assert KEPT not in kept
