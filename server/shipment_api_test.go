package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// connectThrough connects the sandbox's first seller as stores/demo through an adapter and returns the credentials.
func (s *system) connectThrough(adapter string) map[string]string {
	s.t.Helper()
	req := connectRequest("demo")
	if adapter == "octopia" {
		req.Store.Adapter, req.Credentials = "adapters/octopia", s.octopiaCredentials("demo")
	}
	if _, err := s.api.ConnectStore(s.t.Context(), req); err != nil {
		s.t.Fatalf("ConnectStore: %v", err)
	}
	return req.GetCredentials().GetValues()
}

// readyThrough is readyOrder through an adapter.
func (s *system) readyThrough(adapter string, spec world.Spec) string {
	s.t.Helper()
	s.connectThrough(adapter)
	number := s.create(spec)
	s.imported()
	return number
}

// pause holds back what stores/demo would send; resume lets it go.
func (s *system) pause() {
	s.t.Helper()
	if _, err := s.api.PauseStore(s.t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/demo"}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) resume() {
	s.t.Helper()
	if _, err := s.api.ResumeStore(s.t.Context(), &marketplacev1.ResumeStoreRequest{Name: "stores/demo"}); err != nil {
		s.t.Fatal(err)
	}
}

// shipment reads a shipment with its events.
func (s *system) shipment(name string) *marketplacev1.Shipment {
	s.t.Helper()
	sh, err := s.api.GetShipment(s.t.Context(), &marketplacev1.GetShipmentRequest{Name: name})
	if err != nil {
		s.t.Fatalf("GetShipment: %v", err)
	}
	return sh
}

// eventsOf returns the events of a kind.
func eventsOf(sh *marketplacev1.Shipment, kind marketplacev1.ShipmentEvent_Kind) []*marketplacev1.ShipmentEvent {
	return slices.DeleteFunc(slices.Clone(sh.GetEvents()), func(e *marketplacev1.ShipmentEvent) bool { return e.GetKind() != kind })
}

// TestPreviewAndEvidence: a preview shows what would be sent, stores nothing and sends nothing; the same is found afterwards as
// evidence of what was sent, and neither shows a secret.
func TestPreviewAndEvidence(t *testing.T) {
	t.Parallel()
	for _, adapter := range []string{"cdiscount", "octopia"} {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			credentials := s.connectThrough(adapter)
			number := s.create(world.Spec{Variety: world.HomeTracked})
			s.imported()

			req := notifyRequest(number)
			req.Shipment.Carrier, req.ValidateOnly = "so colissimo", true
			preview, err := s.api.NotifyShipment(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if preview.GetName() != "" || preview.GetState() != 0 || preview.GetMarketplaceCarrier() != "Colissimo" || preview.GetDeadlineTime() == nil {
				t.Errorf("previewed as %v", preview)
			}
			if rule := preview.GetCarrierMatch().GetRule(); rule != marketplacev1.CarrierMatch_RULE_ALIAS {
				t.Errorf("the carrier was found by %s", rule)
			}
			if page := preview.GetTrackingUrl(); !preview.GetTrackingUrlDerived() || !strings.Contains(page, "6A"+number) {
				t.Errorf("the page is %q, derived: %v", page, preview.GetTrackingUrlDerived())
			}
			list, err := s.api.ListShipments(t.Context(), &marketplacev1.ListShipmentsRequest{Parent: "stores/demo"})
			if err != nil || len(list.GetShipments()) != 0 || len(s.sandbox.World().Writes()) != 0 {
				t.Fatalf("a preview left %d shipments and %d writes, %v", len(list.GetShipments()), len(s.sandbox.World().Writes()), err)
			}

			req.ValidateOnly = false
			sh, err := s.api.NotifyShipment(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			end := s.settled(sh.GetName(), confirmed)
			sendings := eventsOf(end, marketplacev1.ShipmentEvent_KIND_SENDING)
			if len(sendings) != 1 || sendings[0].GetAdapter() != "adapters/"+adapter || !strings.Contains(sendings[0].GetAdapterRelease(), "@") {
				t.Fatalf("the events of sending are %v", sendings)
			}
			if diff := cmp.Diff(preview.GetPreview(), sendings[0].GetRequests(), protocmp.Transform()); diff != "" {
				t.Errorf("sent otherwise than previewed (-preview +sent)\n%s", diff)
			}
			for _, r := range sendings[0].GetRequests() {
				text := strings.Join(append(slices.Collect(maps.Values(r.GetHeaders())), r.GetBody(), r.GetUrl()), "\n")
				if !strings.Contains(text, "***") || !strings.Contains(text, "6A"+number) {
					t.Errorf("the request masks nothing, or lacks the tracking number:\n%s", text)
				}
				for _, secret := range []string{credentials["password"], credentials["client_secret"]} {
					if secret != "" && strings.Contains(text, secret) {
						t.Errorf("the request shows a secret:\n%s", text)
					}
				}
			}
			sent := eventsOf(end, marketplacev1.ShipmentEvent_KIND_SENT)
			if len(sent) != 1 || sent[0].GetOutcome() != "APPLIED" {
				t.Errorf("the answers are %v", sent)
			}
			reads := eventsOf(end, marketplacev1.ShipmentEvent_KIND_READ)
			if len(reads) < 2 || !reads[0].GetObserved().GetFound() || reads[0].GetObserved().GetNativeStatus() == "" ||
				!slices.Contains(reads[len(reads)-1].GetObserved().GetTrackingNumbers(), "6A"+number) {
				t.Errorf("the reads are %v", reads)
			}
			if w := s.shipWritesAny(number); len(w) != 1 || w[0].TrackingNumber != "6A"+number || w[0].Carrier != "Colissimo" {
				t.Errorf("the marketplace received %v", w)
			}

			req.ValidateOnly = true
			again, err := s.api.NotifyShipment(t.Context(), req)
			if err != nil || again.GetName() != sh.GetName() || again.GetState() != confirmed || len(again.GetPreview()) != 0 {
				t.Errorf("a preview of what was shipped is %v, %v", again, err)
			}
		})
	}
}

// shipWritesAny returns the ship requests that any face of the sandbox received for an order.
func (s *system) shipWritesAny(number string) []world.Write {
	return slices.DeleteFunc(s.sandbox.World().Writes(), func(w world.Write) bool { return w.Order != number || w.Action != world.Ship })
}

// TestRepeatedReadsAreCounted: a step that repeats itself is one event with a count.
func TestRepeatedReadsAreCounted(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{Variety: world.PaymentRunning})
	sh := s.notify(number)
	waitFor(t, func() bool {
		reads := eventsOf(s.shipment(sh.GetName()), marketplacev1.ShipmentEvent_KIND_READ)
		return len(reads) > 0 && reads[0].GetCount() >= 3
	})
	read := eventsOf(s.shipment(sh.GetName()), marketplacev1.ShipmentEvent_KIND_READ)
	if len(read) != 1 || !read[0].GetLastTime().AsTime().After(read[0].GetTime().AsTime()) {
		t.Errorf("the reads are %v", read)
	}
}

