#!/usr/bin/env bash
# make demo: the main job, start to end, against the sandbox. Every step is the real thing: SOAP and REST exchanges, adapter
# processes, a database on disk. Exits non-zero if anything is off.
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
# shows PATTERN COMMAND...: the output has the pattern. It is read to its end first: a command that is left by `grep -q` at the first
# match fails when it writes more, and with it the pipe.
shows() { local pattern=$1 out; shift; out=$("$@"); grep -q -- "$pattern" <<<"$out" || { echo "$*: does not show $pattern" >&2; return 1; }; }
# wait_for FILE PATTERN: prints what the pattern's group matched in the first line that has it.
wait_for() {
  for _ in $(seq 1 200); do
    found=$(sed -nE "\\|$2|{s|.*$2.*|\1|p;q;}" "$1" 2>/dev/null || true)
    if [ -n "$found" ]; then echo "$found"; return; fi
    sleep 0.1
  done
  echo "demo: $1 never said $2" >&2
  return 1
}

# sandbox_post PATH JSON: a call of the sandbox's control API, with nothing but the shell.
sandbox_post() {
  local host=${sandbox#http://} answer
  exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
  printf 'POST %s HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' "$1" "${#2}" "$2" >&3
  answer=$(cat <&3)
  exec 3>&-
  grep -q '^HTTP/1.[01] 200' <<<"$answer" || { echo "$answer" >&2; return 1; }
  tail -n 1 <<<"$answer"
}
# new_order: a buyer orders something; prints the order's number.
new_order() { sandbox_post /sandbox/orders '{"seller": "demo", "variety": "home-tracked"}' | sed -E 's/.*"numbers":\["([^"]+)".*/\1/'; }

say "a sandbox: an emulator of both marketplace APIs over one world of 60 invented orders"
bin/relais-sandbox --listen 127.0.0.1:0 --orders 60 --seed 7 >"$dir/sandbox.log" 2>&1 &
pids+=($!)
sandbox=$(wait_for "$dir/sandbox.log" '(http://[0-9.]+:[0-9]+)')
echo "sandbox at $sandbox"

mkdir "$dir/plugins"
cp bin/plugins/* "$dir/plugins/"

say "the relais server, with a new database"
bin/relais serve --listen 127.0.0.1:0 --admin-socket "$dir/admin.sock" --data-dir "$dir/data" \
  --database "sqlite:$dir/data/relais.db" --plugin-dir "$dir/plugins" --sandbox-url "$sandbox" --log-format json >"$dir/server.log" 2>&1 &
pids+=($!)
RELAIS_SERVER=$(wait_for "$dir/server.log" '"msg":"serving".*"address":"([^"]+)"')
export RELAIS_SERVER RELAIS_ADMIN_SOCKET="$dir/admin.sock"
echo "server at $RELAIS_SERVER"
for _ in $(seq 1 100); do
  [ "$(bin/relais adapter list | grep -c SERVING)" -ge 2 ] && break
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
bin/relais order list demo --all | awk 'NR == 1 || /  no: / { if (++shown <= 10) print } END { exit shown < 2 }'

say "an order that the buyer collects at a pickup point"
pickup=$(bin/relais order list demo --shippable --all | awk '/PICKUP MONDIAL_RELAY/ && !found { found = $1 } END { print found; exit !found }')
run bin/relais order get demo "$pickup"

say "tell the marketplace that it shipped, and wait until the marketplace shows it"
run bin/relais shipment notify demo "$pickup" --carrier "mondial relay" --tracking-number MR00000001 \
  --tracking-url https://tracking.example.com/MR00000001 --wait
run bin/relais shipment list demo
shows STATE_CONFIRMED bin/relais shipment list demo --output json

say "the same call again finds the same shipment; nothing is sent twice"
run bin/relais shipment notify demo "$pickup" --carrier "mondial relay" --tracking-number MR00000001 \
  --tracking-url https://tracking.example.com/MR00000001

say "what proves it: each request as it was sent, secrets masked, and what each read showed"
sent=$(bin/relais shipment list demo | awk 'NR == 2 { print $1 }')
run bin/relais shipment get demo "$sent" --evidence

say "another release of the adapter arrives; the marketplace is slow today, and an import is under way"
go build -ldflags '-X github.com/relaishq/relais/adapters/cdiscount.version=demo-next' -o "$dir/plugins/relais-adapter-cdiscount@next" ./plugins/cdiscount
sandbox_post /sandbox/faults '{"operation": "GetOrderList", "kind": "latency", "times": 15, "params": {"ms": 300}}' >"$dir/fault.log"
bin/relais order import demo --progress none >"$dir/import.log" 2>&1 &
import=$!
for _ in $(seq 1 100); do
  bin/relais import list demo --limit 1 2>/dev/null | grep RUNNING >/dev/null && break
  sleep 0.1
done

say "swapped under the running import: the old process finishes what it does, nobody notices"
run bin/relais adapter swap cdiscount relais-adapter-cdiscount@next

say "and back again, in one call"
run bin/relais adapter rollback cdiscount
wait "$import"
cat "$dir/import.log"
grep -q 'State: *SUCCEEDED' "$dir/import.log"
grep -q 'Went on elsewhere:' "$dir/import.log"

say "the old API is being shut down: move the store to the new one, while orders are open on the old one"
open=$(bin/relais order list demo --shippable --all | awk 'NR > 1 && !/PICKUP/ && !found { found = $1 } END { print found; exit !found }')
printf demo-secret >"$dir/secret"
run bin/relais store migrate demo --to octopia --credential client_id=demo-client --credential "client_secret=@$dir/secret" \
  --credential seller_id=10001

say "a buyer orders something; the next import reads both APIs, and knows each order once"
sleep 1 # an order bought in the very second of the move may belong to either side
new=$(new_order)
run bin/relais order import demo --progress none
shows octopia bin/relais order get demo "$new"
shows cdiscount bin/relais order get demo "$open"

say "each order ships through the API that it was bought under: $open through the old one, $new through the new one"
run bin/relais shipment notify demo "$open" --carrier Colissimo --tracking-number 6A00000000011 --wait
run bin/relais shipment notify demo "$new" --carrier Colissimo --tracking-number 6A00000000012 --wait
test "$(bin/relais shipment list demo --output json | grep -c STATE_CONFIRMED)" -eq 3
run bin/relais store migration demo

say "taken back, and done again"
run bin/relais store undo-migration demo
run bin/relais store migrate demo --to octopia --credential client_id=demo-client --credential "client_secret=@$dir/secret" \
  --credential seller_id=10001
run bin/relais order import demo --progress none

say "done: orders imported through two APIs, three shipped and confirmed by the marketplace, an adapter swapped, the store moved"
