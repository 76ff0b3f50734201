#!/usr/bin/env bash
# make run: a sandbox on 127.0.0.1:7480 and a server on 127.0.0.1:7443, until Ctrl-C; SANDBOX_PORT and PORT choose other ports.
# The sandbox's world begins anew each time, so the server's data lives in a directory of its own that is removed at the end;
# ./data is not touched.
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

sandbox=127.0.0.1:${SANDBOX_PORT:-7480} server=127.0.0.1:${PORT:-7443}
bin/relais-sandbox --listen "$sandbox" --orders 200 --sellers 2 &
pids+=($!)
bin/relais serve --listen "$server" --sandbox-url "http://$sandbox" --data-dir "$dir" --admin-socket "${RELAIS_ADMIN_SOCKET:-/tmp/relais-admin.sock}" &
pids+=($!)
wait -n || true
echo "make run: the sandbox or the server ended, see above; if a port is taken: make run PORT=17443 SANDBOX_PORT=17480" >&2
exit 1
