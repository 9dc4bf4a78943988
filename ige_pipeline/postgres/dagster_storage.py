"""Dagster's own storage on Postgres, whichever of the usual ways its URL is spelled."""

from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from ige_pipeline.refusal import Refusal


class PostgresStorage(DagsterPostgresStorage):
    """dagster-postgres over psycopg2: with SQLAlchemy 2.1 a bare `postgresql://` means psycopg 3, under which it fails.

    `deploy/dagster.yaml` names this class, so every process of Dagster rewrites the URL and no entry point has to.
    """

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PostgresStorage":
        """Make the storage from `postgres_url`; Refusal when it is no Postgres URL."""
        return cls(psycopg2_url(config_value["postgres_url"]), inst_data=inst_data)


def psycopg2_url(url: str) -> str:
    """Write `postgres://` and `postgresql[+driver]://` as `postgresql+psycopg2://`; Refusal for anything else."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgres", "postgresql"}:
        raise Refusal(
            "DAGSTER_POSTGRES_URL is not a Postgres URL: write it as postgresql://user:password@host:5432/name."
        )
    return f"postgresql+psycopg2://{rest}"
