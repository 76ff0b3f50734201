package host_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// changing is a release.Stores whose stores begin to use something after they were asked so many times.
type changing struct {
	mu    sync.Mutex // guards the fields below
	asked int
	after int
	use   release.Use // what they use from then on
}

func (c *changing) AdapterUse(context.Context, string) (release.Use, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked++; c.asked <= c.after {
		return release.Use{Stores: 1, Marketplaces: []string{"fake-marketplace"}}, nil
	}
	return c.use, nil
}

func (c *changing) StoreUse(ctx context.Context, adapter, _ string) (release.Use, error) {
	return c.AdapterUse(ctx, adapter)
}

func (c *changing) HasStore(context.Context, string) (bool, error) { return true, nil }

// TestStoresAreAskedAgain: a store that begins to use something between the probe and the decision does not lose it.
func TestStoresAreAskedAgain(t *testing.T) {
	t.Parallel()
	decides := release.Use{Stores: 1, Marketplaces: []string{"fake-marketplace"}, Decisions: true}
	for _, tt := range []struct {
		name   string
		after  int
		use    release.Use
		do     func(t *testing.T, r *rig) error
		reason string
	}{
		{"swap", 1, decides, func(t *testing.T, r *rig) error {
			_, err := r.swap(t, "next")
			return err
		}, problem.ReasonReleaseRefused},
		{"pin", 2, decides, func(t *testing.T, r *rig) error { return r.pin(t, "canary", "next", time.Hour) }, problem.ReasonReleaseRefused},
		{"pin of a store that is disconnected meanwhile", 2, release.Use{}, func(t *testing.T, r *rig) error {
			return r.pin(t, "canary", "next", time.Hour)
		}, problem.ReasonAdapterNotConnected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			users := &changing{after: tt.after, use: tt.use}
			r := rigged(t, func(c *host.Config) {
				c.Stores = users
				install(t, c.PluginDir, handshake.FilePrefix+"one", "decides")
			})
			before, saved := r.serving(t), r.memory.desired()
			err := tt.do(t, r)
			if got := problem.As(err); got == nil || got.Reason != tt.reason || tt.reason == problem.ReasonReleaseRefused && got.Metadata["step"] != "publish" {
				t.Errorf("%v, want %s at the step publish", err, tt.reason)
			}
			if diff := cmp.Diff(before, r.serving(t)); diff != "" {
				t.Errorf("serving (-before +after)\n%s", diff)
			}
			if diff := cmp.Diff(saved, r.memory.desired()); diff != "" {
				t.Errorf("saved (-before +after)\n%s", diff)
			}
			pinned, _ := r.memory.Pins(t.Context())
			if diff := cmp.Diff([]release.Pin(nil), pinned, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("pinned (-want +got)\n%s", diff)
			}
			r.alone(t)
		})
	}
}
