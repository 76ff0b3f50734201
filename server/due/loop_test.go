package due

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// table is rows that are due at a time; working on one sets its next time.
type table struct {
	mu    sync.Mutex // guards the fields below
	rows  map[string]time.Time
	looks int
}

func (t *table) due(_ context.Context, now time.Time, limit int) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks++
	var ids []string
	for id, at := range t.rows {
		if !at.IsZero() && !at.After(now) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(limit, len(ids))], nil
}

func (t *table) next(context.Context) (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next time.Time
	for _, at := range t.rows {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

func (t *table) set(id string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[id] = at
}

func newLoop(t *table, workers int, work func(ctx context.Context, id string) error) *Loop[string] {
	return New(Config[string]{
		Due: t.due, Next: t.next, ID: func(id string) string { return id }, Work: work,
		Workers: workers, Pause: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

func TestLoopWorksWhenDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		rows := &table{rows: map[string]time.Time{"now": begin, "later": begin.Add(10 * time.Minute)}}
		var mu sync.Mutex
		worked := map[string]time.Duration{}
		l := newLoop(rows, 2, func(_ context.Context, id string) error {
			rows.set(id, time.Time{})
			mu.Lock()
			defer mu.Unlock()
			worked[id] = time.Since(begin)
			return nil
		})
		l.Start()
		synctest.Wait()
		rows.set("woken", time.Now())
		l.Wake()
		time.Sleep(20 * time.Minute)
		rows.set("lost wake-up", time.Now())
		time.Sleep(2 * maxIdle)
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if worked["now"] != 0 || worked["woken"] != 0 || worked["later"] != 10*time.Minute {
			t.Errorf("worked at %v", worked)
		}
		if at, ok := worked["lost wake-up"]; !ok || at > 20*time.Minute+maxIdle {
			t.Errorf("a row whose wake-up was lost was worked on at %v", at)
		}
	})
}

func TestLoopNeverWorksTwiceAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: map[string]time.Time{"a": time.Now(), "b": time.Now(), "c": time.Now()}}
		var mu sync.Mutex
		running, most, steps := map[string]int{}, 0, 0
		l := newLoop(rows, 2, func(_ context.Context, id string) error {
			mu.Lock()
			running[id]++
			if running[id] > 1 {
				t.Errorf("%s is worked on twice at once", id)
			}
			total := 0
			for _, n := range running {
				total += n
			}
			most, steps = max(most, total), steps+1
			mu.Unlock()
			time.Sleep(time.Minute) // the row stays due meanwhile
			mu.Lock()
			running[id]--
			mu.Unlock()
			rows.set(id, time.Time{})
			return nil
		})
		l.Start()
		time.Sleep(10 * time.Minute)
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if most != 2 || steps != 3 {
			t.Errorf("%d at once in %d steps, want 2 in 3", most, steps)
		}
		rows.mu.Lock()
		defer rows.mu.Unlock()
		if rows.looks > 300 {
			t.Errorf("looked %d times in ten minutes: it spins", rows.looks)
		}
	})
}

func TestLoopStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: map[string]time.Time{"a": time.Now(), "b": time.Now()}}
		ended := false
		l := newLoop(rows, 1, func(ctx context.Context, id string) error {
			time.Sleep(time.Minute)
			ended = ctx.Err() == nil // Stop does not cut it
			rows.set(id, time.Time{})
			return nil
		})
		l.Start()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Stop(short); err == nil {
			t.Error("Stop says that all ended while a step is under way")
		}
		if err := l.Stop(t.Context()); err != nil || !ended {
			t.Errorf("Stop: %v, the step ended undisturbed: %v", err, ended)
		}
		if rows.rows["b"].IsZero() {
			t.Error("something new was begun after Stop")
		}
		if err := newLoop(rows, 1, nil).Stop(t.Context()); err != nil {
			t.Errorf("Stop of a loop that never started: %v", err)
		}
	})
}

// TestLoopSurvives: a row that cannot be written, or whose work panics, is tried again after a pause and holds nobody up.
func TestLoopSurvives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: map[string]time.Time{"fails": time.Now(), "panics": time.Now(), "works": time.Now()}}
		var mu sync.Mutex
		tries := map[string]int{}
		l := newLoop(rows, 1, func(_ context.Context, id string) error {
			mu.Lock()
			tries[id]++
			mu.Unlock()
			switch id {
			case "fails":
				return errors.New("the database is full")
			case "panics":
				panic("poison")
			}
			rows.set(id, time.Time{})
			return nil
		})
		l.Start()
		time.Sleep(10*time.Second + time.Millisecond)
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if tries["works"] != 1 || tries["fails"] < 9 || tries["fails"] > 11 || tries["panics"] < 9 || tries["panics"] > 11 {
			t.Errorf("tries in ten seconds: %v", tries)
		}
	})
}
