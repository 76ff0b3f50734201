package order

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
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
	// Report notes how an exchange with the marketplace through an adapter ended.
	Report(ctx context.Context, ref store.Ref, err error)
	// Probe asks the marketplace through an adapter whether it answers at all; it does not take long.
	Probe(ctx context.Context, ref store.Ref) error
	// Conclude completes the migration of a store when nothing is left on the adapter that it leaves.
	Conclude(ctx context.Context, id string, p store.MigrationPolicy) error
}

// ImporterConfig is what an importer needs. All fields are required.
type ImporterConfig struct {
	Repository Repository
	Source     Source
	Catalogue  *Catalogue
	Stores     Stores
	// Statuses that are asked for by name: every status that an open or a just-ended order can have.
	Statuses []Status
	// Workers is how many imports read at once in each store.Lane; others wait their turn as RUNNING.
	Workers int
	// Pending is told of orders that were read and wait for the seller, after they are stored.
	Pending   func(ctx context.Context, storeID string, orders []Order)
	Migration store.MigrationPolicy
	Now       func() time.Time
	Log       *slog.Logger
}

// rereadPage is how many open orders are read again by number at once.
const rereadPage = 100

// The last write of a run must happen even while the server stops, and is tried for this long.
const (
	finishTimeout = 30 * time.Second
	finishPause   = time.Second
)

// Importer runs imports, at most one per store at a time. It owns a goroutine for each run; Stop waits for them.
type Importer struct {
	cfg     ImporterConfig
	ctx     context.Context // of the runs: ends with Stop
	cancel  context.CancelFunc
	working sync.WaitGroup

	mu      sync.Mutex // guards the fields below; never held across I/O
	stopped bool
	runs    map[string]*run          // the runs of this process, by import id
	turns   map[string]chan struct{} // one for each run that reads, by lane
}

// NewImporter returns an importer. Runs that an earlier process left behind are ended as INTERRUPTED by Recover.
func NewImporter(cfg ImporterConfig) *Importer {
	ctx, cancel := context.WithCancel(context.Background())
	cfg.Statuses = slices.Clone(cfg.Statuses)
	return &Importer{
		cfg: cfg, ctx: ctx, cancel: cancel, runs: make(map[string]*run), turns: make(map[string]chan struct{}),
	}
}

// serverStopped is why a run ended that an earlier or this process did not finish.
var serverStopped = Failure{
	Reason:  problem.ReasonServerStopping,
	Message: "the server stopped during the import; what was read is kept, and the next import reads at least the same orders again",
}

