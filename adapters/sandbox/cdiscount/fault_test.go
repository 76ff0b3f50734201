package cdiscount_test

import (
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestFaultsOnAWrite checks for each kind what the client sees and whether the shipment was applied.
func TestFaultsOnAWrite(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		rule    fault.Rule
		cut     bool // the client gets no whole answer
		code    int
		want    string // in the body
		broken  bool   // the body is no whole document
		applied bool
	}{
		{name: "latency", rule: fault.Rule{Kind: fault.Latency, Params: fault.Params{Milliseconds: 5}}, code: 200, want: "<Validated>true<", applied: true},
		{name: "HTTP 500", rule: fault.Rule{Kind: fault.HTTP500}, code: 500, broken: true},
		{name: "HTTP 500 after applying", rule: fault.Rule{Kind: fault.HTTP500, Params: fault.Params{Apply: true, Body: "oops"}}, code: 500, want: "oops", broken: true, applied: true},
		{name: "HTTP 503", rule: fault.Rule{Kind: fault.HTTP503}, code: 503, broken: true},
		{name: "SOAP fault", rule: fault.Rule{Kind: fault.SOAPFault}, code: 500, want: ">a:InternalServiceFault</faultcode><faultstring xml:lang=\"fr-FR\">The server was unable"},
		{name: "own SOAP fault", rule: fault.Rule{Kind: fault.SOAPFault, Params: fault.Params{Code: "s:Server", Text: "a < b"}}, code: 500, want: "<faultcode>s:Server</faultcode><faultstring xml:lang=\"fr-FR\">a &lt; b<"},
		{name: "SOAP fault after applying", rule: fault.Rule{Kind: fault.SOAPFault, Params: fault.Params{Apply: true}}, code: 500, want: "InternalServiceFault", applied: true},
		{name: "page", rule: fault.Rule{Kind: fault.HTML}, code: 200, want: "<!DOCTYPE html>", broken: true},
		{name: "page with HTTP 500", rule: fault.Rule{Kind: fault.HTML, Params: fault.Params{Status: 500}}, code: 500, want: "<!DOCTYPE html>", broken: true},
		{name: "malformed", rule: fault.Rule{Kind: fault.Malformed}, code: 200, want: "<Broken & <", broken: true},
		{name: "quota", rule: fault.Rule{Kind: fault.Quota}, code: 200, want: "<ErrorType>Quota</ErrorType>"},
		{name: "refusal", rule: fault.Rule{Kind: fault.Refusal, Params: fault.Params{Text: "a < b"}}, code: 200, want: "<Error><ErrorType>InvalidRequest</ErrorType><Message>a &lt; b</Message></Error></Errors><SellerProductId>"},
		{name: "failure in its own words", rule: fault.Rule{Kind: fault.Refusal, Params: fault.Params{Text: "a < b", Status: 503, Apply: true}}, code: 500, want: ">a &lt; b</faultstring>", applied: true},
		{name: "seller disabled", rule: fault.Rule{Kind: fault.SellerDisabled}, code: 200, want: ">Vendeur désactivé</ErrorMessage>"},
		{name: "token expired", rule: fault.Rule{Kind: fault.TokenExpired}, code: 500, want: "Your token does not exist"},
		{name: "token at the end of its life", rule: fault.Rule{Kind: fault.TokenLapsed}, code: 500, want: "Your token has expired"},
		{name: "message next to a success", rule: fault.Rule{Kind: fault.ErrorMessage, Params: fault.Params{Text: "a < b"}}, code: 200, want: ">a &lt; b</ErrorMessage><OperationSuccess", applied: true},
		{name: "slow drip", rule: fault.Rule{Kind: fault.SlowDrip, Params: fault.Params{Milliseconds: 1}}, code: 200, want: "<Validated>true<", applied: true},
		{name: "applied late", rule: fault.Rule{Kind: fault.ApplyLate, Params: fault.Params{Milliseconds: 1}}, cut: true},
		{name: "truncated", rule: fault.Rule{Kind: fault.Truncated}, code: 200, want: "<ValidateOrderListResponse", broken: true, applied: true},
		{name: "cut before", rule: fault.Rule{Kind: fault.CutBefore}, cut: true},
		{name: "cut after", rule: fault.Rule{Kind: fault.CutAfter}, cut: true, applied: true},
		{name: "cut in the middle", rule: fault.Rule{Kind: fault.CutMid}, cut: true, applied: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
			tc.rule.Operation, tc.rule.Times = "ValidateOrderList", 1
			x.fault(tc.rule)
			code, body, err := do(x.request("ValidateOrderList", x.message(ship(number))))
			switch {
			case tc.cut:
				if err == nil {
					t.Errorf("HTTP %d and a whole answer: %s", code, body)
				}
			case err != nil || code != tc.code || !strings.Contains(body, tc.want):
				t.Errorf("HTTP %d, %v, want HTTP %d with %q: %s", code, err, tc.code, tc.want, body)
			case wellFormed(body) == tc.broken:
				t.Errorf("well-formed is %v: %s", wellFormed(body), body)
			}
			truth, _ := x.s.World().Truth(number)
			if applied := truth.State == world.Shipped; applied != tc.applied {
				t.Errorf("applied is %v, want %v", applied, tc.applied)
			}
			writes := x.s.World().Writes()
			if len(writes) != 1 || writes[0].Applied != tc.applied || writes[0].TrackingNumber != "MR00000001" {
				t.Fatalf("writes %+v", writes)
			}
			if want := string(tc.rule.Kind); tc.rule.Kind != fault.Latency && writes[0].Fault != want {
				t.Errorf("the write names the fault %q, want %q", writes[0].Fault, want)
			}
			hits := x.s.Faults().Hits()
			if len(hits) != 1 || hits[0].Kind != tc.rule.Kind || hits[0].Seller != "demo" {
				t.Errorf("hits %+v", hits)
			}
			// The rule is spent: the next call is as usual.
			if tc.rule.Kind == fault.TokenExpired || tc.rule.Kind == fault.TokenLapsed {
				x.token = x.login("demo-api")
			}
			if o := x.validate(ship(number)); o.Results[0].Validated == tc.applied {
				t.Errorf("repetition: %+v", o)
			}
		})
	}
}

