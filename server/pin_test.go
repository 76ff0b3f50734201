package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// pinRequest pins a store to a file of the plugin directory for an hour.
func pinRequest(store, file string) *marketplacev1.PinStoreRequest {
	return &marketplacev1.PinStoreRequest{
		Name: "adapters/cdiscount", Store: "stores/" + store, Release: &marketplacev1.PinStoreRequest_File{File: file},
		ExpireTime: timestamppb.New(time.Now().Add(time.Hour)),
	}
}

// shipsWith ships an order of a store and returns the hash of the release that sent it.
func (s *system) shipsWith(store, number string) string {
	s.t.Helper()
	req := notifyRequest(number)
	req.Parent, req.Shipment.Order = "stores/"+store, "stores/"+store+"/orders/"+number
	sh, err := s.api.NotifyShipment(s.t.Context(), req)
	if err != nil {
		s.t.Fatalf("NotifyShipment: %v", err)
	}
	sendings := eventsOf(s.settled(sh.GetName(), confirmed), marketplacev1.ShipmentEvent_KIND_SENDING)
	if len(sendings) != 1 {
		s.t.Fatalf("sent %d times", len(sendings))
	}
	_, sum, _ := strings.Cut(sendings[0].GetAdapterRelease(), "@")
	return sum
}

// connectNeighbour connects another store through the same adapter and returns its account.
func (s *system) connectNeighbour() (account string) {
	s.t.Helper()
	seller := s.sandbox.World().Sellers()[1]
	req := connectRequest("neighbour")
	req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": seller.Login, "password": seller.Password}}
	if _, err := s.api.ConnectStore(s.t.Context(), req); err != nil {
		s.t.Fatal(err)
	}
	return seller.Account
}

// importedOf imports the orders of a store.
func (s *system) importedOf(store string) {
	s.t.Helper()
	run, err := s.api.ImportOrders(s.t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/" + store})
	if err != nil {
		s.t.Fatal(err)
	}
	if got := s.await(run.GetName()); got.GetState() != marketplacev1.Import_STATE_SUCCEEDED {
		s.t.Fatalf("import of %s: %v", store, got)
	}
}

// TestPinnedStore: one store tries a release, in the middle of an import, while another one does not; that lasts over a swap and a
// restart, until it is unpinned.
func TestPinnedStore(t *testing.T) {
	t.Parallel()
	s, plugins := newSwappable(t, 60)
	s.connect()
	neighbour := s.connectNeighbour()
	var mine, theirs []string
	for range 4 {
		mine = append(mine, s.create(world.Spec{Variety: world.HomeTracked}))
		theirs = append(theirs, s.create(world.Spec{Variety: world.HomeTracked, Seller: neighbour}))
	}
	s.importedOf("neighbour")
	serving := s.adapter().GetGeneration().GetSha256()

	// What does not suit is refused.
	_, err := s.admin.PinStore(t.Context(), pinRequest("demo", "relais-adapter-octopia"))
	wantError(t, err, codes.InvalidArgument, "INVALID_FIELD")
	otherRelease(t, filepath.Join(plugins, "relais-adapter-octopia"), filepath.Join(plugins, "relais-adapter-cdiscount@wrong"), "")
	_, err = s.admin.PinStore(t.Context(), pinRequest("demo", "relais-adapter-cdiscount@wrong"))
	wantError(t, err, codes.FailedPrecondition, "RELEASE_REFUSED")
	_, err = s.admin.PinStore(t.Context(), pinRequest("stranger", "relais-adapter-cdiscount"))
	wantError(t, err, codes.NotFound, "STORE_NOT_FOUND")
	other := pinRequest("demo", "relais-adapter-octopia")
	other.Name = "adapters/octopia"
	_, err = s.admin.PinStore(t.Context(), other)
	wantError(t, err, codes.FailedPrecondition, "ADAPTER_NOT_CONNECTED")

	// Pinned in the middle of an import, which goes on there.
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, Params: fault.Params{Milliseconds: 300}})
	run, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		got, err := s.api.GetImport(t.Context(), &marketplacev1.GetImportRequest{Name: run.GetName()})
		return err == nil && got.GetWindows()[0].GetFinishedUntilTime() != nil
	})
	file := filepath.Join(plugins, "relais-adapter-cdiscount")
	otherRelease(t, file, file+"@next", "\n")
	pinned, err := s.admin.PinStore(t.Context(), pinRequest("demo", "relais-adapter-cdiscount@next"))
	if err != nil {
		t.Fatal(err)
	}
	pin := pinned.GetPins()[0]
	if pin.GetState() != marketplacev1.Pin_STATE_SERVING || pin.GetSha256() == serving || pinned.GetGeneration().GetSha256() != serving {
		t.Errorf("pinned: %v", pinned)
	}
	if got := s.await(run.GetName()); got.GetState() != marketplacev1.Import_STATE_SUCCEEDED || got.GetWindows()[0].GetResumeCount() != 1 {
		t.Errorf("import %s, resumed %d times, %v; want it succeeded through the pinned process", got.GetState(), got.GetWindows()[0].GetResumeCount(), got.GetFailure())
	}
	ships := func(when string, turn int, demo, neighbour string) {
		t.Helper()
		if got := s.shipsWith("demo", mine[turn]); got != demo {
			t.Errorf("%s: the pinned store ships with %s, want %s", when, got, demo)
		}
		if got := s.shipsWith("neighbour", theirs[turn]); got != neighbour {
			t.Errorf("%s: its neighbour ships with %s, want %s", when, got, neighbour)
		}
	}
	ships("pinned", 0, pin.GetSha256(), serving)

	otherRelease(t, file, file, "\n\n")
	swap, err := s.admin.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"})
	swapped := completed(t, swap, err).GetGeneration().GetSha256()
	ships("after a swap", 1, pin.GetSha256(), swapped)

	s.stop()
	s.start()
	ships("after a restart", 2, pin.GetSha256(), swapped)

	after, err := s.admin.UnpinStore(t.Context(), &marketplacev1.UnpinStoreRequest{Name: "adapters/cdiscount", Store: "stores/demo"})
	if err != nil || len(after.GetPins()) != 0 {
		t.Errorf("unpinned: %v, %v", after.GetPins(), err)
	}
	ships("unpinned", 3, swapped, swapped)
}
