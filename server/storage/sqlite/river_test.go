package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

func TestWakeComesAtItsTime(t *testing.T) {
	type write = func(ctx context.Context, db *DB, n int, next time.Time) error
	newShipment := func(ctx context.Context, db *DB, n int, next time.Time) error {
		_, err := shipmentDue(ctx, db, n, next)
		return err
	}
	newDecision := func(ctx context.Context, db *DB, n int, next time.Time) error {
		_, err := decisionDue(ctx, db, n, next)
		return err
	}
	rows := []struct {
		name  string
		kind  Due
		in    time.Duration // when the row is due, from the beginning
		write write         // of the n-th order
	}{
		{"shipment due at once", DueShipments, 0, newShipment},
		{"new shipment", DueShipments, 10 * time.Second, newShipment},
		{"changed shipment", DueShipments, 20 * time.Second, func(ctx context.Context, db *DB, n int, next time.Time) error {
			s, err := shipmentDue(ctx, db, n, time.Time{}) // nothing is planned for this one
			if err != nil {
				return err
			}
			s.NextAttempt = next
			_, err = db.UpdateShipment(ctx, s)
			return err
		}},
		{"overdue decision", DueDecisions, -time.Hour, newDecision},
		{"new decision", DueDecisions, 10 * time.Second, newDecision},
		{"changed decision", DueDecisions, 20 * time.Second, func(ctx context.Context, db *DB, n int, next time.Time) error {
			d, err := decisionDue(ctx, db, n, time.Time{})
			if err != nil {
				return err
			}
			d.NextAttempt = next
			_, err = db.UpdateDecision(ctx, d)
			return err
		}},
	}
	inBubble(t, len(rows), func(t *testing.T, db *DB) {
		var w woken
		q := startForTest(t, db, w.wakes())
		defer stop(t, q)
		begin := time.Now()
		for n, row := range rows {
			if err := row.write(t.Context(), db, n, begin.Add(row.in)); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
		}
		pass(40 * time.Second)
		left := map[Due][]time.Time{DueShipments: w.of(DueShipments), DueDecisions: w.of(DueDecisions)}
		for _, row := range rows {
			from := begin.Add(max(row.in, 0))
			n := len(left[row.kind])
			left[row.kind] = slices.DeleteFunc(left[row.kind], func(at time.Time) bool {
				return !at.Before(from) && !at.After(from.Add(lateness))
			})
			if woken := n - len(left[row.kind]); woken != 1 {
				t.Errorf("%s: woken %d times between %v and %v, want once", row.name, woken, row.in, row.in+lateness)
			}
		}
		if len(left[DueShipments])+len(left[DueDecisions]) != 0 {
			t.Errorf("woken for nothing: %v", left)
		}
	})
}

// TestJobAndRowStayTogether: neither is stored without the other.
func TestJobAndRowStayTogether(t *testing.T) {
	t.Parallel()
	t.Run("row rolled back", func(t *testing.T) {
		t.Parallel()
		db := openForTest(t)
		no := errors.New("no")
		err := db.write(t.Context(), "test", func(tx *sql.Tx) error {
			if err := db.planWake(t.Context(), tx, DueShipments, time.Now()); err != nil {
				t.Error(err)
			}
			return no
		})
		if !errors.Is(err, no) {
			t.Fatal(err)
		}
		if got := jobs(t, db); len(got) != 0 {
			t.Errorf("jobs %v of a transaction that was rolled back", got)
		}
	})
	t.Run("job not stored", func(t *testing.T) {
		t.Parallel()
		db := openForTest(t)
		prepareShop(t, db, 1)
		if _, err := db.writer.Exec(`CREATE TRIGGER full BEFORE INSERT ON river_job BEGIN SELECT raise(ABORT, 'no more jobs'); END`); err != nil {
			t.Fatal(err)
		}
		if _, err := shipmentDue(t.Context(), db, 0, time.Now()); err == nil || !strings.Contains(err.Error(), "no more jobs") {
			t.Errorf("shipment: %v", err)
		}
		if _, err := decisionDue(t.Context(), db, 0, time.Now()); err == nil || !strings.Contains(err.Error(), "no more jobs") {
			t.Errorf("decision: %v", err)
		}
		if _, err := db.GetShipment(t.Context(), "shop", "0"); !errors.Is(err, shipment.ErrNotFound) {
			t.Errorf("a shipment was stored without its job: %v", err)
		}
		if d, err := db.Decisions(t.Context(), "shop", []string{"0"}); err != nil || len(d) != 0 {
			t.Errorf("a decision was stored without its job: %v, %v", d, err)
		}
	})
}

