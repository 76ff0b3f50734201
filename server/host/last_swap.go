package host

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// LastSwap is the swap or rollback of an adapter that is under way, or was last, also before the server was started.
type LastSwap struct {
	// StartTime is when it began, UTC.
	StartTime time.Time
	// EndTime is when it ended, UTC; zero while it is under way, and with a Failure when the server stopped meanwhile.
	EndTime time.Time
	// File of the plugin directory that was asked for; empty with a rollback, and with a swap by hash.
	File string
	// Rollback is true for a rollback.
	Rollback bool
	// Watched is true when Config.PluginWatch found the file, and not the operator asked.
	Watched bool
	// Step is the one under way, or the last: the one that failed when Failure is set. Zero when the server stopped meanwhile.
	Step Step
	// Failure says why the release was not served; zero when it was, or when that is not decided yet.
	Failure release.Failure
}

// rememberTimeout bounds the saving of what became of a swap: it is only told, and the swap waits for it.
const rememberTimeout = 2 * time.Second

// remember saves what the next server shall tell of a swap if this one stops now; end is the EndTime that it gets. That it cannot be saved
// is no reason to fail a swap. One after which another has begun is of no interest any more.
func (s *slot) remember(ctx context.Context, swap *LastSwap, end time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberTimeout)
	defer cancel()
	unlock, err := s.lockPublishing(ctx) // in order: an earlier swap may wait for its old process still
	if err == nil {
		defer unlock()
		s.mu.Lock()
		latest, saved := s.lastSwap == swap, swap.saved(s.name)
		s.mu.Unlock()
		if !latest {
			return
		}
		saved.EndTime = end
		err = s.cfg.Releases.SaveLastSwap(ctx, saved)
	}
	if err != nil {
		s.log.WarnContext(ctx, "what became of a swap is not saved", slog.Any("error", err))
	}
}

// recall brings back what an earlier server saved of the last swaps. Without it the adapters are served all the same.
func (h *Host) recall(ctx context.Context) map[string]*LastSwap {
	all, err := h.cfg.Releases.LastSwaps(ctx)
	if err != nil {
		h.cfg.Logger.WarnContext(ctx, "what became of the last swaps cannot be read", slog.Any("error", err))
	}
	swaps := make(map[string]*LastSwap, len(all))
	for _, saved := range all {
		swaps[saved.Adapter] = recalled(saved)
	}
	return swaps
}

// cutOffMessage is why the release of a swap was not served, as far as is known, that an earlier server began and did not end.
const cutOffMessage = "the server stopped during it, or could not save how it ended"

// recalled is what was saved of a swap.
func recalled(saved release.Swap) *LastSwap {
	step := saved.Step
	l := &LastSwap{
		StartTime: saved.StartTime, EndTime: saved.EndTime, File: saved.File, Rollback: saved.Rollback, Watched: saved.Watched,
		Step: Step{
			Kind: stepKind(step.Kind), Done: step.Done, Took: step.Took, SHA256: step.SHA256, Version: step.Version, Generation: step.Generation,
			Calls: step.Calls, Limit: step.Limit, Cut: step.Cut, Killed: step.Killed, Unchanged: step.Unchanged,
		},
		Failure: saved.Failure,
	}
	if saved.EndTime.IsZero() {
		l.Failure = release.Failure{Message: cutOffMessage}
	}
	return l
}

// saved is what is saved of a swap.
func (l *LastSwap) saved(adapter string) release.Swap {
	saved := release.Swap{
		Adapter: adapter, StartTime: l.StartTime, EndTime: l.EndTime, File: l.File, Rollback: l.Rollback, Watched: l.Watched, Failure: l.Failure,
	}
	if step := l.Step; step.Kind != 0 {
		saved.Step = release.SwapStep{
			Kind: step.Kind.String(), Done: step.Done, Took: step.Took, SHA256: step.SHA256, Version: step.Version, Generation: step.Generation,
			Calls: step.Calls, Limit: step.Limit, Cut: step.Cut, Killed: step.Killed, Unchanged: step.Unchanged,
		}
	}
	return saved
}

// failureOf is what an operator is told of the error of a swap.
func failureOf(err error) release.Failure {
	if p := problem.As(err); p != nil {
		return release.Failure{Reason: p.Reason, Message: p.Message, Metadata: maps.Clone(p.Metadata)}
	}
	return release.Failure{Message: err.Error()} // the caller gave it up
}
