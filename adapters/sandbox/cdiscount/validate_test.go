package cdiscount_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestAcceptedOrderMovesOnByItself(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForSellerAcceptation})
	v := x.validate(decision{Number: number, State: "AcceptedBySeller", Lines: [][2]string{{"A", "AcceptedBySeller"}, {"B", "RefusedBySeller"}}})
	if !v.Results[0].Validated || !v.Results[0].Lines[0].Updated || !v.Results[0].Lines[1].Updated || v.Message != "" {
		t.Fatalf("not accepted: %+v", v)
	}
	steps := []struct {
		after   time.Duration
		state   string
		updated string // Paris time
		street  bool
	}{
		{0, "AcceptedBySeller", "2026-02-20T10:00:00", false},
		{59 * time.Second, "AcceptedBySeller", "2026-02-20T10:00:00", false},
		{time.Second, "PaymentInProgress", "2026-02-20T10:01:00", false},
		{5 * time.Minute, "WaitingForShipmentAcceptation", "2026-02-20T10:06:00", true},
		{time.Hour, "WaitingForShipmentAcceptation", "2026-02-20T10:06:00", true},
	}
	for _, s := range steps {
		mustAdvance(x, s.after)
		o := x.read(number)
		if o.state() != s.state || o.Updated != s.updated || (o.ShipTo.Street != "") != s.street {
			t.Errorf("%s later: %s, updated %s, street %q; want %+v", s.after, o.state(), o.Updated, o.ShipTo.Street, s)
		}
	}
	o := x.read(number)
	if o.Lines[0].State != "AcceptedBySeller" || o.Lines[1].State != "RefusedBySeller" || o.ValidatedTotal != "20.99" {
		t.Errorf("partly accepted order reads %+v", o)
	}
}

func TestShip(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	mustAdvance(x, time.Hour)
	v := x.validate(ship(number))
	if v.Success != "true" || v.Message != "" || !v.Results[0].Validated || len(v.Results[0].ErrorTypes) > 0 {
		t.Fatalf("not shipped: %+v", v)
	}
	o := x.read(number)
	if o.state() != "Shipped" || o.Lines[0].State != "ShippedBySeller" || o.Lines[1].State != "ShippedBySeller" || o.Updated != "2026-02-20T11:00:00" {
		t.Errorf("shipped order reads %+v", o)
	}
	if len(o.Parcels) != 1 || o.Parcels[0].Number != "MR00000001" || o.Parcels[0].Carrier != "Mondial Relay" || o.Parcels[0].URL != "https://tracking.example.com/MR00000001?a=1&b=2" {
		t.Errorf("parcels %+v", o.Parcels)
	}
	again := x.validate(ship(number))
	text := fmt.Sprintf(`Le passage à l'état Shipped est impossible à ce stade de la commande "%s".`, number)
	if again.Success != "true" || again.Message != number+" error: "+text || again.Results[0].Validated || again.Results[0].ErrorTypes[0] != "OrderStateIncoherent" {
		t.Errorf("shipping twice gave %+v", again)
	}
	if o := x.read(number); len(o.Parcels) != 1 {
		t.Errorf("the repetition left %d parcels", len(o.Parcels))
	}
}

