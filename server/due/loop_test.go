package due

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// table is rows that are due at a time; working on one sets its next time. What comes before a slash in an id is its group, and what
// comes before a colon in that its lane.
type table struct {
	mu    sync.Mutex // guards the fields below
	rows  map[string]time.Time
	turns map[string]time.Time // when a row of a group was last changed
	looks int
	// What the database does, where it does more than to answer.
	onLook   func() // after the rows were read
	lanesErr error
	dueErr   error
	nextErr  error
}

func groupOf(id string) string {
	group, _, _ := strings.Cut(id, "/")
	return group
}

func laneOf(id string) string {
	lane, _, found := strings.Cut(id, ":")
	if !found {
		return ""
	}
	return lane
}

func (t *table) lanes(context.Context) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lanes := map[string]bool{}
	for id := range t.rows {
		lanes[laneOf(id)] = true
	}
	return slices.Collect(maps.Keys(lanes)), t.lanesErr
}

func (t *table) due(_ context.Context, l Look[string]) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks++
	var ids []string
	for id, at := range t.rows {
		if laneOf(id) == l.Lane && !at.IsZero() && !at.After(l.Now) && !slices.Contains(l.Without, groupOf(id)) {
			ids = append(ids, id)
		}
	}
	waits := map[string]time.Time{} // since when, by group
	for _, id := range ids {
		if w, ok := waits[groupOf(id)]; !ok || t.rows[id].Before(w) {
			waits[groupOf(id)] = t.rows[id]
		}
	}
	for g, at := range t.turns {
		if at.After(waits[g]) {
			waits[g] = at
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(waits[groupOf(a)].Compare(waits[groupOf(b)]), t.rows[a].Compare(t.rows[b]), strings.Compare(a, b))
	})
	shown := map[string]int{}
	ids = slices.DeleteFunc(ids, func(id string) bool {
		shown[groupOf(id)]++
		return shown[groupOf(id)] > l.PerGroup
	})
	if t.onLook != nil {
		t.mu.Unlock()
		t.onLook()
		t.mu.Lock()
	}
	return ids[:min(l.Limit, len(ids))], t.dueErr
}

func (t *table) next(_ context.Context, lane string, after time.Time) (time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var next time.Time
	for id, at := range t.rows {
		if laneOf(id) == lane && at.After(after) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, t.nextErr
}

func (t *table) set(id string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[id] = at
	if t.turns == nil {
		t.turns = map[string]time.Time{}
	}
	t.turns[groupOf(id)] = time.Now()
}

func (t *table) at(id string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows[id]
}

func newLoop(t *table, workers int, work func(ctx context.Context, id string) error) *Loop[string, string] {
	return New(config(t, workers, work))
}

func config(t *table, workers int, work func(ctx context.Context, id string) error) Config[string, string] {
	return Config[string, string]{
		Lanes: t.lanes, Due: t.due, Next: t.next, ID: func(id string) string { return id }, Work: work,
		Workers: workers, Pause: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
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
		if rows.looks > 15 {
			t.Errorf("looked %d times in ten minutes", rows.looks)
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
