package order_test

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// interval is what a store without a schedule of its own has in these tests, unless a planner says otherwise.
const interval = 10 * time.Minute

// pause is how long a schedule waits after a failure.
const pause = 5 * time.Second

// row is a store as the planner's database has it.
type row struct {
	next     time.Time
	schedule store.ImportSchedule
	paused   bool
	adapters []string // that it speaks through; none means the usual one
}

// bindings is what the row's store is bound to. New orders go through the first adapter.
func (r *row) bindings() (b store.Bindings) {
	for _, adapter := range r.adapters {
		b.Adapters = append(b.Adapters, store.Binding{Adapter: adapter})
	}
	if b.Adapters == nil {
		b.Adapters = []store.Binding{{Adapter: shopRef.Adapter}}
	}
	b.Current, b.Origin = b.Adapters[0].Adapter, b.Adapters[0].Adapter
	return b
}

func (r *row) scheduled(ownInterval bool) bool {
	return !r.paused && !r.schedule.Disabled && (r.schedule.Interval > 0 || !ownInterval)
}

// planner is the database of several stores in memory, and their marketplace: its clock is the one of the synctest bubble. The
// methods of order.Repository that it does not have are not to be called.
type planner struct {
	order.Repository
	scheduler *order.Scheduler
	importer  *order.Importer
	interval  time.Duration

	mu      sync.Mutex // guards the fields below
	rows    map[string]*row
	runs    map[string]order.Import // by id
	running map[string]string       // id of the running import, by store
	began   map[string][]time.Time  // starts of scheduled imports, by store
	first   []string                // stores in the order of those starts
	most    int                     // imports that ran at once
	plans   int
	// What the database answers with, where it fails.
	startErr, planErr error
	// onList is how the marketplace answers; nil answers at once. It is not to be changed once the scheduler runs.
	onList func(ctx context.Context, ref store.Ref) error
	// reading is how many imports the importer lets read at once; zero means more than any test has.
	reading int
}

// schedule runs test beside a scheduler of these stores, inside a bubble whose time passes at once.
func schedule(t *testing.T, workers int, rows map[string]*row, prepare func(*planner), test func(t *testing.T, p *planner)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &planner{interval: interval, rows: rows, runs: map[string]order.Import{}, running: map[string]string{}, began: map[string][]time.Time{}}
		if prepare != nil {
			prepare(p)
		}
		c := newCatalogue()
		c.unsupported = true
		log := slog.New(slog.DiscardHandler)
		p.importer = order.NewImporter(order.ImporterConfig{
			Repository: p, Source: slowMarket{p}, Catalogue: c.Catalogue, Stores: p, Statuses: order.Statuses(), Workers: cmp.Or(p.reading, 100),
			Pending: func(context.Context, string, []order.Order) {}, Now: time.Now, Log: log,
		})
		p.scheduler = order.NewScheduler(order.ScheduleConfig{
			Repository: p, Importer: p.importer, Interval: p.interval, Pause: pause, Workers: workers, Now: time.Now, Log: log,
		})
		p.scheduler.Start()
		test(t, p)
		ctx := context.WithoutCancel(t.Context())
		same(t, "stop of the imports", p.importer.Stop(ctx), nil)
		same(t, "stop of the schedule", p.scheduler.Stop(ctx), nil)
	})
}

func (p *planner) Lanes(context.Context) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lanes := map[string]bool{}
	for _, r := range p.rows {
		lanes[r.bindings().Lane()] = true
	}
	return slices.Collect(maps.Keys(lanes)), nil
}

func (p *planner) DueImports(_ context.Context, lane string, now time.Time, limit int, ownInterval bool) ([]order.Due, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []order.Due
	for id, r := range p.rows {
		if r.bindings().Lane() == lane && r.scheduled(ownInterval) && !r.next.After(now) {
			due = append(due, order.Due{StoreID: id, Time: r.next, Schedule: r.schedule})
		}
	}
	slices.SortFunc(due, func(a, b order.Due) int { return a.Time.Compare(b.Time) })
	return due[:min(limit, len(due))], nil
}

func (p *planner) NextDueImport(_ context.Context, lane string, after time.Time, ownInterval bool) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var next time.Time
	for _, r := range p.rows {
		if r.bindings().Lane() == lane && r.scheduled(ownInterval) && r.next.After(after) && (next.IsZero() || r.next.Before(next)) {
			next = r.next
		}
	}
	return next, nil
}

