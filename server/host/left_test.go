package host_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// TestWhoeverAskedLeaves: a swap whose caller does not wait for it tells others so, at which step, and what serves on.
func TestWhoeverAskedLeaves(t *testing.T) {
	t.Parallel()
	const staysOn = "version 1.0.0 (generation 1) serves on"
	stopping := problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping")
	for _, tt := range []struct {
		name  string
		leave func(context.Context) (context.Context, context.CancelFunc)
		want  error
		says  string // of the error and of the log; empty when the log needs not tell
	}{
		{"by Ctrl-C", context.WithCancel, context.Canceled, "whoever asked for it went away (at the step launch); " + staysOn},
		{"by a deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			return late{ctx}, func() { cancel(nil) }
		}, context.DeadlineExceeded, "whoever asked for it had no more time (at the step launch); " + staysOn},
		{"because the server sends them away", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(stopping) }
		}, stopping, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := &logBuffer{}
			r := rigged(t, func(c *host.Config) { c.Logger = log.logger() })
			install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
			ctx, leave := tt.leave(t.Context())
			defer leave()
			err := r.Swap(ctx, "one", "", func(s host.Step) {
				if s.Kind == host.Launch && !s.Done {
					leave()
				}
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("Swap = %v, want %v", err, tt.want)
			}
			entry := log.nth("adapter release not judged", 0)
			switch {
			case tt.says == "" && entry != nil:
				t.Errorf("logged %v", entry)
			case tt.says == "":
			case err.Error() != tt.says:
				t.Errorf("Swap = %q, want %q", err, tt.says)
			case entry["level"] != "WARN" || entry["reason"] != tt.says || !strings.HasPrefix(fmt.Sprint(entry["step"]), "launch"):
				t.Errorf("logged %v, want it as a warning", entry)
			}
			if g := r.serving(t); g.Number != 1 {
				t.Errorf("generation %d serves", g.Number)
			}
		})
	}
}

// late is a context that says of its end that its time was over.
type late struct{ context.Context }

// Err is that of a deadline.
func (c late) Err() error {
	if c.Context.Err() == nil {
		return nil
	}
	return context.DeadlineExceeded
}
