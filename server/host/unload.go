package host

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// unloadedMessage is why an unloaded slot does not serve.
const unloadedMessage = "the operator unloaded it"

// Unload takes an adapter that no store uses out of service, also after a restart of the server; a swap puts it back. It returns when
// its processes are gone, those that retired before and those of pins too; when the context ends before, with its error, the rest happens
// without it. Unloading one that is unloaded is no error.
//
// Errors are problems: ADAPTER_NOT_FOUND, ADAPTER_IN_USE, SWAP_UNDER_WAY, COMMAND_FAILED, SERVER_STOPPING. A store that is being connected
// at this very moment may come out connected to an adapter that is unloaded: its calls say so, and a swap mends it.
func (h *Host) Unload(ctx context.Context, adapter string) error {
	s, err := h.slot(adapter)
	if err != nil {
		return err
	}
	decided, end, err := s.commandTo(ctx, true)
	if err != nil {
		return err
	}
	defer end()
	use, err := s.cfg.Stores.AdapterUse(decided, s.name)
	if err != nil {
		return s.failedCommand(ctx, fmt.Sprintf("find out which stores use adapter %s", s.name), err)
	}
	if use.Stores > 0 {
		return inUse(s.name, use)
	}
	if err := s.unload(decided); err != nil {
		return s.failedCommand(ctx, "unload adapter "+s.name, err)
	}
	end()
	return s.awaitEnd(ctx)
}

// awaitEnd waits until an unloaded slot has no process left. One that was loaded again meanwhile is waited for no longer.
func (s *slot) awaitEnd(ctx context.Context) error {
	for {
		s.mu.Lock()
		changed := s.changed
		// A canary is listed until its last process is gone.
		ended := s.serving == nil && !s.starting && s.dying+len(s.retiring)+len(s.canaries) == 0
		loaded := !s.desired.Unloaded
		s.mu.Unlock()
		if ended || loaded {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of adapter %s, which ends without further help: %w", s.name, ctx.Err())
		}
	}
	s.tidy() // what the last process to end had no time for
	return nil
}

// inUse is the problem of an adapter that cannot go because stores use it.
func inUse(adapter string, use release.Use) *problem.Problem {
	names := make([]string, 0, len(use.Named))
	for _, id := range use.Named {
		names = append(names, "stores/"+id)
	}
	named, rest := strings.Join(names, ", "), ""
	more := use.Stores - len(names)
	if more > 0 {
		rest = fmt.Sprintf(" and %d more", more)
	}
	p := problem.New(problem.Precondition, problem.ReasonAdapterInUse,
		"adapter %s is used by %s: %s%s; move what uses it to another adapter or disconnect it first; a store that is moving uses both adapters "+
			"until that is complete", adapter, storesInWords(use.Stores), named, rest)
	p = p.With("adapter", adapter).With("stores", named)
	if more > 0 {
		p = p.With("more", strconv.Itoa(more))
	}
	return p
}

// storesInWords counts connected stores.
func storesInWords(n int) string {
	if n == 1 {
		return "1 connected store"
	}
	return fmt.Sprintf("%d connected stores", n)
}

// unload lets nobody in any more; the generation that serves retires. After an error nothing is changed.
func (s *slot) unload(ctx context.Context) error {
	unlock, err := s.lockPublishing(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s.mu.Lock()
	desired := s.desired
	pinned := slices.Collect(maps.Keys(s.pins)) // of stores that are disconnected
	s.mu.Unlock()
	_, wrong := s.owes()
	if !desired.Unloaded {
		desired.Unloaded, desired.ChangeTime, wrong = true, time.Now().UTC(), true
	}
	if wrong {
		if err := s.cfg.Releases.SaveDesiredRelease(ctx, desired); err != nil {
			return err
		}
		s.paid()
	}
	s.update(func() {
		if s.refusing {
			err = errHostStopping
			return
		}
		s.overtakeLocked()
		if s.serving != nil {
			s.retireLocked(s.serving)
		}
		s.desired, s.state, s.message, s.cause, s.retryAt = desired, Unloaded, unloadedMessage, nil, time.Time{}
	})
	if err != nil {
		if wrong { // what was saved a moment ago
			s.owe(desired.Release.SHA256)
			s.takeBack(ctx)
		}
		return err
	}
	s.forget(pinned, "the adapter is unloaded")
	s.log.InfoContext(ctx, "adapter unloaded", slog.Int("stores", 0))
	return nil
}