func wellFormed(body string) bool {
	dec := xml.NewDecoder(strings.NewReader(body))
	elements := 0
	for {
		tok, err := dec.Token()
		if err != nil {
			return errors.Is(err, io.EOF) && elements > 0
		}
		if _, ok := tok.(xml.StartElement); ok {
			elements++
		}
	}
}

func TestCutBodyOfALongAnswer(t *testing.T) {
	t.Parallel()
	x := open(t, 400)
	filter := "<orderFilter><FetchOrderLines>true</FetchOrderLines></orderFilter>"
	_, whole := x.call("GetOrderList", filter)
	x.fault(fault.Rule{Operation: "GetOrderList", Kind: fault.Truncated, Times: 1, Params: fault.Params{Fraction: 0.75}})
	code, part, err := do(x.request("GetOrderList", filter))
	if err != nil || code != http.StatusOK || part != whole[:len(part)] || len(part) != len(whole)*3/4 {
		t.Errorf("truncated: HTTP %d, %v, %d of %d bytes", code, err, len(part), len(whole))
	}
	x.fault(fault.Rule{Operation: "GetOrderList", Kind: fault.CutMid, Times: 1, Params: fault.Params{Fraction: 0.1}})
	code, part, err = do(x.request("GetOrderList", filter))
	if err == nil || code != http.StatusOK || len(part) >= len(whole) {
		t.Errorf("cut: HTTP %d, %v, %d of %d bytes", code, err, len(part), len(whole))
	}
}

func TestFaultsOfTheTokenService(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for _, kind := range []fault.Kind{fault.HTTP500, fault.HTTP503, fault.HTML, fault.Malformed, fault.Truncated} {
		x.fault(fault.Rule{Operation: fault.STS, Kind: kind, Times: 1})
		if code, body := x.sts("demo-api", world.DefaultPassword); code == http.StatusOK && strings.HasSuffix(body, "</string>") {
			t.Errorf("%s: HTTP %d: %s", kind, code, body)
		}
	}
	x.fault(fault.Rule{Operation: fault.Any, Kind: fault.Quota, Times: 1})
	if code, _ := x.sts("demo-api", world.DefaultPassword); code != http.StatusOK {
		t.Errorf("HTTP %d: a rule for all operations hit the token service with a kind that it cannot show", code)
	}
	if calls := x.s.World().Calls(); calls["STS"] != 7 { // one of open
		t.Errorf("calls %v", calls)
	}
}

