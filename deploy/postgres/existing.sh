#!/bin/sh
# For a database that is there already, once, as a role that may make roles and databases (the server's administrator):
#   SECRETS=deploy/secrets PSQL='psql postgresql://postgres@db.example/name' sh deploy/postgres/existing.sh
# The roles that roles.sql gives rights to, and Dagster's own database beside yours. Your tables, your roles and what they
# may do stay as they are.
set -eu
word() { cat "${SECRETS:-/run/secrets}/$1"; }
# Not among the words of a command, which everybody on the machine can read.
APP="$(word app_password)" VIEWER="$(word viewer_password)" DAGSTER="$(word dagster_password)"
export APP VIEWER DAGSTER

${PSQL:-psql} --quiet --no-psqlrc --set=ON_ERROR_STOP=1 <<'SQL'
\getenv app APP
\getenv viewer VIEWER
\getenv dagster DAGSTER
CREATE ROLE ige_app LOGIN PASSWORD :'app';
CREATE ROLE ige_viewer LOGIN PASSWORD :'viewer';
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
-- Only a superuser, or a member of the role, may make a database that another role owns.
GRANT dagster TO CURRENT_USER;
CREATE DATABASE dagster OWNER dagster ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
SELECT format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO ige_app', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO ige_viewer', current_database()) \gexec
SQL
