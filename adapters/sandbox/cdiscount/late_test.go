package cdiscount_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// cut makes a call whose answer must not arrive.
func (x *shop) cut(decisions ...decision) {
	x.t.Helper()
	if code, body, err := do(x.request("ValidateOrderList", x.message(decisions...))); err == nil {
		x.t.Fatalf("the connection was not cut: HTTP %d %s", code, body)
	}
}

// late lets the next write be carried out that long after its connection was cut.
func (x *shop) late(d time.Duration) {
	x.t.Helper()
	x.fault(fault.Rule{Operation: "ValidateOrderList", Kind: fault.ApplyLate, Times: 1, Params: fault.Params{Milliseconds: int(d.Milliseconds())}})
}

func TestAWriteAppliedAfterTheCut(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.late(30 * time.Second)
	x.cut(ship(number))
	mustAdvance(x, 30*time.Second-time.Millisecond)
	if o := x.read(number); o.state() != "WaitingForShipmentAcceptation" {
		t.Errorf("too early it reads %s", o.state())
	}
	if w := x.s.World().Writes()[0]; w.Applied || !w.Decided.IsZero() || !w.Due.Equal(start.Add(30*time.Second)) {
		t.Errorf("the log tells at once %+v", w)
	}
	mustAdvance(x, time.Hour)
	if w := x.s.World().Writes()[0]; !w.Applied || !w.Decided.Equal(w.Due) || !w.Time.Equal(start) || w.Doubled {
		t.Errorf("the log tells in the end %+v", w)
	}
	if o := x.read(number); o.state() != "Shipped" || o.Updated != "2026-02-20T10:00:30" || len(o.Parcels) != 1 {
		t.Errorf("in the end it reads %+v", o)
	}
}

