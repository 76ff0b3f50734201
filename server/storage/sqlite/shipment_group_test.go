package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
)

// load is one transaction of a fakeWriter: how many shipments each of its callers had.
type load []int

// fakeWriter is a writer on which each transaction waits a second for the connection, and takes another.
type fakeWriter struct {
	loads []load // only the leader touches it
	err   error  // of the next transaction
}

func (w *fakeWriter) together(ctx context.Context, take func() []*creation) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
	}
	var l load
	taken := take()
	for _, c := range taken {
		l = append(l, len(c.rows))
	}
	w.loads = append(w.loads, l)
	err := w.err
	w.err = nil
	<-time.After(time.Second)
	for _, c := range taken {
		c.end(err)
	}
	return nil
}

// caller is one call: when it comes, with how many shipments, and how long it waits.
type caller struct {
	at, patience time.Duration // no patience means no limit
	shipments    int
}

// TestCreationGroups: who shares a transaction with whom, and who leaves.
func TestCreationGroups(t *testing.T) {
	t.Parallel()
	const ms, second = time.Millisecond, time.Second
	failed := errors.New("disk full")
	for _, c := range []struct {
		name    string
		err     error // of the first transaction
		callers []caller
		loads   []load
		errs    []error
		ends    []time.Duration // of each caller; nil: not looked at
	}{
		{"one caller", nil, []caller{{0, 0, 3}}, []load{{3}}, []error{nil}, []time.Duration{2 * second}},
		{
			"those who come until the connection is free go with the first", nil,
			[]caller{{0, 0, 1}, {500 * ms, 0, 1}, {900 * ms, 0, 2}}, []load{{1, 1, 2}}, []error{nil, nil, nil},
			[]time.Duration{2 * second, 2 * second, 2 * second},
		},
		{
			"those who come later share the next", nil,
			[]caller{{0, 0, 1}, {1100 * ms, 0, 1}, {1900 * ms, 0, 2}, {2500 * ms, 0, 1}}, []load{{1}, {1, 2, 1}}, []error{nil, nil, nil, nil},
			[]time.Duration{2 * second, 4 * second, 4 * second, 4 * second},
		},
		{
			"a transaction takes as many as fit, the oldest first", nil,
			[]caller{{0, 0, 100}, {100 * ms, 0, 100}, {200 * ms, 0, 101}, {300 * ms, 0, 99}, {400 * ms, 0, 1}},
			[]load{{100, 100}, {101, 99}, {1}}, []error{nil, nil, nil, nil, nil}, nil,
		},
		{"a caller with more than that goes alone", nil,
			[]caller{{0, 0, 250}, {100 * ms, 0, 1}}, []load{{250}, {1}}, []error{nil, nil}, nil},
		{
			"the leader leaves while it waits, another leads", nil,
			[]caller{{0, 500 * ms, 1}, {100 * ms, 0, 1}, {200 * ms, 0, 1}}, []load{{1, 1}}, []error{context.DeadlineExceeded, nil, nil},
			[]time.Duration{500 * ms, 2500 * ms, 2500 * ms},
		},
		{
			"another leaves while it waits", nil,
			[]caller{{0, 0, 1}, {100 * ms, 500 * ms, 1}, {200 * ms, 0, 2}}, []load{{1, 2}}, []error{nil, context.DeadlineExceeded, nil},
			[]time.Duration{2 * second, 600 * ms, 2 * second},
		},
		{
			"who is taken waits for the end, the leader too", nil,
			[]caller{{0, 1500 * ms, 1}, {100 * ms, 1500 * ms, 1}, {1200 * ms, 100 * ms, 1}}, []load{{1, 1}},
			[]error{nil, nil, context.DeadlineExceeded}, []time.Duration{2 * second, 2 * second, 1300 * ms},
		},
		{"a failure is for those who were taken", failed,
			[]caller{{0, 0, 1}, {100 * ms, 0, 1}, {1500 * ms, 0, 1}}, []load{{1, 1}, {1}}, []error{failed, failed, nil}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &fakeWriter{err: c.err}
				group := newCreations()
				began := time.Now()
				errs, ends := make([]error, len(c.callers)), make([]time.Duration, len(c.callers))
				for i, caller := range c.callers {
					go func() {
						<-time.After(caller.at)
						ctx := t.Context()
						if caller.patience > 0 {
							var cancel context.CancelFunc
							ctx, cancel = context.WithTimeout(ctx, caller.patience)
							defer cancel()
						}
						one := &creation{rows: make([]newRow, caller.shipments), done: make(chan struct{})}
						errs[i] = group.run(ctx, one, w.together)
						ends[i] = time.Since(began)
					}()
				}
				<-time.After(time.Minute)
				synctest.Wait()
				if diff := cmp.Diff(c.loads, w.loads); diff != "" {
					t.Errorf("transactions (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.errs, errs, cmpopts.EquateErrors()); diff != "" {
					t.Errorf("errors (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(c.ends, ends); c.ends != nil && diff != "" {
					t.Errorf("ends (-want +got):\n%s", diff)
				}
				if len(group.waiting) > 0 || len(group.lead) > 0 {
					t.Errorf("%d are left waiting, %d leads", len(group.waiting), len(group.lead))
				}
			})
		})
	}
}

