"""What Dagster's chart does not start is started under Kubernetes as compose starts it, in files Kubernetes takes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ige_pipeline.secret_files import FILES
from ige_pipeline_tests.deploy.compose_file import DEPLOY, command_of, environment_of
from ige_pipeline_tests.deploy.test_files import ELSEWHERE, HELM, known_variables, parsed

FOLDER = DEPLOY / "kubernetes"
IMAGE = "registry.example/ige_pipeline"
OURS = ["migrate", "serve", "watch", "worker"]


def resources(name: str) -> list[dict[str, Any]]:
    """Everything that a file asks for."""
    return list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def pod_of(name: str) -> dict[str, Any]:
    """The pod that a file's Job, CronJob or Deployment makes."""
    (spec,) = [each["spec"] for each in resources(name) if each["kind"] in {"Job", "CronJob", "Deployment"}]
    return dict(spec.get("jobTemplate", {"spec": spec})["spec"]["template"]["spec"])


def containers(name: str) -> list[dict[str, Any]]:
    return [*pod_of(name).get("initContainers", []), *pod_of(name)["containers"]]


def container(name: str) -> dict[str, Any]:
    """The one that runs our image."""
    (found,) = [each for each in containers(name) if each["image"].startswith(IMAGE)]
    return found


def plain(name: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(name).get("env", []) if "value" in each}


def test_each_file_is_looked_at_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*")) == OURS


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="make check installs it")

    for each in resources(name):
        schemas.validate(each, version, strict=True)


@pytest.mark.parametrize("name", OURS)
def test_a_pod_runs_words_that_its_program_understands_with_variables_of_ours(name: str) -> None:
    assert name in ELSEWHERE or parsed(container(name)["command"])
    assert set(plain(name)) - known_variables() == set()
    said = {key: value for key, value in environment_of(name).items() if key not in FILES}
    assert plain(name).items() >= said.items()


def test_a_pod_says_what_the_compose_file_says() -> None:
    assert container("migrate")["command"] == command_of("migrate")
    assert container("serve")["command"] == command_of("serve")
    assert container("worker")["command"] == command_of("worker")
    assert " ".join(container("watch")["command"][:3]) in command_of("watch")[2]
    assert {name for name in plain("serve") if name in FILES} == FILES & set(environment_of("serve"))
    assert {name for name in plain("watch") if name in FILES} == FILES & set(environment_of("watch"))


def test_every_secret_that_is_named_is_put_there_and_no_other() -> None:
    for name in ("serve", "watch"):
        (volume,) = [each["secret"] for each in pod_of(name)["volumes"] if "secret" in each]
        put = {f"/run/secrets/{item['path']}": item["key"] for item in volume["items"]}
        assert volume["secretName"] == "ige"
        named = {value: key.removesuffix("_FILE") for key, value in plain(name).items() if key in FILES}
        assert named == put


def test_a_worker_has_what_the_code_server_has() -> None:
    (deployment,) = HELM["dagster-user-deployments"]["deployments"]
    code = {each["name"]: each["value"] for each in deployment["env"]}

    assert plain("worker") == code | {"IGE_EXECUTOR": "celery"}
    assert [each["secretRef"] for each in container("worker")["envFrom"]] == deployment["envSecrets"]


@pytest.mark.parametrize("name", OURS)
def test_no_pod_can_change_itself_gain_rights_or_ask_the_cluster(name: str) -> None:
    pod = pod_of(name)

    assert pod["automountServiceAccountToken"] is False
    # Variables made of the names of Services would look like ours.
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    for each in containers(name):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(each["resources"]) == {"requests", "limits"}


@pytest.mark.parametrize("name", OURS)
def test_what_is_mounted_exists(name: str) -> None:
    volumes = {each["name"] for each in pod_of(name)["volumes"]}

    for each in containers(name):
        assert {mount["name"] for mount in each["volumeMounts"]} <= volumes
    for path in [
        Path(word).name for each in containers(name) for word in each["command"] if word.startswith("/deploy/")
    ]:
        assert (DEPLOY / "postgres" / path).is_file()
        assert f"--from-file=deploy/postgres/{path}" in (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def test_the_service_leads_to_the_pods_of_serve() -> None:
    deployment, service = resources("serve")

    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    (port,) = container("serve")["ports"]
    assert [each["targetPort"] for each in service["spec"]["ports"]] == [port["name"]]
    assert str(port["containerPort"]) in container("serve")["command"]


def test_one_watch_at_a_time_and_none_that_is_asked_twice() -> None:
    (job,) = [each["spec"] for each in resources("watch") if each["kind"] == "CronJob"]

    assert job["concurrencyPolicy"] == "Forbid"
    assert job["jobTemplate"]["spec"]["backoffLimit"] == 0
