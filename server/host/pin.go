package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// MaxPinTime is how long a pin may hold. Longer than any trial of a release should take, and short enough that a forgotten one ends.
const MaxPinTime = 30 * 24 * time.Hour

// maxCanaries bounds the releases that run beside the one that serves.
const maxCanaries = 4

// PinRequest says which store is to be held on which release.
type PinRequest struct {
	// Adapter is its name.
	Adapter string
	// Store is the store's id.
	Store string
	// File is the plain name of a file in the plugin directory. Either it or SHA256 is set.
	File string
	// SHA256 in hexadecimal of a release that the server keeps a copy of, or of a file in the plugin directory: all of it, or as much as
	// tells it from others, 8 digits at least.
	SHA256 string
	// ExpireTime is when the pin ends, at most MaxPinTime from now.
	ExpireTime time.Time
}

// Pin holds a store on a release until its time, also over restarts of the server and whatever serves. The release is started and
// probed as for a swap before it counts; then new calls of the store go to it, in the place of an earlier pin of the store. A release
// whose processes end again and again ends its pins: Status.Pins tells why, and the stores go to the release that serves. They also go
// there while its file is lost or the machine has no process for it, which ends no pin.
//
// Errors are problems, and leave everything as it was: those of Swap, STORE_NOT_FOUND, ADAPTER_NOT_CONNECTED, TOO_MANY_PINS, ADAPTER_DOWN while
// a release that stores are pinned to already is being restarted, a field that is wrong; or the context's.
func (h *Host) Pin(ctx context.Context, r PinRequest) error {
	if err := r.check(time.Now()); err != nil {
		return err
	}
	s, err := h.slot(r.Adapter)
	if err == nil && r.SHA256 != "" {
		r.SHA256, err = h.wholeHash(ctx, s, r.SHA256)
	}
	if err != nil {
		return err
	}
	return s.hold(ctx, r)
}

func (r PinRequest) check(now time.Time) error {
	switch {
	case (r.File == "") == (r.SHA256 == ""):
		return problem.InvalidField("release", "either file or sha256 must be set")
	case r.SHA256 != "" && checkHash(r.SHA256) != nil:
		return checkHash(r.SHA256)
	case !r.ExpireTime.After(now):
		return problem.InvalidField("expire_time", "must be set, and in the future")
	case r.ExpireTime.After(now.Add(MaxPinTime)):
		return problem.InvalidField("expire_time", "must be at most %d days from now", MaxPinTime/(24*time.Hour))
	case r.File != "":
		return checkFileOf(r.Adapter, r.File)
	}
	return nil
}

// Unpin ends the pin of a store before its time: new calls go to the release that serves, those under way finish where they began. It does
// not wait for a swap, nor for processes that retire: a release that does not suit a store is left at once. PIN_NOT_FOUND when the store
// is not pinned; COMMAND_FAILED; SERVER_STOPPING.
func (h *Host) Unpin(ctx context.Context, adapter, store string) error {
	s, err := h.slot(adapter)
	if err != nil {
		return err
	}
	ctx, end, err := s.aside(ctx)
	if err != nil {
		return err
	}
	defer end()
	s.mu.Lock()
	known := s.pins[store] != nil
	s.mu.Unlock()
	if !known {
		return problem.New(problem.NotFound, problem.ReasonPinNotFound,
			"store %.64q is not pinned to a release of adapter %s; \"relais adapter get %s\" lists the pins", store, s.name, s.name).With("adapter", s.name)
	}
	if err := s.cfg.Releases.DeletePin(ctx, s.name, store); err != nil {
		return s.failedCommand(ctx, "unpin store "+store, err)
	}
	s.paidPin(store)
	s.update(func() { s.unpinLocked(store) })
	s.log.InfoContext(ctx, "store unpinned", slog.String("store", store))
	return nil
}

// pin is a store's pin.
type pin struct {
	release.Pin
	canary *slot // nil when the pin ended before its time
}

// hold is Pin in a slot.
func (s *slot) hold(ctx context.Context, r PinRequest) error {
	decided, end, err := s.command(ctx)
	if err != nil {
		return err
	}
	defer end()
	w := &swap{slot: s, report: func(Step) {}}
	if _, err := s.useOf(r.Store)(decided); err != nil { // before anything is started
		return s.failedCommand(ctx, fmt.Sprintf("find out what store %s uses", r.Store), err)
	}
	err = w.hold(decided, r)
	s.prune()
	if err != nil {
		return w.refused(ctx, err)
	}
	return nil
}

// notUsed is the problem of a store that does not speak through the adapter.
func (s *slot) notUsed(ctx context.Context, store string) error {
	switch exists, err := s.cfg.Stores.HasStore(ctx, store); {
	case err != nil:
		return fmt.Errorf("pin store %s: %w", store, err)
	case !exists:
		return problem.New(problem.NotFound, problem.ReasonStoreNotFound, "store %.64q does not exist; ListStores shows the stores there are", store)
	}
	return s.notConnected(store)
}