func TestAnswerShapes(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	d := ship(number)
	_, body := x.call("ValidateOrderList", x.message(d))
	want := `<ValidateOrderResults><ValidateOrderResult><Errors/><OrderNumber>` + number + `</OrderNumber><ValidateOrderLineResults>` +
		`<ValidateOrderLineResult><Errors/><SellerProductId>A</SellerProductId><Updated>true</Updated></ValidateOrderLineResult>` +
		`<ValidateOrderLineResult><Errors/><SellerProductId>B</SellerProductId><Updated>true</Updated></ValidateOrderLineResult>` +
		`</ValidateOrderLineResults><Validated>true</Validated><Warnings/></ValidateOrderResult></ValidateOrderResults></ValidateOrderListResult>`
	if !strings.Contains(body, want) {
		t.Errorf("accepted: %s", body)
	}
	_, body = x.call("ValidateOrderList", x.message(d))
	text := `Le passage à l'état Shipped est impossible à ce stade de la commande "` + number + `".`
	want = `<ErrorList/><SellerLogin>demo</SellerLogin><TokenId>` + x.token + `</TokenId><ValidateOrderResults><ValidateOrderResult><Errors><Error>` +
		`<ErrorType>OrderStateIncoherent</ErrorType><Message>` + text + `</Message></Error></Errors><OrderNumber>` + number +
		`</OrderNumber><ValidateOrderLineResults/><Validated>false</Validated><Warnings/></ValidateOrderResult></ValidateOrderResults>`
	if !strings.Contains(body, want) {
		t.Errorf("refused: %s", body)
	}
}

func TestTransitions(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	allowed := map[[2]string]bool{
		{"WaitingForSellerAcceptation", "AcceptedBySeller"}:          true,
		{"WaitingForSellerAcceptation", "RefusedBySeller"}:           true,
		{"WaitingForShipmentAcceptation", "Shipped"}:                 true,
		{"WaitingForShipmentAcceptation", "ShipmentRefusedBySeller"}: true,
	}
	lineState := map[string]string{
		"AcceptedBySeller": "AcceptedBySeller", "RefusedBySeller": "RefusedBySeller", "Shipped": "ShippedBySeller",
		"ShipmentRefusedBySeller": "ShipmentRefusedBySeller", "CancelledByCustomer": "CancelledBeforePaymentByCustomer", "PickedUp": "None",
	}
	for _, from := range []world.State{
		world.WaitingForSellerAcceptation, world.AcceptedBySeller, world.PaymentInProgress, world.WaitingForShipmentAcceptation, world.Shipped,
		world.CancelledByCustomer, world.RefusedBySeller, world.AutomaticCancellation, world.PaymentRefused, world.ShipmentRefusedBySeller,
		"BlockedFraudSuspicion",
	} {
		for to, line := range lineState {
			t.Run(string(from)+" to "+to, func(t *testing.T) {
				t.Parallel()
				number := x.create(world.Spec{State: from})
				d := ship(number)
				d.State, d.Lines = to, [][2]string{{"A", line}, {"B", line}}
				r := x.validate(d).Results[0]
				if allowed[[2]string{string(from), to}] {
					if o := x.read(number); !r.Validated || o.state() != to || o.Lines[0].State != line {
						t.Errorf("result %+v, order %+v", r, o)
					}
					return
				}
				if r.Validated || !cmp.Equal(r.ErrorTypes, []string{"OrderStateIncoherent"}) {
					t.Errorf("result %+v, want OrderStateIncoherent", r)
				}
				if o := x.read(number); o.state() != string(from) {
					t.Errorf("a refused request moved the order to %s", o.state())
				}
			})
		}
	}
}

