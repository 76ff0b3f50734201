package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// processRunner owns one operating system process from fork to reaping: its group, its pipes, its lifeline. It is go-plugin's
// Runner, and is used once.
type processRunner struct {
	path string
	dir  string
	cfg  Config
	logs *logQueue

	cmd      *exec.Cmd
	startErr error // of the fork; written before Start returns

	lifeline       *os.File // our end; the adapter lives as long as it is open
	stdout, stderr *os.File // our ends
	toPlugin       *io.PipeReader
	fromAdapter    *io.PipeWriter // the first line of standard output, for go-plugin's handshake
	stderrToPlugin *io.PipeReader // never carries anything: the log is ours
	stderrDone     *io.PipeWriter

	exited   chan struct{} // closed when the process is reaped and its output read to the end
	released chan struct{} // closed when go-plugin may learn of the end; see Wait

	mu     sync.Mutex // guards the fields below
	first  *string    // first line of standard output
	alive  bool       // forked and not reaped: the process id is ours
	doomed bool       // killGroup was called
	killed bool       // killGroup found the process alive
}

var _ runner.Runner = (*processRunner)(nil)

func newProcessRunner(path, dir string, cfg Config, logs *logQueue) *processRunner {
	r := &processRunner{
		path: path, dir: dir, cfg: cfg, logs: logs,
		exited: make(chan struct{}), released: make(chan struct{}),
	}
	r.toPlugin, r.fromAdapter = io.Pipe()
	r.stderrToPlugin, r.stderrDone = io.Pipe()
	return r
}

// prepare builds the command with go-plugin's environment and ours. It has no standard input.
func (r *processRunner) prepare(env []string) {
	// The directory is private and goes away with the process, so relative paths of an adapter land nowhere.
	r.cmd = &exec.Cmd{
		Path: r.path, Args: []string{r.path}, Dir: r.dir, SysProcAttr: processAttributes(),
		Env: append(append(append(passedEnv(), r.cfg.Env...), ownEnv(r.cfg.LogLevel)...), env...),
	}
}

// Start forks the process.
func (r *processRunner) Start(ctx context.Context) error {
	r.startErr = r.fork(ctx)
	return r.startErr
}

// neverStarted marks the process as ended when there is none: the fork failed, or go-plugin did not get that far.
func (r *processRunner) neverStarted() {
	if r.pid() == 0 {
		close(r.exited)
	}
}

func (r *processRunner) fork(ctx context.Context) (err error) {
	var theirs []*os.File
	var ours []*os.File
	defer func() {
		closeAll(theirs)
		if err != nil {
			closeAll(ours)
		}
	}()
	// Three pipes; for the lifeline the adapter gets the reading end.
	for range 3 {
		read, write, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("make a pipe: %w", err)
		}
		ours, theirs = append(ours, read), append(theirs, write)
	}
	r.stdout, r.stderr = ours[0], ours[1]
	ours[2], theirs[2] = theirs[2], ours[2]
	r.lifeline = ours[2]
	r.cmd.Stdout, r.cmd.Stderr, r.cmd.ExtraFiles = theirs[0], theirs[1], []*os.File{theirs[2]}

	if err := r.exec(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	r.alive = true
	doomed := r.doomed
	r.mu.Unlock()
	go r.reap()
	if doomed {
		r.killGroup()
	}
	return nil
}

// exec starts the command on the thread for that. A file that was written a moment ago may be "busy": a process that another
// goroutine is forking can hold a copy of the writing descriptor until its own exec (golang.org/issue/22315). Only trying again
// helps.
func (r *processRunner) exec(ctx context.Context) error {
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		var err error
		cmd := *r.cmd // a Cmd cannot be started twice
		onForkThread(func() { err = cmd.Start() })
		if err == nil {
			r.cmd = &cmd
			return nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || pause > time.Second {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// reap waits for the end of the process, takes the rest of its group along, and reads what is left of its output.
func (r *processRunner) reap() {
	defer close(r.exited)
	var pumps sync.WaitGroup
	pumps.Go(r.pumpStdout)
	pumps.Go(func() { r.logs.pump(r.stderr, streamStderr) })

	reapProcess(r.cmd, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		r.alive = false
	})

	// A process that left the group may still hold the pipes; it does not hold us.
	deadline := time.Now().Add(exitGrace)
	_ = r.stdout.SetReadDeadline(deadline)
	_ = r.stderr.SetReadDeadline(deadline)
	pumps.Wait()
	closeAll([]*os.File{r.stdout, r.stderr, r.lifeline})
	_ = r.stderrDone.Close()
}

// pumpStdout gives go-plugin the first line and logs the rest, so that the adapter never blocks on a full pipe.
func (r *processRunner) pumpStdout() {
	defer func() { _ = r.fromAdapter.Close() }()
	forwarded := false
	eachLine(r.stdout, func(line []byte) {
		if forwarded {
			r.logs.offer(streamStdout, line)
			return
		}
		forwarded = true
		text := string(line)
		r.mu.Lock()
		r.first = &text
		r.mu.Unlock()
		_, _ = io.WriteString(r.fromAdapter, text+"\n")
	})
}

// killGroup ends the process and everything in its group at once. A process that is yet to be forked ends right after.
func (r *processRunner) killGroup() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doomed = true
	if r.alive {
		r.killed = true
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	}
}

// wasKilled reports whether killGroup ended the process.
func (r *processRunner) wasKilled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.killed
}

// firstLine returns the first line of standard output, if there was one.
func (r *processRunner) firstLine() (line string, printed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == nil {
		return "", false
	}
	return *r.first, true
}

// exitStatus says how the process ended: "exit status 1", "signal: killed". It is called after exited was closed.
func (r *processRunner) exitStatus() string {
	if r.cmd == nil || r.cmd.ProcessState == nil {
		return "not started"
	}
	return r.cmd.ProcessState.String()
}

// crashedAtOnce reports whether the processor could not make sense of the program. It is called after exited was closed.
func (r *processRunner) crashedAtOnce() bool {
	if r.cmd == nil || r.cmd.ProcessState == nil {
		return false
	}
	status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGILL}, status.Signal())
}

// lastWords quotes what the process said last on standard error.
func (r *processRunner) lastWords() string {
	if words := r.logs.lastWords(); words != "" {
		return fmt.Sprintf("; it said %.300q", words)
	}
	return ""
}

// Wait tells go-plugin that the process ended, but not before starting is over: told earlier, go-plugin would give up a
// connection under construction without closing it.
func (r *processRunner) Wait(context.Context) error {
	<-r.exited
	<-r.released
	return nil
}

// Kill ends the process group.
func (r *processRunner) Kill(context.Context) error {
	r.killGroup()
	return nil
}

// Stdout carries the handshake line.
func (r *processRunner) Stdout() io.ReadCloser { return r.toPlugin }

// Stderr carries nothing and ends with the process.
func (r *processRunner) Stderr() io.ReadCloser { return r.stderrToPlugin }

// Name returns the path of the binary.
func (r *processRunner) Name() string { return r.path }

// ID returns the process id, empty when the process was never started.
func (r *processRunner) ID() string {
	if pid := r.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

func (r *processRunner) pid() int {
	if r.cmd == nil || r.cmd.Process == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// Diagnose adds nothing: this package explains failures itself.
func (r *processRunner) Diagnose(context.Context) string { return "" }

// PluginToHost returns the address unchanged: both live in one file system.
func (r *processRunner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin returns the address unchanged.
func (r *processRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close()
	}
}
