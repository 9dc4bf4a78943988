"""Dagster's own storage on Postgres, whichever of the usual ways its URL is spelled."""

import os
from typing import Any

import dagster as dg
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from ige_pipeline.refusal import Refusal
from ige_pipeline.secret_files import value_of

VARIABLE = "DAGSTER_POSTGRES_URL"


class PostgresStorage(DagsterPostgresStorage):
    """dagster-postgres over psycopg2: with SQLAlchemy 2.1 a bare `postgresql://` means psycopg 3, under which it fails.

    `deploy/dagster.yaml` names this class, so every process of Dagster rewrites the URL and no entry point has to. The
    URL is not part of the configuration, which Dagster hands to each run on its command line.
    """

    @classmethod
    def config_type(cls) -> Any:
        """Take nothing, or the `postgres_url` of a dagster.yaml from before the variable could be a file."""
        return {"postgres_url": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PostgresStorage":
        """Make the storage from DAGSTER_POSTGRES_URL, or its file; Refusal when neither names a database."""
        url = config_value.get("postgres_url") or value_of(VARIABLE, os.environ)
        if url is None:
            raise Refusal(f"{VARIABLE} is not set: it names the database of Dagster's own state.")
        return cls(psycopg2_url(url), inst_data=inst_data)


def psycopg2_url(url: str) -> str:
    """Write `postgres://` and `postgresql[+driver]://` as `postgresql+psycopg2://`; Refusal for anything else."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise Refusal(
            "DAGSTER_POSTGRES_URL is not a Postgres URL: write it as postgresql://user:password@host:5432/name."
        )
    return f"postgresql+psycopg2://{rest}"
