"""The production files name only what exists: variables, secrets, commands, files, and each other."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from dagster._cli import cli as dagster_cli
from dagster._daemon.cli import cli as dagster_daemon
from dagster_webserver.cli import dagster_webserver
from dotenv import dotenv_values

from ige_pipeline.cli.main import ige
from ige_pipeline.secret_files import FILES
from ige_pipeline.settings import Settings
from ige_pipeline_tests.dagster_instances import ROOT
from ige_pipeline_tests.deploy.compose_file import DEPLOY, command_of, environment_of, ours, services

PROGRAMS = {
    "ige": ige,
    "dagster": dagster_cli,
    "dagster-daemon": dagster_daemon,
    "dagster-webserver": dagster_webserver,
}
# An extra that this environment may lack: `make test-celery` starts these words.
ELSEWHERE = {"worker"}
# What the image and the operator put there.
HERE = {
    "/opt/ige/workspace.yaml": str(DEPLOY / "workspace.yaml"),
    "/etc/ige/workspace.yaml": str(DEPLOY / "systemd" / "workspace.yaml"),
}
UNITS = [path for path in sorted((DEPLOY / "systemd").glob("*.service")) if path.stem != "ige-proxy"]
HELM = yaml.safe_load((DEPLOY / "helm" / "values.yaml").read_text(encoding="utf-8"))


def known_variables() -> set[str]:
    """What .env.example names, which is what the code reads, and each setting."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#([A-Z0-9_]+)=", example, re.MULTILINE)) | {
        f"IGE_{name.upper()}" for name in Settings.model_fields
    }


def parsed(words: list[str]) -> click.Context:
    """Let the program's own parser read its words; it raises for what it does not know."""
    if words[0] == "sh":
        (ours,) = re.findall(r"\b(ige [^;]+);", words[2])
        return parsed(ours.split())
    command: click.Command = PROGRAMS[Path(words[0]).name]
    context = click.Context(command, info_name=words[0])
    arguments = [HERE.get(word, word) for word in words[1:]]
    while isinstance(command, click.Group):
        found = command.get_command(context, arguments[0])
        assert found is not None, words
        command, arguments = found, arguments[1:]
    return command.make_context(command.name or words[0], list(arguments), resilient_parsing=False)


@pytest.mark.parametrize("name", sorted(ours().keys() - ELSEWHERE))
def test_every_command_of_the_compose_file_is_one_that_its_program_understands(name: str) -> None:
    assert parsed(command_of(name))
    if "test" in services()[name]["healthcheck"] and health_of(name)[0] in PROGRAMS:
        assert parsed(health_of(name))


def test_a_command_that_is_mistyped_is_noticed() -> None:
    with pytest.raises(click.NoSuchOption):
        parsed(["dagster-webserver", "--readonly"])


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_variable_of_the_compose_file_is_one_of_ours(name: str) -> None:
    named = environment_of(name)

    assert set(named) - known_variables() == set()
    files = {value for key, value in named.items() if key in FILES}
    assert {f"/run/secrets/{secret}" for secret in services()[name]["secrets"]} == files


def test_only_where_runs_start_are_the_secrets_of_the_application() -> None:
    holders = {name for name in ours() if {"IGE_DATABASE_URL_FILE", "OPENAI_API_KEY_FILE"} & set(environment_of(name))}

    assert holders == {"code", "worker", "migrate", "serve", "watch"}
    assert environment_of("migrate").keys() == {"IGE_DATABASE_URL_FILE"}


def test_whoever_asks_the_checks_knows_where_alerts_are_posted() -> None:
    told = "IGE_ALERT_WEBHOOK_URL_FILE"
    units = {path.stem for path in UNITS if any(told in line for line in unit(path)["Environment"])}

    assert {name for name in ours() if told in environment_of(name)} == {"code", "worker", "watch"}
    assert units == {"ige-code", "ige-worker", "ige-watch"}


