#!/bin/sh
# Makes what the compose file needs and git must not hold: passwords, a certificate to begin with, logins, settings.
# What exists stays as it is, so it may be run again. Needs openssl. Where Postgres and Redis are not in the containers of
# those names (deploy/systemd): IGE_POSTGRES=127.0.0.1:5432 and IGE_REDIS=127.0.0.1:6379; IGE_DATABASE=name says which
# database is the application's, if not `app`.
set -eu
umask 077
where="${IGE_POSTGRES:-postgres:5432}" redis="${IGE_REDIS:-redis:6379}" app="${IGE_DATABASE:-app}"
cd "$(dirname "$0")"
mkdir -p secrets/nginx
once() { if [ -s "$1" ]; then cat > /dev/null; else cat > "$1"; fi; }
for role in postgres owner app viewer dagster redis; do
  openssl rand -hex 24 | once "secrets/${role}_password"
done
printf 'postgresql://ige_owner:%s@%s/%s\n' "$(cat secrets/owner_password)" "$where" "$app" | once secrets/owner_url
printf 'postgresql://ige_app:%s@%s/%s\n' "$(cat secrets/app_password)" "$where" "$app" | once secrets/app_url
printf 'postgresql://dagster:%s@%s/dagster\n' "$(cat secrets/dagster_password)" "$where" | once secrets/dagster_url
printf 'redis://:%s@%s/0\n' "$(cat secrets/redis_password)" "$redis" | once secrets/celery_url
printf 'whsec_%s\n' "$(openssl rand -base64 32)" | once secrets/webhook_secret
for name in inbound_token console_proxy_secret; do openssl rand -hex 24 | once "secrets/$name"; done
# The proxy proves to the console that it asked for the login.
printf 'proxy_set_header X-Ige-Console-Secret "%s";\n' "$(cat secrets/console_proxy_secret)" | once secrets/nginx/console.conf
# Yours to fill. Without a webhook, delivery refuses and touches no row; without a key the built-in templates write;
# without an address for alerts nobody is told when something fails, and the service `watch` counts as unhealthy.
for empty in webhook_url openai_api_key alert_webhook_url; do [ -e "secrets/$empty" ] || : > "secrets/$empty"; done
[ -e production.env ] || cp production.env.example production.env
[ -e ige.toml ] || cp ../ige.toml.example ige.toml

# operator may launch and stop runs; viewer may look; prometheus reads /metrics. More: `printf 'NAME:%s\n' "$(openssl passwd -6)" >> secrets/nginx/logins`.
if [ ! -s secrets/nginx/logins ]; then
  for name in operator viewer prometheus; do
    word="$(openssl rand -hex 12)"
    printf '%s:%s\n' "$name" "$(openssl passwd -6 "$word")" >> secrets/nginx/logins
    echo "Login of $name, shown once: $word"
  done
fi
printf 'operator operator;\n' | once secrets/nginx/operators.conf
# A certificate that browsers warn of. Put your own in its place.
[ -s secrets/nginx/tls.key ] || openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=${IGE_HOST:-localhost}" \
  -keyout secrets/nginx/tls.key -out secrets/nginx/tls.crt 2> /dev/null
# Containers read these as users of their own: the image's is 10001, nginx's 101, Postgres's 999. A folder that only you
# can enter keeps everybody else of this machine out.
chmod 700 secrets
find secrets -type f -exec chmod 644 {} +
chmod 755 secrets/nginx
chmod 644 ige.toml production.env
