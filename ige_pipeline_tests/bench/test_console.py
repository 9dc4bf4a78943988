"""The measuring of the console's pages: only a page that was answered counts."""

import pytest

from ige_pipeline.bench.console import _time, _visitor
from ige_pipeline_tests.factories import Conn


def test_a_page_is_timed_and_one_that_is_not_answered_ends_the_measuring(shared_conn: Conn) -> None:
    with _visitor(shared_conn) as client:
        page = _time(client, "/drafts", 2)

        assert (page.path, page.median_ms <= page.longest_ms) == ("/drafts", True)
        with pytest.raises(RuntimeError, match="/nowhere was answered 404"):
            _time(client, "/nowhere", 1)
