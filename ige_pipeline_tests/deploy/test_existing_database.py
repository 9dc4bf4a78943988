"""A database that is there already: its tables are the application's own role's, and its server is not ours."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import psycopg
import pytest
import yaml

from ige_pipeline.postgres import embedded
from ige_pipeline.postgres.migrate import migrate
from ige_pipeline.postgres.programs import wheel_programs
from ige_pipeline_tests.cli.terminal import Terminal
from ige_pipeline_tests.deploy.compose_file import DEPLOY, services
from ige_pipeline_tests.factories import build_old_system

PSQL = wheel_programs() / "bin" / "psql"
# What an address cannot hold as it is.
WORD = "a:b@c/d%e f"


def script(name: str, secrets: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts of deploy/postgres as the recipe types it."""
    words = ["sh", str(DEPLOY / "postgres" / name), str(DEPLOY / "roles.sql")]
    env = {"PATH": f"{PSQL.parent}:{os.defpath}", "SECRETS": str(secrets), **env}
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - ours


@pytest.fixture
def application(empty_database_url: str) -> Iterator[str]:
    """The URL by which the application's own role, no superuser, uses the tables that it owns."""
    role = f"app_{uuid4().hex[:8]}"
    parts = urlsplit(empty_database_url)
    url = parts._replace(netloc=f"{role}:{quote(WORD, safe='')}@{parts.hostname}:{parts.port}").geturl()
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{WORD}'".encode())
        admin.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {role}".encode())
    build_old_system(url)
    yield url
    with psycopg.connect(empty_database_url, autocommit=True) as admin:
        admin.execute(f"DROP OWNED BY {role}".encode())
        admin.execute(f"DROP ROLE {role}".encode())


@pytest.mark.usefixtures("two_roles")
def test_grant_connects_by_the_owner_s_address_whoever_owns_the_tables(
    application: str, empty_database_url: str, tmp_path: Path
) -> None:
    migrate(application)
    (tmp_path / "owner_url").write_text(application + "\n")

    for _ in range(2):
        done = script("grant.sh", tmp_path)
        assert done.returncode == 0, done.stderr

    parts = urlsplit(empty_database_url)
    app = parts._replace(netloc=f"ige_app:word@{parts.hostname}:{parts.port}").geturl()
    terminal = Terminal({"IGE_DATABASE_URL": app, "N8N_OUTBOUND_WEBHOOK_URL": "http://127.0.0.1:9/"})
    assert terminal.type("run", "schedule").exit_code == 0
    with psycopg.connect(app) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("DELETE FROM contractors")


def test_the_password_is_not_among_the_words_that_everybody_can_read(tmp_path: Path) -> None:
    (tmp_path / "owner_url").write_text("postgres://own%40er:s%2Fcr%25t@db.example:6432/name?sslmode=require")
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "word: $PGPASSWORD"\n')
    program.chmod(0o755)

    told = script("grant.sh", tmp_path, PATH=f"{tmp_path}:{os.defpath}").stdout.splitlines()

    assert "--dbname=postgresql://own%40er@db.example:6432/name?sslmode=require" in told
    assert told[-1] == "word: s/cr%t"
    assert [line for line in told[:-1] if "s%2Fcr" in line or "s/cr" in line] == []


def test_roles_and_dagster_s_database_are_made_beside_an_existing_one(tmp_path: Path) -> None:
    """On a server of its own, for roles are a server's: by an administrator who is no superuser, as hosts give one."""
    for name in ("app", "viewer", "dagster"):
        (tmp_path / f"{name}_password").write_text(f"word-of-{name}")
    root = embedded.ensure_running(tmp_path / "server", durable=False)
    try:
        with psycopg.connect(root, autocommit=True) as conn:
            conn.execute("CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD 'word'")
            conn.execute("CREATE DATABASE concierge OWNER admin")
        done = script("existing.sh", tmp_path, PSQL=f"psql {named(root, 'admin:word', 'concierge')}")
        assert done.returncode == 0, done.stderr
        with psycopg.connect(named(root, "ige_app:word-of-app", "concierge")) as app:
            app.execute("CREATE TEMPORARY TABLE ours (id int)")
        with psycopg.connect(named(root, "dagster:word-of-dagster", "dagster")) as dagster:
            dagster.execute("CREATE TABLE runs (id int)")
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(named(root, "ige_app:word-of-app", "dagster"))
    finally:
        embedded.discard(tmp_path / "server")


def named(url: str, who: str, database: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{who}@{parts.hostname}:{parts.port}", path=f"/{database}").geturl()


def test_beside_an_existing_database_no_server_is_started_and_everybody_reaches_it() -> None:
    override = yaml.safe_load((DEPLOY / "compose.existing.yaml").read_text(encoding="utf-8"))
    asking = {
        name
        for name, service in services().items()
        if {"owner_url", "app_url", "dagster_url"} & set(service.get("secrets", []))
    }

    assert set(override["services"]) == asking | {"postgres"}
    assert all("database" in service["networks"] for service in override["services"].values())
    assert override["services"]["postgres"]["entrypoint"] == ["sleep", "infinity"]
    assert not (override["networks"]["database"] or {}).get("internal")