func (p *planner) PlanImport(_ context.Context, d order.Due, at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plans++
	if p.planErr != nil {
		return p.planErr
	}
	if r := p.rows[d.StoreID]; r.next.Equal(d.Time) {
		r.next = at
	}
	return nil
}

// Get implements order.Stores.
func (p *planner) Get(_ context.Context, id string) (store.Store, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return store.Store{ID: id, Adapter: shopRef.Adapter, Paused: p.rows[id].paused}, nil
}

func (p *planner) Report(context.Context, store.Ref, error)                      {}
func (p *planner) Probe(context.Context, store.Ref) error                        { return nil }
func (p *planner) Conclude(context.Context, string, store.MigrationPolicy) error { return nil }

func (p *planner) Bindings(_ context.Context, id string) (store.Bindings, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rows[id].bindings(), nil
}

func (p *planner) StartImport(_ context.Context, run order.Import) (order.Import, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.startErr != nil {
		return order.Import{}, false, p.startErr
	}
	if id, ok := p.running[run.StoreID]; ok {
		return p.runs[id], true, nil
	}
	p.runs[run.ID], p.running[run.StoreID] = run, run.ID
	p.most = max(p.most, len(p.running))
	if run.Scheduled {
		p.began[run.StoreID] = append(p.began[run.StoreID], run.Start)
		p.first = append(p.first, run.StoreID)
	}
	return run, false, nil
}

func (p *planner) FinishImport(_ context.Context, run order.Import) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runs[run.ID] = run
	delete(p.running, run.StoreID)
	return nil
}

func (p *planner) GetImport(_ context.Context, _, id string) (order.Import, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs[id], nil
}

func (p *planner) ApplyBatch(context.Context, order.Batch) (order.Counts, error) {
	return order.Counts{}, nil
}

func (p *planner) UnseenOpenOrders(context.Context, string, []string, string, string, int) ([]string, error) {
	return nil, nil
}

// slowMarket is the marketplace of a planner's stores. It shows no orders.
type slowMarket struct{ *planner }

// ListOrders implements order.Source.
func (p slowMarket) ListOrders(ctx context.Context, ref store.Ref, q order.Query, receive func(order.Page) error) error {
	if p.onList != nil {
		if err := p.onList(ctx, ref); err != nil {
			return err
		}
	}
	return receive(order.Page{Finished: q.Until})
}

// GetOrders implements order.Source.
func (p slowMarket) GetOrders(context.Context, store.Ref, []string) (order.Found, error) {
	return order.Found{}, nil
}

// lasting makes the marketplace take a time for an answer.
func lasting(d time.Duration) func(context.Context, store.Ref) error {
	return func(ctx context.Context, _ store.Ref) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// change changes the row of a store and wakes the scheduler, as the API does.
func (p *planner) change(id string, change func(*row)) {
	p.mu.Lock()
	change(p.rows[id])
	p.mu.Unlock()
	p.scheduler.Wake()
}

// starts returns when the scheduled imports of a store began, since the bubble did.
func (p *planner) starts(id string) []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.began[id])
}

// TestEachStoreAtItsInterval: from start to start it is the store's interval, or the server's, spread by a tenth.
func TestEachStoreAtItsInterval(t *testing.T) {
	t.Parallel()
	rows := map[string]*row{"default": {}, "own": {schedule: store.ImportSchedule{Interval: 2 * time.Minute}}, "off": {schedule: store.ImportSchedule{Disabled: true}}}
	schedule(t, 4, rows, func(p *planner) { p.onList = lasting(30 * time.Second) }, func(t *testing.T, p *planner) {
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		for id, want := range map[string]time.Duration{"default": interval, "own": 2 * time.Minute} {
			starts := p.starts(id)
			if len(starts) < int(10*time.Hour/want)*9/10 {
				t.Errorf("%s: %d imports in ten hours", id, len(starts))
			}
			gaps := map[time.Duration]bool{}
			for i := 1; i < len(starts); i++ {
				gap := starts[i].Sub(starts[i-1])
				gaps[gap] = true
				if gap < want*9/10 || gap > want*11/10+pause { // while another store is read the database is looked at once in a pause
					t.Errorf("%s: %s between two starts, want %s and a tenth more or less", id, gap, want)
				}
			}
			if len(gaps) < len(starts)/2 {
				t.Errorf("%s: the gaps are not spread: %d of %d differ", id, len(gaps), len(starts))
			}
		}
		same(t, "imports of a store without schedule", len(p.starts("off")), 0)
	})
}

