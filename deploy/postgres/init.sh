#!/bin/sh
# Run once by the Postgres image, on an empty volume; elsewhere by hand, with SECRETS naming the folder: the roles that
# roles.sql gives rights to, and two databases.
# Nobody but their owners connects to them; what is not granted in roles.sql is not allowed.
set -eu
word() { cat "${SECRETS:-/run/secrets}/$1"; }
# Not among the words of a command, which everybody on the machine can read.
OWNER="$(word owner_password)" APP="$(word app_password)" VIEWER="$(word viewer_password)" DAGSTER="$(word dagster_password)"
export OWNER APP VIEWER DAGSTER

${PSQL:-psql} --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
\getenv owner OWNER
\getenv app APP
\getenv viewer VIEWER
\getenv dagster DAGSTER
CREATE ROLE ige_owner LOGIN PASSWORD :'owner';
CREATE ROLE ige_app LOGIN PASSWORD :'app';
CREATE ROLE ige_viewer LOGIN PASSWORD :'viewer';
CREATE ROLE dagster LOGIN PASSWORD :'dagster';
CREATE DATABASE app OWNER ige_owner ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE dagster OWNER dagster ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE app, dagster, postgres FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE app TO ige_app;
GRANT CONNECT ON DATABASE app TO ige_viewer;
SQL