func TestLateWritesMeetTheOrderAsItIsThen(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	overtaken := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.late(time.Minute)
	x.cut(ship(overtaken))
	second := ship(overtaken)
	second.Tracking = "SECOND"
	if v := x.validate(second); !v.Results[0].Validated {
		t.Fatalf("the shipment in between: %+v", v)
	}

	// Two that fall due between two reads keep the order of time, and so do the timers between them.
	accepted := x.create(world.Spec{State: world.WaitingForSellerAcceptation})
	x.late(10 * time.Minute)
	x.cut(ship(accepted))
	x.late(2 * time.Minute)
	x.cut(decision{Number: accepted, State: "AcceptedBySeller", Lines: [][2]string{{"A", "AcceptedBySeller"}, {"B", "AcceptedBySeller"}}})
	mustAdvance(x, time.Hour)

	if o := x.read(overtaken); len(o.Parcels) != 1 || o.Parcels[0].Number != "SECOND" {
		t.Errorf("the late shipment overwrote the one in between: %+v", o.Parcels)
	}
	if o := x.read(accepted); o.state() != "Shipped" || o.Updated != "2026-02-20T10:10:00" {
		t.Errorf("accepted at 2, paid at 8, shipped at 10 minutes reads %s at %s", o.state(), o.Updated)
	}
	type story struct {
		Order     string
		Action    world.Action
		Applied   bool
		ErrorType string
	}
	want := []story{
		{overtaken, world.Ship, false, "OrderStateIncoherent"}, {overtaken, world.Ship, true, ""},
		{accepted, world.Ship, true, ""}, {accepted, world.Accept, true, ""},
	}
	var got []story
	for _, w := range x.s.World().Writes() {
		got = append(got, story{w.Order, w.Action, w.Applied, w.ErrorType})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestALateWriteStillNeedsAToken(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.late(time.Second)
	x.token = "feed0000000000000000000000000abc"
	x.cut(ship(number))
	mustAdvance(x, time.Minute)
	if w := x.s.World().Writes(); len(w) != 1 || w[0].Applied || w[0].ErrorType != "RequestTokenValidationError" {
		t.Errorf("writes %+v", w)
	}
}

// TestDoubled: doubled is a ship request that arrives when an earlier one was applied and visible, and nothing else.
func TestDoubled(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		permissive bool
		wait       time.Duration // between the two; reads show the first after 30 s
		second     func(d *decision)
		doubled    bool
		applied    bool
		parcels    int
	}{
		{name: "before it can be seen", wait: 29 * time.Second},
		{name: "after it can be seen", wait: 30 * time.Second, doubled: true},
		{name: "another parcel", wait: time.Hour, second: func(d *decision) { d.Tracking = "OTHER" }, doubled: true},
		{name: "permissive, before it can be seen", permissive: true, wait: 29 * time.Second, applied: true},
		{name: "permissive, after it can be seen", permissive: true, wait: 30 * time.Second, doubled: true, applied: true},
		{name: "permissive, lines that are not there", permissive: true, wait: time.Minute, second: func(d *decision) { d.Lines[0][0] = "C" }, doubled: true},
		{name: "no ship request", wait: time.Hour, second: func(d *decision) {
			d.State, d.Lines = "ShipmentRefusedBySeller", [][2]string{{"A", "ShipmentRefusedBySeller"}, {"B", "ShipmentRefusedBySeller"}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			x.settle(func(s *world.Settings) {
				s.ShipVisibleAfter, s.SecondShipAccepted = world.Duration(30*time.Second), tc.permissive
			})
			d := ship(x.create(world.Spec{State: world.WaitingForShipmentAcceptation}))
			if v := x.validate(d); !v.Results[0].Validated {
				t.Fatalf("not shipped: %+v", v)
			}
			mustAdvance(x, tc.wait)
			if tc.second != nil {
				d.Lines = append([][2]string(nil), d.Lines...)
				tc.second(&d)
			}
			if v := x.validate(d); v.Results[0].Validated != tc.applied {
				t.Errorf("the second request: %+v", v)
			}
			w := x.s.World().Writes()
			if w[0].Doubled || w[1].Doubled != tc.doubled || w[1].Applied != tc.applied {
				t.Errorf("doubled %v, applied %v; want %v, %v", w[1].Doubled, w[1].Applied, tc.doubled, tc.applied)
			}
			// A third one is doubled whatever the second did, once the first can be seen.
			mustAdvance(x, time.Hour)
			x.validate(d)
			if w := x.s.World().Writes()[2]; w.Doubled != (w.Action == world.Ship) {
				t.Errorf("the third: %+v", w)
			}
		})
	}
}

// TestPermissiveModeHidesNothingTwice: a second shipment neither shows the first one early nor hides it again.
func TestPermissiveModeHidesNothingTwice(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.settle(func(s *world.Settings) {
		s.ShipVisibleAfter, s.SecondShipAccepted = world.Duration(30*time.Second), true
	})
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	for i, step := range []struct {
		wait    time.Duration // before the shipment
		state   string        // that reads show after it
		doubled bool
	}{
		{0, "WaitingForShipmentAcceptation", false},
		{20 * time.Second, "WaitingForShipmentAcceptation", false},
		{15 * time.Second, "Shipped", true},
		{5 * time.Second, "Shipped", true},
	} {
		mustAdvance(x, step.wait)
		if v := x.validate(ship(number)); !v.Results[0].Validated {
			t.Fatalf("shipment %d: %+v", i, v)
		}
		if o := x.read(number); o.state() != step.state {
			t.Errorf("after shipment %d reads show %s", i, o.state())
		}
		if w := x.s.World().Writes()[i]; w.Doubled != step.doubled || !w.Applied {
			t.Errorf("shipment %d: %+v", i, w)
		}
	}
}

func TestALostShipRequestIsDoubledToo(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.validate(ship(number))
	x.fault(fault.Rule{Operation: "ValidateOrderList", Kind: fault.CutBefore, Times: 1})
	x.cut(ship(number))
	if w := x.s.World().Writes()[1]; !w.Doubled || w.Applied || !w.Decided.IsZero() {
		t.Errorf("write %+v", w)
	}
}

func TestSlowDrip(t *testing.T) {
	t.Parallel()
	x := open(t, 60)
	filter := "<orderFilter><FetchOrderLines>true</FetchOrderLines></orderFilter>"
	_, whole := x.call("GetOrderList", filter)
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			const pieces, pause = 5, 20 * time.Millisecond
			x.fault(fault.Rule{Operation: "GetOrderList", Kind: fault.SlowDrip, Times: 1, Params: fault.Params{Milliseconds: int(pause.Milliseconds()), Pieces: pieces}})
			req := x.request("GetOrderList", filter)
			if encoding == "identity" {
				req.Header.Set("Accept-Encoding", encoding)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			first := make([]byte, len(whole)/pieces)
			began := time.Now()
			if _, err := io.ReadFull(resp.Body, first); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(resp.Body)
			if err != nil || string(first)+string(rest) != whole {
				t.Errorf("%v, %d of %d bytes", err, len(first)+len(rest), len(whole))
			}
			if took := time.Since(began); took < (pieces-2)*pause { // the first pause can lie before the first byte is read
				t.Errorf("all pieces came within %s", took)
			}
		})
	}
}

func TestSlowDripEndsWithTheSandbox(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.fault(fault.Rule{Operation: "GetSellerInformation", Kind: fault.SlowDrip, Params: fault.Params{Milliseconds: 3_600_000}})
	resp, err := http.DefaultClient.Do(x.request("GetSellerInformation", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := x.s.Close(); err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("a whole answer: %s", body)
	}
}

// TestTokenEndsAtAnyCall: whatever the call, both ways in which a token can end are told apart.
func TestTokenEndsAtAnyCall(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for kind, text := range map[fault.Kind]string{fault.TokenExpired: "does not exist", fault.TokenLapsed: " has expired"} {
		for op, parameter := range map[string]string{
			"GetSellerInformation": "", "GetGlobalConfiguration": "", "GetOrderList": "<orderFilter/>",
			"GetProductListByIdentifier": byEAN("2000000000008"), "ValidateOrderList": x.message(ship("nobody")),
		} {
			x.fault(fault.Rule{Operation: op, Kind: kind, Times: 1, After: 1})
			if code, body := x.call(op, parameter); code != http.StatusOK || !strings.Contains(body, ">true</OperationSuccess>") {
				t.Errorf("%s before: HTTP %d %s", op, code, body)
			}
			code, body := x.call(op, parameter)
			wantFault(t, code, body, "s:RequestTokenValidationError", text)
			if code, body = x.call(op, parameter); code != http.StatusInternalServerError {
				t.Errorf("%s with the same token once more: HTTP %d %s", op, code, body)
			}
			x.token = x.login("demo-api")
		}
	}
}
