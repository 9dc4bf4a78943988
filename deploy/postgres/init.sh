#!/bin/sh
# Run once by the Postgres image, on an empty volume: the roles that roles.sql gives rights to, and two databases.
# Nobody but their owners connects to them; what is not granted in roles.sql is not allowed.
set -eu
word() { cat "/run/secrets/$1"; }

psql --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres \
  --set=owner="$(word owner_password)" --set=app="$(word app_password)" \
  --set=viewer="$(word viewer_password)" --set=dagster="$(word dagster_password)" <<'SQL'
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
