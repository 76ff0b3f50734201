package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"
)

// Why an adapter could not be started. They are the Reason of a StartError; errors.Is finds them.
var (
	// ErrNotFound says that there is no such file.
	ErrNotFound = errors.New("the adapter's file was not found")
	// ErrNotExecutable says that the file cannot be run on this machine.
	ErrNotExecutable = errors.New("the adapter's file cannot be executed")
	// ErrWrongHash says that the file is not the release that was asked for.
	ErrWrongHash = errors.New("the adapter's file was changed")
	// ErrNotAdapter says that the program runs and is no relais adapter.
	ErrNotAdapter = errors.New("the program is not a relais adapter")
	// ErrIncompatible says that it is an adapter of another protocol version.
	ErrIncompatible = errors.New("the adapter speaks another protocol version")
	// ErrNoProcess says that this machine, or this program's limits, gave it no process.
	ErrNoProcess = errors.New("the adapter's process could not be started")
	// ErrExited says that the process ended before it could be used.
	ErrExited = errors.New("the adapter exited while it was starting")
	// ErrStartTimeout says that the process runs and did not become ready in time.
	ErrStartTimeout = errors.New("the adapter did not become ready in time")
)

// ErrNoSocketDir says that this machine had no directory for the connection's socket. It is not of a StartError: nothing was tried with
// the adapter's file.
var ErrNoSocketDir = errors.New("no directory for the adapter's socket could be made")

// Why a process that was started is no longer usable; see Process.Err.
var (
	// ErrStopped says that Stop or Kill was called.
	ErrStopped = errors.New("the adapter was stopped")
	// ErrProcessEnded says that the process ended by itself, or was killed from outside.
	ErrProcessEnded = errors.New("the adapter's process ended")
	// ErrConnectionLost says that the connection is no longer ready.
	ErrConnectionLost = errors.New("the connection to the adapter was lost")
)

// errNoConnection says that nothing answers on the socket that the handshake named.
var errNoConnection = errors.New("no connection to its socket")

// StartError says why an adapter could not be started and what to do about it.
type StartError struct {
	// Path of the binary.
	Path string
	// Name is Config.Name: what Path is a copy of, if it is one.
	Name string
	// Reason is one of the Err… values of this package, or wraps it.
	Reason error
	// Detail is what was seen, in words; may be empty.
	Detail string
	// Advice is what to do.
	Advice string

	cause error
}

// Error returns name or path, reason, detail and advice in one sentence.
func (e *StartError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "start adapter %s: %v", cmp.Or(e.Name, e.Path), e.Reason)
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	if e.Advice != "" {
		b.WriteString("; " + e.Advice)
	}
	return b.String()
}

// Unwrap returns the reason and the underlying error.
func (e *StartError) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.cause}
}

// diagnose turns a failed start into an error that helps. It is called when the process has ended.
func (p *Process) diagnose(ctx context.Context, timedOut bool, cause error) error {
	fail := func(reason error, advice, format string, args ...any) error {
		return &StartError{Path: p.path, Reason: reason, Detail: fmt.Sprintf(format, args...), Advice: advice}
	}
	line, printed := p.runner.firstLine()
	hello, isHandshake := parseHandshake(line)
	switch startErr := withoutPath(p.runner.startErr); {
	case startErr != nil && isExecError(startErr):
		return &StartError{
			Path: p.path, Reason: ErrNotExecutable, cause: startErr,
			Advice: "build it for this machine, compare its size with the build's, and check its permissions, those of its directory, and a noexec mount",
		}
	case startErr != nil:
		return &StartError{
			Path: p.path, Reason: ErrNoProcess, cause: startErr,
			Advice: "check this machine's memory and what it allows this program: open files, processes (ulimit -a)",
		}
	case ctx.Err() != nil:
		return fmt.Errorf("start adapter %s: %w", cmp.Or(p.cfg.Name, p.path), ctx.Err())
	case printed && !isHandshake:
		return fail(ErrNotAdapter, "its main must call serve.Main and print nothing before", "it printed %.80q", line)
	case isHandshake && !hello.compatible():
		return fail(ErrIncompatible, "install versions of server and adapter that belong together",
			"it offers %s, this host speaks %s", hello, ownHandshake())
	case timedOut && !printed:
		return fail(ErrStartTimeout, "its main must call serve.Main and do nothing long before",
			"no handshake within %s%s", p.cfg.StartTimeout, p.runner.lastWords())
	case timedOut:
		return fail(ErrStartTimeout, "its log may say why", "no connection within %s%s", p.cfg.StartTimeout, p.runner.lastWords())
	case !printed && p.runner.crashedAtOnce():
		return fail(ErrExited, "a file that is cut off or damaged ends like this: compare its hash or size with the build's",
			"%s before the handshake%s", p.runner.exitStatus(), p.runner.lastWords())
	case !printed:
		return fail(ErrExited, "run the file by hand to see what it says", "%s before the handshake%s",
			p.runner.exitStatus(), p.runner.lastWords())
	case errors.Is(cause, errNoConnection):
		return &StartError{
			Path: p.path, Reason: ErrNotAdapter, cause: cause, Detail: "it shook hands" + p.runner.lastWords(),
			Advice: "its main must call serve.Main, which serves the socket that the handshake names",
		}
	default:
		return &StartError{Path: p.path, Reason: ErrExited, Detail: p.runner.exitStatus() + p.runner.lastWords(), cause: cause}
	}
}

// withoutPath is an error of the system without the path that it happened to: the whole error names the file already.
func withoutPath(err error) error {
	var inPath *fs.PathError
	if errors.As(err, &inPath) {
		return inPath.Err
	}
	return err
}

// isExecError reports whether the kernel refused to run the file.
func isExecError(err error) bool {
	for _, number := range []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.ENOEXEC, syscall.ENOENT} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

// exitGrace is how long the end of a process may lag behind the end of its connection or output before the two are taken for
// different events.
const exitGrace = 250 * time.Millisecond
