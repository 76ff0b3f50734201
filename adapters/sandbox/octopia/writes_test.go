package octopia_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

const (
	parcel      = `[{"parcelNumber":"6A1","carrierName":"Colissimo","trackingUrl":"https://tracking.example.com/6A1"}]`
	anAccept    = `{"approval_status":"Accepted"}`
	aRefusal    = `{"approval_status":"Refused"}`
	cannotShip  = "Cannot switch to shipped status"
	cannotTake  = "Order cannot be accepted in its current status"
	oneComplete = "Cdiscount only enables one parcel per complete order"
)

func (x *shop) ship(number, body string) response {
	x.t.Helper()
	return x.call(http.MethodPost, "/orders/"+number+"/shipments", body)
}

func (x *shop) approve(number, body string) response {
	x.t.Helper()
	return x.call(http.MethodPost, "/orders/"+number+"/approval-status", body)
}

func (x *shop) truth(number string) world.Order {
	x.t.Helper()
	o, known := x.s.World().Truth(number)
	if !known {
		x.t.Fatalf("order %s is gone", number)
	}
	return o
}

func TestShipments(t *testing.T) {
	t.Parallel()
	cancelled := []world.Line{{SKU: "A"}, {SKU: "B", State: world.LineShipmentRefused}, {SKU: "C", State: world.LineCancelRequested}}
	body := func(fields string) string { return `[{"parcelNumber":"6A1","carrierName":"Colissimo"` + fields + `}]` }
	for _, tc := range []struct {
		name   string
		spec   world.Spec
		change func(s *world.Settings)
		body   string
		status int    // 201 means taken
		field  string // of the problem
		text   string
	}{
		{name: "all lines", body: parcel, status: 201},
		{name: "all lines by id", body: body(`,"orderLineIds":["1","2"]`), status: 201},
		{name: "unknown members", body: body(`,"weight":{"kg":1}`), status: 201},
		{name: "one line of two", body: body(`,"orderLineIds":["1"]`), status: 400, field: "orderLineIds", text: oneComplete},
		{name: "no line", body: body(`,"orderLineIds":[]`), status: 400, field: "orderLineIds", text: oneComplete},
		{name: "a line of another order", body: body(`,"orderLineIds":["1","2","3"]`), status: 400, field: "orderLineIds", text: "The line '3' cannot be shipped."},
		{name: "ended lines left out", spec: world.Spec{Lines: cancelled}, body: body(`,"orderLineIds":["1"]`), status: 201},
		{name: "a line that the buyer wants to cancel", spec: world.Spec{Lines: cancelled}, body: body(`,"orderLineIds":["1","3"]`), status: 201},
		{name: "an ended line", spec: world.Spec{Lines: cancelled}, body: body(`,"orderLineIds":["1","2"]`), status: 400, field: "orderLineIds", text: "The line '2' cannot be shipped."},
		{name: "no parcel", body: `[]`, status: 400, field: "parcels", text: "At least one"},
		{name: "two parcels", body: `[{"parcelNumber":"1","carrierName":"GLS"},{"parcelNumber":"2","carrierName":"GLS"}]`, status: 400, field: "parcels", text: oneComplete},
		{name: "no array", body: `{"parcelNumber":"6A1","carrierName":"Colissimo"}`, status: 400, field: "$", text: "could not be converted"},
		{name: "no JSON", body: `[{`, status: 400, field: "$", text: "could not be converted"},
		{name: "two values", body: parcel + parcel, status: 400, field: "$", text: "more than one"},
		{name: "no number", body: `[{"carrierName":"Colissimo"}]`, status: 400, field: "parcelNumber", text: "required"},
		{name: "a blank number", body: `[{"parcelNumber":" ","carrierName":"Colissimo"}]`, status: 400, field: "parcelNumber", text: "required"},
		{name: "no carrier", body: `[{"parcelNumber":"1"}]`, status: 400, field: "carrierName", text: "required"},
		{name: "an unlisted carrier", body: `[{"parcelNumber":"1","carrierName":"DHL Express"}]`, status: 400, field: "carrierName", text: "unknown carrier"},
		{name: "an unlisted carrier, lenient", body: `[{"parcelNumber":"1","carrierName":"DHL Express"}]`, change: func(s *world.Settings) { s.StrictCarriers = false }, status: 201},
		{name: "the label with a blank", body: `[{"parcelNumber":"1","carrierName":"Asendia"}]`, status: 201},
		{name: "waiting for acceptance", spec: world.Spec{State: world.WaitingForSellerAcceptation}, body: parcel, status: 400, field: "status", text: cannotShip},
		{name: "accepted", spec: world.Spec{State: world.AcceptedBySeller}, body: parcel, status: 400, field: "status", text: cannotShip},
		{name: "cancelled", spec: world.Spec{State: world.CancelledByCustomer}, body: parcel, status: 400, field: "status", text: cannotShip},
		{name: "shipped", spec: world.Spec{State: world.Shipped}, body: parcel, status: 400, field: "status", text: cannotShip},
		{name: "shipped, permissive", spec: world.Spec{State: world.Shipped}, change: func(s *world.Settings) { s.SecondShipAccepted = true }, body: parcel, status: 201},
		{name: "the marketplace ships", spec: world.Spec{Fulfilment: world.ByMarketplace}, body: parcel, status: 400, field: "status", text: cannotShip},
		{name: "another seller's", spec: world.Spec{Seller: "demo2"}, body: parcel, status: 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			if tc.change != nil {
				x.settle(tc.change)
			}
			if tc.spec.State == "" {
				tc.spec.State = world.WaitingForShipmentAcceptation
			}
			number := x.create(tc.spec)
			before := x.truth(number)
			r := x.ship(number, tc.body)
			taken := tc.status == http.StatusCreated
			if !taken {
				wantProblem(t, r, tc.status, tc.field, tc.text)
			} else if r.status != http.StatusCreated || r.body != "" {
				t.Errorf("HTTP %d %s", r.status, r.body)
			}
			if after := x.truth(number); (len(after.Parcels) == len(before.Parcels)+1 && after.State == world.Shipped) != taken {
				t.Errorf("the order is %s with %d parcels", after.State, len(after.Parcels))
			}
			writes := x.s.World().Writes()
			if len(writes) != 1 || writes[0].Applied != taken || writes[0].API != "octopia" || writes[0].Order != number || (writes[0].ErrorType == "") != taken {
				t.Errorf("writes %+v", writes)
			}
		})
	}
}

