package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// wantHealth waits until both listeners tell this of the adapter's health.
func (s *system) wantHealth(adapter, want string) {
	s.t.Helper()
	for _, conn := range s.conns { // the public listener and the operators'
		waitFor(s.t, func() bool { return health(s.t, conn, adapter) == want })
	}
}

// killServing kills the process that serves and returns the state in which the adapter is seen without one.
func (s *system) killServing() marketplacev1.Adapter_State {
	s.t.Helper()
	pid := s.adapterPID()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	var state marketplacev1.Adapter_State
	waitFor(s.t, func() bool {
		a := s.adapter()
		state = a.GetState()
		return state != marketplacev1.Adapter_STATE_SERVING || int(a.GetGeneration().GetPid()) != pid
	})
	return state
}

// TestCrashLoop: whether an adapter serves is told by the health of both listeners: while a process that died is replaced, while they
// die again and again, and when that replaces itself, or a good release heals it. Meanwhile a store that is pinned to another release
// lacks nothing, and those of other adapters are not concerned.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	s, plugins := newSwappable(t, 20)
	s.connect()
	neighbour := s.connectNeighbour()
	mine := s.create(world.Spec{Variety: world.HomeTracked})
	theirs := s.create(world.Spec{Variety: world.HomeTracked, Seller: neighbour})
	s.imported()
	s.importedOf("neighbour")
	file := filepath.Join(plugins, "relais-adapter-cdiscount")
	otherRelease(t, file, file+"@next", "\n")
	pinned, err := s.admin.PinStore(t.Context(), pinRequest("demo", "relais-adapter-cdiscount@next"))
	if err != nil {
		t.Fatal(err)
	}
	s.wantHealth("cdiscount", "SERVING")

	// A crash loop is five ends; the pause before each replacement is twice the one before.
	serves := func() bool { return s.adapter().GetState() == marketplacev1.Adapter_STATE_SERVING }
	for range 3 {
		s.killServing()
		waitFor(t, serves)
	}
	if got := s.killServing(); got != marketplacev1.Adapter_STATE_RESTARTING {
		t.Fatalf("a process that died leaves the adapter %s", got)
	}
	s.wantHealth("cdiscount", "NOT_SERVING")
	s.wantHealth("cdiscount", "SERVING") // by itself
	if got := s.killServing(); got != marketplacev1.Adapter_STATE_CRASH_LOOPING {
		t.Fatalf("five ends in a row leave the adapter %s", got)
	}
	s.wantHealth("cdiscount", "NOT_SERVING")
	s.wantHealth("octopia", "SERVING")

	request := notifyRequest(theirs)
	request.Parent, request.Shipment.Order = "stores/neighbour", "stores/neighbour/orders/"+theirs
	_, err = s.api.NotifyShipment(t.Context(), request)
	if _, _, retry := wantError(t, err, codes.Unavailable, "ADAPTER_DOWN"); retry.GetRetryDelay().AsDuration() <= 0 {
		t.Error("the store on the release that crashes is not told when to try again")
	}
	if got := s.shipsWith("demo", mine); got != pinned.GetPins()[0].GetSha256() {
		t.Errorf("the pinned store ships with %s, want %v", got, pinned.GetPins())
	}
	if _, err := s.api.CheckStore(t.Context(), &marketplacev1.CheckStoreRequest{Name: "stores/demo"}); err != nil {
		t.Errorf("the pinned store cannot be checked: %v", err)
	}
	if got := s.adapter().GetState(); got != marketplacev1.Adapter_STATE_CRASH_LOOPING {
		t.Errorf("meanwhile the adapter became %s", got)
	}

	otherRelease(t, file, file, "\n\n")
	swap, err := s.admin.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"})
	healed := completed(t, swap, err)
	s.wantHealth("cdiscount", "SERVING")
	if got := s.shipsWith("neighbour", theirs); got != healed.GetGeneration().GetSha256() {
		t.Errorf("after the swap its neighbour ships with %s, want %v", got, healed.GetGeneration())
	}
}
