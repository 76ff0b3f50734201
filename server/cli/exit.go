package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Exit codes of the client commands. Scripts rely on them.
const (
	ExitOK           = 0   // done
	ExitFailure      = 1   // anything that no other code names
	ExitUsage        = 2   // wrong command line, or the server calls a field malformed (INVALID_ARGUMENT)
	ExitNotFound     = 3   // the named thing does not exist (NOT_FOUND)
	ExitPrecondition = 4   // refused in the present state (FAILED_PRECONDITION, ALREADY_EXISTS)
	ExitRetry        = 5   // passing: server away, marketplace down or throttling, no answer in time; try again
	ExitJobFailed    = 6   // the calls worked and the job ended badly: import FAILED, shipment or decision REJECTED, some of a batch refused, …
	ExitNonconform   = 7   // adapter verify: at least one check failed
	ExitInterrupted  = 130 // interrupted by the user; jobs on the server go on, a swap only once its release serves
)

// ExitCode returns the exit code that belongs to the error of a command; ExitOK for nil.
func ExitCode(err error) int {
	var (
		usage   *usageError
		door    *wrongDoorError
		outcome *outcomeError
		open    *stillOpenError
		fails   *nonconformingError
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &usage), errors.As(err, &door):
		return ExitUsage
	case errors.As(err, &outcome):
		return ExitJobFailed
	case errors.As(err, &open):
		return ExitRetry
	case errors.As(err, &fails):
		return ExitNonconform
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.OutOfRange:
		return ExitUsage
	case codes.NotFound:
		return ExitNotFound
	case codes.FailedPrecondition, codes.AlreadyExists:
		return ExitPrecondition
	case codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Aborted:
		return ExitRetry
	case codes.Canceled:
		return ExitInterrupted
	}
	return ExitFailure
}

// exitCodesTopic is the help topic `relais help exit-codes`.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes of relais mean",
		Long: `The exit code tells a script what to do next. The reason in words is on standard error.

    0  done
    1  failed for a reason that no other code names
    2  wrong command line, or the server calls a field malformed (INVALID_ARGUMENT)
    3  the named thing does not exist (NOT_FOUND)
    4  refused in the present state (FAILED_PRECONDITION, ALREADY_EXISTS)
    5  passing: the server cannot be reached, the marketplace is down or throttles, or there was no answer in time
       (UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, --wait-timeout); try again
    6  the calls worked, the job ended badly: the import is FAILED or INTERRUPTED, or the shipment or decision ended in
       another state than CONFIRMED (REJECTED, NEEDS_ATTENTION, SUPERSEDED, CANCELLED), or at least one shipment of
       relais shipment notify-all was refused or had ended badly before
    7  relais adapter verify: at least one check failed
  130  interrupted; an import, a shipment or a decision goes on on the server, and so does a swap whose release serves
       already: one that does not is given up`,
	}
}

// usageError is a wrong command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usage marks an error as one of how the command was called, for commands that others add.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// outcomeError is a job on the server that ended badly although every call worked.
type outcomeError struct{ message string }

func (e *outcomeError) Error() string { return e.message }

// stillOpenError is a job that had not ended when --wait-timeout was over.
type stillOpenError struct{ message string }

func (e *stillOpenError) Error() string { return e.message }

// hintError adds to an error what the user can do next.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
