package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStopWaits(t *testing.T) {
	inBubble(t, 2, func(t *testing.T, db *DB) {
		begun, release := make(chan struct{}), make(chan struct{})
		var ended bool
		q := startForTest(t, db, map[Due]func(){DueDecisions: func() {}, DueShipments: func() {
			close(begun)
			<-release
			ended = true
		}})
		if _, err := shipmentDue(t.Context(), db, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, err := shipmentDue(t.Context(), db, 1, time.Now().Add(30*time.Second)); err != nil {
			t.Fatal(err)
		}
		await(t, begun)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Stop(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop with a wake-up under way: %v", err)
		}
		close(release)
		stop(t, q)
		if !ended {
			t.Error("Stop did not wait")
		}
		stop(t, q)
		if diff := cmp.Diff([]string{"shipment_due completed 1", "shipment_due scheduled 1"}, jobs(t, db)); diff != "" {
			t.Errorf("jobs (-want +got):\n%s", diff)
		}

		// What was left is woken by the next queue.
		var w woken
		next := startForTest(t, db, w.wakes())
		defer stop(t, next)
		pass(30*time.Second + lateness)
		if got := len(w.of(DueShipments)); got != 1 {
			t.Errorf("woken %d times after another start, want once", got)
		}
	})
}

// TestWakePanics: it is tried again, and the log tells.
func TestWakePanics(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, db *DB) {
		var log strings.Builder
		var w woken
		var first sync.Once
		wakes := w.wakes()
		wakes[DueShipments] = func() {
			w.note(DueShipments)()
			first.Do(func() { panic("poison") })
		}
		q, err := db.startQueue(t.Context(), wakes, slog.New(slog.NewTextHandler(&log, nil)), bubbleClock{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shipmentDue(t.Context(), db, 0, time.Now()); err != nil {
			t.Fatal(err)
		}
		pass(2 * lateness)
		stop(t, q)
		if got := len(w.of(DueShipments)); got != 2 {
			t.Errorf("woken %d times, want 2", got)
		}
		if !strings.Contains(log.String(), "poison") {
			t.Errorf("the log does not tell of the panic: %s", log.String())
		}
	})
}

func TestStartQueueRefuses(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	for _, kind := range []Due{DueShipments, DueDecisions} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var w woken
			wakes := w.wakes()
			delete(wakes, kind)
			q, err := db.StartQueue(t.Context(), wakes, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), string(kind)) {
				t.Errorf("without a wake of its own: %v, %v", q, err)
			}
		})
	}
}

func TestOpenRefusesANewerQueue(t *testing.T) {
	t.Parallel()
	db := openForTest(t)
	if _, err := db.writer.Exec(`INSERT INTO river_migration (line, version) VALUES ('main', 9999)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), db.path); err == nil || !strings.Contains(err.Error(), "newer relais") {
		t.Errorf("error %v", err)
	}
}