// TestServerWithoutInterval: only stores with an interval of their own are imported by themselves.
func TestServerWithoutInterval(t *testing.T) {
	t.Parallel()
	rows := map[string]*row{"default": {}, "own": {schedule: store.ImportSchedule{Interval: 2 * time.Minute}}}
	schedule(t, 4, rows, func(p *planner) { p.interval = 0 }, func(t *testing.T, p *planner) {
		time.Sleep(time.Hour)
		synctest.Wait()
		same(t, "imports of a store without interval", len(p.starts("default")), 0)
		if n := len(p.starts("own")); n < 27 || n > 34 {
			t.Errorf("%d imports in an hour at an interval of two minutes", n)
		}
		p.change("default", func(r *row) { r.schedule.Interval = 24 * time.Hour })
		synctest.Wait()
		same(t, "imports with an interval", len(p.starts("default")), 1)
	})
}

// TestAnImportThatOutlastsItsInterval: the next one begins when it has ended, never beside it.
func TestAnImportThatOutlastsItsInterval(t *testing.T) {
	t.Parallel()
	schedule(t, 4, map[string]*row{"shop": {}}, func(p *planner) { p.onList = lasting(time.Hour) }, func(t *testing.T, p *planner) {
		time.Sleep(4*time.Hour + time.Minute)
		synctest.Wait()
		same(t, "at once", p.most, 1)
		starts := p.starts("shop")
		same(t, "imports", len(starts), 5)
		for i := 1; i < len(starts); i++ {
			same(t, "gap", starts[i].Sub(starts[i-1]), time.Hour)
		}
	})
}

// TestAfterAnOutage: what became due meanwhile is imported at once, the longest waiting first and as many at once as there are
// workers. Stores that were due together do not stay together.
func TestAfterAnOutage(t *testing.T) {
	t.Parallel()
	const stores = 20
	rows, ids := map[string]*row{}, []string(nil)
	for i := range stores {
		id := string(rune('a' + i))
		rows[id], ids = &row{}, append(ids, id)
	}
	schedule(t, 3, rows, func(p *planner) {
		p.onList = lasting(time.Second)
		for i, id := range ids {
			p.rows[id].next = time.Now().Add(time.Duration(i-100) * time.Hour)
		}
	}, func(t *testing.T, p *planner) {
		begin := time.Now()
		time.Sleep(interval / 2)
		synctest.Wait()
		same(t, "at once", p.most, 3)
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, id := range p.first { // of the workers that are free at once any may be the first
			if at := slices.Index(ids, id); at < i-2 || at > i+2 {
				t.Errorf("store %d was imported as number %d", at, i)
			}
		}
		same(t, "imports", len(p.first), stores)
		seconds := map[int]bool{}
		for _, id := range ids {
			if after := p.began[id][0].Sub(begin); after > stores*time.Second {
				t.Errorf("%s was imported after %s", id, after)
			}
			seconds[int(p.rows[id].next.Sub(p.began[id][0]).Seconds())] = true
		}
		if len(seconds) < stores/2 {
			t.Errorf("the next imports are not spread: %d of %d are apart", len(seconds), stores)
		}
	})
}

// TestOneRunForAll: who asks for an import while a scheduled one runs gets that one, and the schedule joins one that somebody asked
// for.
func TestOneRunForAll(t *testing.T) {
	t.Parallel()
	t.Run("by hand while a scheduled one runs", func(t *testing.T) {
		t.Parallel()
		schedule(t, 1, map[string]*row{"shop": {}}, func(p *planner) { p.onList = lasting(time.Minute) }, func(t *testing.T, p *planner) {
			synctest.Wait()
			run, err := p.importer.Start(t.Context(), "shop")
			same(t, "error", err, nil)
			same(t, "runs", len(p.runs), 1)
			same(t, "scheduled", run.Scheduled, true)
		})
	})
	t.Run("the schedule's turn while one by hand runs", func(t *testing.T) {
		t.Parallel()
		schedule(t, 1, map[string]*row{"shop": {}}, func(p *planner) {
			p.rows["shop"].next = time.Now().Add(time.Minute)
			p.onList = lasting(3 * time.Minute)
		}, func(t *testing.T, p *planner) {
			run, err := p.importer.Start(t.Context(), "shop")
			same(t, "error", err, nil)
			same(t, "scheduled", run.Scheduled, false)
			time.Sleep(4 * time.Minute)
			synctest.Wait()
			same(t, "runs", len(p.runs), 1)
			planned := p.rows["shop"].next.Sub(run.Start)
			if planned < time.Minute+interval*9/10 || planned > time.Minute+interval*11/10 {
				t.Errorf("the next import is planned %s after the start of the one that was joined", planned)
			}
		})
	})
}
