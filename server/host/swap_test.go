package host_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host"
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

// moved reports whether the call of a lease was told to go on elsewhere.
func moved(l *host.Lease) bool {
	select {
	case <-l.Retiring():
		return true
	default:
		return false
	}
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
	lease, err := r.Lease(t.Context(), "one", "")
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
	second, err := r.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	if second.Generation() != 2 || second.Share() != 0.1 || second.Binary() == lease.Binary() {
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
	third, err := r.Lease(t.Context(), "one", "")
	if err != nil {
		t.Fatal(err)
	}
	defer third.Release()
	if third.Share() != 1 {
		t.Errorf("share %v after the swap", third.Share())
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
	lease := r.lend(t, "")
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