def test_a_worker_is_given_what_the_code_server_has() -> None:
    code, worker = (unit(DEPLOY / "systemd" / f"ige-{name}.service") for name in ("code", "worker"))

    assert command_of("worker")[0] == "celery"
    assert worker["ExecStart"] == [" ".join(["/opt/ige/bin/celery", *command_of("worker")[1:]])]
    assert worker["LoadCredential"] == code["LoadCredential"]
    assert services()["worker"]["secrets"] == services()["code"]["secrets"]
    assert environment_of("worker") == environment_of("code")


def test_what_watches_needs_no_process_of_dagster() -> None:
    assert services()["watch"]["depends_on"].keys() == {"grant"}
    assert "DAGSTER_POSTGRES_URL_FILE" not in environment_of("watch")
    assert not re.search("dagster|ige-code", (DEPLOY / "systemd" / "ige-watch.service").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("ended_with", "healthy"), [(0, True), (1, True), (2, False), (124, False)])
def test_a_watch_that_cannot_ask_or_has_nobody_to_tell_is_unhealthy(
    tmp_path: Path, ended_with: int, *, healthy: bool
) -> None:
    """Round the loop once: the third program that it calls ends it."""
    here = [word.replace("$$", "$").replace("/tmp/", f"{tmp_path}/") for word in command_of("watch")]  # noqa: S108
    asked = [word.replace("$$", "$").replace("/tmp/", f"{tmp_path}/") for word in health_of("watch")]  # noqa: S108
    for name, does in (("timeout", f"exit {ended_with}"), ("sleep", "kill $PPID")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)

    ended = subprocess.run(here, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)  # noqa: S603 - ours

    assert ended.returncode < 0
    assert (subprocess.run(asked, check=False).returncode == 0) is healthy  # noqa: S603 - ours


def health_of(name: str) -> list[str]:
    """What Docker asks a service with."""
    return [str(word) for word in services()[name]["healthcheck"]["test"][1:]]


@pytest.mark.parametrize("name", sorted(ours()))
def test_no_container_of_ours_can_change_itself_or_gain_rights(name: str) -> None:
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "ports" not in service


def test_the_proxy_is_the_only_door_and_it_listens_on_loopback_unless_told_otherwise() -> None:
    assert {name: service["ports"] for name, service in services().items() if "ports" in service} == {
        "proxy": ["${IGE_LISTEN:-127.0.0.1}:8443:8443"],
        "n8n": ["127.0.0.1:5678:5678"],
    }


def test_every_process_logs_in_json() -> None:
    """Dagster's by their option, and ours by the file that all of them read."""
    for name in ours():
        words = command_of(name)
        if words[0].startswith("dagster"):
            assert "--log-format json" in " ".join(words), name
        elif name != "migrate":
            assert services()[name]["env_file"] == ["production.env"], name
    for path in UNITS:
        keys = unit(path)
        dagsters = "/bin/dagster" in keys["ExecStart"][0]
        assert ("--log-format json" in keys["ExecStart"][0]) is dagsters, path.stem
        assert dagsters or keys["EnvironmentFile"] == ["/etc/ige/production.env"], path.stem


