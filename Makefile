# relais: build, test and run. Needs Go and make; gcc only for the race detector.

GO       ?= go
TOOL      = $(GO) tool -modfile=.tools/go.mod
BENCH_ORDERS ?= 100000
# Of `make chaos`: SEED=… repeats the choices of a run; without one a seed is drawn and printed.
N        ?= 200
# Of `make swap-load`: swaps (and a tenth as many rollbacks), processes that are killed, processes that are frozen, orders of the import
# that runs meanwhile. SEED=… draws other calls.
SWAPS    ?= 200
KILLS    ?= 100
HANGS    ?= 100
ORDERS   ?= 100000
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS   = -X main.version=$(VERSION)
ADAPTER   = -X github.com/relaishq/relais/adapters/$(1).version=$(VERSION)
# The race detector needs cgo and a C compiler; without one the tests run without it, and say so.
RACE     := $(shell command -v $${CC:-gcc} >/dev/null 2>&1 && echo -race)

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the server, the sandbox and the adapters into bin/
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/relais ./server
	$(GO) build -o bin/relais-sandbox ./adapters/sandbox
	$(GO) build -ldflags '$(call ADAPTER,cdiscount)' -o bin/plugins/relais-adapter-cdiscount ./plugins/cdiscount
	$(GO) build -ldflags '$(call ADAPTER,octopia)' -o bin/plugins/relais-adapter-octopia ./plugins/octopia

.PHONY: demo
demo: build ## connect a store, import, ship, swap and roll back an adapter under way, move the store to the other API, against the sandbox
	@.tools/demo.sh

.PHONY: run
run: build ## run a sandbox on :7480 and a server on :7443 until Ctrl-C (PORT=…, SANDBOX_PORT=…)
	@PORT=$(PORT) SANDBOX_PORT=$(SANDBOX_PORT) .tools/run.sh

# The plugins are built once, by `build`; the tests find them through RELAIS_TEST_BIN. Under the race detector a process waits a second
# before it ends, for reports that come late; tests start hundreds of them, so 20 ms must do.
.PHONY: test
test: build ## run all tests of a change
	@test -n "$(RACE)" || echo "make test: no C compiler found, so the tests run without the race detector"
	GORACE=atexit_sleep_ms=20 RELAIS_TEST_BIN=$(CURDIR)/bin $(GO) test $(RACE) -timeout 14m ./...

# Reports are filtered; the exit code stays that of go test.
bench chaos swap-load test-slow: SHELL = bash
bench chaos swap-load test-slow: .SHELLFLAGS = -o pipefail -c

# The last line is RESULT and one JSON object.
.PHONY: bench
bench: build ## measure a whole import beside its parts, and shipments; BENCH_ORDERS=100000
	RELAIS_TEST_BIN=$(CURDIR)/bin $(GO) test ./server -run '^TestBenchmark$$' -count 1 -timeout 60m -v -args -bench.orders $(BENCH_ORDERS) | grep -v '^\(=== RUN\|--- PASS\|PASS\|ok \)'

# What go test says around the reports, so that a report's last line is RESULT and one JSON object.
SLOW_TEST = RELAIS_TEST_BIN=$(CURDIR)/bin $(GO) test ./server -count 1 -v
QUIET     = grep -v '^ *\(=== \|--- \|PASS\|FAIL\|ok \|exit status\)'

.PHONY: chaos
chaos: build ## no shipment lost or doubled while everything fails and is killed; SEED=1 N=200
	$(SLOW_TEST) -run '^TestChaos$$' -timeout 60m -args -chaos.n $(N) $(if $(SEED),-chaos.seed $(SEED)) | $(QUIET)

.PHONY: swap-load
swap-load: build ## no call fails and no shipment is lost or doubled while adapters are swapped and killed under load; SWAPS=200 KILLS=100 HANGS=100 ORDERS=100000
	$(SLOW_TEST) -run '^TestSwapLoad$$' -timeout 60m -args -swap.n $(SWAPS) -swap.kills $(KILLS) -swap.hangs $(HANGS) -swap.orders $(ORDERS) $(if $(SEED),-swap.seed $(SEED)) | $(QUIET)

.PHONY: test-slow
test-slow: build ## what takes minutes: chaos with a fixed seed, 200 stores on a schedule, swap-load, the proofs that these can fail, 200 swaps of a fake
	$(SLOW_TEST) -run '^(TestChaos|TestChaosCanFail|TestManyStores|TestSwapLoad|TestSwapLoadCanFail)$$' -timeout 30m -args -chaos.n $(N) -chaos.seed 1 \
		-stores.n 200 -swap.n $(SWAPS) -swap.kills $(KILLS) -swap.hangs $(HANGS) -swap.orders $(ORDERS) | $(QUIET)
	$(GO) test ./server/host -count 1 -run '^TestManySwaps$$'

.PHONY: lint
lint: ## go vet, golangci-lint, buf lint and format
	$(GO) vet ./...
	$(TOOL) golangci-lint run ./...
	$(TOOL) buf lint
	$(TOOL) buf format --diff --exit-code

.PHONY: proto
proto: ## generate Go from the .proto files
	$(TOOL) buf generate

.PHONY: proto-baseline
proto-baseline: ## accept the current API as the one that must stay compatible
	$(TOOL) buf build --as-file-descriptor-set -o .baseline.binpb

.PHONY: proto-breaking
proto-breaking: ## compare the API with the baseline
	$(TOOL) buf breaking --against .baseline.binpb

.PHONY: clean
clean: ## remove what build and run made
	rm -rf bin data
