package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// rig is a host with adapter "one" and what surrounds it.
type rig struct {
	*host.Host
	cfg    host.Config
	memory *memory
	stores *stores
}

// rigged starts a host with adapter one, which serves when it returns.
func rigged(t *testing.T, change func(*host.Config)) *rig {
	t.Helper()
	r := &rig{memory: &memory{}, stores: &stores{}}
	r.Host = running(t, func(c *host.Config) {
		c.Releases, c.Stores = r.memory, r.stores
		if change != nil {
			change(c)
		}
		r.cfg = *c
	}, "one")
	r.serving(t)
	return r
}

// serving waits for a generation of adapter one and describes it.
func (r *rig) serving(t *testing.T) host.Generation {
	t.Helper()
	pid(t, r.Host, "one")
	s, err := r.Adapter("one")
	if err != nil {
		t.Fatal(err)
	}
	return s.Generation
}

// swap installs a variant as adapter one and swaps it in. It returns the steps that were done.
func (r *rig) swap(t *testing.T, variant string) ([]host.Step, error) {
	t.Helper()
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", variant)
	return steps(func(report host.Report) error { return r.Swap(t.Context(), "one", "", report) })
}

// steps collects the steps that were done.
func steps(do func(host.Report) error) (done []host.Step, err error) {
	err = do(func(s host.Step) {
		if s.Done {
			done = append(done, s)
		}
	})
	return done, err
}

// kinds are the names of steps.
func kinds(done []host.Step) (names []string) {
	for _, s := range done {
		names = append(names, s.Kind.String())
	}
	return names
}

// leftovers is what a host has in its work directory and how many processes run for it, for comparison.
func leftovers(t *testing.T, work string) map[string]int {
	t.Helper()
	count := map[string]int{"processes": len(processes(work))}
	for _, dir := range []string{"releases", "releases/one", "sockets"} {
		entries, err := os.ReadDir(filepath.Join(work, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		count[dir] = len(entries)
	}
	return count
}

// processes are the processes that run a binary below a directory.
func processes(dir string) (pids []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir) {
			pids = append(pids, link)
		}
	}
	return pids
}

func TestSwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	before := r.serving(t)
	done, err := r.swap(t, "next")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"register", "launch", "probe", "publish", "retire"}, kinds(done)); diff != "" {
		t.Errorf("steps (-want +got)\n%s", diff)
	}
	after := r.serving(t)
	if after.Number != before.Number+1 || after.Release.Version != "2.0.0" || after.Release.SHA256 == before.Release.SHA256 || !gone(before.PID) {
		t.Errorf("serving %+v after %+v", after, before)
	}
	for i, s := range done {
		want := host.Step{Kind: s.Kind, Done: true, Took: s.Took, SHA256: after.Release.SHA256}
		if i > 0 {
			want.Generation = after.Number
		}
		if i > 1 {
			want.Version = "2.0.0"
		}
		if i == 4 {
			want.Generation = before.Number
		}
		if diff := cmp.Diff(want, s); diff != "" || s.Took <= 0 {
			t.Errorf("step %s took %v (-want +got)\n%s", s.Kind, s.Took, diff)
		}
	}
	saved := r.memory.desired()
	if saved.Release != after.Release || saved.Previous != before.Release || saved.ChangeTime.IsZero() {
		t.Errorf("saved %+v, want %v and before %v", saved, after.Release, before.Release)
	}
	s, err := r.Adapter("one")
	if err != nil || s.Restarts != 0 || len(s.Retiring) != 0 {
		t.Errorf("status %+v, %v; want no restart and nothing retiring", s, err)
	}
	want := map[string]int{"processes": 1, "releases": 1, "releases/one": 2, "sockets": 1}
	if diff := cmp.Diff(want, leftovers(t, r.cfg.WorkDir)); diff != "" {
		t.Errorf("left (-want +got)\n%s", diff)
	}
}

func TestSwapToTheServingReleaseChangesNothing(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	before := r.serving(t)
	done, err := r.swap(t, "")
	if err != nil || len(done) != 1 || !done[0].Unchanged || done[0].SHA256 != before.Release.SHA256 || done[0].Version != "1.0.0" {
		t.Errorf("steps %+v, %v; want one that says unchanged", done, err)
	}
	if diff := cmp.Diff(before, r.serving(t)); diff != "" {
		t.Errorf("generation (-before +after)\n%s", diff)
	}
}

