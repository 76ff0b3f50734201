#!/usr/bin/env bash
# make run: a sandbox on 127.0.0.1:7480 and a server on 127.0.0.1:7443, until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."
bin/relais-sandbox --listen 127.0.0.1:7480 --orders 200 &
sandbox=$!
trap 'kill "$sandbox" 2>/dev/null || true; wait "$sandbox" 2>/dev/null || true' EXIT
bin/relais serve --sandbox-url http://127.0.0.1:7480