// TestBatchNotifyShipments: each item of a batch has the result that it would have alone; those that pass are shipped.
func TestBatchNotifyShipments(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	good, twice := s.create(world.Spec{Variety: world.HomeTracked}), s.create(world.Spec{Variety: world.MultiLine})
	misspelt := s.create(world.Spec{Variety: world.HomeTracked})
	asked, forced := s.create(world.Spec{Variety: world.CancelRequested}), s.create(world.Spec{Variety: world.CancelRequested})
	s.imported()
	item := func(number string, change func(*marketplacev1.NotifyShipmentRequest)) *marketplacev1.NotifyShipmentRequest {
		r := notifyRequest(number)
		r.Parent = ""
		if change != nil {
			change(r)
		}
		return r
	}
	batch := &marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/demo", Requests: []*marketplacev1.NotifyShipmentRequest{
		item(good, nil),
		item(misspelt, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Carrier = "Colisimo" }),
		item("1905021015ABC12", nil),
		item(asked, nil),
		item(forced, func(r *marketplacev1.NotifyShipmentRequest) { r.Force = true }),
		item(twice, nil),
		item(twice, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingNumber = "6A-OTHER" }),
		item(good, nil), // says what the first says
	}}
	got, err := s.api.BatchNotifyShipments(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, r := range got.GetResults() {
		if e := r.GetError(); e != nil {
			outcomes = append(outcomes, codes.Code(e.GetCode()).String()+" "+e.GetReason()+" "+e.GetField())
		} else {
			outcomes = append(outcomes, strings.TrimPrefix(r.GetShipment().GetOrder(), "stores/demo/orders/"))
		}
	}
	want := []string{
		good, "InvalidArgument CARRIER_UNKNOWN shipment.carrier", "NotFound ORDER_NOT_FOUND ", "FailedPrecondition CANCEL_REQUESTED ", forced,
		twice, "AlreadyExists SHIPMENT_ALREADY_OPEN ", good,
	}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Fatalf("outcomes (-want +got)\n%s", diff)
	}
	results := got.GetResults()
	if near := results[1].GetError().GetMetadata()["near_matches"]; !strings.Contains(near, "Colissimo") {
		t.Errorf("near matches %q", near)
	}
	if open := results[6].GetError().GetMetadata()["shipment"]; open != results[5].GetShipment().GetName() {
		t.Errorf("the open shipment is %q", open)
	}
	if first, again := results[0].GetShipment().GetName(), results[7].GetShipment().GetName(); first != again {
		t.Errorf("the same statement made %s and %s", first, again)
	}
	for _, i := range []int{0, 4, 5} {
		s.settled(results[i].GetShipment().GetName(), confirmed)
	}
	for number, writes := range map[string]int{good: 1, forced: 1, twice: 1, misspelt: 0, asked: 0} {
		if n := len(s.shipWrites(number)); n != writes {
			t.Errorf("the marketplace received %d ship requests for %s, want %d", n, number, writes)
		}
	}
	again, err := s.api.BatchNotifyShipments(t.Context(), batch)
	if err != nil || again.GetResults()[0].GetShipment().GetName() != results[0].GetShipment().GetName() {
		t.Errorf("the batch again: %v, %v", again.GetResults()[0], err)
	}
}

