package order

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Stores is what imports need to know of stores.
type Stores interface {
	// Get returns a store. STORE_NOT_FOUND.
	Get(ctx context.Context, id string) (store.Store, error)
	// Report notes how an exchange with the marketplace ended.
	Report(ctx context.Context, id string, err error)
}

// ImporterConfig is what an importer needs. All fields are required.
type ImporterConfig struct {
	Repository Repository
	Source     Source
	Stores     Stores
	// Statuses that are asked for by name: every status that an open or a just-ended order can have.
	Statuses []Status
	Now      func() time.Time
	Log      *slog.Logger
}

// rereadPage is how many open orders are read again by number at once.
const rereadPage = 100

// finishTimeout bounds the last write of a run, which must happen even while the server stops.
const finishTimeout = 30 * time.Second

// Importer runs imports, at most one per store at a time. It owns a goroutine for each run; Stop waits for them.
type Importer struct {
	cfg    ImporterConfig
	ctx    context.Context // of the runs: ends with Stop
	cancel context.CancelFunc
	runs   sync.WaitGroup

	mu       sync.Mutex // guards the fields below; never held across I/O
	stopped  bool
	watchers map[string]chan struct{} // by import id of a running import: closed at its next change
}

// NewImporter returns an importer. Runs that an earlier process left behind are ended as INTERRUPTED by Recover.
func NewImporter(cfg ImporterConfig) *Importer {
	ctx, cancel := context.WithCancel(context.Background())
	cfg.Statuses = slices.Clone(cfg.Statuses)
	return &Importer{cfg: cfg, ctx: ctx, cancel: cancel, watchers: make(map[string]chan struct{})}
}

// Recover ends the runs that an earlier process left running. It is called once, before the first Start.
func (im *Importer) Recover(ctx context.Context) error {
	n, err := im.cfg.Repository.InterruptImports(ctx, im.cfg.Now())
	if err != nil {
		return fmt.Errorf("end the imports of an earlier process: %w", err)
	}
	if n > 0 {
		im.cfg.Log.WarnContext(ctx, "imports interrupted by an earlier stop; the next import of their stores reads the same windows again", "imports", n)
	}
	return nil
}

// Stop interrupts the running imports and waits until their records say so, or until ctx ends.
func (im *Importer) Stop(ctx context.Context) error {
	im.mu.Lock()
	im.stopped = true
	im.mu.Unlock()
	im.cancel()
	done := make(chan struct{})
	go func() { im.runs.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("imports still running at the end of the shutdown time: %w", ctx.Err())
	}
}

// Start begins an import of a store, or joins the one that is running.
// Errors: STORE_NOT_FOUND, STORE_DISCONNECTED, STORE_PAUSED, SERVER_STOPPING.
func (im *Importer) Start(ctx context.Context, storeID string) (Import, error) {
	st, err := im.cfg.Stores.Get(ctx, storeID)
	if err != nil {
		return Import{}, err
	}
	switch {
	case !st.Connected():
		return Import{}, problem.New(problem.Precondition, problem.ReasonStoreDisconnected,
			"store %q is disconnected; connect the account again with ConnectStore", storeID)
	case st.Paused:
		return Import{}, problem.New(problem.Precondition, problem.ReasonStorePaused,
			"store %q is paused; resume it with ResumeStore", storeID)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Import{}, fmt.Errorf("make import id: %w", err)
	}
	now := im.cfg.Now().UTC()
	run := Import{
		ID: id.String(), StoreID: storeID, State: Running, Start: now,
		Windows: Plan(now, st.LastImportStart, st.Settings.LookBack),
	}

	// Registered before the row exists: whoever sees the row can watch it, and Stop waits for it.
	im.mu.Lock()
	if im.stopped {
		im.mu.Unlock()
		return Import{}, problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; call again when it is back")
	}
	im.runs.Add(1)
	im.watchers[run.ID] = make(chan struct{})
	im.mu.Unlock()

	current, joined, err := im.cfg.Repository.StartImport(ctx, run)
	if err != nil || joined {
		im.forget(run.ID)
		im.runs.Done()
		if err != nil {
			err = fmt.Errorf("start import of store %s: %w", storeID, err)
		}
		return current, err
	}
	go func() {
		defer im.runs.Done()
		im.run(st, current)
	}()
	return current, nil
}

