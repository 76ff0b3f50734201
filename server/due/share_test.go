package due

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// journal is when items were begun, and how many of a group were worked on at once.
type journal struct {
	rows  *table
	begin time.Time
	pause time.Duration // how long work takes at least

	mu      sync.Mutex // guards the fields below
	begun   map[string][]time.Duration
	running map[string]int
	most    map[string]int
	stale   []string
}

func newJournal(rows *table) *journal {
	return &journal{
		rows: rows, begin: time.Now(), begun: map[string][]time.Duration{}, running: map[string]int{}, most: map[string]int{},
	}
}

// times is when an item was begun.
func (j *journal) times(id string) []time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.begun[id]
}

// items is how many items were begun.
func (j *journal) items() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.begun)
}

// atOnce is how many items are worked on now.
func (j *journal) atOnce() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := 0
	for _, running := range j.running {
		n += running
	}
	return n
}

// work takes as long as its group takes, and plans the item for later, or ends it.
func (j *journal) work(takes map[string]time.Duration, later time.Duration) func(context.Context, string) error {
	return func(_ context.Context, id string) error {
		group := groupOf(id)
		j.mu.Lock()
		j.begun[id] = append(j.begun[id], time.Since(j.begin))
		if at := j.rows.at(id); at.IsZero() || at.After(time.Now()) {
			j.stale = append(j.stale, id)
		}
		j.running[group]++
		j.most[group] = max(j.most[group], j.running[group])
		j.mu.Unlock()
		time.Sleep(max(j.pause, takes[group]))
		j.mu.Lock()
		j.running[group]--
		j.mu.Unlock()
		if later == 0 {
			j.rows.set(id, time.Time{})
		} else {
			j.rows.set(id, time.Now().Add(later))
		}
		return nil
	}
}

// backlog is n items of each group that have been due for an hour.
func backlog(n int, groups ...string) map[string]time.Time {
	rows := map[string]time.Time{}
	for _, g := range groups {
		for i := range n {
			rows[fmt.Sprintf("%s/%03d", g, i)] = time.Now().Add(-time.Hour)
		}
	}
	return rows
}

// TestSlowGroupsHoldUpThemselves: whoever waits behind slow groups with a backlog begins at once, or as soon as anybody is done.
func TestSlowGroupsHoldUpThemselves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		slow    []string
		workers int
		most    int           // items of a slow group at once
		late    time.Duration // when the idle group's item begins at the latest
	}{
		{"one slow group", []string{"a"}, 8, 2, 0},
		{"three slow groups", []string{"a", "b", "c"}, 8, 2, 0},
		{"more slow groups than workers", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, 8, 2, time.Minute},
		{"one worker", []string{"a"}, 1, 1, time.Minute},
		{"three workers", []string{"a", "b"}, 3, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rows := &table{rows: backlog(100, c.slow...)}
				j := newJournal(rows)
				takes := map[string]time.Duration{}
				for _, g := range c.slow {
					takes[g] = time.Minute
				}
				cfg := config(rows, c.workers, j.work(takes, 0))
				cfg.Group = groupOf
				l := New(cfg)
				l.Start()
				synctest.Wait()
				rows.set("idle/1", time.Now())
				l.Wake()
				time.Sleep(30 * time.Minute)
				rows.set("idle/2", time.Now())
				l.Wake()
				time.Sleep(2 * time.Minute)
				if err := l.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				for id, due := range map[string]time.Duration{"idle/1": 0, "idle/2": 30 * time.Minute} {
					if b := j.times(id); len(b) != 1 || b[0] > due+c.late {
						t.Errorf("%s began at %v, want once and %v after %v at the latest", id, b, c.late, due)
					}
				}
				for _, g := range c.slow {
					if j.most[g] > c.most {
						t.Errorf("%d items of group %s at once, want at most %d", j.most[g], g, c.most)
					}
				}
			})
		})
	}
}

