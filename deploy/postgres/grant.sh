#!/bin/sh
# After every `ige migrate`: the rights on what it added. May be run at any time and again.
set -eu
PGPASSWORD="$(cat "${SECRETS:-/run/secrets}/owner_password")" exec psql --quiet --set=ON_ERROR_STOP=1 \
  --host="${PGHOST:-postgres}" --port="${PGPORT:-5432}" --username=ige_owner --dbname=app --file="${1:-/deploy/roles.sql}"
