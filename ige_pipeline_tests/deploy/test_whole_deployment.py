"""Everything that deploy/compose.yaml starts, started here as it would start it, and a message sent through it.

The processes, commands, variables, roles and the proxy's configuration are those of the files; only names, ports and
paths are this machine's. It takes a minute and needs nginx, so it runs with `make test-deploy` alone.
"""

import base64
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from ige_pipeline.local.child import Child, free_port, start
from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.programs import wheel_programs
from ige_pipeline_tests.dagster_instances import ROOT
from ige_pipeline_tests.delivery.fakes import awake
from ige_pipeline_tests.delivery.loopback import Receiver, receiving
from ige_pipeline_tests.deploy.compose_file import DEPLOY, Place, command_of, environment_of

pytestmark = pytest.mark.skipif("IGE_TEST_DEPLOY" not in os.environ, reason="a minute: make test-deploy")
PSQL = wheel_programs() / "bin" / "psql"
BIN = ROOT / ".venv" / "bin"


@dataclass(frozen=True)
class System:
    """What an operator sees of it: the proxy, and the logins that the preparation printed."""

    url: str
    words: dict[str, str]
    admin_url: str

    def ask(self, path: str, *, who: str | None, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask the proxy as somebody; return the status and the JSON, if it is any."""
        if who is not None:
            word = base64.b64encode(f"{who}:{self.words.get(who, 'guess')}".encode()).decode()
            headers["Authorization"] = f"Basic {word}"
        data = None if body is None else json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
        asked = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310 - our own https
        try:
            with urllib.request.urlopen(asked, timeout=20, context=_unknown_authority()) as answer:  # noqa: S310
                told = answer.read() if "json" in answer.headers.get("content-type", "") else b"null"
                return answer.status, json.loads(told)
        except urllib.error.HTTPError as refused:
            return refused.code, None


def _unknown_authority() -> ssl.SSLContext:
    """The preparation makes a certificate that nobody signed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture(scope="module")
def webhook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def desk() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, webhook: Receiver, desk: Receiver) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("production")
    mine = shutil.ignore_patterns("secrets", "production.env", "ige.toml")
    shutil.copytree(DEPLOY, folder / "deploy", ignore=mine)
    shutil.copy(ROOT / "ige.toml.example", folder)
    words = ["sh", str(folder / "deploy" / "prepare.sh")]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout  # noqa: S603 - ours
    logins = {line.split()[2].rstrip(","): line.split()[-1] for line in printed.splitlines()}
    admin_url = embedded.ensure_running(folder / "server")
    with ExitStack() as stack:
        stack.callback(embedded.discard, folder / "server")
        place = _prepared(folder, admin_url, webhook.url, desk.url)
        _run(place, folder, "migrate")
        _psql(folder, "grant.sh", admin_url)
        ports = {
            name: free_port(port)
            for name, port in (("code", 24000), ("webserver", 23000), ("viewer", 23100), ("serve", 28000))
        }
        for name in ("code", "webserver", "viewer", "daemon", "serve", "watch"):
            stack.enter_context(_running(name, folder, place, ports))
        yield System(stack.enter_context(_proxied(folder, ports)), logins, admin_url)


def _prepared(folder: Path, admin_url: str, webhook_url: str, desk_url: str) -> Place:
    """Make roles and databases as the Postgres image does, and say where things lie here."""
    secrets, parts = folder / "deploy" / "secrets", urlsplit(admin_url)
    for name in ("owner_url", "app_url", "dagster_url"):
        path = secrets / name
        path.write_text(path.read_text().replace("@postgres:5432", f"@{parts.hostname}:{parts.port}"))
    (secrets / "webhook_url").write_text(webhook_url)
    (secrets / "alert_webhook_url").write_text(desk_url)
    _psql(folder, "init.sh", admin_url)
    home = folder / "home"
    home.mkdir()
    shutil.copy(DEPLOY / "dagster.yaml", home)
    return Place({
        "/run/secrets": str(secrets),
        "/etc/ige/ige.toml": str(folder / "deploy" / "ige.toml"),
        "/opt/ige/workspace.yaml": str(folder / "workspace.yaml"),
        "0.0.0.0": "127.0.0.1",  # noqa: S104 - what is replaced
        "/tmp/told": str(folder / "told"),  # noqa: S108 - what is replaced
        "/tmp/asked": str(folder / "asked"),  # noqa: S108 - what is replaced
        "sleep 300": "sleep 2",
        "$$": "$",
    })  # fmt: skip