func TestShipmentRules(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for _, tc := range []struct {
		name   string
		spec   world.Spec
		change func(d *decision)
		want   string // error type; empty means validated
	}{
		{"part", world.Spec{}, func(d *decision) { d.Lines[1][1] = "ShipmentRefusedBySeller" }, ""},
		{"without URL", world.Spec{}, func(d *decision) { d.URL = "" }, ""},
		{"tracking of 50 characters", world.Spec{}, func(d *decision) { d.Tracking = strings.Repeat("É", 50) }, ""},
		{"a line with a cancel request", world.Spec{Lines: []world.Line{{SKU: "A", State: world.LineCancelRequested}, {SKU: "B"}}}, func(*decision) {}, ""},
		{"a refused line left out", world.Spec{Lines: []world.Line{{SKU: "A"}, {SKU: "B"}, {SKU: "C", State: world.LineRefused}}}, func(*decision) {}, ""},
		{"two lines of one reference", world.Spec{Lines: []world.Line{{SKU: "A"}, {SKU: "B"}, {SKU: "A"}}}, func(d *decision) {
			d.Lines = append(d.Lines, [2]string{"A", "ShipmentRefusedBySeller"})
		}, ""},
		{"unknown order", world.Spec{}, func(d *decision) { d.Number = "0000000000ZZZZZ" }, "OrderNotFound"},
		{"another seller's order", world.Spec{Seller: "demo2"}, func(*decision) {}, "OrderNotFound"},
		{"the marketplace ships", world.Spec{Fulfilment: world.ByMarketplace}, func(*decision) {}, "OrderUpdateNotAuthorized"},
		{"no tracking", world.Spec{}, func(d *decision) { d.Tracking = "" }, "OrderTrackingInformationError"},
		{"no carrier", world.Spec{}, func(d *decision) { d.Carrier = "" }, "OrderTrackingInformationError"},
		{"tracking of 51 characters", world.Spec{}, func(d *decision) { d.Tracking = strings.Repeat("É", 51) }, "OrderTrackingInformationError"},
		{"blank in tracking", world.Spec{}, func(d *decision) { d.Tracking = "MR 1" }, "OrderTrackingInformationError"},
		{"ampersand in tracking", world.Spec{}, func(d *decision) { d.Tracking = "MR&1" }, "OrderTrackingInformationError"},
		{"asterisk in tracking", world.Spec{}, func(d *decision) { d.Tracking = "MR*1" }, "OrderTrackingInformationError"},
		{"dollar in tracking", world.Spec{}, func(d *decision) { d.Tracking = "MR$1" }, "OrderTrackingInformationError"},
		{"URL without scheme", world.Spec{}, func(d *decision) { d.URL = "tracking.example.com/1" }, "OrderTrackingInformationError"},
		{"URL of 256 characters", world.Spec{}, func(d *decision) { d.URL = "https://" + strings.Repeat("a", 248) }, "OrderTrackingInformationError"},
		{"a line is missing", world.Spec{}, func(d *decision) { d.Lines = d.Lines[:1] }, "OrderLineError"},
		{"no line", world.Spec{}, func(d *decision) { d.Lines = nil }, "OrderLineError"},
		{"one of two equal references", world.Spec{Lines: []world.Line{{SKU: "A"}, {SKU: "B"}, {SKU: "A"}}}, func(*decision) {}, "OrderLineError"},
		{"a line too much", world.Spec{}, func(d *decision) { d.Lines = append(d.Lines, [2]string{"C", "ShippedBySeller"}) }, "OrderLineNotFound"},
		{"a line twice", world.Spec{}, func(d *decision) { d.Lines = append(d.Lines, d.Lines[0]) }, "OrderLineNotFound"},
		{"the fee", world.Spec{}, func(d *decision) { d.Lines = append(d.Lines, [2]string{"INTERETBCA", "ShippedBySeller"}) }, "OrderLineNotFound"},
		{"the fee's empty reference", world.Spec{}, func(d *decision) { d.Lines = append(d.Lines, [2]string{"", "ShippedBySeller"}) }, "OrderLineNotFound"},
		{"an ended line", world.Spec{Lines: []world.Line{{SKU: "A"}, {SKU: "B", State: world.LineRefused}}}, func(*decision) {}, "OrderLineIncoherentState"},
		{"lines accepted again", world.Spec{}, func(d *decision) { d.Lines[0][1] = "AcceptedBySeller" }, "OrderLineIncoherentState"},
		{"no line shipped", world.Spec{}, func(d *decision) {
			d.Lines[0][1], d.Lines[1][1] = "ShipmentRefusedBySeller", "ShipmentRefusedBySeller"
		}, "OrderLineIncoherentState"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.spec.State = world.WaitingForShipmentAcceptation
			number := x.create(tc.spec)
			d := ship(number)
			tc.change(&d)
			v := x.validate(d)
			r := v.Results[0]
			truth, _ := x.s.World().Truth(number)
			if tc.want == "" {
				if !r.Validated || truth.State != world.Shipped {
					t.Fatalf("result %+v, state %s", r, truth.State)
				}
				for i, line := range d.Lines {
					if !r.Lines[i].Updated || r.Lines[i].SKU != line[0] {
						t.Errorf("line result %+v for %v", r.Lines[i], line)
					}
				}
				return
			}
			if r.Validated || len(r.ErrorTypes) == 0 || r.ErrorTypes[0] != tc.want || v.Success != "true" || !strings.HasPrefix(v.Message, d.Number+" error: ") {
				t.Errorf("answer %+v, want %s", v, tc.want)
			}
			for _, line := range r.Lines {
				if line.Updated {
					t.Errorf("line %s of a refused request is updated", line.SKU)
				}
			}
			if truth.State != world.WaitingForShipmentAcceptation || len(truth.Parcels) > 0 {
				t.Errorf("a refused request changed the order to %s", truth.State)
			}
		})
	}
}

