package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host/release"
)

// File is a file of the plugin directory that could be served: relais-adapter-{adapter}, which a slot that never served starts, or
// relais-adapter-{adapter}@{label}, which is served on demand only.
type File struct {
	// Name of the file inside the plugin directory.
	Name string
	// Adapter that it is named for. What it holds is known when it is started.
	Adapter string
	// Label is the part of the name after the "@"; empty without.
	Label string
	// SHA256 of its content, in hexadecimal; empty when it cannot be read.
	SHA256 string
	// Fault says why it cannot be served as it lies there: it is empty, its end is missing, or nobody may execute it. Empty when nothing is
	// known against it.
	Fault string
	// Version is what its release says of itself; empty when it was not started, as far as the host remembers.
	Version string
	// Refusal is the last time that its release was refused; zero when it was not since Start, or has served since.
	Refusal Refusal
	// Size in bytes.
	Size int64
	// ModTime is when it was last written, UTC.
	ModTime time.Time
}

// Files lists the files of the plugin directory that could be served, ordered by adapter and name. Each is hashed once: again when
// its size or time changed. An adapter that has a file and no slot gets one, which is unloaded. A directory that cannot be read has no
// files, with a warning in the log: what serves, and what can be rolled back to, does not come from there. The error is the context's.
func (h *Host) Files(ctx context.Context) ([]File, error) {
	files, err := h.scan(ctx)
	if err == nil {
		err = h.discover(ctx)
	}
	if err != nil {
		h.cfg.Logger.WarnContext(ctx, "plugin directory not listed", slog.Any("error", err))
		return nil, nil
	}
	for i := range files {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("hash the files of the plugin directory: %w", err)
		}
		f := &files[i]
		path := filepath.Join(h.cfg.PluginDir, f.Name)
		f.SHA256 = h.hashes.of(ctx, path, *f)
		if f.Fault == "" && f.SHA256 != "" && errors.Is(release.CheckComplete(path), launch.ErrCutOff) {
			f.Fault = "cut off"
		}
		t := h.tried.of(f.Adapter, f.SHA256)
		f.Version, f.Refusal = t.version, t.refusal
	}
	return files, nil
}

// scan finds the adapter files, without their hashes.
func (h *Host) scan(ctx context.Context) ([]File, error) {
	entries, err := os.ReadDir(h.cfg.PluginDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the plugin directory: %w", err)
	}
	var files []File
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), handshake.FilePrefix) {
			continue
		}
		f := File{Name: entry.Name()}
		var ok bool
		if f.Adapter, f.Label, ok = launch.ParseFileName(f.Name); !ok {
			h.warnOnce(ctx, entry.Name())
			continue
		}
		if info, err := os.Stat(filepath.Join(h.cfg.PluginDir, entry.Name())); err == nil {
			f.Size, f.ModTime, f.Fault = info.Size(), info.ModTime().UTC(), fault(info)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		h.warnOnce(ctx, "")
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(strings.Compare(a.Adapter, b.Adapter), strings.Compare(a.Name, b.Name))
	})
	return files, nil
}

// fault says why a file cannot be served, as far as that shows without a look inside.
func fault(info fs.FileInfo) string {
	switch {
	case info.Size() == 0:
		return "empty"
	case info.Mode().Perm()&0o111 == 0:
		return "not executable"
	}
	return ""
}

// warnOnce tells the operator of a file that is ignored, or, without a name, of an empty directory. The directory is looked at often.
func (h *Host) warnOnce(ctx context.Context, file string) {
	h.mu.Lock()
	known := h.warned[file]
	h.warned[file] = true
	h.mu.Unlock()
	switch {
	case known:
	case file == "":
		h.cfg.Logger.WarnContext(ctx, "no adapters in the plugin directory",
			slog.String("dir", h.cfg.PluginDir), slog.String("expected", handshake.FilePrefix+"{adapter}"))
	default:
		h.cfg.Logger.WarnContext(ctx, "adapter file ignored: the name after the prefix may hold a-z, 0-9 and - only, and then @ with a label",
			slog.String("file", file))
	}
}

// hashes remembers the hashes of files, as long as size and time stay.
type hashes struct {
	mu    sync.Mutex // guards known; not held while a file is read
	known map[string]File
}

func newHashes() *hashes { return &hashes{known: make(map[string]File)} }

// of returns the hash of a file whose size and time are f's; empty when it cannot be read.
func (c *hashes) of(ctx context.Context, path string, f File) string {
	c.mu.Lock()
	known, ok := c.known[path]
	c.mu.Unlock()
	if ok && known.Size == f.Size && known.ModTime.Equal(f.ModTime) {
		return known.SHA256
	}
	sum, err := release.Hash(ctx, path)
	if err != nil {
		return ""
	}
	f.SHA256 = sum
	c.mu.Lock()
	c.known[path] = f
	c.mu.Unlock()
	return sum
}
