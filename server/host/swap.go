package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// Swap lets another release of an adapter serve: the file with this plain name in the plugin directory, the adapter's own when
// the name is empty; with an empty name an adapter that is unloaded and has no file of its own is loaded with the release that it
// was unloaded with. Calls under way finish on the process that they began on; callers notice nothing. Swapping to the release that
// serves is no change and no error. An adapter that has no slot yet, because its file is new, gets one.
//
// It returns when the process that served before is gone. When the context ends after Publish, Swap returns its error and the rest
// happens without it. Errors are problems, and leave the slot as it was: ADAPTER_NOT_FOUND, RELEASE_NOT_FOUND, RELEASE_REFUSED with the
// step at which it was refused, COMMAND_FAILED when that is not the release's fault and may pass, SWAP_UNDER_WAY, TOO_MANY_RETIRING,
// SERVER_STOPPING; or the context's.
func (h *Host) Swap(ctx context.Context, adapter, file string, report Report) error {
	return h.swapFile(ctx, adapter, file, false, report)
}

// swapFile is Swap, which the watcher of the plugin directory does too.
func (h *Host) swapFile(ctx context.Context, adapter, file string, watched bool, report Report) error {
	named := file != ""
	if !named {
		file = handshake.FilePrefix + adapter
	}
	if err := checkFileOf(adapter, file); err != nil {
		return err
	}
	s, unread, err := h.find(ctx, adapter)
	if err != nil {
		return err
	}
	return s.exchange(ctx, report, LastSwap{File: file, Watched: watched}, func(ctx context.Context) (candidate, error) {
		if unread != nil {
			return candidate{}, outage{unread}
		}
		copied, err := s.library.Take(ctx, s.name, filepath.Join(s.cfg.PluginDir, file))
		if err != nil {
			if last := s.unloadedRelease(); last != "" && !named && errors.Is(err, fs.ErrNotExist) && !passes(err) {
				return s.kept(ctx, last)
			}
			return candidate{}, s.notTaken(file, err)
		}
		return candidate{path: copied.Path, sum: copied.SHA256, file: file, copied: copied}, nil
	})
}

// find finds the slot of an adapter, whose file may have come a moment ago. unread is why the plugin directory could not be looked into,
// which is the error when there is no such slot.
func (h *Host) find(ctx context.Context, adapter string) (s *slot, unread, err error) {
	unread = h.discover(ctx)
	if s, err = h.slot(adapter); err != nil && unread != nil {
		err = outageProblem(adapter, "look into the plugin directory", unread)
	}
	return s, unread, err
}

// unloadedRelease is the hash of the release with which the slot was unloaded; empty when it was not, or never served.
func (s *slot) unloadedRelease() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.desired.Unloaded {
		return ""
	}
	return s.desired.Release.SHA256
}

// SwapRelease is Swap to the release with this hash, of which the server keeps a copy, or which lies in the plugin directory under one of
// the adapter's names. RELEASE_NOT_FOUND when there is neither. The first digits of the hash do, 8 at least, when they tell it from others.
func (h *Host) SwapRelease(ctx context.Context, adapter, sum string, report Report) error {
	if err := checkHash(sum); err != nil {
		return err
	}
	s, _, err := h.find(ctx, adapter) // the release may be among the server's own copies
	if err != nil {
		return err
	}
	if sum, err = h.wholeHash(ctx, s, sum); err != nil {
		return err
	}
	return s.exchange(ctx, report, LastSwap{}, func(ctx context.Context) (candidate, error) {
		return s.requested(ctx, PinRequest{SHA256: sum})
	})
}

// Rollback lets the release serve that served before, from the server's own copy, or, when that is not intact, from the plugin directory.
// It is a swap otherwise; a second rollback undoes the first, and a slot that is unloaded is loaded by it. NO_PREVIOUS_RELEASE when there is
// none. It does not wait for processes that retire: when there are too many once it serves, the oldest is ended with the calls that it
// still has.
func (h *Host) Rollback(ctx context.Context, adapter string, report Report) error {
	s, err := h.slot(adapter)
	if err != nil {
		return err
	}
	return s.exchange(ctx, report, LastSwap{Rollback: true}, func(ctx context.Context) (candidate, error) {
		s.mu.Lock()
		previous := s.desired.Previous.SHA256
		s.mu.Unlock()
		if previous != "" {
			c, err := s.kept(ctx, previous)
			if err == nil || ctx.Err() != nil || passes(err) {
				return c, err
			}
			s.log.WarnContext(ctx, "copy of the previous release lost", slog.String("sha256", previous), slog.Any("error", err))
		}
		return candidate{}, problem.New(problem.Precondition, problem.ReasonNoPreviousRelease,
			"adapter %s has no earlier release to go back to; serve a file of the plugin directory with \"relais adapter swap %s\"", s.name, s.name).
			With("adapter", s.name)
	})
}

