package launch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// Process is one adapter process with a connection that is, or was, ready. Its methods may be called concurrently.
type Process struct {
	cfg    Config
	path   string
	dir    string // holds the socket; removed at the end
	client *plugin.Client
	runner *processRunner
	logs   *logQueue
	conn   *grpc.ClientConn
	pid    int

	stopOnce, killOnce sync.Once
	stop               chan struct{} // closed by Stop
	kill               chan struct{} // closed by Kill

	done    chan struct{} // closed when the process is no longer usable
	err     error         // why; written before done is closed
	cleaned chan struct{} // closed when nothing of the process is left
}

func newProcess(cfg Config, path, dir string, client *plugin.Client, run *processRunner, logs *logQueue) *Process {
	return &Process{
		cfg: cfg, path: path, dir: dir, client: client, runner: run, logs: logs,
		stop: make(chan struct{}), kill: make(chan struct{}),
		done: make(chan struct{}), cleaned: make(chan struct{}),
	}
}

// Conn returns the connection to the adapter. Calls on it fail with UNAVAILABLE once the process is done; CANCELLED means that
// their own context was.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

// Ready reports whether a call made now can reach the adapter. It turns false for good as soon as the connection is lost, which is
// a moment before Done is closed.
func (p *Process) Ready() bool {
	return p.conn.GetState() == connectivity.Ready && p.Err() == nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.pid }

// Done is closed when the process ended, was told to end, or its connection was lost. What is left of it is then cleaned up
// without further help; Stop waits for that.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says why Done was closed: an error that wraps ErrStopped, ErrProcessEnded or ErrConnectionLost. It is nil before.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Stop asks the process to end, kills it when it does not do so within Config.KillTimeout, and returns when nothing of it is left.
// It is not a drain: calls in flight fail. When the context ends first Stop returns its error, and the rest happens without it.
// Calling it again, also after the process ended by itself, is fine.
func (p *Process) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() { close(p.stop) })
	return p.awaitCleaned(ctx)
}

// Kill ends the process without asking, for one that is known not to listen. Otherwise it is like Stop.
func (p *Process) Kill(ctx context.Context) error {
	p.killOnce.Do(func() { close(p.kill) })
	return p.awaitCleaned(ctx)
}

// Killed reports whether the process had to be killed: it did not end within its time when it was asked to, or was not asked. That is known
// when Stop or Kill returned without an error.
func (p *Process) Killed() bool { return p.runner.wasKilled() }

func (p *Process) awaitCleaned(ctx context.Context) error {
	select {
	case <-p.cleaned:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the end of adapter process %d: %w", p.pid, ctx.Err())
	}
}

// start starts the process and, when that worked, the goroutine that owns it.
func (p *Process) start(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.cfg.StartTimeout)
	defer cancel()
	type connection struct {
		conn *grpc.ClientConn
		err  error
	}
	result := make(chan connection, 1)
	go func() {
		conn, err := connect(limited, p.client)
		result <- connection{conn, err}
	}()
	var got connection
	select {
	case got = <-result:
	case <-limited.Done():
		// go-plugin does not know our context: ending the process makes it return.
		p.runner.killGroup()
		got = <-result
		if got.err == nil {
			got.err = limited.Err()
		}
	}
	if got.err == nil {
		p.conn, p.pid = got.conn, p.runner.pid()
		close(p.runner.released)
		p.cfg.Logger.Debug("adapter process started", slog.Int("pid", p.pid), slog.String("path", p.path))
		go p.own()
		return nil
	}
	p.runner.neverStarted()
	timedOut := limited.Err() != nil
	if !timedOut {
		// Output that ends is most often a process that ends: let it, so that its exit status can be told.
		select {
		case <-p.runner.exited:
		case <-time.After(exitGrace):
		}
	}
	p.runner.killGroup()
	close(p.runner.released)
	p.cleanUp()
	return p.diagnose(ctx, timedOut, got.err)
}

// own waits for the end of the process, says so, and cleans up. It is the only goroutine that does.
func (p *Process) own() {
	defer close(p.cleaned)
	watch, unwatch := context.WithCancel(context.Background())
	lost := make(chan struct{})
	go func() {
		defer close(lost)
		p.conn.WaitForStateChange(watch, connectivity.Ready)
	}()
	asked := false
	select {
	case <-p.runner.exited:
		p.err = fmt.Errorf("%w: %s%s", ErrProcessEnded, p.runner.exitStatus(), p.runner.lastWords())
	case <-lost:
		p.err = p.lostConnection()
	case <-p.kill:
		p.err = ErrStopped
	case <-p.stop:
		p.err, asked = ErrStopped, true
	}
	unwatch()
	<-lost
	close(p.done)
	if !asked {
		p.runner.killGroup()
	}
	p.cleanUp()
	if errors.Is(p.err, ErrStopped) {
		p.cfg.Logger.Debug("adapter process stopped", slog.Int("pid", p.pid), slog.String("status", p.runner.exitStatus()))
	}
}

// lostConnection tells a connection that broke because the process ended, which shows in a moment, from one that broke alone.
func (p *Process) lostConnection() error {
	select {
	case <-p.runner.exited:
		return fmt.Errorf("%w: %s%s", ErrProcessEnded, p.runner.exitStatus(), p.runner.lastWords())
	case <-time.After(exitGrace):
		return ErrConnectionLost
	}
}

// cleanUp ends the process if need be and removes everything: connection, goroutines, socket. go-plugin's Kill asks first, and
// can hang for ever on a process that is stopped; Kill of the process group ends both.
func (p *Process) cleanUp() {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		p.client.Kill()
	}()
	timer := time.NewTimer(p.cfg.KillTimeout)
	defer timer.Stop()
	select {
	case <-finished:
	case <-p.kill:
	case <-timer.C:
	}
	p.runner.killGroup()
	<-finished
	<-p.runner.exited
	p.logs.close()
	if err := os.RemoveAll(p.dir); err != nil {
		p.cfg.Logger.Warn("socket directory not removed", slog.String("dir", p.dir), slog.Any("error", err))
	}
}
