"""What the surroundings say: which layer wins, and one sentence for what is malformed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ige_pipeline.environment import Environment
from ige_pipeline.postgres.schema import head_revision
from ige_pipeline.refusal import Refusal
from ige_pipeline.settings import Settings

Toml = Callable[[str], Environment]


@pytest.fixture
def toml(tmp_path: Path) -> Toml:
    """An environment whose settings file says so."""

    def write(text: str, **variables: str) -> Environment:
        (tmp_path / "ours.toml").write_text(text)
        return Environment({"IGE_SETTINGS": str(tmp_path / "ours.toml"), **variables})

    return write


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own ige.toml is read."""
    monkeypatch.chdir(tmp_path)


def refusal_of(act: Callable[[], Any]) -> str:
    with pytest.raises(Refusal) as refusal:
        act()
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_without_anything_the_defaults_hold() -> None:
    assert Environment({}).settings() == Settings()


def test_the_file_beats_the_default(toml: Toml) -> None:
    assert toml("min_gap_hours = 72").settings().min_gap_hours == 72


def test_a_variable_beats_the_file(toml: Callable[..., Environment]) -> None:
    assert toml("min_gap_hours = 72", IGE_MIN_GAP_HOURS="24").settings().min_gap_hours == 24


def test_the_run_beats_the_variable_and_leaves_the_rest(toml: Callable[..., Environment]) -> None:
    environment = toml("min_gap_hours = 72\nmin_trust_score = 30", IGE_MIN_GAP_HOURS="24", IGE_LEASE_SECONDS="45")

    settings = environment.settings({"min_gap_hours": 1})

    assert (settings.min_gap_hours, settings.min_trust_score, settings.lease_seconds) == (1, 30, 45)


def test_the_file_of_the_working_folder_is_read_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "ige.toml").write_text("min_trust_score = 35")

    assert Environment({}).settings().min_trust_score == 35


@pytest.mark.parametrize("empty", ["", "  ", "\t"])
def test_an_empty_variable_counts_as_not_set(toml: Callable[..., Environment], empty: str) -> None:
    assert toml("min_gap_hours = 72", IGE_MIN_GAP_HOURS=empty).settings().min_gap_hours == 72
    assert Environment({"IGE_SETTINGS": empty}).settings() == Settings()


def test_each_reading_sees_what_the_file_says_then(toml: Toml) -> None:
    environment = toml("min_gap_hours = 72")
    environment.settings()
    toml("min_gap_hours = 96")

    assert environment.settings().min_gap_hours == 96


def test_every_setting_has_a_variable_of_its_name() -> None:
    values = {f"IGE_{name.upper()}": str(value) for name, value in Settings().model_dump().items() if value is not None}

    assert Environment(values).settings() == Settings()


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "4 8", "1e9"])
def test_a_malformed_variable_is_named(value: str) -> None:
    sentence = refusal_of(Environment({"IGE_MIN_GAP_HOURS": value}).settings)

    assert sentence.startswith("min_gap_hours in IGE_MIN_GAP_HOURS is malformed: ")


def test_a_malformed_value_of_the_file_is_named_with_the_file(toml: Toml) -> None:
    sentence = refusal_of(toml('min_gap_hours = "soon"').settings)

    assert sentence.startswith("min_gap_hours in ")
    assert "ours.toml is malformed: " in sentence


def test_a_malformed_value_of_the_run_is_named(toml: Toml) -> None:
    sentence = refusal_of(lambda: toml("min_gap_hours = 72").settings({"min_gap_hours": -1}))

    assert sentence.startswith("min_gap_hours in the run's config is malformed: ")


@pytest.mark.parametrize("text", ["[min_gap_hours]\nx = 1", "min_gap_hours = [48]", "min_gap_hours = 2026-01-01"])
def test_a_value_of_another_kind_is_malformed(toml: Toml, text: str) -> None:
    assert "min_gap_hours in " in refusal_of(toml(text).settings)


@pytest.mark.parametrize("text", ["min_gap_hour = 48", "[limits]\nmin_gap_hours = 48"])
def test_a_key_that_is_no_setting_is_named_with_its_file(toml: Toml, text: str) -> None:
    sentence = refusal_of(toml(text).settings)

    assert "ours.toml sets " in sentence
    assert "which is not a setting" in sentence


def test_an_override_that_is_no_setting_is_named() -> None:
    assert "the run's config sets min_gap_hour," in refusal_of(lambda: Environment({}).settings({"min_gap_hour": 1}))


