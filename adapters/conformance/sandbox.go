package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a sandbox may take to say where it listens, and to end when it was asked to.
const (
	sandboxStartTimeout = 30 * time.Second
	sandboxStopTimeout  = 10 * time.Second
)

// Sandbox is a relais-sandbox process of our own.
type Sandbox struct {
	url    string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process ended and its output was read
	once   sync.Once
}

// StartSandbox starts the relais-sandbox binary at path on a free port of this machine, without orders of its own, and returns
// when it listens. The context bounds the start only: the process lives until Stop. More arguments for it may follow.
func StartSandbox(ctx context.Context, path string, args ...string) (*Sandbox, error) {
	//nolint:noctx // the process outlives the context of its start; Stop ends it
	cmd := exec.Command(path, append([]string{"--listen", "127.0.0.1:0", "--orders", "0"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is ours to handle
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start sandbox %s: %w", path, err)
	}
	var complaint tail
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start sandbox %s: %w", path, err)
	}
	s := &Sandbox{cmd: cmd, exited: make(chan struct{})}
	first := make(chan string, 1)
	go func() {
		defer close(s.exited)
		lines := bufio.NewReader(output)
		line, _ := lines.ReadString('\n') // what there is of it says enough
		first <- line
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait() // that it ended is all that matters
	}()
	limited, cancel := context.WithTimeout(ctx, sandboxStartTimeout)
	defer cancel()
	select {
	case line := <-first:
		if at := strings.Index(line, "http://"); at >= 0 {
			s.url = strings.TrimSpace(line[at:])
			return s, nil
		}
		err = fmt.Errorf("start sandbox %s: it said %.100q instead of where it listens", path, strings.TrimSpace(line))
	case <-limited.Done():
		err = fmt.Errorf("start sandbox %s: %w", path, limited.Err())
	}
	stopErr := s.Stop(context.WithoutCancel(ctx))
	if said := complaint.String(); said != "" {
		err = fmt.Errorf("%w; %s", err, said)
	}
	return nil, errors.Join(err, stopErr)
}

// URL is the base address of the sandbox, for Options.SandboxURL.
func (s *Sandbox) URL() string { return s.url }

// Stop ends the sandbox and waits for its end: first it is asked to, then it is killed. Calling it again is fine.
func (s *Sandbox) Stop(ctx context.Context) error {
	s.once.Do(func() { _ = s.cmd.Process.Signal(syscall.SIGTERM) }) // fails only when it has ended
	patience := time.NewTimer(sandboxStopTimeout)
	defer patience.Stop()
	select {
	case <-s.exited:
		return nil
	case <-patience.C:
	case <-ctx.Done():
	}
	_ = s.cmd.Process.Kill() // fails only when it has ended
	<-s.exited
	return ctx.Err()
}

// tail keeps the first 2 KiB that are written to it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

// Write takes everything and keeps what fits.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), 2048-len(t.text))]...)
	return len(p), nil
}

// String returns what was kept, on one line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(string(t.text)), " ")
}
