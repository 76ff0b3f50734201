package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/problem"
)

// LastSwap is the swap or rollback of an adapter that is under way, or was last.
type LastSwap struct {
	// StartTime is when it began, UTC.
	StartTime time.Time
	// EndTime is when it ended, UTC; zero while it is under way.
	EndTime time.Time
	// File of the plugin directory that was asked for; empty with Rollback.
	File string
	// Rollback is true for a rollback.
	Rollback bool
	// Watched is true when Config.PluginWatch found the file, and not the operator asked.
	Watched bool
	// Step is the one under way, or the last: the one that failed when Err is set.
	Step Step
	// Err says why the release was not served; nil when it was, or when that is not decided yet.
	Err error
}

// refused explains why the release does not serve, and what serves instead.
func (w *swap) refused(ctx context.Context, cause error) error {
	s := w.slot
	stays := "no release serves"
	s.mu.Lock()
	if s.serving != nil {
		stays = fmt.Sprintf("version %s (generation %d) serves on", s.serving.release.Version, s.serving.number)
	}
	stopping := s.refusing
	s.mu.Unlock()
	var known *problem.Problem
	switch {
	case errors.As(cause, &known):
		return cause
	case stopping:
		return problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; send the request again later")
	case ctx.Err() != nil:
		return fmt.Errorf("swap adapter %s: %w; %s", s.name, ctx.Err(), stays)
	}
	s.log.WarnContext(ctx, "adapter release refused", slog.String("step", w.step.Kind.String()),
		slog.String("sha256", w.step.SHA256), slog.Any("reason", cause))
	p := problem.New(problem.Precondition, problem.ReasonReleaseRefused,
		"the release was refused at the step %s: %v; %s", w.step.Kind, cause, stays)
	p = p.With("adapter", s.name).With("step", w.step.Kind.String()).With("sha256", w.step.SHA256)
	if passes(cause) {
		return passingError{p}
	}
	return p
}

// passingError marks a failure that is not the release's: the same swap may succeed another time, although its file did not change.
type passingError struct{ error }

// Unwrap returns the failure.
func (e passingError) Unwrap() error { return e.error }

// passes reports whether a failure may pass by itself: one that is marked, and what can come of a machine that is busy.
func passes(err error) bool {
	var marked passingError
	return errors.As(err, &marked) || errors.Is(err, launch.ErrStartTimeout) || status.Code(err) == codes.DeadlineExceeded
}

// notTaken explains why a file cannot become a release.
func (s *slot) notTaken(file string, err error) error {
	_, missing := os.Stat(filepath.Join(s.cfg.PluginDir, file)) // it may be the library that is not there
	if errors.Is(err, fs.ErrNotExist) && errors.Is(missing, fs.ErrNotExist) {
		return problem.New(problem.NotFound, problem.ReasonReleaseNotFound,
			"the plugin directory holds no file %q; \"relais adapter get %s\" lists the releases that it holds", file, s.name).With("adapter", s.name)
	}
	return passingError{fmt.Errorf("file %q: %w", file, err)} // permissions and disks are mended without a change of the file
}