func TestRollback(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	first := r.serving(t)
	rollback := func() error {
		_, err := steps(func(report host.Report) error { return r.Rollback(t.Context(), "one", report) })
		return err
	}
	if err := rollback(); !problem.HasReason(err, problem.ReasonNoPreviousRelease) {
		t.Errorf("Rollback without a release before = %v", err)
	}
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	// It is the server's own copy that comes back: the file is another one meanwhile.
	for _, want := range []string{"1.0.0", "2.0.0", "1.0.0"} {
		if err := rollback(); err != nil {
			t.Fatal(err)
		}
		if got := r.serving(t); got.Release.Version != want {
			t.Errorf("serving %s after the rollback, want %s", got.Release.Version, want)
		}
	}
	if got := r.serving(t); got.Release != first.Release || r.memory.desired().Previous.Version != "2.0.0" {
		t.Errorf("serving %+v, saved %+v", got, r.memory.desired())
	}
}

// TestRefusedReleases makes each step of a swap fail in turn. The old generation serves on, the operator reads why, and nothing is left.
func TestRefusedReleases(t *testing.T) {
	t.Parallel()
	bound := release.Use{Stores: 3, Marketplaces: []string{"fake-marketplace"}}
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
		{"no program", "", func(t *testing.T, p *place) { write(t, p.cfg.PluginDir, p.file, "text", 0o700) },
			problem.ReasonReleaseRefused, "launch", []string{"cannot be executed"}},
		{"a program that is no adapter", "", func(t *testing.T, p *place) { write(t, p.cfg.PluginDir, p.file, "#!/bin/sh\necho hello\n", 0o700) },
			problem.ReasonReleaseRefused, "launch", []string{"not a relais adapter", "hello"}},
		{"another protocol", "", func(t *testing.T, p *place) {
			write(t, p.cfg.PluginDir, p.file, "#!/bin/sh\necho '1|2|unix|/tmp/none|grpc|'\nsleep 60\n", 0o700)
		}, problem.ReasonReleaseRefused, "launch", []string{"another protocol version"}},
		{"prints before the handshake", "", as("prints"), problem.ReasonReleaseRefused, "launch", []string{"not a relais adapter"}},
		{"crashes at its start", "", as("exits"), problem.ReasonReleaseRefused, "launch", []string{"exit status 3", "cannot work like this"}},
		{"hangs at its start", "", as("hangs"), problem.ReasonReleaseRefused, "launch", []string{"did not become ready in time"}},
		{"another adapter", "", as("other"), problem.ReasonReleaseRefused, "probe", []string{`holds adapter "other"`}},
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
		{"wants more credentials", "", func(t *testing.T, p *place) {
			p.stores.use = bound
			as("demanding")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{`credential "token"`}},
		{"stores cannot be asked", "", func(t *testing.T, p *place) {
			p.stores.fail = errors.New("database away")
			as("next")(t, p)
		}, problem.ReasonReleaseRefused, "probe", []string{"database away"}},
		{"cannot be saved", "", func(t *testing.T, p *place) {
			p.memory.failWith(errors.New("disk full"))
			as("next")(t, p)
		}, problem.ReasonReleaseRefused, "publish", []string{"disk full"}},
	}
	// One host for all that serve the plain release: it has to bear them one after the other.
	plain := rigged(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := plain
			switch {
			case tt.step == "launch" && strings.HasPrefix(tt.name, "hangs"):
				r = rigged(t, func(c *host.Config) { c.StartTimeout = 5 * time.Second })
			case tt.first != "":
				r = rigged(t, func(c *host.Config) { install(t, c.PluginDir, handshake.FilePrefix+"one", tt.first) })
			}
			before, saved, left := r.serving(t), r.memory.desired(), leftovers(t, r.cfg.WorkDir)
			p := &place{rig: r, file: handshake.FilePrefix + "one@candidate"}
			t.Cleanup(func() {
				r.stores.use, r.stores.fail = release.Use{}, nil
				r.memory.failWith(nil)
				_ = os.Remove(filepath.Join(r.cfg.PluginDir, handshake.FilePrefix+"one@candidate"))
			})
			tt.prepare(t, p)
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
			if diff := cmp.Diff(left, leftovers(t, r.cfg.WorkDir)); diff != "" {
				t.Errorf("left behind (-before +after)\n%s", diff)
			}
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

// TestNoCallFailsDuringSwaps swaps under load: calls wait for nothing and none is lost.
func TestNoCallFailsDuringSwaps(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	const callers, swaps = 8, 10
	var good atomic.Int64
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := call(t.Context(), r.Host, "one", "nothing"); err != nil {
					t.Errorf("call = %v", err)
					return
				}
				good.Add(1)
			}
		})
	}
	for i := range swaps {
		before := good.Load()
		eventually(t, "calls", func() bool { return good.Load() > before+50 || t.Failed() })
		if _, err := r.swap(t, []string{"next", ""}[i%2]); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wait.Wait()
	if g := r.serving(t); g.Number != swaps+1 {
		t.Errorf("generation %d, want %d", g.Number, swaps+1)
	}
	want := map[string]int{"processes": 1, "releases": 1, "releases/one": 2, "sockets": 1}
	if diff := cmp.Diff(want, leftovers(t, r.cfg.WorkDir)); diff != "" {
		t.Errorf("left (-want +got)\n%s", diff)
	}
}

