from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import DictRow

from ige_pipeline.bench.evaluate import NAIVE, OLD, measure
from ige_pipeline.bench.population import populate, populated
from ige_pipeline.refusal import Refusal


def test_every_method_finds_the_same_winners_and_each_has_a_figure(server_url: str) -> None:
    with populated(server_url, contractors=300) as lanes:
        report = measure(lanes, contractors=300, rounds=1, sample=50)

    assert report.winners > 50
    assert report.candidates > report.winners
    assert {figure.method: figure.sample for figure in report.figures}[OLD] == 50
    assert report.ratio(next(figure for figure in report.figures if figure.method == NAIVE)) == 1
    assert len(report.figures) == 7


def test_the_database_is_gone_afterwards(server_url: str) -> None:
    with populated(server_url, contractors=1, lanes=1) as (conn,):
        name = conn.info.dbname

    with psycopg.connect(server_url) as server:
        assert server.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount == 0
    assert urlsplit(server_url).path != f"/{name}"


def test_nothing_is_put_into_a_database_that_the_benchmark_did_not_make(conn: psycopg.Connection[DictRow]) -> None:
    with pytest.raises(Refusal, match="made itself"):
        populate(conn, contractors=1)

    assert conn.execute("SELECT FROM contractors").rowcount == 0
