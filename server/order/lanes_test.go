package order_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// hangs makes one marketplace's API take an hour for an answer; the other one answers at once.
func hangs(adapter string) func(context.Context, store.Ref) error {
	hour := lasting(time.Hour)
	return func(ctx context.Context, ref store.Ref) error {
		if ref.Adapter == adapter {
			return hour(ctx, ref)
		}
		return nil
	}
}

// TestHungMarketplaceHoldsUpItsOwnStores: however many stores are read through an adapter whose marketplace hangs, those of another one
// begin at once, by themselves and when somebody asks, and so they do while stores move from the one to the other.
func TestHungMarketplaceHoldsUpItsOwnStores(t *testing.T) {
	t.Parallel()
	const workers = 3
	for _, c := range []struct {
		name string
		hung []string // adapters of the stores that hang, that of new orders first
	}{
		{"stores of the adapter that hangs", []string{"hung"}},
		{"stores that leave it", []string{"well", "hung"}},
		{"stores that go to it", []string{"hung", "well"}},
	} {
		rows := func() map[string]*row {
			rows := map[string]*row{"well": {adapters: []string{"well"}}}
			for i := range 4 * workers {
				rows[fmt.Sprintf("hung-%d", i)] = &row{adapters: c.hung}
			}
			return rows
		}
		t.Run(c.name+", by themselves", func(t *testing.T) {
			t.Parallel()
			schedule(t, workers, rows(), func(p *planner) {
				p.onList, p.reading = hangs("hung"), workers
				p.rows["well"].next = time.Now().Add(time.Minute)
			}, func(t *testing.T, p *planner) {
				begin := time.Now()
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				same(t, "imports that hang", p.underWay(), workers)
				starts := p.starts("well")
				if len(starts) != 1 || starts[0].Sub(begin) != time.Minute {
					t.Errorf("the other store was imported at %v, want once, a minute after %v", starts, begin)
				}
			})
		})
		t.Run(c.name+", when somebody asks", func(t *testing.T) {
			t.Parallel()
			schedule(t, workers, rows(), func(p *planner) {
				p.onList, p.reading = hangs("hung"), workers
				for _, r := range p.rows {
					r.schedule.Disabled = true
				}
			}, func(t *testing.T, p *planner) {
				for id := range p.rows {
					if id != "well" {
						_, err := p.importer.Start(t.Context(), id)
						same(t, "error", err, nil)
					}
				}
				synctest.Wait()
				run, err := p.importer.Start(t.Context(), "well")
				same(t, "error", err, nil)
				synctest.Wait()
				run, err = p.importer.Get(t.Context(), "well", run.ID)
				same(t, "error", err, nil)
				same(t, "state", run.State, order.Succeeded)
				same(t, "imports that hang or wait their turn", p.underWay(), 4*workers)
			})
		})
	}
}

// underWay is how many imports run.
func (p *planner) underWay() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.running)
}