func TestCallsFinishWhereTheyBegan(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease, err := r.Lease(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if lease.Share() != 1 {
		t.Errorf("share %v of a generation that is alone", lease.Share())
	}
	swapped := make(chan error, 1)
	go func() {
		_, err := r.swap(t, "next")
		swapped <- err
	}()
	<-lease.Retiring()
	second, err := r.Lease(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if second.Generation() != 2 || second.Share() != 0.5 || second.Binary() == lease.Binary() {
		t.Errorf("second lease on generation %d with a share of %v, %s", second.Generation(), second.Share(), second.Binary())
	}
	second.Release()
	s, err := r.Adapter("one")
	if err != nil || len(s.Retiring) != 1 || s.Retiring[0].Number != 1 || s.Retiring[0].Leases != 1 || s.State != host.Serving {
		t.Errorf("status %+v, %v; want generation 1 retiring with a call", s, err)
	}
	select {
	case err := <-swapped:
		t.Fatalf("the swap ended with a call in flight: %v", err)
	default:
	}
	if _, err := adapterv1.NewMarketplaceAdapterServiceClient(lease.Conn()).Describe(t.Context(), &adapterv1.DescribeRequest{}); err != nil {
		t.Errorf("call on the retiring generation: %v", err)
	}
	lease.Release()
	if err := <-swapped; err != nil {
		t.Error(err)
	}
	third, err := r.Lease(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	defer third.Release()
	if third.Share() != 1 {
		t.Errorf("share %v after the swap", third.Share())
	}
}

func TestRetirementHasADeadline(t *testing.T) {
	t.Parallel()
	r := rigged(t, func(c *host.Config) { c.RetireTimeout = 50 * time.Millisecond })
	inFlight := make(chan error, 1)
	go func() {
		_, err := call(context.Background(), r.Host, "one", "wait")
		inFlight <- err
	}()
	eventually(t, "a call in flight", func() bool {
		s, _ := r.Adapter("one")
		return s.Generation.Leases == 1
	})
	done, err := r.swap(t, "next")
	if err != nil {
		t.Fatal(err)
	}
	if last := done[len(done)-1]; last.Kind != host.Retire || last.Cut != 1 {
		t.Errorf("last step %+v, want one call cut short", last)
	}
	if err := <-inFlight; status.Code(err) != codes.Unavailable {
		t.Errorf("the call = %v, want UNAVAILABLE", err)
	}
}

func TestOneSwapAtATime(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var second error
	err := r.Swap(ctx, "one", "", func(s host.Step) {
		if s.Kind == host.Launch && !s.Done {
			second = r.Swap(ctx, "one", "", func(host.Step) {})
			cancel() // the operator goes away
		}
	})
	if !problem.HasReason(second, problem.ReasonSwapUnderWay) {
		t.Errorf("second swap = %v, want SWAP_UNDER_WAY", second)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("swap that was given up = %v, want the context's error", err)
	}
	if g := r.serving(t); g.Number != 1 {
		t.Errorf("generation %d serves after a swap that was given up", g.Number)
	}
	if _, err := r.swap(t, "next"); err != nil {
		t.Errorf("swap after one that was given up: %v", err)
	}
}

// TestRollbackWhileTheOldOneRetires: who finds out that a release is bad does not wait for slow calls.
func TestRollbackWhileTheOldOneRetires(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease, err := r.Lease(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	swapped := make(chan error, 1)
	go func() {
		_, err := r.swap(t, "next")
		swapped <- err
	}()
	<-lease.Retiring()
	eventually(t, "end of the first swap's decision", func() bool {
		return !problem.HasReason(r.Rollback(t.Context(), "one", func(host.Step) {}), problem.ReasonSwapUnderWay)
	})
	if g := r.serving(t); g.Release.Version != "1.0.0" || g.Number != 3 {
		t.Errorf("serving %+v, want the first release as generation 3", g)
	}
	lease.Release()
	if err := <-swapped; err != nil {
		t.Error(err)
	}
}

// TestCopiesAreKeptWhileTheyAreNeeded: the release that serves, the one before, and those that retire.
func TestCopiesAreKeptWhileTheyAreNeeded(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	lease, err := r.Lease(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	var swaps sync.WaitGroup
	for i, variant := range []string{"next", "decides"} {
		install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@"+variant, variant)
		published := make(chan struct{})
		swaps.Go(func() {
			err := r.Swap(t.Context(), "one", handshake.FilePrefix+"one@"+variant, func(s host.Step) {
				if s.Kind == host.Publish && s.Done {
					close(published)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-published
		eventually(t, "end of the swap's decision", func() bool {
			return !problem.HasReason(r.Swap(t.Context(), "one", handshake.FilePrefix+"one@"+variant, func(host.Step) {}), problem.ReasonSwapUnderWay)
		})
		if got := leftovers(t, r.cfg.WorkDir)["releases/one"]; got != i+2 {
			t.Errorf("%d copies after swap %d, want %d: the first release retires", got, i+1, i+2)
		}
	}
	lease.Release()
	swaps.Wait()
	eventually(t, "the copy of the first release to go", func() bool { return leftovers(t, r.cfg.WorkDir)["releases/one"] == 2 })
}

func TestUnload(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	before := r.serving(t)
	r.stores.use.Stores = 2
	if err := r.Unload(t.Context(), "one"); !problem.HasReason(err, problem.ReasonAdapterInUse) {
		t.Errorf("Unload with bound stores = %v, want ADAPTER_IN_USE", err)
	}
	r.stores.use.Stores = 0
	for range 2 { // the second time there is nothing to do
		if err := r.Unload(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if !gone(before.PID) || !r.memory.desired().Unloaded {
		t.Errorf("process gone %v, saved %+v", gone(before.PID), r.memory.desired())
	}
	if _, err := r.Lease(t.Context(), "one"); !problem.HasReason(err, problem.ReasonAdapterNotFound) || !strings.Contains(err.Error(), "relais adapter swap one") {
		t.Errorf("Lease = %v, want ADAPTER_NOT_FOUND and what to do", err)
	}
	if s, err := r.Adapter("one"); err != nil || s.State != host.Unloaded || s.Generation.PID != 0 {
		t.Errorf("status %+v, %v; want UNLOADED", s, err)
	}
	// A restart leaves it unloaded; a swap to the same release loads it.
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := running(t, func(c *host.Config) {
		c.PluginDir, c.WorkDir, c.Releases = r.cfg.PluginDir, r.cfg.WorkDir, r.memory
	})
	if s, err := next.Adapter("one"); err != nil || s.State != host.Unloaded {
		t.Errorf("status after a restart %+v, %v; want UNLOADED", s, err)
	}
	if err := next.Swap(t.Context(), "one", "", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t.Context(), next, "one", "nothing"); err != nil || r.memory.desired().Unloaded {
		t.Errorf("call after loading: %v; saved %+v", err, r.memory.desired())
	}
}

// TestRestartServesWhatServed: the copy, not the file.
func TestRestartServesWhatServed(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	served := r.serving(t)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "decides")
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := func() *host.Host {
		return running(t, func(c *host.Config) {
			c.PluginDir, c.WorkDir, c.Releases, c.BackoffMin, c.BackoffMax = r.cfg.PluginDir, r.cfg.WorkDir, r.memory, time.Hour, time.Hour
		})
	}
	next := again()
	pid(t, next, "one")
	s, err := next.Adapter("one")
	if err != nil || s.Generation.Release != served.Release {
		t.Errorf("serving %+v, %v; want %v", s.Generation, err, served.Release)
	}
	files, err := next.Files(t.Context())
	if err != nil || len(files) != 1 || files[0].SHA256 == served.Release.SHA256 || len(files[0].SHA256) != 64 {
		t.Errorf("files %+v, %v; want one that differs from what serves", files, err)
	}
	// Rolling back works across restarts as well.
	if err := next.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Error(err)
	}
	if err := next.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Without its copy the release is taken from the plugin directory, if it lies there; another one is never served instead.
	if err := os.RemoveAll(filepath.Join(r.cfg.WorkDir, "releases")); err != nil {
		t.Fatal(err)
	}
	next = again()
	eventually(t, "a failed start", func() bool {
		s, err = next.Adapter("one")
		return err == nil && s.Restarts > 0
	})
	if !strings.Contains(s.Message, "copy of release") || !strings.Contains(s.Message, "relais adapter swap one") {
		t.Errorf("message %q, want what is lost and what to do", s.Message)
	}
	if err := next.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "")
	next = again()
	if _, err := call(t.Context(), next, "one", "nothing"); err != nil {
		t.Errorf("call after the file was put back: %v", err)
	}
}

// TestNewAdapter: a file that comes after the start is listed, and served when it is asked for.
func TestNewAdapter(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"two", "")
	files, err := r.Files(t.Context())
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if err != nil || !slices.Equal(names, []string{"relais-adapter-one", "relais-adapter-two"}) {
		t.Errorf("files %v, %v", names, err)
	}
	if s, err := r.Adapter("two"); err != nil || s.State != host.Unloaded {
		t.Errorf("status %+v, %v; want UNLOADED", s, err)
	}
	if err := r.Swap(t.Context(), "two", "", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	if generation, err := call(t.Context(), r.Host, "two", "nothing"); err != nil || generation != 1 {
		t.Errorf("call on generation %d, %v; want the first process ever", generation, err)
	}
	if err := r.Swap(t.Context(), "three", "", func(host.Step) {}); !problem.HasReason(err, problem.ReasonAdapterNotFound) {
		t.Errorf("swap of an adapter without a file = %v, want ADAPTER_NOT_FOUND", err)
	}
}

// TestStopDuringASwap: at the last moment, when the choice is saved already. It is taken back.
func TestStopDuringASwap(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	stopped := make(chan error, 1)
	r.memory.onSave = func(d release.Desired) {
		if d.Release.Version != "2.0.0" {
			return
		}
		go func() { stopped <- r.Stop(context.Background()) }()
		eventually(t, "no more leases", func() bool {
			l, err := r.Lease(t.Context(), "one")
			if err == nil {
				l.Release()
			}
			return err != nil
		})
	}
	if _, err := r.swap(t, "next"); !problem.HasReason(err, problem.ReasonServerStopping) {
		t.Errorf("swap = %v, want SERVER_STOPPING", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if left := processes(r.cfg.WorkDir); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
	if saved := r.memory.desired(); saved.Release.Version != "1.0.0" {
		t.Errorf("saved %+v, want what served", saved)
	}
}

func TestChangedTellsOfChanges(t *testing.T) {
	t.Parallel()
	r := rigged(t, nil)
	changed := r.Changed()
	select {
	case <-changed:
		t.Fatal("changed without a change")
	default:
	}
	if _, err := r.swap(t, "next"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("the swap went unnoticed")
	}
}

func TestPluginWatch(t *testing.T) {
	t.Parallel()
	log := &logBuffer{}
	r := rigged(t, func(c *host.Config) { c.PluginWatch, c.Logger = 10*time.Millisecond, log.logger() })
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "exits")
	eventually(t, "the bad file to be refused", func() bool { return log.count("new adapter file not served") == 1 })
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one@2", "decides")
	install(t, r.cfg.PluginDir, handshake.FilePrefix+"one", "next")
	eventually(t, "the good file to serve", func() bool { return r.serving(t).Release.Version == "2.0.0" })
	if err := r.Rollback(t.Context(), "one", func(host.Step) {}); err != nil {
		t.Fatal(err)
	}
	looks := func() int { return log.count("new adapter file found") }
	if n := looks(); n != 2 {
		t.Errorf("%d files were tried, want the bad and the good one, each once", n)
	}
}