func TestAShippedOrderIsTold(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.advance(time.Minute)
	if r := x.ship(number, parcel); r.status != http.StatusCreated {
		t.Fatalf("HTTP %d %s", r.status, r.body)
	}
	var o orderView
	x.get("/orders/"+number, &o)
	if o.Status != "Shipped" || o.UpdatedAt != "2026-02-20T09:01:00Z" {
		t.Errorf("%s, updated %s", o.Status, o.UpdatedAt)
	}
	for _, l := range o.Lines {
		if l.Status != "Shipped" || len(l.Parcels) != 1 || l.Parcels[0].ParcelNumber != "6A1" || l.Parcels[0].CarrierName != "Colissimo" ||
			*l.Parcels[0].TrackingURL != "https://tracking.example.com/6A1" {
			t.Errorf("line %+v", l)
		}
	}
	w := x.s.World().Writes()[0]
	want := world.Write{
		Sequence: 1, API: "octopia", Operation: "POST /orders/{orderId}/shipments", Seller: "demo", Order: number, RequestedState: "Shipped",
		Action: world.Ship, Carrier: "Colissimo", TrackingNumber: "6A1", TrackingURL: "https://tracking.example.com/6A1",
		Lines: []world.WriteLine{{SKU: "A", State: "Shipped"}, {SKU: "B", State: "Shipped"}}, Applied: true,
		StateBefore: world.WaitingForShipmentAcceptation, VisibleStateBefore: world.WaitingForShipmentAcceptation, EarlierShip: world.NoEarlierShip,
		Time: w.Time, WallTime: w.WallTime, Decided: w.Time,
	}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("write (-want +got):\n%s", diff)
	}
	x.ship(number, parcel)
	if w := x.s.World().Writes()[1]; !w.Doubled || w.Applied || w.ErrorType != "status" || !strings.Contains(w.Message, cannotShip) {
		t.Errorf("the second write %+v", w)
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		spec   world.Spec
		body   string
		status int
		field  string
		text   string
		want   world.State
		line   world.LineState
	}{
		{name: "accept", body: anAccept, status: 201, want: world.AcceptedBySeller, line: world.LineAccepted},
		{name: "refuse", body: aRefusal, status: 201, want: world.RefusedBySeller, line: world.LineRefused},
		{name: "not waiting", spec: world.Spec{State: world.WaitingForShipmentAcceptation}, body: anAccept, status: 400, field: "status", text: cannotTake},
		{name: "state not known yet", spec: world.Spec{StateUnknown: world.Duration(time.Minute)}, body: anAccept, status: 400, field: "status", text: cannotTake},
		{name: "another channel", spec: world.Spec{Channel: "CASIFR"}, body: anAccept, status: 400, field: "salesChannelId", text: cannotTake},
		{name: "another word", body: `{"approval_status":"Shipped"}`, status: 400, field: "approval_status", text: "is not valid"},
		{name: "camel case", body: `{"approvalStatus":"Accepted"}`, status: 400, field: "approval_status", text: "required"},
		{name: "no JSON", body: `Accepted`, status: 400, field: "$", text: "could not be converted"},
		{name: "another seller's", spec: world.Spec{Seller: "demo2"}, body: anAccept, status: 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			if tc.spec.State == "" {
				tc.spec.State = world.WaitingForSellerAcceptation
			}
			number := x.create(tc.spec)
			r := x.approve(number, tc.body)
			if tc.want == "" {
				wantProblem(t, r, tc.status, tc.field, tc.text)
				tc.want, tc.line = tc.spec.State, world.LineStateFor(tc.spec.State)
			} else if r.status != tc.status || r.body != "" {
				t.Errorf("HTTP %d %s", r.status, r.body)
			}
			if o := x.truth(number); o.State != tc.want || o.Lines[0].State != tc.line {
				t.Errorf("the order is %s, its line %s; want %s, %s", o.State, o.Lines[0].State, tc.want, tc.line)
			}
		})
	}
}