// TestEveryLineRequired holds the setting that refuses what leaves out a line that has already ended.
func TestEveryLineRequired(t *testing.T) {
	t.Parallel()
	const (
		accepted, refused         = world.LineAccepted, world.LineRefused
		shippedWord, refusedWord  = "ShippedBySeller", "ShipmentRefusedBySeller"
		shipOrder, refuseShipment = "Shipped", "ShipmentRefusedBySeller"
	)
	for _, tc := range []struct {
		name  string
		state string               // asked of the order
		have  [][2]world.LineState // reference and state of the order's lines
		ask   [][2]string          // of the request
		want  string               // error type with the setting; empty means validated
		usual string               // without it
	}{
		{"ended line left out", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"A", shippedWord}}, "OrderLineError", ""},
		{"ended line of the same reference left out", shipOrder, [][2]world.LineState{{"A", accepted}, {"A", refused}}, [][2]string{{"A", shippedWord}}, "OrderLineError", ""},
		{"ended line left out of a refusal", refuseShipment, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"A", refusedWord}}, "OrderLineError", ""},
		{"ended line with the state it has", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"A", shippedWord}, {"B", "RefusedBySeller"}}, "", "OrderLineIncoherentState"},
		{"ended line refused", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"B", refusedWord}, {"A", shippedWord}}, "", "OrderLineIncoherentState"},
		{"ended line shipped", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"A", shippedWord}, {"B", shippedWord}}, "OrderLineIncoherentState", "OrderLineIncoherentState"},
		{"ended line twice", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"A", shippedWord}, {"B", refusedWord}, {"B", refusedWord}}, "OrderLineNotFound", "OrderLineIncoherentState"},
		{"nothing but the ended line", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", refused}}, [][2]string{{"B", refusedWord}}, "OrderLineError", "OrderLineIncoherentState"},
		{"all lines ended", refuseShipment, [][2]world.LineState{{"A", refused}}, [][2]string{{"A", refusedWord}}, "OrderLineIncoherentState", "OrderLineIncoherentState"},
		{"no line ended", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", accepted}}, [][2]string{{"A", shippedWord}, {"B", shippedWord}}, "", ""},
		{"open line left out", shipOrder, [][2]world.LineState{{"A", accepted}, {"B", accepted}}, [][2]string{{"A", shippedWord}}, "OrderLineError", "OrderLineError"},
	} {
		for setting, want := range map[bool]string{false: tc.usual, true: tc.want} {
			t.Run(fmt.Sprintf("%s, every line required %v", tc.name, setting), func(t *testing.T) {
				t.Parallel()
				x := open(t, 0)
				x.settle(func(s *world.Settings) { s.EveryLineRequired = setting })
				spec := world.Spec{State: world.WaitingForShipmentAcceptation, Fees: []world.Fee{{Code: "INTERETBCA", Amount: world.Cents(1)}}}
				for _, l := range tc.have {
					spec.Lines = append(spec.Lines, world.Line{SKU: string(l[0]), State: l[1]})
				}
				number := x.create(spec)
				d := ship(number)
				d.State, d.Lines = tc.state, tc.ask
				r := x.validate(d).Results[0]
				o, _ := x.s.World().Truth(number)
				if want != "" {
					if r.Validated || len(r.ErrorTypes) == 0 || r.ErrorTypes[0] != want || o.State != spec.State {
						t.Errorf("result %+v, state %s; want %s", r, o.State, want)
					}
					return
				}
				if !r.Validated || string(o.State) != tc.state {
					t.Errorf("result %+v, state %s; want it validated", r, o.State)
				}
				for i, l := range tc.have {
					if ended := l[1] == refused; ended != (o.Lines[i].State == refused) {
						t.Errorf("line %s was %s and is %s", l[0], l[1], o.Lines[i].State)
					}
				}
			})
		}
	}
}

