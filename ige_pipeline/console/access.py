"""Who may enter the console, and what they may do there: by a token, through a proxy, or from this machine alone."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from ige_pipeline.refusal import Refusal

_TOKEN = re.compile(r"([A-Za-z0-9._@+-]{1,64}):(viewer|operator|admin):([A-Za-z0-9_~.-]{20,200})")
_GIVEN_ROLE = re.compile(r"(\*|[^\s:*]{1,200}):(viewer|operator|admin)")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_SECRET = 20
BY_PROXY = "proxy"
PROXY_SECRET_HEADER = "x-ige-console-secret"  # noqa: S105 - the header's name

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Sent = Callable[[str], Sequence[str]]
"""All that a request sent in a header of that name."""


class Role(IntEnum):
    """What somebody may do; each may do what those before it may.

    A viewer reads, texts included, with phone numbers masked; an operator changes; an admin sees the numbers.
    """

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True)
class Token:
    """Somebody's way in."""

    name: str
    role: Role
    secret: str = field(repr=False)

    @property
    def mark(self) -> str:
        """Tell this token from the one that takes its place, without showing it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Proxy:
    """A proxy that has asked for a login: it names the user in `header`, and proves itself by address or secret."""

    header: str
    roles: Mapping[str, Role]
    networks: tuple[Network, ...] = ()
    secret: str | None = field(default=None, repr=False)

    def user(self, sent: Sent, peer: str | None) -> tuple[str, Role] | None:
        """Return whom a request is from, None where it did not come through the proxy or they have no role."""
        name = _only(sent(self.header)).strip()
        role = self.roles.get(name) or self.roles.get("*")
        if not name or not name.isprintable() or role is None or not self._vouched(sent, peer):
            return None
        return name[:200], role

    def _vouched(self, sent: Sent, peer: str | None) -> bool:
        """Whatever was configured must hold, both where both were."""
        known = not self.networks or _within(peer, self.networks)
        given = _only(sent(PROXY_SECRET_HEADER))
        return known and (self.secret is None or hmac.compare_digest(given.encode(), self.secret.encode()))


@dataclass(frozen=True)
class Access:
    """Every way in. `here_only` says that nothing was configured, so that only this machine may enter."""

    tokens: tuple[Token, ...] = ()
    proxy: Proxy | None = None
    here_only: bool = False
    seed: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def key(self, by: str) -> bytes:
        """Return what the sessions of one token, by its mark, or of the proxy are signed with.

        Made of that token alone: they outlive a restart and a change of any other, and die with it.
        """
        own = [token.secret for token in self.tokens if token.mark == by]
        of_proxy = (self.proxy and self.proxy.secret) or "\n".join(token.secret for token in self.tokens)
        told = own[0] if own else of_proxy if by == BY_PROXY else ""
        return hashlib.sha256(f"ige console {by}\n".encode() + (told.encode() if told else self.seed)).digest()

    def by_token(self, given: str) -> Token | None:
        """Return the token that was given; all are compared, so that the time it takes tells nothing."""
        same = [token for token in self.tokens if hmac.compare_digest(token.secret.encode(), given.encode())]
        return same[0] if same else None

    def by_mark(self, name: str, mark: str) -> Token | None:
        """Return the token that a session was opened with, None once it is gone."""
        return next((token for token in self.tokens if token.name == name and token.mark == mark), None)


def of_environment(get: Callable[[str], str | None]) -> Access:
    """Read who may enter; without a word about it, a token is made up for this machine. Refusal if malformed."""
    tokens = tuple(_tokens(get("IGE_CONSOLE_TOKENS") or ""))
    proxy = _proxy(get)
    if not tokens and proxy is None:
        return for_this_machine()
    return Access(tokens, proxy)


def for_this_machine() -> Access:
    """Make up a token that lives as long as this process."""
    return Access((Token("this machine", Role.ADMIN, secrets.token_urlsafe(24)),), here_only=True)


def _tokens(written: str) -> Iterator[Token]:
    names = set()
    for number, each in enumerate(written.replace(",", " ").split(), start=1):
        found = _TOKEN.fullmatch(each)
        if found is None:
            raise Refusal(
                f"Entry {number} of IGE_CONSOLE_TOKENS is malformed: write name:role:token with a role of viewer, "
                f"operator or admin, and a token of at least {_SECRET} letters and digits."
            )
        if found[1] in names:
            raise Refusal(f"IGE_CONSOLE_TOKENS names {found[1]} twice: leave one of the two.")
        names.add(found[1])
        yield Token(found[1], Role[found[2].upper()], found[3])


def _proxy(get: Callable[[str], str | None]) -> Proxy | None:
    header, secret = get("IGE_CONSOLE_PROXY_HEADER"), get("IGE_CONSOLE_PROXY_SECRET")
    networks, roles = _networks(get("IGE_CONSOLE_PROXY_FROM") or ""), dict(_roles(get("IGE_CONSOLE_ROLES") or ""))
    if header is None:
        if secret or networks or roles:
            raise Refusal("IGE_CONSOLE_PROXY_HEADER is not set: name the header in which the proxy puts the user.")
        return None
    if not _HEADER.fullmatch(header):
        raise Refusal("IGE_CONSOLE_PROXY_HEADER is malformed: write the name of a header, such as X-Forwarded-User.")
    if not secret and not networks:
        raise Refusal(
            "IGE_CONSOLE_PROXY_HEADER alone would let anybody in who sends that header: set IGE_CONSOLE_PROXY_SECRET "
            "or IGE_CONSOLE_PROXY_FROM, too."
        )
    if secret is not None and len(secret) < _SECRET:
        raise Refusal(f"IGE_CONSOLE_PROXY_SECRET is too short: take at least {_SECRET} characters.")
    if not roles:
        raise Refusal("IGE_CONSOLE_ROLES is not set: say who may do what, for example `ada@example.com:operator`.")
    return Proxy(header.lower(), roles, networks, secret)


def _roles(written: str) -> Iterator[tuple[str, Role]]:
    for each in written.replace(",", " ").split():
        found = _GIVEN_ROLE.fullmatch(each)
        if found is None:
            raise Refusal(
                f"IGE_CONSOLE_ROLES holds {each!r}: write user:role, with a role of viewer, operator or admin."
            )
        yield found[1], Role[found[2].upper()]


def _networks(written: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each, strict=False) for each in written.replace(",", " ").split())
    except ValueError as error:
        raise Refusal(f"IGE_CONSOLE_PROXY_FROM is malformed: {error}.") from error


def _only(values: Sequence[str]) -> str:
    """Return what was sent, nothing where it was sent twice: which of the two the proxy wrote nobody can tell."""
    return values[0] if len(values) == 1 else ""


def _within(peer: str | None, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return False
    return any(address in network for network in networks)