def _psql(folder: Path, script: str, admin_url: str) -> None:
    """Run one of the scripts of deploy/postgres, its fixed paths swapped, with the server's own psql."""
    parts = urlsplit(admin_url)
    text = (
        (folder / "deploy" / "postgres" / script)
        .read_text()
        .replace("/run/secrets", str(folder / "deploy" / "secrets"))
    )
    env = {
        "PATH": f"{PSQL.parent}:{os.defpath}",
        "PGHOST": str(parts.hostname),
        "PGPORT": str(parts.port),
        "PGPASSWORD": str(parts.password),
        "POSTGRES_USER": str(parts.username),
    }
    words = ["sh", "-c", text, script, str(folder / "deploy" / "roles.sql")]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr


def _words(name: str, place: Place, ports: dict[str, int]) -> list[str]:
    """A service's command with this machine's paths and the port that was free."""
    words = [place.said(word) for word in command_of(name)]
    if name in ports:
        words[words.index("--port") + 1] = str(ports[name])
    return words if words[0] == "sh" else [str(BIN / words[0]), *words[1:]]


def _environment(name: str, folder: Path, place: Place) -> dict[str, str]:
    """Exactly what the compose file gives it, and the image."""
    said = {key: place.said(value) for key, value in environment_of(name).items()}
    return said | {"DAGSTER_HOME": str(folder / "home"), "PATH": f"{BIN}:{os.defpath}", "HOME": str(folder)}


def _run(place: Place, folder: Path, name: str) -> None:
    words, env = _words(name, place, {}), _environment(name, folder, place)
    done = subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stderr


@contextmanager
def _running(name: str, folder: Path, place: Place, ports: dict[str, int]) -> Iterator[Child]:
    workspace = (DEPLOY / "workspace.yaml").read_text().replace("host: code", "host: 127.0.0.1")
    (folder / "workspace.yaml").write_text(workspace.replace("4000", str(ports["code"])))
    env = _environment(name, folder, place) | ({"IGE_SENDER_NAME": "Acme"} if name == "code" else {})
    child = start(name, _words(name, place, ports), env=env, cwd=folder, log=folder / f"{name}.log")
    try:
        if name == "code":
            words = [str(BIN / "dagster"), "api", "grpc-health-check", "--port", str(ports["code"])]
            _until(lambda: subprocess.run(words, capture_output=True, check=False).returncode == 0, child)  # noqa: S603
        yield child
    finally:
        child.end()


@contextmanager
def _proxied(folder: Path, ports: dict[str, int]) -> Iterator[str]:
    """The proxy of the compose file, on ports of this machine."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert nginx is not None, "install nginx for this test"
    port, alive = free_port(28443), free_port(28080)
    text = (DEPLOY / "nginx" / "nginx.conf").read_text()
    for there, here in {
        "/tmp/": f"{folder}/proxy-",  # noqa: S108 - what is replaced
        "/etc/nginx/secrets": str(folder / "deploy" / "secrets" / "nginx"),
        "8443": str(port),
        "127.0.0.1:8080": f"127.0.0.1:{alive}",
        "upstreams.conf": "upstreams-here.conf",
        "error_log stderr": f"error_log {folder}/error.log",
    }.items():
        text = text.replace(there, here)
    loopback = (DEPLOY / "nginx" / "upstreams-loopback.conf").read_text()
    here = loopback.replace("3001", str(ports["viewer"])).replace("3000", str(ports["webserver"]))
    here = here.replace("127.0.0.1:8000", f"127.0.0.1:{ports['serve']}")
    here = here.replace("syslog:server=unix:/dev/log,nohostname", str(folder / "access.log"))
    (folder / "upstreams-here.conf").write_text(here)
    (folder / "nginx.conf").write_text(text)
    words = [nginx, "-t", "-c", str(folder / "nginx.conf")]
    tested = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert tested.returncode == 0, tested.stderr
    # Only root may say whose the processes that serve are; the container's are nginx's own from the start.
    rest = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    words = [nginx, "-c", str(folder / "nginx.conf"), "-g", rest]
    child = start("nginx", words, env={"PATH": os.defpath}, cwd=folder, log=folder / "nginx.log")
    try:
        _until(lambda: _alive(alive), child)
        yield f"https://127.0.0.1:{port}"
    finally:
        child.end()


def _alive(port: int) -> bool:
    """Ask as the proxy's health check does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False


