"""Against a small server on loopback that speaks OpenAI's chat completions and plays a script."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from ige_pipeline.generation import price, prompt
from ige_pipeline.generation.draft import Brief
from ige_pipeline.generation.model import ModelWriter
from ige_pipeline.generation.outcome import CutOff, Failed, Outcome, Refused, Written
from ige_pipeline.generation.purse import Grant, Purse
from ige_pipeline.refusal import Refusal
from ige_pipeline_tests.generation.model_server import ANSWER, KEY, TEXT, Reply, Server, serving

BRIEF = Brief(1, 2, "stalled_goal", "check_in", "Maria", None, {"item": "Send the quotes", "goal": "Grow"}, "because")


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    url = running.url
    Server.__init__(running)
    running.url = url
    return running


def ask(
    server: Server, *script: Reply, briefs: Sequence[Brief] = (BRIEF,), purse: Purse | None = None, **settings: Any
) -> list[Outcome]:
    server.script = list(script)

    async def run() -> list[Outcome]:
        given: dict[str, Any] = {"model": "gpt-4.1-mini", "api_key": KEY, "base_url": server.url}
        quick = {"first_pause_seconds": 0.01, "jitter": lambda: 0.0}
        async with ModelWriter(**given | quick | settings) as writer:
            return list(await asyncio.gather(*(writer.write(brief, purse=purse) for brief in briefs)))

    return asyncio.run(run())


def test_a_good_answer_becomes_a_draft_with_all_that_it_took(server: Server) -> None:
    (outcome,) = ask(server, Reply())

    assert isinstance(outcome, Written)
    draft = outcome.draft
    assert (draft.text, draft.reasoning, draft.source) == (TEXT, "The quotes are open.", "model:gpt-4.1-mini")
    assert draft.facts_used == ("item",)
    assert draft.usage is not None
    assert (draft.usage.tokens_in, draft.usage.tokens_cached, draft.usage.tokens_out) == (1000, 600, 100)
    assert draft.usage.cost_usd == Decimal("0.00038")
    assert (draft.usage.request_id, draft.usage.prompt_version) == ("req-7", prompt.NEWEST)


def test_what_is_asked_has_a_strict_schema_and_our_key_as_bearer(server: Server) -> None:
    ask(server, Reply())

    (asked,) = server.asked
    schema = asked["response_format"]["json_schema"]
    assert asked["model"] == "gpt-4.1-mini"
    assert schema["strict"] is True
    assert schema["schema"]["additionalProperties"] is False
    assert set(schema["schema"]["required"]) == {"message", "reasoning", "facts_used"}
    assert asked["messages"][0]["role"] == "system"
    assert server.keys == {f"Bearer {KEY}"}


def test_no_other_key_of_the_environment_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-of-somebody")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")

    (outcome,) = ask(server, Reply())

    assert isinstance(outcome, Written)
    assert server.keys == {f"Bearer {KEY}"}


def test_a_model_without_a_listed_price_counts_as_the_dearest_and_says_so(server: Server) -> None:
    (outcome,) = ask(server, Reply(), model="our-llama")

    assert isinstance(outcome, Written)
    assert outcome.draft.usage is not None
    assert outcome.draft.usage.price_known is False
    assert outcome.draft.usage.cost_usd == price.dearest().of(tokens_in=1000, tokens_cached=600, tokens_out=100)


def test_a_stated_price_is_reckoned_with(server: Server) -> None:
    (outcome,) = ask(server, Reply(), model="our-llama", prices=price.of_model("our-llama", stated="1/0/10"))

    assert isinstance(outcome, Written)
    assert outcome.draft.usage is not None
    assert (outcome.draft.usage.cost_usd, outcome.draft.usage.price_known) == (Decimal("0.0014"), True)


def test_a_refusal_comes_with_200_and_has_cost_money(server: Server) -> None:
    (outcome,) = ask(server, Reply(message={"content": None, "refusal": "I can't help with that."}))

    assert isinstance(outcome, Refused)
    assert outcome.usage.cost_usd > 0
    assert len(server.asked) == 1


def test_the_content_filter_is_a_refusal_too(server: Server) -> None:
    (outcome,) = ask(server, Reply(finish="content_filter"))

    assert isinstance(outcome, Refused)


def test_an_answer_that_was_cut_off_is_never_used(server: Server) -> None:
    (outcome,) = ask(server, Reply(finish="length"))

    assert isinstance(outcome, CutOff)
    assert outcome.usage.tokens_out == 100


@pytest.mark.parametrize(
    "reply",
    [
        Reply(message={"content": '{"message": "Hi'}),
        Reply(message={"content": json.dumps({"message": "Hi"})}),
        Reply(message={"content": json.dumps({**json.loads(ANSWER), "extra": 1})}),
        Reply(message={"content": ""}),
        Reply(message={"content": None}),
        Reply(message={"content": ["a"]}),
        Reply(raw="{not json"),
        Reply(raw="<html>hello</html>", headers={"content-type": "text/html"}),
        Reply(raw="[]"),
        Reply(raw="null"),
        Reply(raw='{"choices": null}'),
        Reply(raw='{"choices": []}'),
        Reply(raw='{"choices": [{}], "usage": {"prompt_tokens": "many"}}'),
        Reply(raw='{"choices": [{"message": {"content": {"a": 1}}}], "usage": [1]}'),
    ],
)
def test_an_answer_that_cannot_be_read_is_a_failure_and_not_asked_for_again(server: Server, reply: Reply) -> None:
    (outcome,) = ask(server, reply)

    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.hopeless) == ("model_malformed_answer", False)
    assert len(server.asked) == 1


def test_a_server_error_is_retried(server: Server) -> None:
    (outcome,) = ask(server, Reply(status=500), Reply(status=503), Reply())

    assert isinstance(outcome, Written)
    assert len(server.asked) == 3


def test_after_two_retries_it_has_failed(server: Server) -> None:
    (outcome,) = ask(server, Reply(status=500))

    assert outcome == Failed("model_http_500")
    assert len(server.asked) == 3


@pytest.mark.parametrize("header", [{"retry-after": "0.3"}, {"retry-after-ms": "300"}])
def test_a_retry_waits_as_long_as_the_server_asks(server: Server, header: dict[str, str]) -> None:
    (outcome,) = ask(server, Reply(status=429, headers=header), Reply())

    assert isinstance(outcome, Written)
    assert 0.29 <= server.asked_at[1] - server.asked_at[0] < 1


@pytest.mark.parametrize("asked", ["3600", "Wed, 01 Jan 2200 00:00:00 GMT"])
def test_a_wait_beyond_the_time_of_one_message_is_not_begun(server: Server, asked: str) -> None:
    started = time.monotonic()
    (outcome,) = ask(server, Reply(status=429, headers={"retry-after": asked}))

    assert outcome == Failed("model_rate_limited")
    assert time.monotonic() - started < 2
    assert len(server.asked) == 1


@pytest.mark.parametrize("asked", ["soon", "", "nan", "Wed, 01 Jan 2020 00:00:00 GMT"])
def test_an_unreadable_or_past_wait_does_no_harm(server: Server, asked: str) -> None:
    (outcome,) = ask(server, Reply(status=429, headers={"retry-after": asked}), Reply())

    assert isinstance(outcome, Written)


@pytest.mark.parametrize(
    ("reply", "reason", "hopeless"),
    [
        (Reply(status=401), "model_http_401", True),
        (Reply(status=404), "model_http_404", True),
        (Reply(status=400), "model_http_400", False),
        (Reply(status=429, message={"code": "insufficient_quota"}), "model_out_of_quota", True),
        (Reply(status=500, headers={"x-should-retry": "false"}), "model_http_500", False),
    ],
)
def test_what_would_fail_again_is_not_retried(server: Server, reply: Reply, reason: str, *, hopeless: bool) -> None:
    (outcome,) = ask(server, reply)

    assert outcome == Failed(reason, hopeless=hopeless)
    assert len(server.asked) == 1


def test_a_wait_that_the_server_asks_for_holds_for_every_message(server: Server) -> None:
    outcomes = ask(
        server, Reply(status=429, headers={"retry-after": "0.3"}), Reply(), briefs=[BRIEF] * 3, concurrency=1
    )

    assert all(isinstance(outcome, Written) for outcome in outcomes)
    assert server.asked_at[1] - server.asked_at[0] >= 0.29


def test_nobody_asks_within_a_wait_that_is_longer_than_a_message_may_take(server: Server) -> None:
    busy = Reply(status=429, headers={"retry-after": "3600"})

    outcomes = ask(server, busy, briefs=[BRIEF] * 5, concurrency=1)

    assert outcomes == [Failed("model_rate_limited")] * 5
    assert len(server.asked) == 1


@pytest.mark.parametrize("retries", [0, 1])
def test_what_the_server_asks_for_holds_after_the_last_try_too(server: Server, retries: int) -> None:
    busy = Reply(status=429, headers={"retry-after": "0.3"})

    outcomes = ask(server, *[busy] * (retries + 1), Reply(), briefs=[BRIEF] * 2, concurrency=1, retries=retries)

    assert [type(outcome) for outcome in outcomes] == [Failed, Written]
    assert all(later - sooner >= 0.29 for sooner, later in pairwise(server.asked_at))


@pytest.mark.parametrize(
    ("status", "charged"),
    [(408, True), (502, True), (504, True), (524, True), (400, False), (401, False), (429, False), (503, False)],
)
def test_a_call_that_somebody_on_the_way_gave_up_counts_as_spent(server: Server, status: int, *, charged: bool) -> None:
    granted: list[Decimal] = []

    async def fetch(needed: Decimal, _wanted: Decimal) -> Grant:
        granted.append(needed)
        return Grant(needed)

    purse = Purse(fetch)
    ask(server, Reply(status=status), purse=purse, retries=0)

    assert purse.left == (0 if charged else granted[0])


def test_how_often_it_is_asked_again_is_a_setting(server: Server) -> None:
    assert ask(server, Reply(status=500), retries=0) == [Failed("model_http_500")]
    assert len(server.asked) == 1


def test_a_server_that_knows_only_the_old_name_of_the_bound_is_asked_with_that_for_the_rest(server: Server) -> None:
    def old(asked: dict[str, Any]) -> Reply:
        return Reply(status=400, raw="Unknown: max_completion_tokens") if "max_completion_tokens" in asked else Reply()

    server.play = old
    outcomes = ask(server, briefs=[BRIEF] * 3, concurrency=1, retries=0)

    assert all(isinstance(outcome, Written) for outcome in outcomes)
    assert [asked.get("max_tokens") for asked in server.asked] == [None, 2000, 2000, 2000]


def test_a_server_that_takes_the_bound_by_no_name_is_not_asked_for_ever(server: Server) -> None:
    neither = Reply(status=400, raw="max_completion_tokens and max_tokens are too large")

    assert ask(server, neither, briefs=[BRIEF] * 2, concurrency=1) == [Failed("model_http_400")] * 2
    assert len(server.asked) == 3


def test_a_slow_answer_times_out_and_is_asked_for_again(server: Server) -> None:
    (outcome,) = ask(server, Reply(delay=0.4), Reply(), timeout_seconds=0.2)

    assert isinstance(outcome, Written)
    assert len(server.asked) == 2


def test_all_tries_together_end_in_time(server: Server) -> None:
    started = time.monotonic()
    (outcome,) = ask(server, Reply(delay=0.4), timeout_seconds=10, total_seconds=0.2)

    assert outcome == Failed("model_timeout")
    # Long before a single try would be given up, however busy the machine is.
    assert time.monotonic() - started < 5


def test_nobody_there_is_a_failure(server: Server) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        (outcome,) = ask(server, Reply(), base_url=url)

    assert outcome == Failed("model_unreachable")


def test_no_more_calls_are_under_way_than_allowed(server: Server) -> None:
    outcomes = ask(server, Reply(delay=0.15), briefs=[BRIEF] * 12, concurrency=4)

    assert all(isinstance(outcome, Written) for outcome in outcomes)
    # How many the loop brings under way at once hangs on the machine; more than allowed, on nothing.
    assert 1 < server.most_in_flight <= 4


def test_waiting_for_a_slot_does_not_count_against_a_message(server: Server) -> None:
    outcomes = ask(server, Reply(delay=0.3), briefs=[BRIEF] * 5, concurrency=1, total_seconds=1.2)

    assert all(isinstance(outcome, Written) for outcome in outcomes)


def test_a_writer_can_be_used_in_one_loop_after_another(server: Server) -> None:
    server.script = [Reply(delay=0.02)]
    writer = ModelWriter(model="m", api_key=KEY, base_url=server.url, concurrency=1)

    async def run() -> list[Outcome]:
        async with writer:
            return list(await asyncio.gather(*(writer.write(BRIEF) for _ in range(3))))

    assert all(isinstance(outcome, Written) for outcome in (*asyncio.run(run()), *asyncio.run(run())))


@pytest.mark.parametrize("reply", [Reply(status=401), Reply(status=400), Reply(status=500), Reply(raw=KEY)])
def test_the_key_is_in_no_outcome_and_in_no_log(server: Server, reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        (outcome,) = ask(server, reply)

    assert isinstance(outcome, Failed)
    assert KEY not in repr(outcome)
    assert KEY not in caplog.text
    assert "Send the quotes" not in caplog.text


@pytest.mark.parametrize("key", ["", "sk-secret\n", "sk-sécret", "sk secret", "sk-secret\x00"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(Refusal, match="OPENAI_API_KEY") as refused:
        ModelWriter(model="m", api_key=key)

    assert not key or key.strip() not in str(refused.value)


@pytest.mark.parametrize("url", ["localhost:4011", "ftp://u:pw@host/v1", "http://", "http://h:notaport/v1", "//x"])
def test_an_address_that_cannot_be_one_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(Refusal, match="OPENAI_BASE_URL") as refused:
        ModelWriter(model="m", api_key=KEY, base_url=url)

    assert url not in str(refused.value)
    assert KEY not in repr(ModelWriter(model="m", api_key=KEY))


def test_writing_outside_of_the_context_is_an_error() -> None:
    writer = ModelWriter(model="m", api_key=KEY)

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(writer.write(BRIEF))