func TestOrdersOfOneCallAreIndependent(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	good := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	ended := x.create(world.Spec{State: world.CancelledByCustomer})
	v := x.validate(ship(ended), ship("unknown"), ship(good))
	if len(v.Results) != 3 || v.Results[0].Validated || v.Results[1].Validated || !v.Results[2].Validated {
		t.Fatalf("results %+v", v.Results)
	}
	if !strings.Contains(v.Message, ended+" error: ") || !strings.Contains(v.Message, "unknown error: ") {
		t.Errorf("message %q", v.Message)
	}
}

func TestLateAndUnknownElementsAreSkipped(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	line := func(content string) string { return "<ValidateOrderLine>" + content + "</ValidateOrderLine>" }
	good := "<AcceptationState>ShippedBySeller</AcceptationState><ProductCondition>New</ProductCondition><SellerProductId>A</SellerProductId>"
	message := func(lineA, carrierFirst, carrierLast string) string {
		return "<validateOrderListMessage><OrderList><ValidateOrder>" + carrierFirst + "<OrderLineList>" + line(lineA) +
			line(strings.ReplaceAll(good, ">A<", ">B<")) + "</OrderLineList><OrderNumber>" + number +
			"</OrderNumber><OrderState>Shipped</OrderState><TrackingNumber>1</TrackingNumber>" + carrierLast + "</ValidateOrder></OrderList></validateOrderListMessage>"
	}
	const carrier = "<CarrierName>UPS</CarrierName>"
	for _, tc := range []struct{ name, message, want string }{
		{"carrier last", message(good, "", carrier), "OrderTrackingInformationError"},
		{"state behind the reference", message("<SellerProductId>A</SellerProductId><AcceptationState>ShippedBySeller</AcceptationState>", carrier, ""), "OrderLineIncoherentState"},
		{"unknown elements", message(good+"<Sku>X</Sku>", carrier, "<Comment>x</Comment>"), "<Validated>true</Validated>"},
	} {
		if code, body := x.call("ValidateOrderList", tc.message); code != http.StatusOK || !strings.Contains(body, tc.want) {
			t.Errorf("%s: HTTP %d without %s: %s", tc.name, code, tc.want, body)
		}
	}
}

func TestEmptyMessages(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	if _, body := x.call("ValidateOrderList", ""); !strings.Contains(body, "<ErrorType>InvalidRequest</ErrorType>") || !strings.Contains(body, ">false</OperationSuccess>") {
		t.Errorf("without a message: %s", body)
	}
	if _, body := x.call("ValidateOrderList", "<validateOrderListMessage><OrderList/></validateOrderListMessage>"); !strings.Contains(body, "<ValidateOrderResults/>") {
		t.Errorf("without orders: %s", body)
	}
}
