package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/problem"
)

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
	step, sum := w.step.Kind.String(), w.step.SHA256
	var known *problem.Problem
	switch {
	case errors.As(cause, &known):
		return cause
	case stopping:
		return stoppingProblem()
	case errors.As(context.Cause(ctx), &known): // whoever waited was sent away
		return known
	case ctx.Err() != nil:
		left := leftError{step: step, stays: stays, cause: ctx.Err()}
		s.log.WarnContext(ctx, "adapter release not judged", slog.String("step", step), slog.String("sha256", sum), slog.Any("reason", left))
		return left
	case passes(cause):
		s.log.ErrorContext(ctx, "adapter release not judged", slog.String("step", step), slog.String("sha256", sum), slog.Any("error", cause))
		return outageProblem(s.name, "finish the step "+step, fmt.Errorf("%w; %s", cause, stays)).With("step", step).With("sha256", sum)
	}
	s.log.WarnContext(ctx, "adapter release refused", slog.String("step", step), slog.String("sha256", sum), slog.Any("reason", cause))
	if sum != "" {
		s.tried.refused(s.name, sum, Refusal{Time: time.Now().UTC(), Reason: fmt.Sprintf("at the step %s: %v", step, cause)})
	}
	p := problem.New(problem.Precondition, problem.ReasonReleaseRefused,
		"the release was refused at the step %s: %v; %s", step, cause, stays)
	p = p.With("adapter", s.name).With("step", step).With("sha256", sum)
	if w.step.Kind == Register || late(cause) { // permissions, and a file that is being written, are mended without a change of the file
		return doubtfulError{p, late(cause)}
	}
	return p
}

// leftError says that whoever asked for a swap does not wait for it any more. It is the error of their context, in words for others.
type leftError struct {
	step, stays string
	cause       error
}

// Error returns the words.
func (e leftError) Error() string {
	left := "went away"
	if errors.Is(e.cause, context.DeadlineExceeded) {
		left = "had no more time"
	}
	return fmt.Sprintf("whoever asked for it %s (at the step %s); %s", left, e.step, e.stays)
}

// Unwrap returns the context's error.
func (e leftError) Unwrap() error { return e.cause }

// doubtfulError marks a refusal that another trial of the same file may not meet: the watcher of the plugin directory tries again.
type doubtfulError struct {
	error
	late bool // it took too long, see late
}

// Unwrap returns the refusal.
func (e doubtfulError) Unwrap() error { return e.error }

// doubtful reports whether another trial may go better, and whether this one took too long.
func doubtful(err error) (again, tooLong bool) {
	var marked doubtfulError
	again = errors.As(err, &marked)
	return again, marked.late
}

// late reports whether something took too long, as it may on a busy machine.
func late(err error) bool {
	return errors.Is(err, launch.ErrStartTimeout) || status.Code(err) == codes.DeadlineExceeded
}

// notTaken explains why a file cannot become a release.
func (s *slot) notTaken(file string, err error) error {
	if errors.Is(err, fs.ErrNotExist) && !passes(err) {
		return problem.New(problem.NotFound, problem.ReasonReleaseNotFound,
			"the plugin directory holds no file %q; \"relais adapter get %s\" lists the releases that it holds", file, s.name).With("adapter", s.name)
	}
	return fmt.Errorf("file %q: %w", file, err)
}
