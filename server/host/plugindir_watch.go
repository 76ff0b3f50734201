package host

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// watcher swaps the files of adapters that are known in when they change. A file counts when two looks in a row see it the same, and
// once: one that was served, refused, or rolled back from, is not tried again until it changes. One whose swap failed for a reason that
// may pass, such as somebody writing it still, is tried again later, less and less often. Each adapter's swap goes its own way, one at a time.
type watcher struct {
	host    *Host
	seen    map[string]File   // as of the last look, by file name like all of these
	settled map[string]File   // as it was when it was decided about
	trials  map[string]*trial // of those that are not decided
	ended   chan *trial       // swaps under way that ended
	swaps   sync.WaitGroup    // those under way

	swapIn func(ctx context.Context, f File, report Report) error
	random func() float64 // for the pauses
}

// trial is a file that is to be swapped in.
type trial struct {
	file     File
	underWay bool
	decided  bool // by the swap that ended
	dueTime  time.Time
	pauses   *backoff // after most failures
	patience *backoff // after a start that took too long
}

// The longest times between two trials of a file.
const (
	longestTrialPause    = time.Minute
	longestTrialPatience = time.Hour // such a trial has a process run beside those that serve, for as long as a start may take
)

// newWatcher returns one that saw nothing yet.
func (h *Host) newWatcher() *watcher {
	return &watcher{
		host: h, seen: make(map[string]File), settled: make(map[string]File), trials: make(map[string]*trial), ended: make(chan *trial),
		random: rand.Float64,
		swapIn: func(ctx context.Context, f File, report Report) error {
			return h.swapFile(ctx, f.Adapter, f.Name, true, report)
		},
	}
}

// watchPlugins looks at the plugin directory until the context ends, and returns when no swap is under way.
func (h *Host) watchPlugins(ctx context.Context) { h.newWatcher().watch(ctx) }

func (w *watcher) watch(ctx context.Context) {
	defer w.swaps.Wait()
	ticker := time.NewTicker(w.host.cfg.PluginWatch)
	defer ticker.Stop()
	w.look(ctx, func(f File) { w.settled[f.Name] = f }) // what was there before is left to the operator
	for {
		select {
		case <-ticker.C:
			w.look(ctx, func(f File) { w.consider(ctx, f) })
		case t := <-w.ended:
			w.conclude(t)
		case <-ctx.Done():
			return
		}
	}
}

// look tells of each file that counts, and remembers how it looked.
func (w *watcher) look(ctx context.Context, tell func(File)) {
	files, err := w.host.scan(ctx)
	if err != nil {
		w.host.cfg.Logger.WarnContext(ctx, "plugin directory not watched", slog.Any("error", err))
	}
	for _, f := range files {
		if f.Label != "" { // it is served on demand
			continue
		}
		tell(f)
		w.seen[f.Name] = f
	}
}

// consider begins the swap of a file that is new, complete as far as two looks can tell, and due.
func (w *watcher) consider(ctx context.Context, f File) {
	t := w.trials[f.Name]
	if t != nil && t.underWay || w.seen[f.Name] != f || w.settled[f.Name] == f {
		return
	}
	if s, err := w.host.Adapter(f.Adapter); err != nil || s.State == Unloaded {
		w.settled[f.Name] = f // an adapter that is not known, or not wanted, is left to its operator
		delete(w.trials, f.Name)
		return
	}
	if t == nil || t.file != f {
		w.host.cfg.Logger.InfoContext(ctx, "new adapter file found", slog.String("file", f.Name))
		t = w.newTrial(f)
		w.trials[f.Name] = t
	}
	if time.Now().Before(t.dueTime) {
		return
	}
	t.underWay = true
	w.swaps.Go(func() {
		w.swap(ctx, t)
		select {
		case w.ended <- t:
		case <-ctx.Done():
		}
	})
}

// newTrial is a file that was not tried yet.
func (w *watcher) newTrial(f File) *trial {
	shortest := w.host.cfg.PluginWatch
	return &trial{
		file: f, pauses: newBackoff(shortest, longestTrialPause, w.random), patience: newBackoff(shortest, longestTrialPatience, w.random),
	}
}

// swap tries a file and tells in the log what was decided.
func (w *watcher) swap(ctx context.Context, t *trial) {
	log := w.host.cfg.Logger.With(slog.String("file", t.file.Name))
	var last Step
	err := w.swapIn(ctx, t.file, func(s Step) { last = s })
	again, tooLong := doubtful(err)
	t.decided = err == nil || problem.HasReason(err, problem.ReasonReleaseRefused) && !again
	switch {
	case ctx.Err() != nil:
	case err == nil:
		log.InfoContext(ctx, "new adapter file serves", slog.String("version", last.Version), slog.String("sha256", last.SHA256),
			slog.Bool("unchanged", last.Unchanged))
	case t.decided:
		log.ErrorContext(ctx, "new adapter file refused; it is tried again when it changes", slog.Any("error", err))
	default:
		pauses := t.pauses
		if tooLong {
			pauses = t.patience
		}
		pause := pauses.next()
		t.dueTime = time.Now().Add(pause)
		log.WarnContext(ctx, "new adapter file not served yet", slog.Duration("next_trial_in", pause), slog.Any("error", err))
	}
}

// conclude takes note of a swap that ended.
func (w *watcher) conclude(t *trial) {
	t.underWay = false
	if t.decided {
		w.settled[t.file.Name] = t.file
		delete(w.trials, t.file.Name)
	}
}
