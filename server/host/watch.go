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
// may pass, such as somebody writing it still, is tried again later. Each adapter's swap goes its own way, one at a time.
type watcher struct {
	host    *Host
	seen    map[string]File   // as of the last look, by file name like all of these
	settled map[string]File   // as it was when it was decided about
	trials  map[string]*trial // of those that are not decided
	ended   chan *trial       // swaps under way that ended
	swaps   sync.WaitGroup    // those under way
}

// trial is a file that is to be swapped in.
type trial struct {
	file     File
	underWay bool
	decided  bool // by the swap that ended
	dueTime  time.Time
	pauses   *backoff
}

// longestTrialPause is the longest time between two trials of a file.
const longestTrialPause = time.Minute

// watchPlugins looks at the plugin directory until the context ends, and returns when no swap is under way.
func (h *Host) watchPlugins(ctx context.Context) {
	w := &watcher{
		host: h, seen: make(map[string]File), settled: make(map[string]File), trials: make(map[string]*trial), ended: make(chan *trial),
	}
	defer w.swaps.Wait()
	ticker := time.NewTicker(h.cfg.PluginWatch)
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
		t = &trial{file: f, pauses: newBackoff(w.host.cfg.PluginWatch, longestTrialPause, rand.Float64)}
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

// swap tries a file and tells in the log what was decided.
func (w *watcher) swap(ctx context.Context, t *trial) {
	log := w.host.cfg.Logger.With(slog.String("file", t.file.Name))
	var last Step
	err := w.host.swapFile(ctx, t.file.Adapter, t.file.Name, true, func(s Step) { last = s })
	t.decided = err == nil || problem.HasReason(err, problem.ReasonReleaseRefused) && !doubtful(err)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		log.InfoContext(ctx, "new adapter file serves", slog.String("version", last.Version), slog.String("sha256", last.SHA256),
			slog.Bool("unchanged", last.Unchanged))
	case t.decided:
		log.ErrorContext(ctx, "new adapter file refused; it is tried again when it changes", slog.Any("error", err))
	default:
		pause := t.pauses.next()
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
