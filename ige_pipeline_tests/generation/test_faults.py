"""What a model's server says when it does not answer, and how long it asks us to wait."""

from datetime import UTC, datetime

import pytest

from ige_pipeline.generation.faults import Again, asked_wait, of_status
from ige_pipeline.generation.outcome import Failed

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Tue, 24 Nov 2026 13:00:30 +0100"}, 30),
        ({"retry-after": "Tue, 24 Nov 2026 11:59:00 GMT"}, 0),
        ({"retry-after": "1", "retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "-5"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30"}, None),
        ({"retry-after-ms": "soon"}, None),
    ],
)
def test_the_wait_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, now=NOW) == seconds


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert isinstance(of_status(status, code=None, headers={}, now=NOW), Again)
    assert isinstance(of_status(status, code=None, headers={"x-should-retry": "false"}, now=NOW), Failed)


@pytest.mark.parametrize(
    ("status", "hopeless"), [(400, False), (401, True), (403, True), (404, True), (413, False), (422, False)]
)
def test_what_would_fail_again_is_not(status: int, hopeless: bool) -> None:  # noqa: FBT001 - an example's value
    assert of_status(status, code=None, headers={}, now=NOW) == Failed(f"model_http_{status}", hopeless=hopeless)


def test_a_quota_that_is_used_up_is_no_rate_limit() -> None:
    assert of_status(429, code="insufficient_quota", headers={"retry-after": "1"}, now=NOW) == Failed(
        "model_out_of_quota", hopeless=True
    )
