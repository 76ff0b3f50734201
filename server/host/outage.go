package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// outage is a failure of what the server stands on, such as its database. It says nothing of a release, and may pass.
type outage struct{ cause error }

// Error returns the cause's text.
func (o outage) Error() string { return o.cause.Error() }

// Unwrap returns the cause.
func (o outage) Unwrap() error { return o.cause }

// passes reports whether a failure says nothing of the release that met it and may pass: the database is away, or the machine has no room,
// no memory, no processes, no descriptors or no directory for sockets left. What is a verdict on a file is none of these.
func passes(err error) bool {
	var ours outage
	if errors.As(err, &ours) || errors.Is(err, release.ErrNotKept) || errors.Is(err, launch.ErrNoSocketDir) {
		return true
	}
	for _, number := range []syscall.Errno{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO, // the disk
		syscall.ENOMEM, syscall.EAGAIN, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY, // another process
	} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// commandRetry is after how long a command that met an outage is worth another try.
const commandRetry = 5 * time.Second

// outageProblem is what the operator reads of a command that met an outage.
func outageProblem(adapter, doing string, cause error) *problem.Problem {
	p := problem.New(problem.Unavailable, problem.ReasonCommandFailed,
		"the server could not %s: %v; nothing was changed; try again when that has passed", doing, cause)
	p.RetryAfter = commandRetry
	return p.With("adapter", adapter)
}

// stoppingProblem is what is asked too late.
func stoppingProblem() *problem.Problem {
	return problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; send the request again later")
}

// failedCommand explains why a command that judges no release changed nothing.
func (s *slot) failedCommand(ctx context.Context, doing string, cause error) error {
	var known *problem.Problem
	switch {
	case errors.As(cause, &known):
		return cause
	case s.stopping():
		return stoppingProblem()
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	s.log.ErrorContext(ctx, "adapter command failed", slog.String("command", doing), slog.Any("error", cause))
	return outageProblem(s.name, doing, cause)
}

// stopping reports whether the host stops.
func (s *slot) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusing
}
