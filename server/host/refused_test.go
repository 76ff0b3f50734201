package host_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// TestRefusedReleases has bad releases of every kind. The old generation serves on, the operator reads why, and nothing is left.
// It runs alone, as all that use remains.
func TestRefusedReleases(t *testing.T) {
	bound := release.Use{Stores: 3, Marketplaces: []string{"fake-marketplace"}, Environments: []string{"production", "staging"}}
	type place struct {
		*rig
		file string // of the plugin directory
	}
	as := func(variant string) func(*testing.T, *place) {
		return func(t *testing.T, p *place) { install(t, p.cfg.PluginDir, p.file, variant) }
	}
	tests := []struct {
		name    string
		first   string // the variant that serves
		prepare func(t *testing.T, p *place)
		reason  string
		step    string
		says    []string
	}{
		{"a path", "", func(_ *testing.T, p *place) { p.file = "../" + p.file }, problem.ReasonInvalidField, "", []string{"plain name"}},
		{"a hidden file", "", func(_ *testing.T, p *place) { p.file = ".hidden" }, problem.ReasonInvalidField, "", []string{"plain name"}},
		{"a file of another adapter", "", func(_ *testing.T, p *place) { p.file = handshake.FilePrefix + "one-more" }, problem.ReasonInvalidField, "",
			[]string{"relais-adapter-one"}},
		{"a file with an odd label", "", func(_ *testing.T, p *place) { p.file = handshake.FilePrefix + "one@" }, problem.ReasonInvalidField, "",
			[]string{"a label"}},
		{"a pipe", "", func(t *testing.T, p *place) {
			if err := syscall.Mkfifo(filepath.Join(p.cfg.PluginDir, p.file), 0o700); err != nil {
				t.Fatal(err)
			}
		}, problem.ReasonReleaseRefused, "register", []string{"not an executable file: it is a pipe; rename or remove it"}},
		{"a directory", "", func(t *testing.T, p *place) {
			if err := os.Mkdir(filepath.Join(p.cfg.PluginDir, p.file), 0o700); err != nil {
				t.Fatal(err)
			}
		}, problem.ReasonReleaseRefused, "register", []string{"not an executable file: it is a directory; rename or remove it"}},
		{"no such file", "", func(*testing.T, *place) {}, problem.ReasonReleaseNotFound, "", []string{"holds no file", "relais adapter get one"}},
		{"not executable", "", func(t *testing.T, p *place) { write(t, p.cfg.PluginDir, p.file, "text", 0o600) },
			problem.ReasonReleaseRefused, "register", []string{"not an executable file", "chmod +x"}},
		{"still being written", "", func(t *testing.T, p *place) {
			write(t, p.cfg.PluginDir, p.file, "half", 0o700)
			writer, err := os.OpenFile(filepath.Join(p.cfg.PluginDir, p.file), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = writer.Close() })
		}, problem.ReasonReleaseRefused, "register", []string{"still being written", "rename it"}},
		{"cut off", "", func(t *testing.T, p *place) {
			whole, err := os.ReadFile(build(t, "next"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, p.cfg.PluginDir, p.file, string(whole[:len(whole)-4096]), 0o700)
		}, problem.ReasonReleaseRefused, "register", []string{"relais-adapter-one@candidate", "the file is cut off: ", "bytes; copy it again"}},
		{"no program", "", func(t *testing.T, p *place) { write(t, p.cfg.PluginDir, p.file, "text", 0o700) },
			problem.ReasonReleaseRefused, "launch", []string{
				"start adapter file relais-adapter-one@candidate (sha256 982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1): ",
				"cannot be executed: exec format error; build it",
			}},
		{"a program that is no adapter", "", func(t *testing.T, p *place) { write(t, p.cfg.PluginDir, p.file, "#!/bin/sh\necho hello\n", 0o700) },
			problem.ReasonReleaseRefused, "launch", []string{"not a relais adapter", "hello"}},
		{"another protocol", "", func(t *testing.T, p *place) {
			write(t, p.cfg.PluginDir, p.file, "#!/bin/sh\necho '1|2|unix|/tmp/none|grpc|'\nsleep 60\n", 0o700)
		}, problem.ReasonReleaseRefused, "launch", []string{"another protocol version"}},
		{"prints before the handshake", "", as("prints"), problem.ReasonReleaseRefused, "launch", []string{"not a relais adapter"}},
		{"crashes at its start", "", as("exits"), problem.ReasonReleaseRefused, "launch", []string{"exit status 3", "cannot work like this"}},
		{"a plugin of another program", "", as("other-host"), problem.ReasonReleaseRefused, "launch",
			[]string{"exit status 1 before the handshake", "it said", "run the file by hand"}},
		{"another cookie", "", as("other-cookie"), problem.ReasonReleaseRefused, "launch", []string{"exit status 1 before the handshake", "it said"}},
		{"shakes hands and serves nobody", "", func(t *testing.T, p *place) {
			write(t, p.cfg.PluginDir, p.file, "#!/bin/sh\necho '1|1|unix|/nobody/here|grpc|'\nsleep 60\n", 0o700)
		}, problem.ReasonReleaseRefused, "launch", []string{"not a relais adapter"}},
		{"hangs at its start", "", as("hangs"), problem.ReasonReleaseRefused, "launch", []string{"did not become ready in time"}},
		{"hangs when it is to describe itself", "", as("mute"), problem.ReasonReleaseRefused, "probe", []string{"does not describe itself", "Deadline"}},
		{"hangs when it is asked", "", as("hangs-when-probed"), problem.ReasonReleaseRefused, "probe", []string{"DeadlineExceeded"}},
		{"another adapter", "", as("other"), problem.ReasonReleaseRefused, "probe", []string{`holds adapter "other"; put the right build in its place`}},
		{"no version", "", as("unversioned"), problem.ReasonReleaseRefused, "probe", []string{"no version"}},
		{"no marketplace", "", as("marketless"), problem.ReasonReleaseRefused, "probe", []string{"names no marketplace"}},
		{"reads no orders", "", as("reads-nobody"), problem.ReasonReleaseRefused, "probe", []string{"max_orders_per_get"}},
		{"ships no orders", "", as("ships-nobody"), problem.ReasonReleaseRefused, "probe", []string{"max_shipments_per_call"}},
		{"decides nothing", "", as("decides-nobody"), problem.ReasonReleaseRefused, "probe", []string{"max_decisions_per_call"}},
		{"has no address", "", as("addressless"), problem.ReasonReleaseRefused, "probe", []string{"no address"}},
		{"describes itself differently", "", as("inconstant"), problem.ReasonReleaseRefused, "probe", []string{"differently each time"}},
		{"claims a connection", "", as("credulous"), problem.ReasonReleaseRefused, "probe", []string{"INVALID_REQUEST"}},
		{"dies when it is asked", "", as("dies-when-probed"), problem.ReasonReleaseRefused, "probe", []string{"Unavailable"}},
		{"another marketplace than that of bound stores", "", func(t *testing.T, p *place) {
			p.stores.use = bound
			as("elsewhere")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"another-marketplace", "3 connected stores"}},
		{"cannot decide", "decides", func(t *testing.T, p *place) {
			p.stores.use = bound
			p.stores.use.Decisions = true
			as("next")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"capability acceptance"}},
		{"cannot ship parts", "decides", func(t *testing.T, p *place) {
			p.stores.use = bound
			p.stores.use.PartialShipments = true
			as("next")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"capability partial_shipment"}},
		{"cannot correct", "able", func(t *testing.T, p *place) {
			p.stores.use = bound
			p.stores.use.Corrections = true
			as("next")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"capability tracking_correction"}},
		{"reads no products", "able", func(t *testing.T, p *place) {
			p.stores.use = bound
			as("next")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"capability max_products_per_get", "3 connected stores"}},
		{"needs an address that is not configured", "", func(t *testing.T, p *place) {
			p.stores.use = bound
			as("readdressed")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"stores could not be called: set environments.staging.one.token_url; version 1.0.0"}},
		{"has no address in production", "", func(t *testing.T, p *place) {
			p.stores.use = bound
			as("readdressed-again")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"set environments.production.one.token_url", "set environments.staging.one.token_url"}},
		{"wants more credentials", "", func(t *testing.T, p *place) {
			p.stores.use = bound
			as("demanding")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{`credential "token"`}},
		{"stores cannot be asked", "", func(t *testing.T, p *place) {
			p.stores.fail = errors.New("database away")
			as("next")(t, p)
		}, problem.ReasonCommandFailed, "probe", []string{"database away", "(generation 1) serves on", "try again"}},
		{"cannot be saved", "", func(t *testing.T, p *place) {
			p.memory.failWith(errors.New("disk full"))
			as("next")(t, p)
		}, problem.ReasonCommandFailed, "publish", []string{"disk full", "(generation 1) serves on", "try again"}},
	}
	// One host for all that serve the plain release: it has to bear them one after the other.
	plain := rigged(t, func(c *host.Config) { c.Addresses = addresses })
	hasty := rigged(t, func(c *host.Config) { c.StartTimeout = 3 * time.Second }) // for those that hang
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := plain
			switch {
			case strings.HasPrefix(tt.name, "hangs"):
				r = hasty
			case tt.first != "":
				r = rigged(t, func(c *host.Config) { install(t, c.PluginDir, handshake.FilePrefix+"one", tt.first) })
			}
			before, saved := r.serving(t), r.memory.desired()
			p := &place{rig: r, file: handshake.FilePrefix + "one@candidate"}
			t.Cleanup(func() {
				r.stores.use, r.stores.fail = release.Use{}, nil
				r.memory.failWith(nil)
				_ = os.Remove(filepath.Join(r.cfg.PluginDir, handshake.FilePrefix+"one@candidate"))
			})
			tt.prepare(t, p)
			left := r.remains(t)
			_, err := steps(func(report host.Report) error { return r.Swap(t.Context(), "one", p.file, report) })
			got := problem.As(err)
			if got == nil || got.Reason != tt.reason || got.Metadata["step"] != tt.step {
				t.Fatalf("Swap = %v, want %s at step %q", err, tt.reason, tt.step)
			}
			if tt.reason == problem.ReasonReleaseRefused {
				tt.says = append(tt.says, "(generation 1) serves on")
			}
			for _, words := range tt.says {
				if !strings.Contains(got.Message, words) {
					t.Errorf("message %q lacks %q", got.Message, words)
				}
			}
			if _, err := call(t.Context(), r.Host, "one", "nothing"); err != nil {
				t.Errorf("call afterwards: %v", err)
			}
			if diff := cmp.Diff(before, r.serving(t)); diff != "" {
				t.Errorf("serving (-before +after)\n%s", diff)
			}
			if diff := cmp.Diff(saved, r.memory.desired()); diff != "" {
				t.Errorf("saved (-before +after)\n%s", diff)
			}
			r.leavesNothing(t, left)
		})
	}
}