def _until(answer: Callable[[], Any], child: Child | None = None, *, seconds: float = 120) -> Any:
    """Ask until there is an answer; a process that ended meanwhile fails at once."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert child is None or child.running, child.not_up("ended")
        if found := answer():
            return found
        time.sleep(0.5)
    raise AssertionError("no answer in time")


HEALTH = "{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"
START = """mutation($s: ScheduleSelector!) { startSchedule(scheduleSelector: $s) { __typename } }"""
WHICH = {
    "s": {
        "repositoryName": "__repository__",
        "repositoryLocationName": "ige_pipeline",
        "scheduleName": "deliver_messages_every_5_minutes",
    }
}


def test_who_has_no_login_sees_nothing(system: System) -> None:
    _until(lambda: system.ask("/server_info", who="operator")[0] == 200)
    _until(lambda: system.ask("/server_info", who="viewer")[0] == 200)

    assert system.ask("/server_info", who=None)[0] == 401
    assert system.ask("/server_info", who="mallory")[0] == 401


def test_a_viewer_may_look_and_not_touch_and_an_operator_may(system: System) -> None:
    body = {"query": START, "variables": WHICH}

    seen = {who: system.ask("/graphql", who=who, body=body)[1] for who in ("viewer", "operator")}

    assert seen["viewer"]["data"]["startSchedule"]["__typename"] == "UnauthorizedError"
    assert seen["operator"]["data"]["startSchedule"]["__typename"] == "ScheduleStateResult"


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://127.0.0.1"])
def test_a_foreign_page_cannot_use_the_login_of_an_operator(system: System, origin: str) -> None:
    body = {"query": START, "variables": WHICH}

    assert system.ask("/graphql", who="operator", body=body, Origin=origin)[0] == 403
    assert system.ask("/graphql", who="operator", body=body, Origin=system.url)[0] == 200


def test_the_console_knows_who_logged_in_and_nobody_says_so_himself(system: System) -> None:
    _until(lambda: system.ask("/console/", who="viewer")[0] == 200)

    assert system.ask("/console/", who=None)[0] == 401
    assert system.ask("/console/", who=None, **{"X-Forwarded-User": "operator"})[0] == 401
    assert system.ask("/replies", who=None, body={}, **{"X-Forwarded-User": "operator"})[0] == 401


def test_prometheus_has_a_login_for_the_figures(system: System) -> None:
    assert system.ask("/metrics", who=None)[0] == 401
    assert system.ask("/metrics", who="prometheus")[0] == 200


def test_every_daemon_is_healthy(system: System) -> None:
    def healthy() -> bool:
        found = system.ask("/graphql", who="viewer", body={"query": HEALTH})[1]["data"]["instance"]["daemonHealth"]
        return bool(found["allDaemonStatuses"]) and all(each["healthy"] for each in found["allDaemonStatuses"])

    _until(healthy)


def test_the_watch_tells_that_nothing_was_delivered_for_hours(system: System, desk: Receiver) -> None:
    with psycopg.connect(urlsplit(system.admin_url)._replace(path="/app").geturl(), autocommit=True) as conn:
        conn.execute("UPDATE ige_last_success SET at = at - interval '3 hours'")
        conn.execute("UPDATE ige_switches SET changed_at = changed_at - interval '3 hours' WHERE name = 'home'")

    _until(lambda: desk.posts)

    assert "delivery_deadman" in {alert["about"] for alert in desk.posts[0][1]["alerts"]}


def test_a_message_that_another_program_inserts_is_sent(system: System, webhook: Receiver) -> None:
    app = urlsplit(system.admin_url)._replace(path="/app").geturl()
    with psycopg.connect(app, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO contractors (id, first_name, phone, timezone) VALUES (1, 'Ada', '+12125550123', %s)", [awake()]
        )
        conn.execute(
            "INSERT INTO ige_consents (phone_e164, basis, source, given_at) VALUES ('+12125550123', 'a', 'b', now())"
        )
        conn.execute("""
            INSERT INTO ai_proactive_messages (contractor_id, message_type, message_content, created_at, updated_at)
            VALUES (1, 'check_in', 'Hi Ada, how is the roof coming along?', NOW(), NOW())""")

    _until(lambda: webhook.posts)

    ((_, body),) = webhook.posts
    assert body["contractor_id"] == 1