// TestGroupAloneUsesItsShare: with nobody else there, a group is worked on by as many as it may have, and by no fewer.
func TestGroupAloneUsesItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: backlog(20, "a")}
		j := newJournal(rows)
		cfg := config(rows, 8, j.work(map[string]time.Duration{"a": time.Minute}, 0))
		cfg.Group = groupOf
		l := New(cfg)
		l.Start()
		time.Sleep(9*time.Minute + time.Second)
		if n := j.items(); n != 20 {
			t.Errorf("%d of 20 items begun in ten minutes, two at once, a minute each", n)
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestFailingItemsHoldUpNobody: items that fail again and again take no place of their group while they are left alone.
func TestFailingItemsHoldUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: backlog(6, "a")}
		begin := time.Now()
		var mu sync.Mutex
		done := map[string]time.Duration{}
		cfg := config(rows, 4, func(_ context.Context, id string) error {
			if id < "a/004" {
				return errors.New("the database is full")
			}
			mu.Lock()
			defer mu.Unlock()
			done[id] = time.Since(begin)
			rows.set(id, time.Time{})
			return nil
		})
		cfg.Group = groupOf
		l := New(cfg)
		l.Start()
		time.Sleep(time.Minute)
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got := slices.Sorted(maps.Keys(done)); !slices.Equal(got, []string{"a/004", "a/005"}) || done["a/004"] != 0 || done["a/005"] != 0 {
			t.Errorf("done at %v, want a/004 and a/005 at once", done)
		}
	})
}

// TestStaleItemsAreNotBegun: an item is begun only while its row says that it is due.
func TestStaleItemsAreNotBegun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		onLook func()
	}{
		{"while the look waits for somebody to be done", nil},
		{"while the database answers", func() { time.Sleep(2 * time.Second) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				rows := &table{rows: map[string]time.Time{"quick/b": now, "slow/c": now}, onLook: c.onLook}
				j := newJournal(rows)
				l := newLoop(rows, 2, j.work(map[string]time.Duration{"quick": 3 * time.Second, "slow": 20 * time.Second}, time.Hour))
				l.Start()
				time.Sleep(4 * time.Second)
				rows.set("new/a", now) // the most overdue of all
				for range 100 {
					l.Wake()
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(5 * time.Hour)
				if err := l.Stop(t.Context()); err != nil {
					t.Error(err)
				}
				if len(j.stale) > 0 || len(j.begun["quick/b"]) < 5 {
					t.Errorf("begun before they were due: %v; begun: %v", j.stale, j.begun)
				}
			})
		})
	}
}

// TestDueWhileOthersAreWorkedOn: what becomes due meanwhile begins at its time, and nobody looks in vain until then.
func TestDueWhileOthersAreWorkedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		due := 10*time.Second + 300*time.Millisecond
		rows := &table{rows: map[string]time.Time{"long/a": time.Now(), "late/b": time.Now().Add(due)}}
		j := newJournal(rows)
		cfg := config(rows, 8, j.work(map[string]time.Duration{"long": 30 * time.Second}, 0))
		cfg.Pause = time.Hour
		l := New(cfg)
		l.Start()
		time.Sleep(20 * time.Second)
		if b := j.times("late/b"); len(b) != 1 || b[0] != due {
			t.Errorf("began at %v, want %v", b, due)
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if rows.looks > 6 {
			t.Errorf("%d looks for two items", rows.looks)
		}
	})
}

// TestDatabaseFails: a loop that cannot read looks again after a pause.
func TestDatabaseFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name string
		rows *table
		want time.Duration // when the item begins
	}{
		{"what is due", &table{dueErr: broken}, 100 * time.Second},
		{"what is due next", &table{nextErr: broken}, 20 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				rows := c.rows
				rows.rows = map[string]time.Time{"a": time.Now().Add(15 * time.Second)}
				j := newJournal(rows)
				cfg := config(rows, 2, j.work(nil, 0))
				cfg.Pause = 10 * time.Second
				l := New(cfg)
				l.Start()
				time.Sleep(95 * time.Second)
				rows.mu.Lock()
				looks := rows.looks
				rows.dueErr, rows.nextErr = nil, nil
				rows.mu.Unlock()
				if looks < 10 || looks > 12 {
					t.Errorf("%d looks in 95 seconds, want about one every ten", looks)
				}
				time.Sleep(6 * time.Second)
				if b := j.times("a"); len(b) != 1 || b[0] != c.want {
					t.Errorf("began at %v, want %v: with the next look", b, c.want)
				}
				if err := l.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
