package host

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// discover adds slots for adapters whose files came into the plugin directory after Start, which stay unloaded until a swap, and takes
// away those that it added when their files went and nothing was ever served.
func (h *Host) discover(ctx context.Context) error {
	found, err := h.scan(ctx)
	if err != nil {
		return err
	}
	if h.reconcile(found) {
		h.changes.notify()
	}
	return nil
}

// reconcile lets the slots be those of the files that were found, as far as discover may, and reports whether any came or went.
func (h *Host) reconcile(found []File) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || h.life == nil {
		return false
	}
	for _, f := range found {
		if h.slots[f.Adapter] == nil {
			h.addLocked(release.Desired{Adapter: f.Adapter, Unloaded: true}, nil).arrived()
			changed = true
		}
	}
	for name, s := range h.slots {
		there := slices.ContainsFunc(found, func(f File) bool { return f.Adapter == name })
		if !there && s.leave() {
			delete(h.slots, name)
			changed = true
		}
	}
	return changed
}

// arrivedMessage is why a slot does not serve whose file came after Start.
const arrivedMessage = "its file came after the server was started, and nobody has loaded it"

// arrived says of a new slot that it is unloaded since nobody loaded it, not since somebody unloaded it.
func (s *slot) arrived() {
	s.mu.Lock()
	s.message = arrivedMessage
	s.mu.Unlock()
}

// leave ends a slot that never served and is not meant to, unless a command for it is under way, and reports whether it did.
func (s *slot) leave() bool {
	s.mu.Lock()
	saved := !s.desired.ChangeTime.IsZero()
	unused := s.desired.Unloaded && !saved && !s.commanded && len(s.canaries) == 0
	if unused {
		s.ended = true
	}
	s.mu.Unlock()
	if unused {
		s.die()
	}
	return unused
}

// notInstalled is the problem of who asks for an adapter that went.
func (s *slot) notInstalled() *problem.Problem {
	return problem.New(problem.NotFound, problem.ReasonAdapterNotFound,
		"adapter %s is not installed: its file is gone from the plugin directory", s.name).With("adapter", s.name)
}

// warnOfOthers tells the operator which files lie under an adapter's own name and are not what is served: somebody who replaced a file
// and started the server again may think that they are.
func (h *Host) warnOfOthers(ctx context.Context, found []File, desired []release.Desired) {
	for _, f := range found {
		i := slices.IndexFunc(desired, func(d release.Desired) bool { return d.Adapter == f.Adapter })
		if i < 0 || f.Label != "" || desired[i].Unloaded || desired[i].Release.IsZero() {
			continue
		}
		sum := h.hashes.of(ctx, filepath.Join(h.cfg.PluginDir, f.Name), f)
		if serves := desired[i].Release; sum != "" && sum != serves.SHA256 {
			h.cfg.Logger.WarnContext(ctx, "plugin directory holds another release than the one that is served",
				slog.String("adapter", f.Adapter), slog.String("file", f.Name), slog.String("sha256", sum), slog.String("serves_version", serves.Version),
				slog.String("serves_sha256", serves.SHA256), slog.String("serve_it_with", "relais adapter swap "+f.Adapter))
		}
	}
}
