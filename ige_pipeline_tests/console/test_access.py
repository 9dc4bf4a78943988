"""Who may enter, and what is refused at the start."""

from collections.abc import Mapping

import pytest

from ige_pipeline.console.access import PROXY_SECRET_HEADER, Role, Sent, of_environment
from ige_pipeline.refusal import Refusal

TOKEN = "a-token-of-thirty-characters-x"
PROXY = {"IGE_CONSOLE_PROXY_HEADER": "X-Forwarded-User", "IGE_CONSOLE_ROLES": "ada@example.com:operator *:viewer"}


def sent(headers: Mapping[str, str]) -> Sent:
    """As a request gives what was sent in each header: once."""
    return lambda name: [headers[name]] if name in headers else []


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"IGE_CONSOLE_TOKENS": "ada:operator:short"}, "Entry 1 of IGE_CONSOLE_TOKENS is malformed"),
        ({"IGE_CONSOLE_TOKENS": f"ada:owner:{TOKEN}"}, "viewer, operator or admin"),
        ({"IGE_CONSOLE_TOKENS": f"ada:viewer:{TOKEN} ada:admin:{TOKEN}1"}, "names ada twice"),
        (PROXY, "alone would let anybody in"),
        (PROXY | {"IGE_CONSOLE_PROXY_SECRET": "short"}, "too short"),
        (PROXY | {"IGE_CONSOLE_PROXY_FROM": "10.0.0.0/99"}, "IGE_CONSOLE_PROXY_FROM is malformed"),
        (PROXY | {"IGE_CONSOLE_PROXY_FROM": "10.0.0.1", "IGE_CONSOLE_ROLES": ""}, "IGE_CONSOLE_ROLES is not set"),
        (PROXY | {"IGE_CONSOLE_PROXY_FROM": "10.0.0.1", "IGE_CONSOLE_ROLES": "ada"}, "user:role"),
        (PROXY | {"IGE_CONSOLE_PROXY_HEADER": "X User", "IGE_CONSOLE_PROXY_FROM": "10.0.0.1"}, "name of a header"),
        ({"IGE_CONSOLE_ROLES": "ada:viewer"}, "IGE_CONSOLE_PROXY_HEADER is not set"),
    ],
)
def test_what_would_let_the_wrong_people_in_is_refused(variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence) as refused:
        of_environment(lambda name: variables.get(name) or None)

    assert TOKEN not in str(refused.value)


def test_without_a_word_about_it_a_token_is_made_up_for_this_machine() -> None:
    access = of_environment(lambda _: None)

    assert access.here_only
    assert [token.role for token in access.tokens] == [Role.ADMIN]
    assert access.tokens[0].secret not in repr(access)
    assert access.tokens[0].secret != of_environment(lambda _: None).tokens[0].secret


def test_a_token_is_known_whole_and_not_in_part() -> None:
    access = of_environment({"IGE_CONSOLE_TOKENS": f"ada:operator:{TOKEN}, bob:viewer:{TOKEN}2"}.get)

    found = access.by_token(TOKEN)

    assert found is not None
    assert (found.name, found.role) == ("ada", Role.OPERATOR)
    assert access.by_token(TOKEN[:-1]) is None
    assert access.by_token("") is None


@pytest.mark.parametrize(
    ("variables", "headers", "peer", "role"),
    [
        ({"IGE_CONSOLE_PROXY_FROM": "10.0.0.0/8"}, {}, "10.1.2.3", Role.OPERATOR),
        ({"IGE_CONSOLE_PROXY_FROM": "10.0.0.0/8"}, {}, "192.168.0.1", None),
        ({"IGE_CONSOLE_PROXY_FROM": "10.0.0.0/8"}, {}, None, None),
        ({"IGE_CONSOLE_PROXY_SECRET": TOKEN}, {"x-ige-console-secret": TOKEN}, "192.168.0.1", Role.OPERATOR),
        ({"IGE_CONSOLE_PROXY_SECRET": TOKEN}, {"x-ige-console-secret": "another"}, "192.168.0.1", None),
        ({"IGE_CONSOLE_PROXY_SECRET": TOKEN}, {}, "192.168.0.1", None),
        (
            {"IGE_CONSOLE_PROXY_SECRET": TOKEN, "IGE_CONSOLE_PROXY_FROM": "10.0.0.1"},
            {"x-ige-console-secret": TOKEN},
            "10.0.0.2",
            None,
        ),
    ],
)
def test_the_header_counts_only_from_the_proxy(
    variables: dict[str, str], headers: dict[str, str], peer: str | None, role: Role | None
) -> None:
    proxy = of_environment((PROXY | variables).get).proxy
    assert proxy is not None

    user = proxy.user(sent({"x-forwarded-user": "ada@example.com"} | headers), peer)

    assert user == (None if role is None else ("ada@example.com", role))


def test_somebody_without_a_role_of_their_own_has_that_of_everybody_or_none() -> None:
    everybody = PROXY | {"IGE_CONSOLE_PROXY_FROM": "10.0.0.1"}
    listed = everybody | {"IGE_CONSOLE_ROLES": "ada@example.com:operator"}

    roles = []
    for variables in (everybody, listed):
        proxy = of_environment(variables.get).proxy
        assert proxy is not None
        roles.append(proxy.user(sent({"x-forwarded-user": "bob"}), "10.0.0.1"))

    assert roles == [("bob", Role.VIEWER), None]


@pytest.mark.parametrize("twice", ["x-forwarded-user", PROXY_SECRET_HEADER])
def test_a_header_that_was_sent_twice_counts_for_nothing(twice: str) -> None:
    proxy = of_environment((PROXY | {"IGE_CONSOLE_PROXY_SECRET": TOKEN}).get).proxy
    assert proxy is not None
    headers = {"x-forwarded-user": ["ada@example.com"], PROXY_SECRET_HEADER: [TOKEN]}

    assert proxy.user(lambda name: headers.get(name, []), "10.0.0.1") is not None
    assert proxy.user(lambda name: headers.get(name, []) * (1 + (name == twice)), "10.0.0.1") is None
