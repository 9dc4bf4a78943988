"""`ige serve`: what it refuses before it listens."""

import pytest

from ige_pipeline_tests.cli.terminal import Terminal

TOKEN = "ada:operator:a-token-of-thirty-characters-x"


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "Nobody could prove who sends us replies"),
        ({"IGE_CONSOLE_TOKENS": "ada:owner:x"}, "Entry 1 of IGE_CONSOLE_TOKENS is malformed"),
        ({"IGE_CONSOLE_PROXY_HEADER": "X-Forwarded-User"}, "alone would let anybody in"),
        ({"IGE_CONSOLE_TOKENS": TOKEN, "IGE_INBOUND_TOKEN": "short"}, "IGE_INBOUND_TOKEN is too short"),
    ],
)
def test_it_refuses_to_let_anybody_in_from_another_machine_who_cannot_prove_themselves(
    variables: dict[str, str], sentence: str
) -> None:
    told = Terminal(variables).refused("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - that is the point

    assert sentence in told