// checkFileName refuses what is not a plain file name: a caller names a file in the plugin directory, never a path.
func checkFileName(file string) error {
	if strings.ContainsAny(file, `/\`) || strings.HasPrefix(file, ".") || filepath.Base(file) != file || len(file) > 255 {
		return problem.InvalidField("file", "must be the plain name of a file in the plugin directory")
	}
	return nil
}

// checkFileOf refuses also the names that no release of this adapter has: those of other adapters, and those that are not listed.
func checkFileOf(adapter, file string) error {
	if err := checkFileName(file); err != nil {
		return err
	}
	if named, _, ok := launch.ParseFileName(file); ok && named == adapter {
		return nil
	}
	return problem.InvalidField("file", "must be %s%s, or that with \"@\" and a label of letters, digits and ._+-", handshake.FilePrefix, adapter)
}

// candidate is a release that is about to be swapped in.
type candidate struct {
	path   string
	sum    string
	file   string        // of the plugin directory that it is a copy of; empty when it is in the library
	copied *release.Copy // nil when it is in the library
}

// inLibrary is a release of the library.
func (s *slot) inLibrary(sum string) candidate {
	return candidate{path: s.library.Path(s.name, sum), sum: sum}
}

// called is how an operator knows the candidate; empty for one of the library, whose path stays.
func (c candidate) called() string {
	if c.file == "" {
		return ""
	}
	return fmt.Sprintf("file %s (sha256 %s)", c.file, c.sum)
}

func (c candidate) discard() {
	if c.copied != nil {
		c.copied.Discard()
	}
}

// exchange is a swap to what fetch returns. What is asked for stands in the record.
func (s *slot) exchange(ctx context.Context, report Report, record LastSwap, fetch func(context.Context) (candidate, error)) error {
	decided, end, err := s.commandTo(ctx, record.Rollback)
	if err != nil {
		return err
	}
	defer end()
	s.commands.Add(1) // until what became of it is saved
	defer s.commands.Done()
	record.StartTime = time.Now().UTC()
	s.update(func() { s.lastSwap = &record })
	s.remember(ctx, &record, time.Time{})
	w := &swap{slot: s, report: func(step Step) {
		s.update(func() { record.Step = step })
		report(step)
	}}
	before, err := w.replace(decided, fetch)
	if err != nil {
		s.prune()
		err = w.refused(ctx, err)
		s.update(func() { record.EndTime, record.Failure = time.Now().UTC(), failureOf(err) })
		s.remember(ctx, &record, record.EndTime)
		return err
	}
	s.forgive()
	if record.Rollback {
		s.makeRoom(before)
	}
	s.prune()
	end()
	if before != nil {
		s.remember(ctx, &record, time.Now().UTC()) // it serves, even if the server stops before the old process is gone
		err = w.retire(ctx, before)
	}
	s.update(func() { record.EndTime = time.Now().UTC() })
	s.remember(ctx, &record, record.EndTime)
	return err
}

// forgive forgets the failures before: the operator decided that this release serves, whether it did before or not.
func (s *slot) forgive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pauses.reset()
	s.breaker.reset()
}

// swap is one swap under way.
type swap struct {
	slot   *slot
	report Report
	step   Step
	began  time.Time // the step
}

// begin tells that a step begins. What is known of the release from earlier steps stays.
func (w *swap) begin(kind StepKind) {
	w.step.Kind, w.step.Done, w.step.Took, w.began = kind, false, 0, time.Now()
	w.report(w.step)
}

// done tells that the step is done.
func (w *swap) done() {
	w.step.Done, w.step.Took = true, time.Since(w.began)
	w.report(w.step)
}

// replace goes up to the step at which the new generation serves, and returns the one that it took the place of; nil when there is
// none, or nothing changed. After an error everything is as it was.
func (w *swap) replace(ctx context.Context, fetch func(context.Context) (candidate, error)) (before *generation, err error) {
	s := w.slot
	w.begin(Register)
	c, err := fetch(ctx)
	if err != nil {
		return nil, err
	}
	defer c.discard()
	w.step.SHA256 = c.sum
	if version, serves := s.serves(c.sum); serves {
		if err := s.settle(ctx); err != nil { // the operator says again what shall serve
			return nil, err
		}
		w.step.Version, w.step.Unchanged = version, true
		w.done()
		return nil, nil
	}
	w.done()

	g, err := w.prepare(ctx, s, c, s.useOfAll)
	if err != nil {
		return nil, err
	}
	w.begin(Publish)
	before, err = s.replace(ctx, g, c.copied)
	if err != nil {
		g.end(ctx, s.cfg.KillTimeout, true) // it has no calls to finish
		return nil, err
	}
	w.done()
	return before, nil
}

// prepare launches a candidate in a slot and probes it: a generation that serves nobody yet. Nothing is left after an error.
func (w *swap) prepare(ctx context.Context, s *slot, c candidate, use uses) (*generation, error) {
	w.begin(Launch)
	g, err := s.launch(ctx, c)
	if err != nil {
		return nil, err
	}
	w.step.Generation = g.number
	w.done()
	w.begin(Probe)
	if err := w.probe(ctx, g, use); err != nil {
		g.end(ctx, s.cfg.KillTimeout, true)
		return nil, err
	}
	w.step.Version = g.release.Version
	w.done()
	return g, nil
}

// serves reports whether a release serves now, and its version. A process that does not answer does not: a swap brings another.
func (s *slot) serves(sum string) (version string, serves bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.serving == nil || !s.serving.usableLocked() || s.serving.release.SHA256 != sum {
		return "", false
	}
	return s.serving.release.Version, true
}

// probe asks the new process what it is and offers.
func (w *swap) probe(ctx context.Context, g *generation, needed uses) error {
	s := w.slot
	if err := g.probe(ctx, s.name, s.cfg.StartTimeout); err != nil {
		return err
	}
	s.tried.described(s.name, g.release) // whether it is taken or not
	if err := g.examine(ctx, s.cfg.StartTimeout); err != nil {
		return err
	}
	return s.suits(ctx, g.description, g.release, needed)
}

// uses tells what the stores that a release is for use.
type uses func(context.Context) (release.Use, error)

// useOfAll is what all stores of the adapter use.
func (s *slot) useOfAll(ctx context.Context) (release.Use, error) {
	return s.cfg.Stores.AdapterUse(ctx, s.name)
}

// suits asks what the stores use, and refuses a release that does not suit them. It is asked twice: in the probe, so that no more is
// done with a release that does not suit, and when that is decided, since the stores go on meanwhile.
func (s *slot) suits(ctx context.Context, d *adapterv1.DescribeResponse, r release.Release, needed uses) error {
	use, err := needed(ctx)
	if err != nil {
		return fmt.Errorf("find out what the connected stores use: %w", outage{err})
	}
	c := comparison{before: s.lastDescription(), use: use, addresses: s.cfg.Addresses}
	c.previous, c.served = s.servedBefore(r, use)
	if lacks := c.missing(d); len(lacks) > 0 {
		return fmt.Errorf("it does not suit %s: %s", storesInWords(use.Stores), strings.Join(lacks, "; "))
	}
	return nil
}

// servedBefore reports whether a release is the previous one, and whether the stores that are connected now were already when it served
// last: no credentials were given since another one took its place. A store that had them all then has them now, whatever the releases
// between asked for.
func (s *slot) servedBefore(r release.Release, use release.Use) (previous, theseStores bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	previous = r.SHA256 == s.desired.Previous.SHA256
	return previous, previous && use.CredentialsTime.Before(s.desired.ChangeTime)
}

// retire waits until the generation that served before is gone.
func (w *swap) retire(ctx context.Context, before *generation) error {
	s := w.slot
	s.mu.Lock()
	w.step.Generation, w.step.Calls, w.step.Limit = before.number, before.leases, s.cfg.RetireTimeout
	s.mu.Unlock()
	w.begin(Retire)
	select {
	case <-before.gone:
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of generation %d, which retires without further help: %w", before.number, ctx.Err())
	}
	s.mu.Lock()
	w.step.Calls, w.step.Limit, w.step.Cut, w.step.Killed = 0, 0, before.cut, before.killed
	s.mu.Unlock()
	w.done()
	return nil
}
