"""A console for the tests, and people in front of it."""

import re
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ige_pipeline.console.access import Access, of_environment
from ige_pipeline.console.desk import Desk
from ige_pipeline.console.routes import routes
from ige_pipeline.environment import Environment
from ige_pipeline_tests.factories import Conn

TOKENS = {role: f"{role}-token-of-the-tests-0001" for role in ("viewer", "operator", "admin")}
WRITTEN = " ".join(f"{role}:{role}:{token}" for role, token in TOKENS.items())
_CARRIED = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
LOOPBACK = "http://127.0.0.1:9/webhook/sms-outbound"


def make_desk(conn: Conn, **variables: str) -> Desk:
    """A console over one connection; what it would do beside is done at once."""
    env = {"IGE_CONSOLE_TOKENS": WRITTEN, "N8N_OUTBOUND_WEBHOOK_URL": LOOPBACK, "IGE_SENDER_NAME": "Acme"} | variables
    environment = Environment(env)
    access: Access = of_environment(environment.get)
    return Desk(environment, access, lambda: nullcontext(conn), beside=lambda work: work())


def make_client(desk: Desk, *, host: str = "127.0.0.1") -> TestClient:
    """A browser that follows no redirect by itself."""
    return TestClient(Starlette(routes=routes(desk)), base_url=f"http://{host}", follow_redirects=False)


@dataclass(frozen=True)
class Person:
    """Somebody who has logged in and uses the pages as a browser would."""

    client: TestClient

    def open(self, path: str, *, status: int = 200) -> str:
        """Open a page and return its HTML."""
        answer = self.client.get(f"/console{path}")
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        return answer.text

    def send(self, path: str, *, status: int = 303, **fields: Any) -> httpx2.Response:
        """Open the page that asks for confirmation, and send its form with these fields."""
        return self.send_opened(path, self.open(path), status=status, **fields)

    def send_opened(self, path: str, page: str, *, status: int = 303, **fields: Any) -> httpx2.Response:
        """Send the form of a page that was opened before, with what it carries and these fields."""
        asks = page.partition('<form class="ask')[2].partition("</form>")[0]
        carried: dict[str, list[str]] = {"mark": [mark_of(page)]}
        for name, value in _CARRIED.findall(asks):
            carried[name] = [value] if name == "mark" else [*carried.get(name, []), value]
        answer = self.client.post(f"/console{path.partition('?')[0]}", data=carried | fields)
        assert answer.status_code == status, (answer.status_code, answer.text[-600:])
        return answer


def mark_of(page: str) -> str:
    """Return the mark that a page's forms carry."""
    marks: list[str] = re.findall(r'name="mark" value="([0-9a-f]{64})"', page)
    return marks[-1]


def enter(desk: Desk, role: str) -> Person:
    """Log in with the token of a role."""
    client = make_client(desk)
    answer = client.post("/console/login", data={"token": TOKENS[role]})
    assert answer.status_code == 303
    return Person(client)
