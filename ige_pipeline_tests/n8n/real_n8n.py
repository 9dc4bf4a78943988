"""A real n8n on loopback with the workflows that we ship, and a stand-in for the SMS provider behind it."""

import json
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

WORKFLOWS = Path(__file__).parents[2] / "deploy" / "n8n"
TOKEN = "X-Webhook-Token: only-for-this-test"
SECRET = "whsec_b25seSBmb3IgdGhpcyB0ZXN0LCBub3QgYSBzZWNyZXQ="
INBOUND_TOKEN = "a-token-that-nobody-guesses"
_CREDENTIALS = [
    {
        "id": "igewebhooktoken0",
        "name": "ige webhook token",
        "type": "httpHeaderAuth",
        "data": {"name": "X-Webhook-Token", "value": "only-for-this-test"},
    },
    {
        "id": "igeinboundtoken0",
        "name": "ige inbound token",
        "type": "httpHeaderAuth",
        "data": {"name": "X-Webhook-Token", "value": INBOUND_TOKEN},
    },
]
_OFF = (
    "N8N_DIAGNOSTICS_ENABLED",
    "N8N_VERSION_NOTIFICATIONS_ENABLED",
    "N8N_TEMPLATES_ENABLED",
    "N8N_PERSONALIZATION_ENABLED",
    "N8N_COMMUNITY_PACKAGES_ENABLED",
    "N8N_SECURE_COOKIE",
    "N8N_LICENSE_AUTO_RENEW_ENABLED",
)
_PATIENCE_S = 120
_OTHER_WEBHOOKS = ("sms-inbound", "sms-signed")


@dataclass
class Provider:
    """Takes texts and answers with `status` and `says`; remembers the key under which each came."""

    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    says: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    took: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def times(self) -> Counter[str]:
        return Counter(key for key, _ in self.took)


@contextmanager
def provider() -> Iterator[Provider]:
    """Run the stand-in on a free port of 127.0.0.1."""
    standing_in = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            standing_in.took.append((self.headers["idempotency-key"], body))
            answer = json.dumps({"sid": f"SM{uuid4().hex}"} | standing_in.says).encode()
            self.send_response(standing_in.status)
            for name, value in (standing_in.headers | {"content-length": str(len(answer))}).items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    standing_in.url = f"http://127.0.0.1:{server.server_address[1]}/messages"
    try:
        yield standing_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def n8n(installed: Path, home: Path, provider_url: str, ige_url: str) -> Iterator[str]:
    """Import and publish our workflows into an n8n of their own; yield the address before `/webhook/`."""
    port = _free_port()
    env = _environment(installed, home, port)
    _command(installed, env, "import:credentials", f"--input={_credentials(home)}")
    _command(installed, env, "import:workflow", "--separate", f"--input={_workflows(home, provider_url, ige_url)}")
    for workflow in ("igesmsledger0001", "igesmsoutbound01", "igesmsinbound001", "igesmssigned0001"):
        _command(installed, env, "publish:workflow", f"--id={workflow}")
    with (home / "n8n.log").open("w") as log:
        running = subprocess.Popen(_words(installed, "start"), env=env, cwd=home, stdout=log, stderr=log)  # noqa: S603 - ours
        try:
            _wait(running, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.wait(30)
            running.kill()
            running.wait()


def _words(installed: Path, *words: str) -> list[str]:
    node = installed / "rt" / "node_modules" / "node" / "bin" / "node"
    return [str(node), str(installed / "app" / "node_modules" / "n8n" / "bin" / "n8n"), *words]


def _command(installed: Path, env: dict[str, str], *words: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own words
        _words(installed, *words), env=env, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _environment(installed: Path, home: Path, port: int) -> dict[str, str]:
    return {
        "PATH": f"{installed}/rt/node_modules/node/bin:{os.environ['PATH']}",
        "HOME": str(home),
        "N8N_USER_FOLDER": str(home),
        "DB_TYPE": "sqlite",
        "NODE_ENV": "production",
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "N8N_DISABLE_UI": "true",
        "N8N_ENCRYPTION_KEY": "only-for-this-test",
        "N8N_RUNNERS_ENABLED": "true",
        # For the check of signatures alone.
        "NODE_FUNCTION_ALLOW_BUILTIN": "crypto",
        "N8N_BLOCK_ENV_ACCESS_IN_NODE": "false",
        "IGE_WEBHOOK_SECRET": SECRET,
        # One run at a time: two posts of one key that overlap would both find the ledger empty.
        "N8N_CONCURRENCY_PRODUCTION_LIMIT": "1",
        **dict.fromkeys(_OFF, "false"),
    }


def _credentials(home: Path) -> Path:
    file = home / "credentials.json"
    file.write_text(json.dumps(_CREDENTIALS))
    return file


def _workflows(home: Path, provider_url: str, ige_url: str) -> Path:
    """Copy the workflows as they are shipped, but for the two addresses that everybody changes."""
    folder = home / "workflows"
    folder.mkdir()
    for file in WORKFLOWS.glob("*.json"):
        text = file.read_text().replace("https://sms-provider.example/messages", provider_url)
        text = text.replace("https://ige.example.com", ige_url)
        (folder / file.name).write_text(text)
    (folder / "sms-signed.json").write_text(json.dumps(_signed(json.loads((folder / "sms-outbound.json").read_text()))))
    return folder


def _signed(workflow: dict[str, Any]) -> dict[str, Any]:
    """Put the check of the signature into a copy of the workflow, as docs/n8n.md says how to by hand."""
    check = json.loads((WORKFLOWS / "signature" / "signature.json").read_text())
    new = {node["name"] for node in check["nodes"]}
    nodes = [node for node in workflow["nodes"] if node["name"] not in new] + check["nodes"]
    (hook,) = [node for node in nodes if node["name"] == "Webhook"]
    hook["parameters"]["path"], hook["webhookId"] = "sms-signed", "ige-sms-signed"
    connections = workflow["connections"] | check["connections"]
    return workflow | {"id": "igesmssigned0001", "name": "signed", "nodes": nodes, "connections": connections}


def _wait(running: "subprocess.Popen[bytes]", address: str) -> None:
    """Readiness goes green before webhooks are registered and the ledger is made: ask each, until a text is taken."""
    deadline = time.monotonic() + _PATIENCE_S
    name, _, value = TOKEN.partition(": ")
    text = {"message_id": 0, "phone": "+12125550100", "message": "Are you there?"}
    headers = {name: value, "webhook-id": "are-you-there"}
    while time.monotonic() < deadline:
        assert running.poll() is None, "n8n ended while starting"
        with suppress(httpx.HTTPError):
            answer = httpx.post(f"{address}/webhook/sms-outbound", json=text, headers=headers, trust_env=False)
            others = [httpx.post(f"{address}/webhook/{path}", trust_env=False) for path in _OTHER_WEBHOOKS]
            # Without the token nothing runs; what is not registered yet is not found.
            if answer.status_code == 200 and all(each.status_code != 404 for each in others):
                return
        time.sleep(0.25)
    raise AssertionError("n8n does not serve our webhooks.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