def test_there_is_one_daemon() -> None:
    assert [name for name in ours() if command_of(name)[0] == "dagster-daemon"] == ["daemon"]
    assert "replicas" not in (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


def test_every_secret_and_mounted_file_is_made_by_the_preparation_or_in_the_repository() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    script = (DEPLOY / "prepare.sh").read_text(encoding="utf-8")
    used = {secret for service in services().values() for secret in service.get("secrets", [])}

    assert used == set(compose["secrets"])
    for name in compose["secrets"]:
        assert name in script or (name.endswith("_password") and f" {name.removesuffix('_password')}" in script), name
    mounted = [each.split(":")[0] for service in services().values() for each in service.get("volumes", [])]
    for path in (path for path in mounted if path.startswith("./")):
        assert (DEPLOY / path).exists() or path.removeprefix("./").split("/")[0] in {"secrets", "ige.toml"}, path


def test_the_example_of_production_sets_how_logs_look_and_names_what_exists() -> None:
    path = DEPLOY / "production.env.example"
    named = set(re.findall(r"^#([A-Z0-9_]+)=", path.read_text(encoding="utf-8"), re.MULTILINE))

    assert dotenv_values(path) == {"IGE_LOG_FORMAT": "json"}
    assert named
    assert named - known_variables() == set()


def unit(path: Path) -> dict[str, list[str]]:
    """A unit's keys with all their values."""
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_runs_what_its_program_understands_with_variables_of_ours(path: Path) -> None:
    keys = unit(path)

    assert path.stem.removeprefix("ige-") in ELSEWHERE or parsed(keys["ExecStart"][0].split())
    pairs = dict(pair.split("=", 1) for line in keys["Environment"] for pair in shlex.split(line))
    assert set(pairs) - known_variables() - {"PYTHONUNBUFFERED"} == set()
    handed = {credential.split(":")[0] for credential in keys["LoadCredential"]}
    assert {value.removeprefix("%d/") for key, value in pairs.items() if key in FILES} == handed
    assert keys["User"] == ["ige"]


def test_the_recipe_puts_every_secret_there_that_a_unit_is_handed_and_names_no_file_that_is_not_there() -> None:
    page = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    recipe = page.partition("useradd")[2].partition("```")[0]
    handed = {line.split(":")[1] for path in UNITS for line in unit(path)["LoadCredential"]}

    install = recipe.partition("/etc/ige/secrets")[2].partition("&&")[0]
    assert {f"/etc/ige/secrets/{name}" for name in install.replace("\\", "").split()} == handed
    made = ("deploy/secrets", "deploy/production.env", "deploy/ige.toml")
    named = [word for word in shlex.split(recipe, comments=True) if word.startswith("deploy/")]
    assert [name for name in named if not name.startswith(made) and not list(DEPLOY.parent.glob(name))] == []


def test_the_preparation_writes_where_postgres_and_redis_are(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets", "*.env", "ige.toml"))
    shutil.copy(ROOT / "ige.toml.example", tmp_path)
    secrets = tmp_path / "deploy" / "secrets"
    secrets.mkdir()
    (secrets / "owner_url").write_text("postgresql://application:word@db.example/name")
    told = {"IGE_POSTGRES": "db.example:5432", "IGE_REDIS": "redis.example:6379", "IGE_DATABASE": "name"}

    words = ["sh", str(tmp_path / "deploy" / "prepare.sh")]
    printed = subprocess.run(words, env=os.environ | told, capture_output=True, text=True, check=True).stdout  # noqa: S603

    def place(name: str) -> str:
        return (secrets / name).read_text().strip().partition("@")[2]

    assert place("owner_url") == "db.example/name"
    assert place("app_url") == "db.example:5432/name"
    assert place("dagster_url") == "db.example:5432/dagster"
    assert place("celery_url") == "redis.example:6379/0"
    assert [line.split()[2].rstrip(",") for line in printed.splitlines()] == ["operator", "viewer", "prometheus"]


def test_a_version_is_installed_beside_the_one_that_runs() -> None:
    """Late imports of a running process must find its own version: only a link is changed under it."""
    for page, heading in (("operations.md", "useradd"), ("backup.md", "## Upgrade")):
        recipe = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(heading)[2].partition("systemctl")[0]
        assert re.search(r"-m venv /opt/ige-\d", recipe)
        assert recipe.index("-m venv /opt/ige-") < recipe.index("ln --symbolic --force --no-dereference /opt/ige-")


def test_the_target_starts_everything_and_a_timer_has_its_service() -> None:
    wanted = set(unit(DEPLOY / "systemd" / "ige.target")["Wants"][0].split())
    timers = {path.name for path in (DEPLOY / "systemd").glob("*.timer")}
    timed = {name.replace(".timer", ".service") for name in timers}

    optional = {f"ige-{name}.service" for name in ELSEWHERE}
    assert wanted == {path.name for path in (DEPLOY / "systemd").glob("*.service")} - timed - optional | timers
    assert timed <= {path.name for path in UNITS}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").glob("ige[-.]*"):
        text = path.read_text(encoding="utf-8")
        for program in ("/opt/ige/bin/", "/usr/sbin/nginx"):
            text = text.replace(program, f"{shutil.which('true')} ")
        (tmp_path / path.name).write_text(text)

    said = subprocess.run(  # noqa: S603 - the units of this repository
        [shutil.which("systemd-analyze") or "", "verify", *sorted(tmp_path.glob("ige[-.]*"))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in said.stderr.splitlines() if "ige" in line] == []


def test_the_shell_scripts_are_scripts() -> None:
    scripts = (DEPLOY / "prepare.sh", DEPLOY / "systemd" / "ige", *sorted((DEPLOY / "postgres").glob("*.sh")))
    for path in scripts:
        subprocess.run(["sh", "-n", path], check=True)  # noqa: S603, S607 - scripts of this repository


def test_helm_runs_dagster_as_the_other_places_do() -> None:
    """That its keys and values are the chart's, `make check` asks of values.schema.json."""
    (deployment,) = HELM["dagster-user-deployments"]["deployments"]
    local = yaml.safe_load((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
    queue = HELM["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]

    assert {each["name"] for each in deployment["env"]} - known_variables() == set()
    assert parsed(["dagster", "code-server", "start", "--port", str(deployment["port"]), *deployment["codeServerArgs"]])
    assert queue["maxConcurrentRuns"] == local["run_queue"]["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == local["run_queue"]["tag_concurrency_limits"]
    assert HELM["dagsterDaemon"]["runMonitoring"]["maxRuntimeSeconds"] == local["run_monitoring"]["max_runtime_seconds"]
    assert snake(HELM["retention"]) == {"enabled": True, **local["retention"]}
    assert HELM["postgresql"]["postgresqlScheme"] == "postgresql+psycopg2"


def test_a_run_s_pod_is_as_confined_as_the_code_server() -> None:
    """As Dagster's own launcher makes it of what the chart hands on."""
    k8s = pytest.importorskip("dagster_k8s", reason="make check installs it")
    job = pytest.importorskip("dagster_k8s.job")
    (deployment,) = HELM["dagster-user-deployments"]["deployments"]
    chosen = HELM["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]
    # The chart renames the outer keys and hands on what is in them as it is.
    config = {"container_config": chosen["containerConfig"], "pod_spec_config": chosen["podSpecConfig"]}

    pod = job.construct_dagster_k8s_job(
        k8s.DagsterK8sJobConfig(job_image="registry.example/ige_pipeline:0.1.0", dagster_home="/opt/dagster"),
        ["dagster", "api", "execute_run"],
        "run",
        user_defined_k8s_config=job.UserDefinedDagsterK8sConfig.from_dict(config),
    ).to_dict()["spec"]["template"]["spec"]

    asked, (container,) = deployment["podSecurityContext"], pod["containers"]
    assert given(pod["security_context"]) == snake(asked)
    assert given(container["security_context"]) == snake(deployment["securityContext"])
    assert pod["enable_service_links"] is False


def given(values: Any) -> Any:
    """What is set of a Kubernetes object, less what is left to the cluster."""
    if not isinstance(values, dict):
        return values
    return {key: given(value) for key, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("enableReadOnly: true", "enableReadonly: true"),
        ("maxConcurrentRuns: 4", "maxConcurrentRuns: four"),
        ("runK8sConfig:", "run_k8s_config:"),
        ("value: in_process", "value: 1"),
        ("ingress:\n  enabled: false", "ingress: false"),
    ],
)
def test_values_that_the_chart_would_not_understand_are_refused(tmp_path: Path, right: str, wrong: str) -> None:
    pytest.importorskip("check_jsonschema", reason="make check installs it")
    text = (DEPLOY / "helm" / "values.yaml").read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "values.yaml").write_text(text.replace(right, wrong, 1))

    def passes(values: Path) -> bool:
        words = ["-m", "check_jsonschema", "--schemafile", str(DEPLOY / "helm" / "values.schema.json"), str(values)]
        return subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode == 0  # noqa: S603

    assert passes(DEPLOY / "helm" / "values.yaml")
    assert not passes(tmp_path / "values.yaml")


def snake(values: Any) -> Any:
    """The chart's camelCase as Dagster's own snake_case."""
    if not isinstance(values, dict):
        return values
    return {
        re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", key): snake(value) for key, value in values.items()
    }