// TestTakingOverWakes: what goes to another adapter with its order is due at once, and whoever works on it is told.
func TestTakingOverWakes(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, db *DB) {
		begin := time.Now()
		if _, err := shipmentDue(t.Context(), db, 0, begin.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := decisionDue(t.Context(), db, 1, begin.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		m := store.Migration{StoreID: "shop", Source: "alpha", Target: "beta", Cutover: begin}
		if err := db.StartMigration(t.Context(), m, store.Store{ID: "shop", AccountID: "7"}, store.AccountKeys{"adapter/beta:7"}, store.Sealed{}); err != nil {
			t.Fatal(err)
		}
		var w woken
		q := startForTest(t, db, w.wakes())
		defer stop(t, q)
		// takeOver reads an order through beta, which may take over everything.
		takeOver := func(number string) {
			t.Helper()
			if _, err := db.ApplyBatch(t.Context(), order.Batch{
				Ref: store.Ref{StoreID: "shop", Adapter: "beta"}, TakeOver: []string{"alpha"}, ReadTime: begin, Time: time.Now(),
				Orders: []order.Order{{Number: number, Status: order.ReadyToShip}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		takeOver("2") // nothing is open of it
		pass(lateness)
		takeOver("0")
		pass(lateness)
		if s, d := len(w.of(DueShipments)), len(w.of(DueDecisions)); s != 1 || d != 0 {
			t.Errorf("woken %d and %d times for a shipment", s, d)
		}
		takeOver("1")
		pass(lateness)
		if s, d := len(w.of(DueShipments)), len(w.of(DueDecisions)); s != 1 || d != 1 {
			t.Errorf("woken %d and %d times for a shipment and a decision", s, d)
		}
	})
}

// TestRowsShareJobs: the table of jobs grows with time, not with rows, and is emptied.
func TestRowsShareJobs(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, db *DB) {
		var w woken
		q := startForTest(t, db, w.wakes())
		defer stop(t, q)
		begin := time.Now()
		for n := range 3 {
			if _, err := shipmentDue(t.Context(), db, n, begin); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]string{"shipment_due scheduled 1"}, jobs(t, db)); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		const rows, seconds = 2000, 20
		err := db.write(t.Context(), "test", func(tx *sql.Tx) error {
			for n := range rows {
				if err := db.planWake(t.Context(), tx, DueDecisions, begin.Add(time.Duration(n)*seconds*time.Second/rows)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"decision_due scheduled 20", "shipment_due scheduled 1"}, jobs(t, db)); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}
		pass(2 * time.Minute)
		if got := len(w.of(DueDecisions)); got != 20 {
			t.Errorf("woken %d times, want 20", got)
		}
		if got := jobs(t, db); len(got) != 0 {
			t.Errorf("jobs that are done stay: %v", got)
		}
	})
}

// TestJobThatIsDone: it does not stand in the way of another at its time.
func TestJobThatIsDone(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, db *DB) {
		for n, want := range [][]string{
			{"shipment_due completed 1"},
			{"shipment_due completed 2"},
		} {
			if _, err := shipmentDue(t.Context(), db, n, time.Now()); err != nil {
				t.Fatal(err)
			}
			if _, err := db.writer.Exec(`UPDATE river_job SET state = 'completed', finalized_at = scheduled_at`); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, jobs(t, db)); diff != "" {
				t.Errorf("jobs (-want +got):\n%s", diff)
			}
		}
	})
}

// TestRowOfARunningWake: a row that is due at the time of a wake-up under way gets its own, since that one may have looked
// already.
func TestRowOfARunningWake(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, db *DB) {
		begin := time.Now()
		var w woken
		looked, release := make(chan struct{}), make(chan struct{})
		var first sync.Once
		wakes := w.wakes()
		wakes[DueShipments] = func() {
			w.note(DueShipments)()
			first.Do(func() {
				close(looked)
				<-release
			})
		}
		q := startForTest(t, db, wakes)
		defer stop(t, q)
		if _, err := shipmentDue(t.Context(), db, 0, begin); err != nil {
			t.Fatal(err)
		}
		await(t, looked)
		if _, err := shipmentDue(t.Context(), db, 1, begin); err != nil {
			t.Fatal(err)
		}
		close(release)
		pass(2 * lateness)
		if got := len(w.of(DueShipments)); got != 2 {
			t.Errorf("woken %d times, want 2", got)
		}
	})
}

// TestPlannedWakePlan: that a grain has its job is read from River's own index, however many jobs wait.
func TestPlannedWakePlan(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	steps := explainPlan(t, db, plannedWake, dueQueue, "", DueShipments)
	const want = "SEARCH river_job USING INDEX river_job_prioritized_fetching_index (state=? AND queue=? AND priority=? AND scheduled_at=?)"
	if !slices.ContainsFunc(steps, func(s step) bool { return s.detail == want }) {
		t.Errorf("want step %q in plan:\n%v", want, steps)
	}
}
