package host

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host/release"
)

// slot is where calls for one adapter go. One goroutine, run, starts a process whenever none serves; each process that serves, or
// did, has a goroutine, keep, that watches it and cleans up after it. Swaps bring a process of their own.
//
// Stores that are pinned to a release have a slot beside the adapter's own, a canary: one for each such release, which never changes.
type slot struct {
	cfg     Config
	name    string
	library *release.Library
	sockets *socketDir
	tried   *tried
	log     *slog.Logger
	life    context.Context // of the processes: ends with Host.Stop
	die     func()          // ends life before: of an adapter's own slot, when it leaves
	notify  func()          // tells the host that something visible changed
	of      *slot           // the adapter's own slot, when this one is a canary; else nil

	// publishing is held by whoever decides which generation serves. It is a channel because a database is asked meanwhile.
	publishing chan struct{}
	keepers    sync.WaitGroup
	commands   sync.WaitGroup // those under way

	mu       *sync.Mutex // guards the fields below, also of the canaries, which share it; never held across I/O
	state    State
	desired  release.Desired // as saved; its release is zero until one served
	owed     debts           // what is saved and should not be
	serving  *generation     // set while state is Serving
	retiring []*generation   // those that served before and have calls to finish
	starting bool            // an attempt is under way: a process may be there that is not counted otherwise
	dying    int             // processes that ended while they served and are not cleaned up
	last     *generation     // the last one that served
	number   int64           // of the last generation that was started
	restarts int             // processes that ended or did not start
	restart  Restart         // the last of them
	message  string          // why the slot is not serving
	cause    error           // the same as an error
	retryAt  time.Time       // when the next start is due; zero while one is under way
	pauses   *backoff
	breaker  *breaker
	refusing bool          // no more leases, no more starts
	ended    bool          // no store is pinned to this canary any more; of an adapter's own slot: it left, see leave
	overtake func()        // ends the start that run has under way; nil when its outcome does not matter any more
	lostTime time.Time     // of a canary: since when it has no generation that a caller can use; zero while it has
	changed  chan struct{} // closed and replaced when anything above changes

	// Of the adapter's own slot.

	commanded bool            // a command of the operator is under way, and its outcome not decided
	lastSwap  *LastSwap       // nil when there was none
	pins      map[string]*pin // by store
	canaries  []*slot         // also those that ended and have calls to finish
}

// update changes the guarded fields and wakes everyone who waits for a change.
func (s *slot) update(change func()) {
	s.mu.Lock()
	change()
	s.wakeLocked()
	if s.of != nil { // where its stores wait when they waited for it long enough
		s.of.wakeLocked()
	}
	s.mu.Unlock()
	s.notify()
}

// wakeLocked wakes everyone who waits for a change of this slot.
func (s *slot) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// own is the adapter's own slot.
func (s *slot) own() *slot {
	if s.of != nil {
		return s.of
	}
	return s
}

// newSlot returns a slot that does nothing until run.
func (h *Host) newSlot(life context.Context, work *workDir, d release.Desired) *slot {
	life, die := context.WithCancel(life)
	s := &slot{
		cfg: h.cfg, name: d.Adapter, library: work.library, sockets: work.sockets, tried: h.tried, life: life, die: die, notify: h.changes.notify,
		log:        h.cfg.Logger.With(slog.String("adapter", d.Adapter)),
		publishing: make(chan struct{}, 1), changed: make(chan struct{}),
		desired: d, message: startingMessage, mu: &sync.Mutex{}, pins: make(map[string]*pin),
		pauses:  newBackoff(h.cfg.BackoffMin, h.cfg.BackoffMax, rand.Float64),
		breaker: newBreaker(h.cfg, rand.Float64),
	}
	if d.Unloaded {
		s.state, s.message = Unloaded, unloadedMessage
	}
	s.tried.described(s.name, d.Release, d.Previous)
	return s
}

// startingMessage is why a slot does not serve at first.
const startingMessage = "it is being started"

// run keeps a generation serving until the host stops: it starts one whenever there is none, and pauses between failures.
func (s *slot) run() {
	defer s.update(func() { s.state, s.message, s.retryAt = Stopped, "the server is stopping", time.Time{} })
	defer s.keepers.Wait()
	for s.awaitVacancy() {
		s.attempt()
	}
}

// over reports whether no further process must be started.
func (s *slot) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusing || s.ended || s.life.Err() != nil
}

