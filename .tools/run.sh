#!/usr/bin/env bash
# make run: a sandbox on 127.0.0.1:7480 and a server on 127.0.0.1:7443, until Ctrl-C. The sandbox's world begins anew each
# time, so the server's data lives in a directory of its own that is removed at the end; ./data is not touched.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d "${TMPDIR:-/tmp}/relais-run.XXXXXX")
pids=()
cleanup() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

bin/relais-sandbox --listen 127.0.0.1:7480 --orders 200 --sellers 2 &
pids+=($!)
bin/relais serve --sandbox-url http://127.0.0.1:7480 --data-dir "$dir" --admin-socket "${RELAIS_ADMIN_SOCKET:-/tmp/relais-admin.sock}" &
pids+=($!)
wait -n
