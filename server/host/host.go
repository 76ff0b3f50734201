package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// Host keeps the adapters of one server running. Its methods may be called concurrently.
type Host struct {
	cfg     Config
	changes *changes
	hashes  *hashes
	tried   *tried

	mu      sync.Mutex // guards the fields below; never held across I/O
	started bool
	stopped bool
	slots   map[string]*slot // by adapter name
	warned  map[string]bool  // files of the plugin directory that were complained about; "" for all of it
	work    *workDir
	life    context.Context // of everything that Start began; nil before

	running sync.WaitGroup // the slots' goroutines and the watcher of the plugin directory
	stop    context.CancelFunc
	ended   chan struct{} // closed when Stop has cleaned up
}

// New returns a host that does nothing until Start.
func New(cfg Config) *Host {
	return &Host{
		cfg: cfg.withDefaults(), changes: newChanges(), hashes: newHashes(), tried: &tried{}, slots: make(map[string]*slot), warned: make(map[string]bool), ended: make(chan struct{}),
	}
}

// Start takes over the work directory, finds the adapters and begins to launch them: the release that each slot is meant to serve,
// from the host's own copy; an adapter that never served, from the plugin directory. It does not wait for them: callers of Lease do.
// An empty or missing plugin directory is a warning, and so is one that cannot be read, unless nothing was ever served: then there is
// nothing to launch. An adapter that does not start is a state of its slot; the error is about the
// directories and the repository. The context bounds Start only; Stop ends what it began. A host is started once.
func (h *Host) Start(ctx context.Context) error {
	h.mu.Lock()
	if h.started || h.stopped {
		h.mu.Unlock()
		return errors.New("the adapter host was started before")
	}
	h.started = true
	h.mu.Unlock()

	desired, err := h.cfg.Releases.DesiredReleases(ctx)
	if err != nil {
		return fmt.Errorf("read which releases are served: %w", err)
	}
	pins, err := h.livePins(ctx, desired)
	if err != nil {
		return err
	}
	swaps := h.recall(ctx)
	found, err := h.scan(ctx)
	switch {
	case err != nil && len(desired) == 0:
		return err
	case err != nil:
		h.cfg.Logger.WarnContext(ctx, "plugin directory not read; what served before is served from the server's copies", slog.Any("error", err))
	}
	kept := slices.Clone(desired)
	for _, f := range found {
		known := slices.ContainsFunc(desired, func(d release.Desired) bool { return d.Adapter == f.Adapter })
		if !known && f.Label == "" {
			desired = append(desired, release.Desired{Adapter: f.Adapter})
		}
	}
	work, err := openWorkDir(h.cfg.WorkDir)
	if err != nil {
		return err
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped { // while this was under way
		work.close()
		return errors.New("the adapter host was stopped")
	}
	// The slots live until Stop, not until the end of the caller's start-up context.
	h.life, h.stop = context.WithCancel(context.WithoutCancel(ctx))
	h.work = work
	for _, d := range desired {
		h.addLocked(d, swaps[d.Adapter])
	}
	for _, p := range pins {
		if s := h.slots[p.Adapter]; s != nil {
			s.restorePin(p)
		} else {
			h.cfg.Logger.WarnContext(ctx, "pin without its adapter", slog.String("store", p.Store), slog.String("adapter", p.Adapter))
		}
	}
	if h.cfg.PluginWatch > 0 {
		h.running.Go(func() { h.watchPlugins(h.life) })
	}
	slots := slices.Collect(maps.Values(h.slots))
	h.running.Go(func() { // what a server that was killed had no time for
		for _, s := range slots {
			s.tidy()
		}
	})
	h.running.Go(func() { h.warnOfOthers(h.life, found, kept) })
	return nil
}

// addLocked adds a slot, of which the last swap may be known, and lets it run.
func (h *Host) addLocked(d release.Desired, last *LastSwap) *slot {
	s := h.newSlot(h.life, h.work, d)
	s.lastSwap = last
	h.slots[d.Adapter] = s
	h.running.Go(s.run)
	h.running.Go(s.expirePins)
	h.running.Go(s.settleDebts)
	return s
}

// Stop gives no more leases, waits until those out there were released or the context ends, and then stops every process. It
// returns when nothing is left, or soon after the context ended; killing is bounded by Config.KillTimeout. The error is the
// context's, when leases were cut short. Stopping twice is fine: the second call waits for the first.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	first := !h.stopped
	h.stopped = true
	slots, work, stop := slices.Collect(maps.Values(h.slots)), h.work, h.stop
	h.mu.Unlock()
	if !first {
		select {
		case <-h.ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for the adapters to stop: %w", ctx.Err())
		}
	}
	defer close(h.ended)
	var all []*slot
	for _, s := range slots {
		all = append(all, s.refuse()...)
	}
	var err error
	for _, s := range all {
		err = errors.Join(err, s.awaitIdle(ctx))
	}
	if stop != nil {
		stop()
	}
	h.running.Wait()
	for _, s := range slots {
		s.commands.Wait() // a command under way takes back what it saved, and cleans up; there is none after it
	}
	if work != nil {
		work.close()
	}
	return err
}

// Lease lends a connection to a generation of the adapter, for one call of a store, or of none when the id is empty: the one that
// serves, or, for a store that is pinned, one of that release. The caller must release it. When no generation serves, Lease waits for
// the next one, within the context and Config.GateTimeout, unless it is known that none comes in time. A pinned store whose release is
// not there in half of that time, or was lost longer ago than that, goes to the one that serves.
//
// Errors are problems: ADAPTER_NOT_FOUND, ADAPTER_DOWN with a delay, SERVER_STOPPING; or the context's when it was cancelled.
func (h *Host) Lease(ctx context.Context, adapter, store string) (*Lease, error) {
	s, err := h.slot(adapter)
	if err != nil {
		return nil, err
	}
	return s.lease(ctx, store)
}

// Adapters returns every adapter that has a slot, ordered by name.
func (h *Host) Adapters() []Status {
	h.mu.Lock()
	slots := slices.Collect(maps.Values(h.slots))
	h.mu.Unlock()
	all := make([]Status, 0, len(slots))
	for _, s := range slots {
		all = append(all, s.status())
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Adapter returns one adapter, or the problem ADAPTER_NOT_FOUND.
func (h *Host) Adapter(name string) (Status, error) {
	s, err := h.slot(name)
	if err != nil {
		return Status{}, err
	}
	return s.status(), nil
}

// Changed returns a channel that is closed at the next change of what Adapters shows, the count of calls left out. Take it before
// looking: a change in between is then seen.
func (h *Host) Changed() <-chan struct{} { return h.changes.wait() }

// slot finds the slot of an adapter.
func (h *Host) slot(adapter string) (*slot, error) {
	h.mu.Lock()
	s, ok := h.slots[adapter]
	known := slices.Sorted(maps.Keys(h.slots))
	h.mu.Unlock()
	if ok {
		return s, nil
	}
	if len(known) == 0 {
		return nil, problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
			"adapter %.64q is not installed: the server has no adapters at all, check its plugin directory", adapter)
	}
	list := strings.Join(known, ", ")
	return nil, problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
		"adapter %.64q is not installed; installed: %s", adapter, list).With("known", list)
}
