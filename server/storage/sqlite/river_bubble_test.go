package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// bubbleClock lets River read the clock of a synctest bubble; SQLite has the system's.
type bubbleClock struct{}

func (bubbleClock) Now() time.Time { return time.Now() }

func (bubbleClock) NowOrNil() *time.Time {
	now := time.Now()
	return &now
}

// lateness is the most that a wake-up takes after its time: River looks every five seconds for jobs that are due within the
// next five, so one that is planned closer than that waits for the look.
const lateness = 5*time.Second + wakeGrain + 2*pollEvery

// inBubble runs f with the clock of a bubble and a database that has a shop and its orders 0, 1, 2, …
func inBubble(t *testing.T, orders int, f func(t *testing.T, db *DB)) {
	t.Helper()
	t.Parallel()
	path := filepath.Join(t.TempDir(), "relais.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		prepareShop(t, db, orders)
		f(t, db)
	})
}

// prepareShop connects a shop and stores its orders 0, 1, 2, …
func prepareShop(t *testing.T, db *DB, orders int) {
	t.Helper()
	connectForTest(t, db)
	batch := order.Batch{Ref: store.Ref{StoreID: "shop", Adapter: "alpha"}}
	for n := range orders {
		batch.Orders = append(batch.Orders, order.Order{Number: fmt.Sprint(n), Status: order.ReadyToShip})
	}
	if _, err := db.ApplyBatch(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// shipmentDue stores a shipment of the n-th order.
func shipmentDue(ctx context.Context, db *DB, n int, next time.Time) (shipment.Shipment, error) {
	id := fmt.Sprint(n)
	s := shipment.Shipment{
		ID: id, StoreID: "shop", Adapter: "alpha", RequestID: id, Request: shipment.Request{OrderNumber: id},
		Delivery: delivery.Delivery{State: delivery.Queued, NextAttempt: next},
	}
	created, err := db.CreateShipments(ctx, []shipment.New{{Shipment: s, Event: shipment.Event{State: delivery.Queued}}})
	if err != nil {
		return shipment.Shipment{}, err
	}
	return created[0].Shipment, created[0].Err
}

// decisionDue stores a decision about the n-th order.
func decisionDue(ctx context.Context, db *DB, n int, next time.Time) (decision.Decision, error) {
	d := decision.Decision{
		StoreID: "shop", OrderNumber: fmt.Sprint(n), Adapter: "alpha", Kind: decision.Accept,
		Delivery: delivery.Delivery{State: delivery.Queued, NextAttempt: next},
	}
	stored, _, err := db.PutDecision(ctx, d)
	return stored, err
}

// woken notes when each kind was woken.
type woken struct {
	mu    sync.Mutex // guards times
	times map[Due][]time.Time
}

func (w *woken) note(kind Due) func() {
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.times == nil {
			w.times = map[Due][]time.Time{}
		}
		w.times[kind] = append(w.times[kind], time.Now())
	}
}

func (w *woken) of(kind Due) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.times[kind])
}

func (w *woken) wakes() map[Due]func() {
	return map[Due]func(){DueShipments: w.note(DueShipments), DueDecisions: w.note(DueDecisions)}
}

// startForTest starts the queue with the clock of the bubble. What River warns of fails the test.
func startForTest(t *testing.T, db *DB, wakes map[Due]func()) *Queue {
	t.Helper()
	q, err := db.startQueue(t.Context(), wakes, slog.New(slog.NewTextHandler(failing{t}, nil)), bubbleClock{})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

type failing struct{ t *testing.T }

func (f failing) Write(p []byte) (int, error) {
	f.t.Errorf("logged: %s", p)
	return len(p), nil
}

// pass lets the clock of the bubble run on.
func pass(d time.Duration) { <-time.After(d) }

// await waits for what must come, as the clock of the bubble never stands still while a queue is at work.
func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(2 * lateness):
		t.Fatal("no wake-up")
	}
}

func stop(t *testing.T, q *Queue) {
	t.Helper()
	if err := q.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// jobs lists the jobs of the file by kind and state.
func jobs(t *testing.T, db *DB) []string {
	t.Helper()
	all, err := collect(t.Context(), db.reader, scanString,
		`SELECT kind || ' ' || state || ' ' || count(*) FROM river_job GROUP BY kind, state ORDER BY kind, state`)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
