#!/usr/bin/env bash
# install.sh FOLDER: both queues and what they need, from npm, outside of the repository (30 MB, once).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cp "$here"/*.mjs "$here/package.json" "$1/"
cd "$1"
npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error
