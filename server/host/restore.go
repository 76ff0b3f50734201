package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/host/release"
)

// launchKept launches a release of which the server keeps a copy, as kept finds it.
func (s *slot) launchKept(ctx context.Context, sum string) (*generation, error) {
	if s.library.Has(s.name, sum) { // it is hashed at the launch: to look first would let callers wait longer
		g, err := s.launch(ctx, s.inLibrary(sum))
		if !errors.Is(err, launch.ErrWrongHash) {
			return g, err
		}
	}
	c, err := s.kept(ctx, sum)
	if err != nil {
		instead := "serve another one with \"relais adapter swap " + s.name + "\""
		if s.of != nil {
			instead = "end the pins to it with \"relais adapter unpin " + s.name + "\""
		}
		return nil, fmt.Errorf("%w; put that release's file back, or %s", err, instead)
	}
	defer c.discard()
	if c.copied != nil {
		if err := c.copied.Adopt(); err != nil {
			return nil, err
		}
	}
	return s.launch(ctx, s.inLibrary(sum))
}

// kept finds a release of which the server keeps a copy. A copy that is gone or damaged is taken again from the plugin directory, if the
// same release lies there still, under whichever of the adapter's names. The error is an outage, or says that the release is lost.
func (s *slot) kept(ctx context.Context, sum string) (candidate, error) {
	path, cause := s.library.Path(s.name, sum), errNoCopy
	if s.library.Has(s.name, sum) {
		switch got, err := release.Hash(ctx, path); {
		case err != nil:
			cause = err
		case got == sum:
			return s.inLibrary(sum), nil
		default:
			cause = errDamaged
		}
	}
	again, err := s.takeAgain(ctx, sum)
	if err != nil {
		return candidate{}, fmt.Errorf("the server's copy of release %.12s is lost, and the plugin directory does not hold it: %w; %w", sum, cause, err)
	}
	s.log.WarnContext(ctx, "copy of the release restored from the plugin directory", slog.String("sha256", sum), slog.Any("reason", cause))
	return again, nil
}

// Why a copy cannot be used.
var (
	errNoCopy  = errors.New("there is no copy")
	errDamaged = errors.New("the copy is damaged")
)

// takeAgain finds a release among the adapter's files in the plugin directory and copies it. The error tells what is wrong with each file.
func (s *slot) takeAgain(ctx context.Context, sum string) (candidate, error) {
	entries, err := os.ReadDir(s.cfg.PluginDir)
	if err != nil {
		return candidate{}, err
	}
	var wrong error
	for _, entry := range entries {
		if checkFileOf(s.name, entry.Name()) != nil {
			continue
		}
		path := filepath.Join(s.cfg.PluginDir, entry.Name())
		got, err := release.Hash(ctx, path) // first: a copy of each would cost as much disk
		if err == nil && got != sum {
			err = fmt.Errorf("it is release %.12s", got)
		}
		if err == nil {
			var copied *release.Copy
			if copied, err = s.library.Take(ctx, s.name, path); err == nil {
				if copied.SHA256 == sum {
					return candidate{path: copied.Path, sum: sum, file: entry.Name(), copied: copied}, nil
				}
				copied.Discard()
				err = release.ErrBeingWritten
			}
		}
		err = fmt.Errorf("file %s: %w", entry.Name(), err)
		if wrong == nil {
			wrong = err
		} else {
			wrong = fmt.Errorf("%w; %w", wrong, err)
		}
	}
	if wrong == nil {
		wrong = fmt.Errorf("a file of adapter %s: %w", s.name, fs.ErrNotExist)
	}
	return candidate{}, wrong
}

// requested finds the release that is asked for.
func (s *slot) requested(ctx context.Context, r PinRequest) (candidate, error) {
	if r.SHA256 != "" {
		c, err := s.kept(ctx, r.SHA256)
		if err == nil || ctx.Err() != nil || passes(err) {
			return c, err
		}
		s.log.WarnContext(ctx, "no such release", slog.String("sha256", r.SHA256), slog.Any("error", err))
		return candidate{}, s.noRelease(r.SHA256)
	}
	copied, err := s.library.Take(ctx, s.name, filepath.Join(s.cfg.PluginDir, r.File))
	if err != nil {
		return candidate{}, s.notTaken(r.File, err)
	}
	return candidate{path: copied.Path, sum: copied.SHA256, file: r.File, copied: copied}, nil
}