// creationOf is a creation of a shipment of the n-th order.
func creationOf(n int) *creation {
	id := fmt.Sprint(n)
	return &creation{done: make(chan struct{}), rows: []newRow{encodeNew(shipment.New{
		Shipment: shipment.Shipment{
			ID: id, StoreID: "shop", Adapter: "alpha", RequestID: id, Request: shipment.Request{OrderNumber: id},
			Delivery: delivery.Delivery{State: delivery.Queued},
		},
		Event: shipment.Event{State: delivery.Queued, Kind: shipment.KindAccepted},
	})}}
}

// taking hands out creations once.
func taking(all ...*creation) func() []*creation {
	return func() []*creation { return slices.Clone(all) }
}

// ended returns the error of a creation that must have ended.
func ended(t *testing.T, c *creation) error {
	t.Helper()
	select {
	case <-c.done:
		return c.err
	default:
		t.Fatal("a caller still waits")
		return nil
	}
}

// TestCreateTogether: what one transaction of several callers does when something goes wrong in it.
func TestCreateTogether(t *testing.T) {
	t.Parallel()
	stored := func(t *testing.T, db *DB, n int) bool {
		t.Helper()
		_, err := db.GetShipment(t.Context(), "shop", fmt.Sprint(n))
		if err != nil && !errors.Is(err, shipment.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	t.Run("the leader's end stops nothing that was taken", func(t *testing.T) {
		t.Parallel()
		db := openForTest(t)
		prepareShop(t, db, 2)
		ctx, cancel := context.WithCancel(t.Context())
		a, b := creationOf(0), creationOf(1)
		if err := db.createTogether(ctx, func() []*creation { cancel(); return taking(a, b)() }); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(ended(t, a), ended(t, b)); err != nil {
			t.Error(err)
		}
		if !stored(t, db, 0) || !stored(t, db, 1) {
			t.Error("a shipment is missing")
		}
	})
	t.Run("an end before that takes nothing", func(t *testing.T) {
		t.Parallel()
		db := openForTest(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := db.createTogether(ctx, func() []*creation { t.Error("taken"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a transaction that fails stores nothing of anybody", func(t *testing.T) {
		t.Parallel()
		db := openForTest(t)
		prepareShop(t, db, 2)
		if _, err := db.writer.ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON shipment_events
			WHEN new.shipment_key = 2 BEGIN SELECT raise(FAIL, 'no room'); END`); err != nil {
			t.Fatal(err)
		}
		a, b := creationOf(0), creationOf(1)
		if err := db.createTogether(t.Context(), taking(a, b)); err != nil {
			t.Fatal(err)
		}
		if ended(t, a) == nil || ended(t, b) == nil {
			t.Errorf("errors %v and %v", a.err, b.err)
		}
		if len(a.created)+len(b.created) > 0 || stored(t, db, 0) || stored(t, db, 1) {
			t.Error("a shipment is stored")
		}
	})
	t.Run("a panic lets nobody wait", func(t *testing.T) {
		t.Parallel()
		db := openForTest(t)
		prepareShop(t, db, 2)
		a, b := creationOf(0), creationOf(1)
		b.rows[0].event = nil // it never has none
		func() {
			defer func() { _ = recover() }()
			_ = db.createTogether(t.Context(), taking(a, b))
			t.Error("it did not panic")
		}()
		for _, c := range []*creation{a, b} {
			if err := ended(t, c); !errors.Is(err, errUnfinished) {
				t.Errorf("error %v", err)
			}
		}
		if _, err := shipmentDue(t.Context(), db, 0, time.Time{}); err != nil { // the connection is free again
			t.Error(err)
		}
	})
}

// TestCreateWhatCannotBeEncoded: it fails by itself, before anything is locked.
func TestCreateWhatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	prepareShop(t, db, 2)
	bad, good := creationOf(0).rows[0].New, creationOf(1).rows[0].New
	bad.Shipment.ShipTime = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // JSON has no such year
	created, err := db.CreateShipments(t.Context(), []shipment.New{bad, good, {Shipment: shipment.Shipment{StoreID: "unknown"}}})
	if err != nil {
		t.Fatal(err)
	}
	if created[0].Err == nil || created[1].Err != nil || !errors.Is(created[2].Err, order.ErrNotFound) {
		t.Errorf("errors %v, %v and %v", created[0].Err, created[1].Err, created[2].Err)
	}
}
