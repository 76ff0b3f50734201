package cdiscount_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestActions checks what each call counts as.
func TestActions(t *testing.T) {
	t.Parallel()
	x := open(t, 1)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	x.call("GetSellerInformation", "")
	x.call("GetGlobalConfiguration", "")
	x.call("GetProductListByIdentifier", "")
	x.list("")
	x.list(byNumber(number))
	x.validate(ship(number))
	x.validate(decision{Number: number, State: "AcceptedBySeller"}, decision{Number: number, State: "RefusedBySeller"})
	x.validate(decision{Number: number, State: "AcceptedBySeller"}, ship(number))
	x.validate(decision{Number: number, State: "ShipmentRefusedBySeller"})
	x.validate(decision{Number: number, State: "PaymentInProgress"}) // no seller may ask for it
	want := map[string]map[string]int{"cdiscount": {
		"token": 1, "account": 1, "carriers": 1, "products": 1, "list": 1, "get": 1, "ship": 3, "decide": 1,
	}}
	if diff := cmp.Diff(want, x.s.World().CallsByAction()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestFaultsByAction(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	one, two := x.create(world.Spec{}), x.create(world.Spec{})
	x.fault(fault.Rule{On: fault.Get, API: "cdiscount", Kind: fault.HTTP503, Order: one})
	for name, tc := range map[string]struct {
		filter string
		want   int
	}{
		"the named order": {byNumber(one), 503}, "among others": {byNumber(two, one), 503}, "another order": {byNumber(two), 200}, "a list": {"", 200},
	} {
		if code, _ := x.call("GetOrderList", "<orderFilter>"+tc.filter+"</orderFilter>"); code != tc.want {
			t.Errorf("%s: HTTP %d, want %d", name, code, tc.want)
		}
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for seconds, want := range map[int]string{0: "", 7: "7"} {
		x.s.Faults().Clear()
		x.fault(fault.Rule{On: fault.Any, Kind: fault.Throttle, Params: fault.Params{Seconds: seconds}})
		resp, err := http.DefaultClient.Do(x.request("GetOrderList", "<orderFilter/>"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != want {
			t.Errorf("HTTP %d, Retry-After %q, want %q", resp.StatusCode, resp.Header.Get("Retry-After"), want)
		}
		if code, _ := x.sts("demo-api", world.DefaultPassword); code != http.StatusTooManyRequests {
			t.Errorf("the token service: HTTP %d", code)
		}
	}
}

// TestRefusalOfARead checks where the text of a refusal stands beside the answers to writes.
func TestRefusalOfARead(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.fault(fault.Rule{On: fault.Any, Kind: fault.Refusal, Params: fault.Params{Text: "a & b"}})
	const text = "a &amp; b"
	if code, body := x.call("GetOrderList", "<orderFilter/>"); code != http.StatusOK || !wellFormed(body) ||
		!strings.Contains(body, ">"+text+"</ErrorMessage><OperationSuccess") || !strings.Contains(body, "<Message>"+text+"</Message>") ||
		!strings.Contains(body, ">false</OperationSuccess>") {
		t.Errorf("HTTP %d %s", code, body)
	}
	if code, body := x.sts("demo-api", world.DefaultPassword); code != http.StatusBadRequest || body != "a & b" {
		t.Errorf("the token service: HTTP %d %s", code, body)
	}
}

// TestHostileAnswers checks that every answer is what its code promises, for each operation.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	calls := map[string]func() string{
		"STS": func() string { _, body := x.sts("demo-api", world.DefaultPassword); return body },
	}
	for op, parameter := range map[string]string{
		"GetSellerInformation": "", "GetGlobalConfiguration": "", "GetProductListByIdentifier": "", "GetOrderList": "<orderFilter/>",
		"ValidateOrderList": x.message(ship(number)),
	} {
		calls[op] = func() string { _, body := x.call(op, parameter); return body }
	}
	for op, ask := range calls {
		hostile := func(code string) string {
			x.fault(fault.Rule{Operation: op, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: code}})
			return ask()
		}
		if body := hostile(fault.HostileDeep); depth(t, body) < 100_000 {
			t.Errorf("%s: deep has %d levels", op, depth(t, body))
		}
		if body := hostile(fault.HostileBomb); !strings.HasPrefix(body, "<!DOCTYPE bomb [<!ENTITY a ") || !strings.Contains(body, ">&j;<") || len(body) > 4096 {
			t.Errorf("%s: no bomb: %.200s", op, body)
		}
		if body := hostile(fault.HostileWrongTypes); !wellFormed(body) || !strings.Contains(body, "><a><b") {
			t.Errorf("%s: wrong types: %s", op, body)
		}
		if body := hostile(fault.HostileDuplicateKeys); op != "STS" && !wellFormed(body) || !strings.Contains(strings.ToUpper(body), ">A</") || !strings.Contains(strings.ToUpper(body), ">B</") {
			t.Errorf("%s: duplicates: %s", op, body)
		}
	}
	if truth, _ := x.s.World().Truth(number); truth.State == world.Shipped {
		t.Error("a replaced answer shipped the order")
	}
	x.fault(fault.Rule{On: fault.Ship, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileDeep, Apply: true}})
	x.call("ValidateOrderList", x.message(ship(number)))
	if truth, _ := x.s.World().Truth(number); truth.State != world.Shipped {
		t.Errorf("the order is %s although its shipment was applied", truth.State)
	}
}

// depth is how deep a document nests.
func depth(t *testing.T, body string) int {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(body))
	now, most := 0, 0
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			return most
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		switch tok.(type) {
		case xml.StartElement:
			now++
			most = max(most, now)
		case xml.EndElement:
			now--
		}
	}
}
