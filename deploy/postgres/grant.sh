#!/bin/sh
# After every `ige migrate`: the rights on what it added. May be run at any time and again. It connects by the address that
# migrated (secrets/owner_url), whoever owns the tables: ige_owner, or the application's own role.
set -eu
url="$(cat "${SECRETS:-/run/secrets}/owner_url")"
rest="${url#*://}"
case "$rest" in
  *@*) who="${rest%%@*}" where="${rest#*@}" ;;
  *) who="" where="$rest" ;;
esac
# Not among the words of a command, which everybody on the machine can read; and as it was before it stood in an address.
word=""
case "$who" in *:*) word="${who#*:}" who="${who%%:*}" ;; esac
plain=""
while [ "$word" != "${word#*%}" ]; do
  rest="${word#*%}"
  plain="$plain${word%%%*}$(printf "\\$(printf %03o "0x$(printf %.2s "$rest")")")"
  word="${rest#??}"
done
[ -z "$plain$word" ] || export PGPASSWORD="$plain$word"
exec psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname="postgresql://$who${who:+@}$where" \
  --file="${1:-/deploy/roles.sql}"