@pytest.mark.parametrize("text", ["min_gap_hours 48", "min_gap_hours = ", "a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(toml: Toml, text: str) -> None:
    assert "ours.toml cannot be read: " in refusal_of(toml(text).settings)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_bytes(b"\xff\xfe\x00")

    assert "cannot be read" in refusal_of(Environment({"IGE_SETTINGS": str(tmp_path / "ours.toml")}).settings)


def test_a_file_that_is_named_and_missing_is_refused() -> None:
    assert refusal_of(Environment({"IGE_SETTINGS": "nowhere.toml"}).settings) == (
        "IGE_SETTINGS names nowhere.toml, which does not exist."
    )


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal_of(Environment({"IGE_SETTINGS": str(tmp_path)}).settings)


@pytest.mark.parametrize(("value", "on"), [("on", True), ("ON", True), ("off", False), ("", False)])
def test_schedules_are_on_only_where_it_says_so(value: str, on: bool) -> None:  # noqa: FBT001 - a table of examples
    assert Environment({"IGE_SCHEDULES": value}).schedules_on is on
    assert Environment({}).schedules_on is False


def test_a_word_that_might_mean_on_is_refused_and_not_taken_for_off() -> None:
    assert refusal_of(lambda: Environment({"IGE_SCHEDULES": "true"}).schedules_on) == (
        "IGE_SCHEDULES is 'true': write on or off."
    )


def test_a_mistyped_safeguard_does_not_quietly_stay_at_its_default() -> None:
    assert refusal_of(Environment({"IGE_MIN_GAP_HUORS": "3"}).settings) == (
        "IGE_MIN_GAP_HUORS is no variable of ours: perhaps IGE_MIN_GAP_HOURS was meant."
    )


def links(service: str, port: int, *, port_name: str) -> dict[str, str]:
    """Return what Kubernetes puts into each pod for a Service."""
    address = f"tcp://10.96.3.7:{port}"
    return {
        f"{service}_SERVICE_HOST": "10.96.3.7",
        f"{service}_SERVICE_PORT": str(port),
        f"{service}_SERVICE_PORT_{port_name}": str(port),
        f"{service}_PORT": address,
        f"{service}_PORT_{port}_TCP": address,
        f"{service}_PORT_{port}_TCP_PROTO": "tcp",
        f"{service}_PORT_{port}_TCP_PORT": str(port),
        f"{service}_PORT_{port}_TCP_ADDR": "10.96.3.7",
    }


def test_what_kubernetes_tells_every_pod_of_our_services_is_no_mistake() -> None:
    told = links("IGE_SERVE", 8000, port_name="HTTP") | links("IGE_PIPELINE", 4000, port_name="GRPC")

    assert Environment(told | {"IGE_MIN_GAP_HOURS": "24"}).settings() == Settings(min_gap_hours=24)


@pytest.mark.parametrize("mistyped", ["IGE_SERVE_PORT", "IGE_SERVICE_HOSTS", "IGE_PORT_NUMBER", "IGE_POST_TIMEOUT"])
def test_what_only_resembles_such_a_name_is_refused_as_ever(mistyped: str) -> None:
    assert f"{mistyped} is no variable of ours" in refusal_of(Environment({mistyped: "8000"}).settings)


def test_an_executor_that_we_do_not_know_is_refused() -> None:
    assert Environment({}).executor == "in_process"
    assert "IGE_EXECUTOR is 'fast'" in refusal_of(lambda: Environment({"IGE_EXECUTOR": "fast"}).executor)


def test_without_a_webhook_delivery_is_refused_in_a_sentence() -> None:
    environment = Environment({"N8N_OUTBOUND_WEBHOOK_URL": " "})

    assert "N8N_OUTBOUND_WEBHOOK_URL is not set" in refusal_of(lambda: environment.target(Settings()))


def test_the_first_webhook_variable_beats_the_second() -> None:
    first, second = "https://first.example.com/hook", "https://second.example.com/hook"
    both = {"N8N_OUTBOUND_WEBHOOK_URL": first, "N8N_WEBHOOK_URL": second}

    assert Environment(both).target(Settings()).url == first
    assert Environment({"N8N_WEBHOOK_URL": second}).target(Settings()).url == second


def test_without_a_key_there_is_no_model() -> None:
    assert Environment({"OPENAI_API_KEY": ""}).model(Settings()) is None


def test_a_database_that_was_not_migrated_is_refused(empty_database_url: str) -> None:
    environment = Environment({"IGE_DATABASE_URL": empty_database_url})

    assert "run `ige migrate`" in refusal_of(environment.checked_database)


def test_a_migrated_database_is_taken(database_url: str) -> None:
    environment = Environment({"IGE_DATABASE_URL": database_url.replace("postgresql://", "postgres://")})

    with environment.checked_database().connect() as conn:
        row = conn.execute("SELECT version_num FROM ige_alembic_version").fetchone()

    assert row == {"version_num": head_revision()}


def test_a_database_of_one_s_own_is_never_migrated_unasked(empty_database_url: str) -> None:
    Environment({"IGE_DATABASE_URL": empty_database_url}).database()

    with psycopg.connect(empty_database_url) as conn:
        assert conn.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_an_environment_is_not_changed_by_reading_it() -> None:
    values = {"IGE_MIN_GAP_HOURS": "24"}
    Environment(values).settings()

    assert values == {"IGE_MIN_GAP_HOURS": "24"}
