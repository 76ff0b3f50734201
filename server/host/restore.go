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

// launchKept launches a release from the library. A copy that is gone or damaged is taken again from the plugin directory, if the
// same release lies there still, under whichever of the adapter's names.
func (s *slot) launchKept(ctx context.Context, sum string) (*generation, error) {
	cause := errNoCopy
	if s.library.Has(s.name, sum) {
		g, err := s.launch(ctx, s.library.Path(s.name, sum), sum)
		if !errors.Is(err, launch.ErrWrongHash) {
			return g, err
		}
		cause = err
	}
	copied, err := s.takeAgain(ctx, sum)
	if err != nil {
		return nil, fmt.Errorf("the server's copy of release %.12s is lost, and the plugin directory does not hold it; put that release's file "+
			"back, or serve another one with \"relais adapter swap %s\": %w; %w", sum, s.name, cause, err)
	}
	defer copied.Discard()
	if err := copied.Adopt(); err != nil {
		return nil, err
	}
	s.log.Warn("copy of the release restored from the plugin directory", slog.String("sha256", sum))
	return s.launch(ctx, copied.Path, sum)
}

// errNoCopy says that the library does not hold a release.
var errNoCopy = errors.New("there is no copy")

// takeAgain finds a release among the adapter's files in the plugin directory and copies it. The error tells what is wrong with each file.
func (s *slot) takeAgain(ctx context.Context, sum string) (*release.Copy, error) {
	entries, err := os.ReadDir(s.cfg.PluginDir)
	if err != nil {
		return nil, err
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
					return copied, nil
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
	return nil, wrong
}