// awaitVacancy returns true when it is time to start a process, and false when none must be started any more. While one that ended
// is being cleaned up it is not: two at once would spend one store's rate budget twice.
func (s *slot) awaitVacancy() bool {
	for !s.over() {
		s.mu.Lock()
		changed, wait := s.changed, time.Until(s.retryAt)
		vacant := s.serving == nil && s.dying == 0 && !s.desired.Unloaded
		s.mu.Unlock()
		if vacant && wait <= 0 {
			return true
		}
		var due <-chan time.Time
		if vacant {
			timer := time.NewTimer(wait)
			defer timer.Stop() //nolint:gocritic // few of them, until the process runs
			due = timer.C
		}
		select {
		case <-due:
		case <-changed:
		case <-s.life.Done():
		}
	}
	return false
}

// failed notes that a generation, or the start of one, failed, and when the next start is due.
func (s *slot) failed(err error, g *generation) {
	var wait time.Duration
	var open bool
	s.update(func() { wait, open = s.failedLocked(err, g) })
	switch {
	case wait == 0:
		return // another generation serves or did meanwhile, or none is wanted
	case open && s.of != nil:
		s.of.endPins(s, err)
	case open && neverRan(err):
		s.log.Error("adapter cannot be started", slog.Duration("next_trial_in", wait), slog.Any("reason", err))
	case open:
		s.log.Error("adapter crashes again and again", slog.Duration("next_trial_in", wait), slog.Any("reason", err))
	case neverRan(err):
		s.log.Warn("adapter cannot be started", slog.Duration("next_trial_in", wait), slog.Any("reason", err))
	default:
		s.log.Warn("adapter restarts", slog.Duration("in", wait), slog.Any("reason", err))
	}
}

func (s *slot) failedLocked(err error, g *generation) (wait time.Duration, open bool) {
	if g == nil && s.overtake == nil {
		return 0, false // it says nothing of what was decided since
	}
	finished := 0
	if g != nil {
		finished = g.finished
		if finished >= s.cfg.BreakerGoodCalls || time.Since(g.startTime) >= s.cfg.HealthyAfter {
			s.pauses.reset()
			s.breaker.reset()
		}
	}
	s.restarts++
	s.restart = Restart{Time: time.Now().UTC(), Reason: err.Error()}
	if s.serving != nil || s.desired.Unloaded || s.ended {
		return 0, false
	}
	s.state, s.message, s.cause = Restarting, downMessage(err), err
	if !s.spares(err) {
		wait, open = s.breaker.failed(time.Now(), finished)
	}
	if open {
		s.state = CrashLooping
	} else {
		wait = s.pauses.next()
	}
	s.retryAt = time.Now().Add(wait)
	return wait, open
}

// fill starts the release that this slot is meant to serve, or, in a slot that never served, what lies in the plugin directory.
func (s *slot) fill(ctx context.Context) error {
	s.mu.Lock()
	desired := s.desired.Release
	s.mu.Unlock()
	if desired.IsZero() {
		return s.fillFirst(ctx)
	}
	g, err := s.launchKept(ctx, desired.SHA256)
	if err != nil {
		return judgeStart(err)
	}
	if err = g.probe(ctx, s.name, s.cfg.StartTimeout); err == nil {
		err = s.publish(ctx, g, nil)
	}
	if err != nil {
		g.end(ctx, s.cfg.KillTimeout, false)
	}
	return err
}

// fillFirst starts what lies in the plugin directory. It is copied anew each time, so that mending the file is enough.
func (s *slot) fillFirst(ctx context.Context) error {
	copied, err := s.library.Take(ctx, s.name, s.defaultFile())
	if err != nil {
		return unstarted{err}
	}
	defer copied.Discard()
	g, err := s.launch(ctx, candidate{path: copied.Path, sum: copied.SHA256, file: filepath.Base(s.defaultFile())})
	if err != nil {
		return judgeStart(err)
	}
	if err = g.probe(ctx, s.name, s.cfg.StartTimeout); err == nil {
		err = g.examine(ctx, s.cfg.StartTimeout)
	}
	if err == nil {
		err = s.publish(ctx, g, copied)
	}
	if err != nil {
		g.end(ctx, s.cfg.KillTimeout, false)
	}
	return err
}

// defaultFile is the adapter's file in the plugin directory, when no other is named.
func (s *slot) defaultFile() string {
	return filepath.Join(s.cfg.PluginDir, handshake.FilePrefix+s.name)
}

// lastDescription is what the last generation that served said of itself; nil when none did.
func (s *slot) lastDescription() *adapterv1.DescribeResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return nil
	}
	return s.last.description
}
