#!/usr/bin/env bash
# make demo: the main job, start to end, against the sandbox. Every step is the real thing: a SOAP exchange, an adapter
# process, a database on disk. Exits non-zero if anything is off.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$(mktemp -d "${TMPDIR:-/tmp}/relais-demo.XXXXXX")
pids=()
cleanup() {
  status=$?
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ "$status" -ne 0 ]; then
    echo; echo "demo FAILED (exit $status). The server said last:"; tail -n 20 "$dir/server.log" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
trap cleanup EXIT

bold=; plain=
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$'; printf ' %q' "$@"; printf '\n'; "$@"; }
# wait_for FILE PATTERN: prints what the pattern's group matched in the first line that has it.
wait_for() {
  for _ in $(seq 1 200); do
    found=$(sed -nE "s|.*$2.*|\1|p" "$1" 2>/dev/null | head -n 1)
    if [ -n "$found" ]; then echo "$found"; return; fi
    sleep 0.1
  done
  echo "demo: $1 never said $2" >&2
  return 1
}

say "a sandbox: an emulator of the marketplace with 60 invented orders"
bin/relais-sandbox --listen 127.0.0.1:0 --orders 60 --seed 7 >"$dir/sandbox.log" 2>&1 &
pids+=($!)
sandbox=$(wait_for "$dir/sandbox.log" '(http://[0-9.]+:[0-9]+)')
echo "sandbox at $sandbox"

say "the relais server, with a new database"
bin/relais serve --listen 127.0.0.1:0 --admin-socket "$dir/admin.sock" --data-dir "$dir/data" \
  --database "sqlite:$dir/data/relais.db" --plugin-dir bin/plugins --sandbox-url "$sandbox" --log-format json >"$dir/server.log" 2>&1 &
pids+=($!)
RELAIS_SERVER=$(wait_for "$dir/server.log" '"msg":"serving".*"address":"([^"]+)"')
export RELAIS_SERVER RELAIS_ADMIN_SOCKET="$dir/admin.sock"
echo "server at $RELAIS_SERVER"
for _ in $(seq 1 100); do
  bin/relais adapter list | grep -q SERVING && break
  sleep 0.1
done

say "the adapters that it found and started"
run bin/relais adapter list

say "connect a store: the credentials are verified with the marketplace first"
printf demo-password >"$dir/password"
run bin/relais store connect --store-id demo --adapter cdiscount --environment sandbox --display-name "Demo shop" \
  --credential login=demo-api --credential "password=@$dir/password"

say "import its orders"
run bin/relais order import demo --progress none

say "orders ready to ship"
run bin/relais order list demo --shippable --limit 8

say "orders that cannot be shipped now, and why"
bin/relais order list demo --all | awk 'NR == 1 || /  no: / { print; shown++ } END { exit shown < 2 }' | head -n 10

say "an order that the buyer collects at a pickup point"
pickup=$(bin/relais order list demo --shippable --all | awk '/PICKUP MONDIAL_RELAY/ && !found { found = $1 } END { print found; exit !found }')
run bin/relais order get demo "$pickup"

say "tell the marketplace that it shipped, and wait until the marketplace shows it"
run bin/relais shipment notify demo "$pickup" --carrier "mondial relay" --tracking-number MR00000001 \
  --tracking-url https://tracking.example.com/MR00000001 --wait
run bin/relais shipment list demo
bin/relais shipment list demo --output json | grep -q STATE_CONFIRMED

say "the same call again finds the same shipment; nothing is sent twice"
run bin/relais shipment notify demo "$pickup" --carrier "mondial relay" --tracking-number MR00000001 \
  --tracking-url https://tracking.example.com/MR00000001

say "done: orders imported, one shipped and confirmed by the marketplace"
