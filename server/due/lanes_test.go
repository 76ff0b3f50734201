package due

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// hanging is how long work in the lane "hung" takes in these tests.
const hanging = time.Hour

// hungLane returns a loop of these rows whose groups in the lane "hung" take an hour for each item.
func hungLane(rows *table, workers int) (*Loop[string, string], *journal) {
	j := newJournal(rows)
	takes := map[string]time.Duration{}
	for id := range rows.rows {
		if laneOf(id) == "hung" {
			takes[groupOf(id)] = hanging
		}
	}
	cfg := config(rows, workers, j.work(takes, 0))
	cfg.Group = groupOf
	return New(cfg), j
}

// TestHungLaneHoldsUpItselfOnly: however many groups of one lane hang, what is due in another one begins at once.
func TestHungLaneHoldsUpItselfOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		groups  int // that hang
		workers int
		known   bool // whether the other lane has work when the loop starts
	}{
		{"as many groups as have all workers", 4, 8, true},
		{"more groups than workers", 20, 8, true},
		{"one worker", 3, 1, true},
		{"a lane that is new", 20, 8, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				groups := make([]string, c.groups)
				for i := range groups {
					groups[i] = fmt.Sprintf("hung:%d", i)
				}
				rows := &table{rows: backlog(10, groups...)}
				if c.known {
					rows.rows["well:a/first"] = time.Now()
				}
				l, j := hungLane(rows, c.workers)
				l.Start()
				synctest.Wait()
				rows.set("well:a/second", time.Now())
				l.Wake()
				synctest.Wait()
				for _, id := range []string{"well:a/first", "well:a/second"} {
					if _, ok := rows.rows[id]; ok && len(j.times(id)) != 1 {
						t.Errorf("%s began %d times at once, want once", id, len(j.times(id)))
					}
				}
				if n := j.atOnce(); n != min(c.workers, 2*c.groups) {
					t.Errorf("%d items of the lane that hangs are worked on, want as many as workers: %d", n, c.workers)
				}
				rows.mu.Lock()
				looks := rows.looks
				rows.mu.Unlock()
				if most := 2*c.workers + 10; looks > most {
					t.Errorf("%d looks, want at most %d", looks, most)
				}
				time.Sleep(hanging / 2)
				rows.mu.Lock()
				looks = rows.looks - looks
				rows.mu.Unlock()
				if most := int(2*hanging/2/maxIdle) + 5; looks > most {
					t.Errorf("%d looks in %v in which nothing became due, want at most %d", looks, hanging/2, most)
				}
				if err := l.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestLanesAreFound: a lane that nobody told of is found by itself, and a database that does not tell the lanes holds up none that is
// known.
func TestLanesAreFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		rows := &table{rows: map[string]time.Time{"known:a/1": begin}}
		j := newJournal(rows)
		l := New(config(rows, 2, j.work(nil, 0)))
		l.Start()
		synctest.Wait()
		rows.set("silent:a/1", begin.Add(time.Second)) // nobody wakes the loop
		time.Sleep(2 * time.Minute)

		rows.mu.Lock()
		rows.lanesErr = errors.New("the disk is gone")
		rows.mu.Unlock()
		failing := time.Since(begin)
		rows.set("known:a/2", time.Now())
		rows.set("new:a/1", time.Now())
		l.Wake()
		time.Sleep(1500 * time.Millisecond)
		rows.mu.Lock()
		rows.lanesErr = nil
		rows.mu.Unlock()
		time.Sleep(time.Second)
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		for id, latest := range map[string]time.Duration{
			"known:a/1": 0, "silent:a/1": maxIdle, "known:a/2": failing, "new:a/1": failing + 2*time.Second,
		} {
			if b := j.times(id); len(b) != 1 || b[0] > latest {
				t.Errorf("%s began at %v, want once, at %v at the latest", id, b, latest)
			}
		}
	})
}

// TestStopWaitsForEveryLane: Stop begins nothing new in any lane and waits for all of them.
func TestStopWaitsForEveryLane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{rows: backlog(5, "hung:a", "well:a")}
		l, j := hungLane(rows, 1)
		j.pause = time.Second // of the lane that is well
		l.Start()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), hanging/2)
		defer cancel()
		if err := l.Stop(short); err == nil {
			t.Error("Stop says that all ended while a lane hangs")
		}
		if err := l.Stop(t.Context()); err != nil || j.items() != 2 || j.atOnce() != 0 {
			t.Errorf("Stop: %v, %d items were begun and %d are under way; want 2 and none", err, j.items(), j.atOnce())
		}
	})
}
