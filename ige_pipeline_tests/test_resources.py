"""What ops are handed: the run's request over the environment over the file, and functions that open the world."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan

from ige_pipeline.definitions import build_definitions
from ige_pipeline.refusal import Refusal
from ige_pipeline.resources import RequestResource, default_resources
from ige_pipeline.run_request import RunRequest
from ige_pipeline.settings import Settings
from ige_pipeline_tests.dagster_instances import surroundings


@pytest.fixture(autouse=True)
def _quiet_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in surroundings("", None).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("IGE_MESSAGES_PER_SECOND")


def request_of(**config: Any) -> RunRequest:
    request = RequestResource(**config).create_resource(dg.build_init_resource_context())
    assert isinstance(request, RunRequest)
    return request


def test_a_run_that_asks_for_nothing_obeys_the_defaults() -> None:
    assert request_of().settings() == Settings()
    assert not request_of().dry_run
    assert request_of().moment() is None


def test_every_setting_can_be_set_for_one_run_and_is_described_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        asked = RequestResource.model_fields[name]
        assert asked.default is None
        assert asked.description is not None
        assert f"Default: {field.default}." in asked.description


def test_run_config_goes_before_the_environment_which_goes_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ige.toml").write_text("min_gap_hours = 1\nmin_trust_score = 2\nmax_segments = 3\n")
    monkeypatch.setenv("IGE_MIN_GAP_HOURS", "10")
    monkeypatch.setenv("IGE_MIN_TRUST_SCORE", "20")

    settings = request_of(min_gap_hours=100).settings()

    assert (settings.min_gap_hours, settings.min_trust_score, settings.max_segments) == (100, 20, 3)


def test_a_setting_is_read_when_it_is_asked_for_and_not_when_dagster_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    request = request_of()
    monkeypatch.setenv("IGE_MIN_GAP_HOURS", "7")

    assert request.settings().min_gap_hours == 7


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"min_gap_hours": -1}, "min_gap_hours in the run's config is malformed: "),
        ({"quiet_until_hour": 13}, "quiet_until_hour in the run's config is malformed: "),
        ({"post_timeout_seconds": 55}, "post_timeout_seconds in the run's config is malformed: "),
    ],
)
def test_a_value_out_of_bounds_is_refused_in_one_sentence_that_says_where_it_stands(
    config: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refusal) as refused:
        request_of(**config).settings()

    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


def launched(**config: Any) -> None:
    """Do what Dagster does with a run's config before there is a run."""
    job = build_definitions().resolve_job_def("deliver_messages_job")
    create_execution_plan(job, run_config={"resources": {"request": {"config": config}}})


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"min_gap_hours": -1}, "min_gap_hours in the run's config is malformed: Input should be greater than"),
        ({"quiet_until_hour": 13}, "quiet_until_hour in the run's config is malformed: Input should be less than"),
        ({"default_region": "usa"}, "default_region in the run's config is malformed: String should match pattern"),
    ],
)
def test_a_value_out_of_bounds_is_refused_at_the_launch(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(dg.DagsterConfigMappingFunctionError) as refused:
        launched(**config)

    assert str(refused.value.__cause__).startswith(sentence)


def test_a_word_that_is_none_of_those_offered_is_refused_at_the_launch() -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="webhook_format got xml"):
        launched(webhook_format="xml")

    # Whether settings fit together is asked when they are used: the surroundings may have a longer lease.
    launched(webhook_format="ghl", post_timeout_seconds=55)
    assert request_of(webhook_format="ghl").settings() == Settings(webhook_format="ghl")


def test_every_word_that_may_be_chosen_is_offered() -> None:
    schema: Any = RequestResource().get_resource_definition().config_schema
    offered = schema.config_type.fields

    for name, field in Settings.model_fields.items():
        if get_origin(field.annotation) is Literal:
            inner = offered[name].config_type.inner_type
            assert [value.config_value for value in inner.enum_values] == list(get_args(field.annotation)), name


def test_a_run_may_ask_for_a_moment_and_for_a_rehearsal() -> None:
    request = request_of(as_of="2026-11-23T14:00:00", dry_run=True)

    moment = request.moment()
    assert moment is not None
    assert moment.isoformat() == "2026-11-23T14:00:00+00:00"
    assert request.dry_run


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(Refusal, match="as_of is not a time"):
        request_of(as_of="yesterday").moment()


def test_the_surroundings_are_looked_at_only_when_an_op_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGE_DATABASE_URL", "mysql://nowhere")
    context = dg.build_init_resource_context()
    world = {name: each for name, each in default_resources().items() if name != "request"}
    made = {name: resource.create_resource(context) for name, resource in world.items()}

    with pytest.raises(Refusal, match="IGE_DATABASE_URL is not a Postgres URL"):
        made["database"]()
    with pytest.raises(Refusal, match="N8N_OUTBOUND_WEBHOOK_URL is not set"):
        made["endpoint"](Settings())
    assert made["model"](Settings()) is None
