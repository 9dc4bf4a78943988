"""Sessions that nobody can make up: signed values in a cookie. And the mark that only our own forms know."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from ige_pipeline.console.access import BY_PROXY, Role

COOKIE = "ige_console"
LASTS = timedelta(hours=12)


@dataclass(frozen=True)
class Visitor:
    """Somebody who was let in. `mark` is of this session only; forms are bound to it.

    `until` is when it is over, None where a proxy asks for the login: it alone can log them out. `by` as in Session.
    """

    name: str
    role: Role
    mark: str
    until: datetime | None = None
    by: str = BY_PROXY

    @property
    def may_change(self) -> bool:
        """Whether they may change anything."""
        return self.role >= Role.OPERATOR

    @property
    def sees_numbers(self) -> bool:
        """Whether phone numbers are shown to them whole."""
        return self.role >= Role.ADMIN

    @property
    def who(self) -> str:
        """Name them for the audit trail."""
        return f"console ({self.name})"


@dataclass(frozen=True)
class Session:
    """What the cookie says: who, by which token (or `proxy`), this session's mark, and until when (seconds)."""

    name: str
    by: str
    mark: str
    until: int


def new_session(name: str, by: str, *, now: datetime) -> Session:
    """Begin a session."""
    return Session(name, by, secrets.token_urlsafe(18), int((now + LASTS).timestamp()))


def sealed(session: Session, key: bytes) -> str:
    """Write a session as a cookie's value."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(session)).encode()).decode().rstrip("=")
    return f"{body}.{_sign(key, 'session', body)}"


def opened(value: str, key: Callable[[str], bytes], *, now: datetime) -> Session | None:
    """Read a cookie's value, None where we did not write it or its time is over.

    What it says is read first, for by which token it was opened says what it must be signed with.
    """
    body, _, signature = value.partition(".")
    session = _read(body)
    if session is None:
        return None
    ours = _sign(key(session.by), "session", body)
    same = hmac.compare_digest(signature.encode("utf-8", "replace"), ours.encode())
    return session if same and session.until > now.timestamp() else None


def _read(body: str) -> Session | None:
    if not body.isascii():
        return None
    try:
        session = Session(**json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return None
    words = all(isinstance(each, str) for each in (session.name, session.by, session.mark))
    return session if words and isinstance(session.until, int) else None


def form_mark(visitor: Visitor, key: bytes) -> str:
    """Return what a form of this session carries; no other site can know it."""
    return _sign(key, "form", f"{visitor.name}\n{visitor.mark}")


def is_form_mark(given: str, visitor: Visitor, key: bytes) -> bool:
    """Whether a form is one of ours, made for this session."""
    return hmac.compare_digest(given.encode(), form_mark(visitor, key).encode())


def _sign(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()
