package octopia_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"

	"github.com/relaishq/relais/adapters/sandbox/world"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestEmulatorUncertain: whatever the real API turns out to do where the contract is not sure, the orders are the same.
func TestEmulatorUncertain(t *testing.T) {
	t.Parallel()
	list := func(t *testing.T, change func(*world.Settings)) map[string]*adapterv1.Order {
		s, a, store := emulated(t, 150)
		settings := s.World().Settings()
		change(&settings)
		if err := s.World().SetSettings(settings); err != nil {
			t.Fatal(err)
		}
		out := &sink{}
		if err := a.ListOrders(short(t), createdWindow(store, at(start).Add(-60*24*time.Hour), at(start).Add(time.Second)), out); err != nil {
			t.Fatal(err)
		}
		orders := make(map[string]*adapterv1.Order)
		for _, o := range out.orders {
			orders[o.GetOrderNumber()] = o
		}
		return orders
	}
	want := list(t, func(*world.Settings) {})
	if len(want) != 150 {
		t.Fatalf("%d orders", len(want))
	}
	for name, change := range map[string]func(*world.Settings){
		"short tokens":           func(s *world.Settings) { s.LongTokens = false },
		"sort by field":          func(s *world.Settings) { s.SortSpelling = "field" },
		"sort with prefix":       func(s *world.Settings) { s.SortSpelling = "prefixed" },
		"bounds excluded":        func(s *world.Settings) { s.DateBounds = "exclusive" },
		"dates with an offset":   func(s *world.Settings) { s.DateZone = "+00:00" },
		"fees beside the total":  func(s *world.Settings) { s.TotalWithFees = false },
		"extra fields all over":  func(s *world.Settings) { s.ExtraFields = 1 },
		"lines as before Nov 25": func(s *world.Settings) { s.ShippableLineStatus = "Accepted" },
		"number as reference":    func(s *world.Settings) { s.ReferenceIs = "number" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := list(t, change)
			for number, o := range want {
				if name == "number as reference" {
					o = proto.CloneOf(o)
					o.Reference = ""
				}
				other := got[number]
				if name == "lines as before Nov 25" && other.GetNativeStatus() == "InPreparation" {
					for _, l := range other.GetLines() {
						if l.GetNativeStatus() == "Accepted" {
							l.NativeStatus = "InPreparation"
						}
					}
				}
				if diff := cmp.Diff(o, other, protocmp.Transform()); diff != "" {
					t.Errorf("order %s (-want +got):\n%s", number, diff)
				}
			}
		})
	}
}

// TestEmulatorUnknownRelayLabel: a relay order whose label nobody knows is a pickup of an unknown network, marked, with its point.
func TestEmulatorUnknownRelayLabel(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 0)
	known := readyOrder(t, s, a, store, "mondial-relay")
	settings := s.World().Settings()
	settings.RelayLabel = "unknown"
	if err := s.World().SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	unknown := readOrder(t, a, store, known.GetOrderNumber())
	p := unknown.GetPickupPoint()
	if p.GetNetwork() != adapterv1.PickupNetwork_PICKUP_NETWORK_UNSPECIFIED || p.GetRawId() != known.GetPickupPoint().GetRawId() || p.GetName() == "" ||
		len(p.GetAddress().GetLines()) == 0 || unknown.GetDeliveryKind() != adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP {
		t.Errorf("point of %s with id %q, %s", p.GetNetwork(), p.GetRawId(), unknown.GetDeliveryKind())
	}
	if label, marked := marks(unknown)["delivery.mode"]; !marked || label != unknown.GetNativeDeliveryMode() {
		t.Errorf("marks %v", marks(unknown))
	}
	if known.GetPickupPoint().GetNetwork() != adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY || len(known.GetUnrecognized()) != 0 {
		t.Errorf("with a label of the table: %s, marks %v", known.GetPickupPoint().GetNetwork(), marks(known))
	}
}

// TestEmulatorTokenEndsDuringImport: the read goes on with a new token and loses nothing.
func TestEmulatorTokenEndsDuringImport(t *testing.T) {
	t.Parallel()
	s, a, store := emulated(t, 300)
	list := func() *sink {
		out := &sink{}
		if err := a.ListOrders(short(t), createdWindow(store, at(start).Add(-30*24*time.Hour), at(start)), out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	undisturbed := list()
	if _, err := s.Faults().Add(fault.Rule{On: "list", API: "octopia", Kind: fault.TokenExpired, Times: 1, After: 3}); err != nil {
		t.Fatal(err)
	}
	if disturbed := list(); len(disturbed.orders) != len(undisturbed.orders) || len(disturbed.states) == 0 {
		t.Errorf("%d orders and %d new states, want %d orders", len(disturbed.orders), len(disturbed.states), len(undisturbed.orders))
	}
}