// TestAnAcceptedOrderMovesOn follows an order from acceptance to the parcel.
func TestAnAcceptedOrderMovesOn(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForSellerAcceptation})
	var got []string
	look := func() {
		var o orderView
		x.get("/orders/"+number, &o)
		address := "no address"
		if o.Lines[0].ShippingAddress != nil {
			address = "address"
		}
		got = append(got, strings.Join([]string{o.Status, o.Lines[0].Status, address}, " "))
	}
	look()
	x.approve(number, anAccept)
	look()
	x.advance(time.Minute)
	look()
	x.advance(5 * time.Minute)
	look()
	x.ship(number, parcel)
	look()
	want := []string{
		"WaitingAcceptance WaitingAcceptance no address", "Accepted Accepted no address", "Processing Processing no address",
		"InPreparation InPreparation address", "Shipped Shipped address",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWriteStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 204} {
		x := open(t, 0)
		x.settle(func(s *world.Settings) { s.WriteStatus = status })
		if r := x.approve(x.create(world.Spec{State: world.WaitingForSellerAcceptation}), anAccept); r.status != status || r.body != "" {
			t.Errorf("HTTP %d %s, want %d", r.status, r.body, status)
		}
	}
}

func TestOnlyJSONIsTaken(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	req := x.request(http.MethodPost, "/orders/"+number+"/shipments", parcel)
	req.Header.Set("Content-Type", "text/plain")
	r, err := do(req)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r, http.StatusUnsupportedMediaType, "", "Unsupported Media Type")
}

func TestRefusedCallsAreRecorded(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.token = "guess"
	x.ship(number, parcel)
	x.approve(number, aRefusal)
	writes := x.s.World().Writes()
	if len(writes) != 2 || writes[0].ErrorType != "Unauthorized" || writes[0].TrackingNumber != "6A1" || writes[1].Action != world.Refuse || writes[1].Applied {
		t.Errorf("writes %+v", writes)
	}
}

func TestAppliedLate(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.fault(fault.Rule{On: fault.Ship, Kind: fault.ApplyLate, Times: 1, Params: fault.Params{Milliseconds: 60_000}})
	if r, err := do(x.request(http.MethodPost, "/orders/"+number+"/shipments", parcel)); err == nil {
		t.Fatalf("an answer came: HTTP %d", r.status)
	}
	if o := x.truth(number); o.State == world.Shipped {
		t.Error("it is shipped at once")
	}
	x.advance(time.Minute)
	if o := x.truth(number); o.State != world.Shipped {
		t.Errorf("it is %s after a minute", o.State)
	}
}

func TestShipVisibleLater(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.settle(func(s *world.Settings) {
		s.ShipVisibleAfter, s.ParcelVisibleAfter = world.Duration(time.Minute), world.Duration(2*time.Minute)
	})
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.ship(number, parcel)
	var got []string
	for range 3 {
		var o orderView
		x.get("/orders/"+number, &o)
		got = append(got, o.Status+strings.Repeat(" parcel", len(o.Lines[0].Parcels)))
		x.advance(time.Minute)
	}
	if diff := cmp.Diff([]string{"InPreparation", "Shipped", "Shipped parcel"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