// TestForce: what stands against a shipment without making it impossible is overruled by force, and only that.
func TestForce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		adapter string
		spec    world.Spec
		carrier string
		reason  string
	}{
		{"the buyer asks to cancel", "cdiscount", world.Spec{Variety: world.CancelRequested}, "Colissimo", "CANCEL_REQUESTED"},
		{"a carrier of another pickup network", "cdiscount", world.Spec{Variety: world.MondialRelay}, "Colissimo", "CARRIER_NOT_FOR_PICKUP_POINT"},
		{"a carrier without pickup points", "octopia", world.Spec{Variety: world.RelaisColis}, "UPS", "CARRIER_NOT_FOR_PICKUP_POINT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			number := s.readyThrough(tt.adapter, tt.spec)
			req := notifyRequest(number)
			req.Shipment.Carrier = tt.carrier
			wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.FailedPrecondition, tt.reason)
			req.Force = true
			sh, err := s.api.NotifyShipment(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			s.settled(sh.GetName(), confirmed)
			if w := s.shipWritesAny(number); len(w) != 1 || w[0].Carrier != tt.carrier {
				t.Errorf("the marketplace received %v", w)
			}
		})
	}
	t.Run("an order that has ended", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, 0)
		s.connect()
		number := s.create(world.Spec{Variety: world.HomeTracked})
		state := world.CancelledByCustomer
		s.change(number, world.Patch{State: &state})
		s.imported()
		req := notifyRequest(number)
		req.Force = true
		wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.FailedPrecondition, "ORDER_NOT_SHIPPABLE")
	})
}

// TestOtherCarrier: a carrier that is in no list goes out as the marketplace's "other" where it has one, asked for and with a page.
func TestOtherCarrier(t *testing.T) {
	t.Parallel()
	t.Run("octopia", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, 0)
		number := s.readyThrough("octopia", world.Spec{Variety: world.HomeTracked})
		req := notifyRequest(number)
		req.Shipment.Carrier = "Invented Bikes"
		_, bad, _ := wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.InvalidArgument, "CARRIER_UNKNOWN")
		if v := bad.GetFieldViolations(); len(v) != 1 || v[0].GetField() != "shipment.carrier" || !strings.Contains(v[0].GetDescription(), "allow_other_carrier") {
			t.Errorf("violations %v", v)
		}
		req.AllowOtherCarrier = true
		_, bad, _ = wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.InvalidArgument, "INVALID_FIELD")
		if v := bad.GetFieldViolations(); len(v) != 1 || v[0].GetField() != "shipment.tracking_url" {
			t.Errorf("violations %v", v)
		}
		req.Shipment.TrackingUrl = "https://bikes.example.com/1"
		sh, err := s.api.NotifyShipment(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		end := s.settled(sh.GetName(), confirmed)
		if end.GetMarketplaceCarrier() != "autre" || end.GetCarrierMatch().GetRule() != marketplacev1.CarrierMatch_RULE_OTHER || end.GetTrackingUrlDerived() {
			t.Errorf("sent as %q by %v, page derived: %v", end.GetMarketplaceCarrier(), end.GetCarrierMatch(), end.GetTrackingUrlDerived())
		}
		if w := s.shipWritesAny(number); len(w) != 1 || w[0].Carrier != "autre" || w[0].TrackingURL != req.GetShipment().GetTrackingUrl() {
			t.Errorf("the marketplace received %v", w)
		}
	})
	t.Run("cdiscount", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, 0)
		req := notifyRequest(s.readyOrder(world.Spec{}))
		req.Shipment.Carrier, req.Shipment.TrackingUrl, req.AllowOtherCarrier = "Invented Bikes", "https://bikes.example.com/1", true
		wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.InvalidArgument, "CARRIER_UNKNOWN")
	})
}

// TestCarrierAliases: ListCarriers tells what else a carrier may be called, and that is taken.
func TestCarrierAliases(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	list, err := s.api.ListCarriers(t.Context(), &marketplacev1.ListCarriersRequest{Parent: "stores/demo"})
	if err != nil {
		t.Fatal(err)
	}
	number := s.create(world.Spec{Variety: world.HomeTracked})
	s.imported()
	tried := 0
	for _, c := range list.GetCarriers() {
		for _, alias := range c.GetAliases() {
			req := notifyRequest(number)
			req.Shipment.Carrier, req.ValidateOnly = alias, true
			got, err := s.api.NotifyShipment(t.Context(), req)
			if err != nil || got.GetMarketplaceCarrier() != c.GetDisplayName() || got.GetCarrierMatch().GetRule() != marketplacev1.CarrierMatch_RULE_ALIAS {
				t.Errorf("%q is listed for %q and taken for %q by %s, %v", alias, c.GetDisplayName(), got.GetMarketplaceCarrier(), got.GetCarrierMatch().GetRule(), err)
			}
			tried++
		}
	}
	if tried < 5 {
		t.Errorf("only %d aliases are listed", tried)
	}
}
