package main

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

const (
	// benchAccepted is how many shipments are accepted, by benchCallers at once, each call durable when it returns.
	benchAccepted, benchCallers = 6000, 64
	// benchConfirmed is how many shipments are followed to their confirmation, one begun every benchEvery.
	benchConfirmed, benchEvery = 200, 20 * time.Millisecond
	// benchCommits is how many transactions the bare commit rate is measured with.
	benchCommits = 2000
)

// benchmarkShipments measures how many shipments a second are accepted, beside the commits a second of the same database file, and
// how long a shipment takes from there to its confirmation by a healthy marketplace.
func benchmarkShipments(t *testing.T, result map[string]float64) {
	sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{
		Sellers: 1, Orders: benchAccepted + benchConfirmed, Seed: 1, Varieties: []world.Variety{world.HomeTracked},
	}})
	if err != nil {
		t.Fatalf("start sandbox: %v", err)
	}
	t.Cleanup(func() { _ = sandbox.Close() })
	s := newSystemAt(t, sandbox, "RELAIS_ADAPTERS_REQUESTS_PER_SECOND=1000", "RELAIS_ADAPTERS_BURST=1000", "RELAIS_IMPORT_INTERVAL=0")
	seller := sandbox.World().Sellers()[0]
	req := connectRequest("demo")
	req.Store.Settings = &marketplacev1.StoreSettings{LookBack: &marketplacev1.LookBack{FirstImportDays: 60}}
	req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": seller.Login, "password": seller.Password}}
	if _, err := s.api.ConnectStore(t.Context(), req); err != nil {
		t.Fatalf("ConnectStore: %v", err)
	}
	s.imported()
	numbers := sandbox.World().Find(seller.Account, func(world.Head) bool { return true })

	// Paused, the store's shipments are accepted and nothing is sent: only accepting writes.
	if _, err := s.api.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	accepted := s.notifyTogether(numbers[:benchAccepted])
	s.stop()
	commits := bareCommits(t, filepath.Join(s.dir, "relais.db"))
	s.start()
	begin := time.Now()
	if _, err := s.api.ResumeStore(t.Context(), &marketplacev1.ResumeStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	waitLong(t, 10*time.Minute, func() bool { return !s.hasOpen() })
	drained := float64(benchAccepted) / time.Since(begin).Seconds()
	waits := s.confirmations(numbers[benchAccepted:])
	quantile := func(q float64) float64 { return waits[int(q*float64(len(waits)-1))].Seconds() * 1000 }

	fmt.Printf("\nshipments\n%-34s %12.0f a second, %d callers\n%-34s %12.0f a second, one row each, same file\n%-34s %12.0f a second to CONFIRMED, while as many wait\n",
		"NotifyShipment accepted", accepted, benchCallers, "bare commits", commits, "worker", drained)
	fmt.Printf("%-34s %12.0f ms (median), %.0f ms (p99)\n", "from accepted to CONFIRMED", quantile(0.5), quantile(0.99))
	result["notify_per_s"], result["commit_per_s"], result["ship_per_s"] = accepted, commits, drained
	result["confirm_ms_p50"], result["confirm_ms_p99"] = quantile(0.5), quantile(0.99)
}

// notifyTogether ships orders by many callers at once and returns how many a second were accepted.
func (s *system) notifyTogether(numbers []string) float64 {
	s.t.Helper()
	work := make(chan string, len(numbers))
	for _, n := range numbers {
		work <- n
	}
	close(work)
	var callers sync.WaitGroup
	begin := time.Now()
	for range benchCallers {
		callers.Go(func() {
			for number := range work {
				if _, err := s.api.NotifyShipment(s.t.Context(), benchShipment(number)); err != nil {
					s.t.Errorf("NotifyShipment: %v", err)
					return
				}
			}
		})
	}
	callers.Wait()
	return float64(len(numbers)) / time.Since(begin).Seconds()
}

func benchShipment(number string) *marketplacev1.NotifyShipmentRequest {
	return &marketplacev1.NotifyShipmentRequest{Parent: "stores/demo", Shipment: &marketplacev1.Shipment{
		Order: "stores/demo/orders/" + number, Carrier: "Colissimo", TrackingNumber: "6A" + number,
	}}
}

// hasOpen reports whether some shipment has not ended.
func (s *system) hasOpen() bool {
	s.t.Helper()
	page, err := s.api.ListShipments(s.t.Context(), &marketplacev1.ListShipmentsRequest{
		Parent: "stores/demo", PageSize: 1, States: []marketplacev1.Shipment_State{queued, sending, acknowledged},
	})
	if err != nil {
		s.t.Fatalf("ListShipments: %v", err)
	}
	return len(page.GetShipments()) > 0
}

// confirmations ships orders one after the other and returns how long each took from accepted to CONFIRMED, the shortest first.
func (s *system) confirmations(numbers []string) []time.Duration {
	s.t.Helper()
	tick := time.NewTicker(benchEvery)
	defer tick.Stop()
	var names []string
	for _, n := range numbers {
		<-tick.C
		sh, err := s.api.NotifyShipment(s.t.Context(), benchShipment(n))
		if err != nil {
			s.t.Fatalf("NotifyShipment: %v", err)
		}
		names = append(names, sh.GetName())
	}
	waitFor(s.t, func() bool { return !s.hasOpen() })
	var waits []time.Duration
	for _, name := range names {
		sh, err := s.api.GetShipment(s.t.Context(), &marketplacev1.GetShipmentRequest{Name: name})
		if err != nil {
			s.t.Fatalf("GetShipment: %v", err)
		}
		if sh.GetState() != confirmed {
			s.t.Errorf("%s is %s: %s", name, sh.GetState(), sh.GetMessage())
		}
		waits = append(waits, sh.GetUpdateTime().AsTime().Sub(sh.GetCreateTime().AsTime()))
	}
	slices.Sort(waits)
	return waits
}

// bareCommits returns how many transactions of one row a second a database file takes, as durable as the server's own.
func bareCommits(t *testing.T, path string) float64 {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	must := func(query string, args ...any) {
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	must(`CREATE TABLE bench_commits (key INTEGER PRIMARY KEY, value TEXT)`)
	insert, err := db.PrepareContext(t.Context(), `INSERT INTO bench_commits (value) VALUES (?)`)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for range benchCommits {
		if _, err := insert.ExecContext(t.Context(), "a row of the usual size of an identifier"); err != nil {
			t.Fatal(err)
		}
	}
	rate := benchCommits / time.Since(begin).Seconds()
	if err := insert.Close(); err != nil {
		t.Fatal(err)
	}
	must(`DROP TABLE bench_commits`)
	return rate
}