// Recover ends the runs that an earlier process left running. It is called once, before the first Start.
func (im *Importer) Recover(ctx context.Context) error {
	n, err := im.cfg.Repository.InterruptImports(ctx, im.cfg.Now(), serverStopped)
	if err != nil {
		return fmt.Errorf("end the imports of an earlier process: %w", err)
	}
	if n > 0 {
		im.cfg.Log.WarnContext(ctx, "imports of an earlier process ended as interrupted", "imports", n)
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
	go func() { im.working.Wait(); close(done) }()
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
	return im.start(ctx, storeID, false)
}

func (im *Importer) start(ctx context.Context, storeID string, scheduled bool) (Import, error) {
	st, err := im.cfg.Stores.Get(ctx, storeID)
	if err != nil {
		return Import{}, err
	}
	switch {
	case !st.Connected():
		return Import{}, store.Disconnected(storeID)
	case st.Paused:
		return Import{}, problem.New(problem.Precondition, problem.ReasonStorePaused,
			"store %q is paused; resume it with ResumeStore", storeID)
	}
	bindings, err := im.cfg.Repository.Bindings(ctx, storeID)
	if err != nil {
		return Import{}, fmt.Errorf("start import of store %s: %w", storeID, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Import{}, fmt.Errorf("make import id: %w", err)
	}
	now := im.cfg.Now().UTC()
	planned := Import{
		ID: id.String(), StoreID: storeID, State: Running, Scheduled: scheduled, Start: now,
		Windows: planAll(now, bindings, st.Settings.LookBack),
	}
	return im.begin(ctx, bindings, planned)
}

// begin stores a run and works on it in the background, unless there is one to join.
func (im *Importer) begin(ctx context.Context, bindings store.Bindings, planned Import) (Import, error) {
	// Registered before the row exists: whoever sees the row can watch it, and Stop waits for it.
	r, ok := im.register(planned)
	if !ok {
		return Import{}, problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; call again when it is back")
	}
	for {
		current, joined, err := im.cfg.Repository.StartImport(ctx, planned)
		switch {
		case err != nil:
			im.forget(planned.ID)
			return Import{}, fmt.Errorf("start import of store %s: %w", planned.StoreID, err)
		case joined && im.nextChange(current.ID) == nil:
			// Nobody works on it: its end could not be written. It is ended now, else it would block the store for ever.
			if err := im.abandon(ctx, current); err != nil {
				im.forget(planned.ID)
				return Import{}, fmt.Errorf("end abandoned import of store %s: %w", planned.StoreID, err)
			}
			continue
		case joined:
			im.forget(planned.ID)
			return current, nil
		}
		go im.work(r, bindings, current)
		return current, nil
	}
}

// abandon ends a run that nobody works on, unless it has ended meanwhile.
func (im *Importer) abandon(ctx context.Context, left Import) error {
	now, err := im.cfg.Repository.GetImport(ctx, left.StoreID, left.ID)
	if err != nil || now.State != Running {
		return err
	}
	left.State, left.Finish = Interrupted, im.cfg.Now().UTC()
	left.Failure = Failure{Reason: problem.ReasonInternal, Message: "the end of this import could not be written; what was read is kept, and the next import reads at least the same orders again"}
	return im.cfg.Repository.FinishImport(ctx, left)
}

// work reads the windows of a run and writes its end.
func (im *Importer) work(r *run, bindings store.Bindings, current Import) {
	defer im.forget(current.ID)
	log := im.cfg.Log.With("store", current.StoreID, "import", current.ID, "adapter", bindings.Current)
	log.Info("import started", "windows", len(current.Windows))
	parts, err := im.turn(r.ctx, bindings, current)

	current.Finish, current.Parts = im.cfg.Now().UTC(), parts
	switch {
	case err == nil:
		current.State = Succeeded
	case errors.Is(context.Cause(r.ctx), errDisconnected):
		current.State = Interrupted
		current.Failure = Failure{Reason: problem.ReasonStoreDisconnected, Message: "the store was disconnected during the import; what was read is kept"}
	case errors.Is(err, ErrStoreMoved):
		current.State = Interrupted
		current.Failure = Failure{Reason: problem.ReasonStoreMoved, Message: "the store went to another adapter during the import; what was read is kept, and the next import reads through both adapters"}
	case im.ctx.Err() != nil:
		current.State, current.Failure = Interrupted, serverStopped
	default:
		current.State, current.Failure = Failed, failureOf(err)
	}
	if current.State == Failed && len(parts) == 0 { // a panic: no part told how it ended
		im.cfg.Stores.Report(context.WithoutCancel(im.ctx), store.Ref{StoreID: current.StoreID, Adapter: bindings.Current}, err)
	}
	im.finish(current, log)
	switch {
	case err == nil:
		log.Info("import succeeded")
	case problem.As(err) != nil: // its text is the marketplace's and may name people: it is in the record, not in the log
		log.Warn("import ended early", "state", current.State, "reason", current.Failure.Reason)
	default:
		log.Error("import ended early", "state", current.State, "reason", current.Failure.Reason, "error", err)
	}
}

// turn waits for the run's turn and reads.
func (im *Importer) turn(ctx context.Context, bindings store.Bindings, current Import) (parts []Part, err error) {
	turns := im.turnsIn(bindings.Lane())
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	err = im.survive(func() (err error) {
		parts, err = im.newReading(current, bindings).read(ctx)
		return err
	})
	return parts, err
}

// survive makes a panic an error: it ends the run, not the server.
func (im *Importer) survive(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value may hold data; its type and the stack tell where to look.
			im.cfg.Log.Error("import panicked", "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = errors.New("the import panicked")
		}
	}()
	return do()
}

// finish writes the end of a run, and tries again for a while when the database fails. If it stays that way the row stays
// RUNNING with the cursor unmoved; the next Start, or Recover, ends it.
func (im *Importer) finish(ended Import, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(im.ctx), finishTimeout)
	defer cancel()
	for {
		err := im.cfg.Repository.FinishImport(ctx, ended)
		if err == nil {
			im.conclude(ctx, ended, log)
			return
		}
		log.Error("import end not written", "error", err)
		timer := time.NewTimer(finishPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// conclude completes a migration that the run showed to be over. Failing is left to the next import.
func (im *Importer) conclude(ctx context.Context, ended Import, log *slog.Logger) {
	if ended.State == Interrupted {
		return
	}
	if err := im.cfg.Stores.Conclude(ctx, ended.StoreID, im.cfg.Migration); err != nil {
		log.Error("migration not concluded", "error", err)
	}
}

// list reads one window and stores each page while the next one is received: the two cost about the same. What was received
// before an error is stored.
func (im *Importer) list(ctx context.Context, ref store.Ref, q Query, keep func(context.Context, Page) error) error {
	listCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pages := make(chan Page)
	kept := make(chan error, 1)
	go func() {
		var err error
		for p := range pages {
			if err != nil {
				continue // the list is being cancelled
			}
			if err = im.survive(func() error { return keep(ctx, p) }); err != nil {
				cancel(err)
			}
		}
		kept <- err
	}()
	err := im.survive(func() error { // else a panic would leave the goroutine behind
		return im.cfg.Source.ListOrders(listCtx, ref, q, func(p Page) error {
			select {
			case pages <- p:
				return nil
			case <-listCtx.Done():
				return context.Cause(listCtx)
			}
		})
	})
	close(pages)
	if keepErr := <-kept; keepErr != nil {
		return keepErr
	}
	return err
}

func (im *Importer) apply(ctx context.Context, b Batch) error {
	b.Time = im.cfg.Now().UTC()
	if _, err := im.cfg.Repository.ApplyBatch(ctx, b); err != nil {
		return fmt.Errorf("store orders: %w", err)
	}
	im.changed(b.ImportID)
	pending := slices.DeleteFunc(slices.Clone(b.Orders), func(o Order) bool { return o.Status != PendingAcceptance })
	if len(pending) > 0 {
		im.cfg.Pending(ctx, b.Ref.StoreID, pending)
	}
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