// write makes a file of the plugin directory.
func write(t *testing.T, dir, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// TestBoundStoresLoseNothing: what the release in service lacks as well does not keep another one from serving, and a release that these
// stores were served by serves them again.
func TestBoundStoresLoseNothing(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { install(t, c.PluginDir, handshake.FilePrefix+"one", "demanding") })
	r.stores.use = release.Use{
		Stores: 3, Marketplaces: []string{"fake-marketplace"}, Decisions: true, PartialShipments: true, Corrections: true,
	}
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatalf("swap of one that neither decides, nor ships parts, nor corrects to one like it: %v", err)
	}
	back := func() error { return r.Rollback(t.Context(), "one", func(host.Step) {}) }
	r.stores.use.CredentialsTime = time.Now()
	if err := back(); !problem.HasReason(err, problem.ReasonReleaseRefused) {
		t.Errorf("rollback with a store that was connected since = %v, want it refused", err)
	}
	r.stores.use.CredentialsTime = r.memory.desired().ChangeTime.Add(-time.Minute)
	if err := back(); err != nil {
		t.Errorf("rollback to a release whose credential every store has: %v", err)
	}
}

// TestAddressesThatNobodyHasAreNotAskedFor: stores that the release in service cannot call either lose nothing.
func TestAddressesThatNobodyHasAreNotAskedFor(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) {
		c.Addresses = addresses
		install(t, c.PluginDir, handshake.FilePrefix+"one", "readdressed")
	})
	r.stores.use = release.Use{Stores: 2, Marketplaces: []string{"fake-marketplace"}, Environments: []string{"staging"}}
	if _, err := r.swap(t, "readdressed-again"); err != nil {
		t.Errorf("swap to one that lacks the address which the release in service lacks: %v", err)
	}
}

// TestRollbackBeforeProducts: a release that reads products can be rolled back to one that did not.
func TestRollbackBeforeProducts(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	r.stores.use = release.Use{Stores: 3, Marketplaces: []string{"fake-marketplace"}}
	if _, err := r.swap(t, "able"); err != nil {
		t.Fatal(err)
	}
	r.stores.use.CredentialsTime = time.Now() // a store that was connected since is no reason either
	if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Errorf("rollback to a release that read no products: %v", err)
	}
}

// TestUnboundAdapterMayLoseCapabilities: what no store uses may go.
func TestUnboundAdapterMayLoseCapabilities(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { install(t, c.PluginDir, handshake.FilePrefix+"one", "decides") })
	for _, variant := range []string{"next", "elsewhere", "demanding"} {
		if _, err := r.swap(t, variant); err != nil {
			t.Errorf("swap to %s: %v", variant, err)
		}
	}
}