// hold goes through the steps of a swap beside the one that serves.
func (w *swap) hold(ctx context.Context, r PinRequest) error {
	s := w.slot
	w.begin(Register)
	c, err := s.requested(ctx, r)
	if err != nil {
		return err
	}
	defer c.discard()
	w.step.SHA256 = c.sum
	w.done()

	canary, err := s.canaryFor(c.sum)
	if err != nil {
		return err
	}
	if canary != nil {
		w.begin(Publish)
		return s.publishPin(ctx, r, canary, nil, nil)
	}
	canary = s.newCanary(release.Release{SHA256: c.sum})
	g, err := w.prepare(ctx, canary, c, s.useOf(r.Store))
	if err != nil {
		return err
	}
	w.begin(Publish)
	if err := s.publishPin(ctx, r, canary, g, c.copied); err != nil {
		g.end(ctx, s.cfg.KillTimeout, true) // it has no calls to finish
		return err
	}
	return nil
}

// useOf is what one store uses, or the problem of a store that is not connected through the adapter.
func (s *slot) useOf(store string) uses {
	return func(ctx context.Context) (release.Use, error) {
		use, err := s.cfg.Stores.StoreUse(ctx, s.name, store)
		if err == nil && use.Stores == 0 {
			err = s.notUsed(ctx, store)
		}
		return use, err
	}
}

func (s *slot) notConnected(store string) *problem.Problem {
	return problem.New(problem.Precondition, problem.ReasonAdapterNotConnected,
		"store %.64q is not connected through adapter %s", store, s.name).With("adapter", s.name)
}

// notNowLocked is the problem of a pin to a release that runs for other stores and is not there at this moment.
func (s *slot) notNowLocked() *problem.Problem {
	why := s.message // empty of a process that the watchdog waits for, or whose end was not looked at yet
	switch {
	case s.ended:
		why = "the last of its pins ended a moment ago"
	case why == "":
		why = "its process does not answer"
	}
	p := problem.New(problem.Unavailable, problem.ReasonAdapterDown,
		"stores are pinned to release %.12s of adapter %s already, and it does not run at this moment: %s; pin the store again when it does, "+
			"\"relais adapter get %s\" shows that", s.desired.Release.SHA256, s.name, why, s.name)
	p.RetryAfter = max(time.Until(s.retryAt), minRetryAfter)
	return p.With("adapter", s.name)
}

// publishPin saves a pin and lets the store's calls go to the canary. g is the generation that shall serve in a new canary; nil with
// one that serves already. After an error everything is as it was, and the caller ends the generation.
func (s *slot) publishPin(ctx context.Context, r PinRequest, canary *slot, g *generation, copied *release.Copy) error {
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		return fmt.Errorf("pin the store: %w", err)
	}
	defer unlock()
	if copied != nil {
		if err := copied.Adopt(); err != nil {
			return err
		}
	}
	description := canary.lastDescription()
	s.mu.Lock()
	serves := canary.desired // of a canary it never changes but for the version, which is known with the first generation
	s.mu.Unlock()
	if g != nil {
		serves.Release, description = g.release, g.description
	}
	if err := s.suits(ctx, description, serves.Release, s.useOf(r.Store)); err != nil {
		return err
	}
	p := release.Pin{Adapter: s.name, Store: r.Store, Release: serves.Release, ExpireTime: r.ExpireTime.UTC()}
	if err := s.cfg.Releases.SavePin(ctx, p); errors.Is(err, release.ErrNotConnected) {
		return s.notConnected(r.Store) // disconnected at this moment
	} else if err != nil {
		return fmt.Errorf("save the pin: %w", outage{err})
	}
	s.paidPin(p.Store)
	s.update(func() { err = s.admitLocked(p, canary, g, serves) })
	if err != nil {
		s.owePin(p.Store, p.Release.SHA256)
		s.takeBack(ctx)
		return err
	}
	s.tried.served(s.name, p.Release)
	s.log.InfoContext(ctx, "store pinned", slog.String("store", p.Store), slog.String("version", p.Release.Version),
		slog.String("sha256", p.Release.SHA256), slog.Time("expire_time", p.ExpireTime))
	return nil
}

// admitLocked is the instant from which the store's calls go to the canary.
func (s *slot) admitLocked(p release.Pin, canary *slot, g *generation, serves release.Desired) error {
	switch {
	case s.refusing:
		return errHostStopping
	case g == nil && canary.ended:
		return canary.notNowLocked()
	case g != nil:
		if _, err := canary.showLocked(g, serves); err != nil {
			return err
		}
		s.addCanaryLocked(canary)
	}
	s.pinLocked(p, canary)
	return nil
}
