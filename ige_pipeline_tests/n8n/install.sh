#!/usr/bin/env bash
# install.sh FOLDER: Node 24 and n8n 2.x from npm, outside of the repository (about 5 minutes and 3 GB, once).
set -euo pipefail
N8N_VERSION=${N8N_VERSION:-2.41.1}
mkdir -p "$1/rt" "$1/app"
cd "$1"
for each in rt app; do
  [ -f $each/package.json ] || echo '{"name": "x", "private": true, "version": "0.0.0"}' > $each/package.json
done
npm=$(readlink -f "$(command -v npm)")
if ! rt/node_modules/node/bin/node --version 2>/dev/null | grep -q '^v24\.'; then
  (cd rt && npm install --no-audit --no-fund --loglevel=error node@24)
fi
export PATH=$PWD/rt/node_modules/node/bin:$PATH
if ! grep -q "\"version\": \"$N8N_VERSION\"" app/node_modules/n8n/package.json 2>/dev/null; then
  # A Kafka client's native part does not build everywhere, and n8n runs without it.
  (cd app && node "$npm" install --no-audit --no-fund --loglevel=error --ignore-scripts "n8n@$N8N_VERSION")
fi
if ! find app/node_modules/sqlite3/build/Release -name node_sqlite3.node 2>/dev/null | grep -q .; then
  (cd app && node "$npm" rebuild sqlite3 --loglevel=error)
fi