// lines is a log that hands each line over, so that a test can wait for a call to arrive.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestLatencyDelaysAndEndsWithTheSandbox(t *testing.T) {
	t.Parallel()
	seen := make(lines, 10)
	x := openWith(t, emulator.Config{Log: slog.New(slog.NewTextHandler(seen, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	x.fault(fault.Rule{Operation: "GetSellerInformation", Kind: fault.Latency, Times: 1, Params: fault.Params{Milliseconds: 60}})
	began := time.Now()
	if code, _ := x.call("GetSellerInformation", ""); code != http.StatusOK || time.Since(began) < 60*time.Millisecond {
		t.Errorf("HTTP %d after %s", code, time.Since(began))
	}
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.fault(fault.Rule{Operation: "ValidateOrderList", Kind: fault.Latency, Params: fault.Params{Milliseconds: 3_600_000}})
	req := x.request("ValidateOrderList", x.message(ship(number)))
	answered := make(chan error, 1)
	go func() {
		_, _, err := do(req)
		answered <- err
	}()
	for !strings.Contains(<-seen, "ValidateOrderList") { // the call has reached the fault
	}
	if err := x.s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err == nil {
		t.Error("a call that waits was answered by a sandbox that stopped")
	}
	if truth, _ := x.s.World().Truth(number); truth.State != world.WaitingForShipmentAcceptation {
		t.Error("it was applied all the same")
	}
}

func TestWritesTellTheWholeStory(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	s := x.s.World().Settings()
	s.ShipVisibleAfter, s.ParcelVisibleAfter = world.Duration(30*time.Second), world.Duration(time.Minute)
	if err := x.s.World().SetSettings(s); err != nil {
		t.Fatal(err)
	}
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.fault(fault.Rule{Operation: "ValidateOrderList", Kind: fault.CutAfter, Times: 1, Order: number})
	if _, _, err := do(x.request("ValidateOrderList", x.message(ship(number)))); err == nil {
		t.Fatal("the connection was not cut")
	}
	if o := x.read(number); o.state() != "WaitingForShipmentAcceptation" {
		t.Errorf("reads show %s at once", o.state())
	}
	x.validate(ship(number))
	mustAdvance(x, 30*time.Second)
	if o := x.read(number); o.state() != "Shipped" || o.Updated != "2026-02-20T10:00:00" || len(o.Parcels) != 0 {
		t.Errorf("after 30 s reads show %+v", o)
	}
	x.validate(ship(number))
	mustAdvance(x, 30*time.Second)
	if o := x.read(number); len(o.Parcels) != 1 {
		t.Errorf("after a minute reads show %+v", o)
	}
	x.token = "feed0000000000000000000000000abc"
	x.call("ValidateOrderList", x.message(ship(number)))

	type story struct {
		Sequence                   int64
		Seller, Fault, ErrorType   string
		Applied                    bool
		StateBefore, VisibleBefore world.State
		Earlier                    world.EarlierShip
	}
	const waiting, shipped = world.WaitingForShipmentAcceptation, world.Shipped
	want := []story{
		{1, "demo", "cut_after", "", true, waiting, waiting, world.NoEarlierShip},
		{2, "demo", "", "OrderStateIncoherent", false, shipped, waiting, world.EarlierShipHidden},
		{3, "demo", "", "OrderStateIncoherent", false, shipped, shipped, world.EarlierShipVisible},
		{4, "", "", "RequestTokenValidationError", false, "", "", world.NoEarlierShip},
	}
	var got []story
	for _, w := range x.s.World().Writes() {
		got = append(got, story{w.Sequence, w.Seller, w.Fault, w.ErrorType, w.Applied, w.StateBefore, w.VisibleStateBefore, w.EarlierShip})
		lines := []world.WriteLine{{SKU: "A", State: "ShippedBySeller", Condition: "New"}, {SKU: "B", State: "ShippedBySeller", Condition: "New"}}
		if w.Order != number || w.Operation != "ValidateOrderList" || w.RequestedState != "Shipped" || w.Carrier != "Mondial Relay" ||
			w.TrackingURL != "https://tracking.example.com/MR00000001?a=1&b=2" || !cmp.Equal(w.Lines, lines) || w.WallTime.IsZero() {
			t.Errorf("write %+v", w)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}
