package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// Config says where the adapters are and how they are kept running. Durations and counts that are zero get their default.
type Config struct {
	// PluginDir holds the adapter binaries, files named relais-adapter-{adapter}. Required. It is read once, by Start.
	PluginDir string
	// WorkDir is a directory for this host alone, made with mode 0700: copies of the binaries, sockets, a lock. Required.
	WorkDir string
	// Logger takes the host's log and the adapters', with the attributes adapter and generation. Default: discard.
	Logger *slog.Logger
	// LogLevel is the lowest level that adapters are asked to log. Default: INFO.
	LogLevel slog.Level
	// Env holds more environment variables for every adapter ("KEY=value"). Adapters do not get the server's own, except those
	// for proxies and certificates.
	Env []string

	// StartTimeout bounds the start of a process until its connection is ready, and then its first answer to Describe. Default: 10 s.
	StartTimeout time.Duration
	// KillTimeout is how long a process that was asked to end may take before it is killed. Default: 3 s.
	KillTimeout time.Duration
	// GateTimeout is how long a caller waits for a generation to serve, whatever its deadline. Default: 10 s.
	GateTimeout time.Duration

	// BackoffMin is the pause before a process that ended is replaced; it doubles with each failure. Default: 250 ms.
	BackoffMin time.Duration
	// BackoffMax is the longest such pause. Default: 30 s.
	BackoffMax time.Duration
	// HealthyAfter is how long a generation must have served for the pause to begin at BackoffMin again. Default: 60 s.
	HealthyAfter time.Duration

	// WatchInterval is the time between two questions of the watchdog. Default: 15 s.
	WatchInterval time.Duration
	// WatchTimeout is how long an adapter may take to answer it. Default: 2 s.
	WatchTimeout time.Duration
	// WatchMisses is how many unanswered questions in a row end a process. Default: 3.
	WatchMisses int
}

// withDefaults returns a copy with every value set.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{
		{&c.StartTimeout, 10 * time.Second},
		{&c.KillTimeout, 3 * time.Second},
		{&c.GateTimeout, 10 * time.Second},
		{&c.BackoffMin, 250 * time.Millisecond},
		{&c.BackoffMax, 30 * time.Second},
		{&c.HealthyAfter, time.Minute},
		{&c.WatchInterval, 15 * time.Second},
		{&c.WatchTimeout, 2 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.initial
		}
	}
	if c.WatchMisses <= 0 {
		c.WatchMisses = 3
	}
	return c
}

// Host keeps the adapters of one server running. Its methods may be called concurrently.
type Host struct {
	cfg Config

	mu      sync.Mutex // guards the fields below; never held across I/O
	started bool
	stopped bool
	slots   map[string]*slot // by adapter name; not changed after Start
	work    *workDir

	running sync.WaitGroup // the slots' goroutines
	stop    context.CancelFunc
	ended   chan struct{} // closed when Stop has cleaned up
}

// New returns a host that does nothing until Start.
func New(cfg Config) *Host {
	return &Host{cfg: cfg.withDefaults(), ended: make(chan struct{})}
}

// Start takes over the work directory, finds the adapters and begins to launch them. It does not wait for them: callers of Lease do.
// An empty or missing plugin directory is a warning, an adapter that does not start is a state of its slot; the error is about the
// directories. The context bounds Start only; Stop ends what it began. A host is started once.
func (h *Host) Start(ctx context.Context) error {
	h.mu.Lock()
	if h.started || h.stopped {
		h.mu.Unlock()
		return errors.New("the adapter host was started before")
	}
	h.started = true
	h.mu.Unlock()

	found, err := h.scan(ctx)
	if err != nil {
		return err
	}
	work, err := openWorkDir(h.cfg.WorkDir)
	if err != nil {
		return err
	}
	slots := make(map[string]*slot, len(found))
	for name, path := range found {
		slots[name] = newSlot(h.cfg, name, path, work)
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped { // while this was under way
		work.close()
		return errors.New("the adapter host was stopped")
	}
	// The slots live until Stop, not until the end of the caller's start-up context.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.slots, h.work, h.stop = slots, work, stop
	for _, s := range slots {
		h.running.Go(func() { s.run(life) })
	}
	return nil
}

// Stop gives no more leases, waits until those out there were released or the context ends, and then stops every process. It
// returns when nothing is left, or soon after the context ended; killing is bounded by Config.KillTimeout. The error is the
// context's, when leases were cut short. Stopping twice is fine: the second call waits for the first.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	first := !h.stopped
	h.stopped = true
	slots, work, stop := h.slots, h.work, h.stop
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
	for _, s := range slots {
		s.refuse()
	}
	var err error
	for _, s := range slots {
		err = errors.Join(err, s.awaitIdle(ctx))
	}
	if stop != nil {
		stop()
	}
	h.running.Wait()
	if work != nil {
		work.close()
	}
	return err
}

// Lease lends a connection to the adapter's serving generation, for one call. The caller must release it. When no generation
// serves, Lease waits for the next one, within the context and Config.GateTimeout, unless it is known that none comes in time.
//
// Errors are problems: ADAPTER_NOT_FOUND, ADAPTER_DOWN with a delay, SERVER_STOPPING; or the context's when it was cancelled.
func (h *Host) Lease(ctx context.Context, adapter string) (*Lease, error) {
	s, err := h.slot(adapter)
	if err != nil {
		return nil, err
	}
	return s.lease(ctx)
}

// Adapters returns every adapter found by Start, ordered by name.
func (h *Host) Adapters() []Status {
	h.mu.Lock()
	slots := h.slots
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

// slot finds the slot of an adapter.
func (h *Host) slot(adapter string) (*slot, error) {
	h.mu.Lock()
	slots := h.slots
	h.mu.Unlock()
	if s, ok := slots[adapter]; ok {
		return s, nil
	}
	if len(slots) == 0 {
		return nil, problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
			"adapter %.64q is not installed: the server has no adapters at all, check its plugin directory", adapter)
	}
	known := make([]string, 0, len(slots))
	for name := range slots {
		known = append(known, name)
	}
	slices.Sort(known)
	list := strings.Join(known, ", ")
	return nil, problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
		"adapter %.64q is not installed; installed: %s", adapter, list).With("known", list)
}