// run reads the windows of a run and writes its end.
func (im *Importer) run(st store.Store, run Import) {
	log := im.cfg.Log.With("store", run.StoreID, "import", run.ID, "adapter", st.Adapter)
	log.Info("import started", "windows", len(run.Windows))
	err := im.read(im.ctx, st, run)

	run.Finish = im.cfg.Now().UTC()
	switch {
	case err == nil:
		run.State = Succeeded
	case im.ctx.Err() != nil:
		run.State = Interrupted
		run.Failure = Failure{
			Reason:  problem.ReasonServerStopping,
			Message: "the server stopped during the import; what was read is kept, and the next import reads the same windows again",
		}
	default:
		run.State = Failed
		run.Failure = failureOf(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(im.ctx), finishTimeout)
	defer cancel()
	if finishErr := im.cfg.Repository.FinishImport(ctx, run); finishErr != nil {
		// The row stays RUNNING; Recover ends it at the next start, and the cursor has not moved.
		log.Error("import end not written", "error", finishErr)
	}
	if run.State != Interrupted {
		im.cfg.Stores.Report(ctx, run.StoreID, err)
	}
	im.forget(run.ID)
	if err != nil {
		log.Warn("import ended early", "state", run.State, "reason", run.Failure.Reason, "error", err)
		return
	}
	log.Info("import succeeded")
}

// read reads every window and then the open orders that no window showed. Nil means that nothing is missing.
func (im *Importer) read(ctx context.Context, st store.Store, run Import) error {
	ref := store.Ref{StoreID: st.ID, Adapter: st.Adapter}
	for i, w := range run.Windows {
		q := Query{Axis: w.Axis, Since: w.Since, Until: w.Until, Statuses: im.cfg.Statuses}
		err := im.cfg.Source.ListOrders(ctx, ref, q, func(p Page) error {
			return im.apply(ctx, Batch{Ref: ref, ImportID: run.ID, Orders: p.Orders, Window: i, Finished: p.Finished})
		})
		if err != nil {
			return fmt.Errorf("read orders by %s date: %w", w.Axis, err)
		}
	}
	return im.reread(ctx, ref, run.ID)
}

// reread reads open orders by number that the import has not seen: older than the look-back, or left out by a filter.
func (im *Importer) reread(ctx context.Context, ref store.Ref, importID string) error {
	after := ""
	for {
		numbers, err := im.cfg.Repository.UnseenOpenOrders(ctx, ref, importID, after, rereadPage)
		if err != nil {
			return fmt.Errorf("find open orders that were not seen: %w", err)
		}
		if len(numbers) == 0 {
			return nil
		}
		orders, err := im.cfg.Source.GetOrders(ctx, ref, numbers)
		if err != nil {
			return fmt.Errorf("read open orders by number: %w", err)
		}
		if err := im.apply(ctx, Batch{Ref: ref, ImportID: importID, Orders: orders, Window: -1, Reread: true}); err != nil {
			return err
		}
		after = numbers[len(numbers)-1]
	}
}

func (im *Importer) apply(ctx context.Context, b Batch) error {
	b.Time = im.cfg.Now().UTC()
	if _, err := im.cfg.Repository.ApplyBatch(ctx, b); err != nil {
		return fmt.Errorf("store orders: %w", err)
	}
	im.changed(b.ImportID)
	return nil
}

// failureOf tells a person why a run failed.
func failureOf(err error) Failure {
	if p := problem.As(err); p != nil {
		return Failure{Reason: p.Reason, Message: p.Message}
	}
	return Failure{Reason: problem.ReasonInternal, Message: "an internal error stopped the import; the server's log tells which. What was read is kept"}
}

// Get returns an import.
func (im *Importer) Get(ctx context.Context, storeID, id string) (Import, error) {
	run, err := im.cfg.Repository.GetImport(ctx, storeID, id)
	if errors.Is(err, ErrImportNotFound) {
		return Import{}, problem.New(problem.NotFound, problem.ReasonImportNotFound,
			"store %q has no import %q; ListImports shows the imports there are", storeID, id)
	}
	return run, err
}

// List returns a page of a store's imports, newest first.
func (im *Importer) List(ctx context.Context, storeID, beforeID string, limit int) ([]Import, error) {
	if _, err := im.cfg.Stores.Get(ctx, storeID); err != nil {
		return nil, err
	}
	return im.cfg.Repository.ListImports(ctx, storeID, beforeID, limit)
}

// Watch calls send with the import now and after its changes, and returns after the end of the import was sent. A slow
// receiver gets the latest state, not each one.
func (im *Importer) Watch(ctx context.Context, storeID, id string, send func(Import) error) error {
	for {
		next := im.nextChange(id) // before the read: a change between the two is seen by the next turn
		run, err := im.Get(ctx, storeID, id)
		if err != nil {
			return err
		}
		if err := send(run); err != nil {
			return err
		}
		switch {
		case run.State != Running:
			return nil
		case next == nil: // nobody runs it: its end could not be written, a restart of the server ends it
			return problem.New(problem.Unavailable, problem.ReasonServerStopping,
				"import %q is no longer worked on; the server's log tells why", id)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (im *Importer) nextChange(id string) chan struct{} {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.watchers[id]
}

func (im *Importer) changed(id string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if c, ok := im.watchers[id]; ok {
		close(c)
		im.watchers[id] = make(chan struct{})
	}
}

func (im *Importer) forget(id string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if c, ok := im.watchers[id]; ok {
		close(c)
		delete(im.watchers, id)
	}
}
