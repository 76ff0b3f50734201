package cdiscount_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// decided is an order with one line that is accepted or refused.
func decided(key, number string) *adapterv1.DecidedOrder {
	return &adapterv1.DecidedOrder{
		Key: key, OrderNumber: number, AdapterContext: []byte(`{"v":1,"l":[{"i":"TSHIRT-BLU-M","s":"TSHIRT-BLU-M","c":"New"}]}`),
	}
}

// decide calls AcceptOrders or RefuseOrders.
func decide(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext, accept bool, orders ...*adapterv1.DecidedOrder) ([]*adapterv1.WriteResult, error) {
	t.Helper()
	if accept {
		resp, err := a.AcceptOrders(short(t), &adapterv1.AcceptOrdersRequest{Store: store, Orders: orders})
		return resp.GetResults(), err
	}
	resp, err := a.RefuseOrders(short(t), &adapterv1.RefuseOrdersRequest{Store: store, Orders: orders})
	return resp.GetResults(), err
}

// TestDecisionRequests: every line of goods is named, with the state of the decision, and nothing of a shipment is sent.
func TestDecisionRequests(t *testing.T) {
	t.Parallel()
	for state, accept := range map[string]bool{"AcceptedBySeller": true, "RefusedBySeller": false} {
		f := newFake(t, always(200, shipAnswer("N1", "A&amp;B", "C")))
		order := decided("k", "N1")
		order.AdapterContext = []byte(`{"v":1,"l":[{"i":"a","s":"A&B","c":"LikeNew"},{"i":"b","s":"C"}]}`)
		results, err := decide(t, cdiscount.New(), f.store(), accept, order)
		if err != nil || results[0].GetOutcome().String() != applied {
			t.Fatalf("%s: %v, error %v", state, results, err)
		}
		got := match(f.seen()[0].Body, `<ValidateOrder>(.*)</ValidateOrder>`)
		want := `<OrderLineList>` +
			`<ValidateOrderLine><AcceptationState>` + state + `</AcceptationState><ProductCondition>LikeNew</ProductCondition><SellerProductId>A&amp;B</SellerProductId></ValidateOrderLine>` +
			`<ValidateOrderLine><AcceptationState>` + state + `</AcceptationState><SellerProductId>C</SellerProductId></ValidateOrderLine>` +
			`</OrderLineList><OrderNumber>N1</OrderNumber><OrderState>` + state + `</OrderState>`
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
}

// TestDecisionOutcomes: the rules of shipments hold, of which TestShipmentOutcomes is the table.
func TestDecisionOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, received, int)
		want   string
		reason string
		err    string
	}{
		{name: "yes", answer: always(200, shipAnswer(orderNumber, "TSHIRT-BLU-M")), want: applied},
		{name: "refused", answer: always(200, validateAnswer(errorIncoherent, "", "false")), want: rejected, reason: "OrderStateIncoherent"},
		{name: "half a yes", answer: always(200, validateAnswer("", "", "true")), want: unknown},
		{name: "internal fault", answer: always(500, faultAnswer(internalFault, "x")), want: unknown},
		{name: "cut", answer: cut, want: unknown},
		{name: "token", answer: always(500, faultAnswer(tokenFaultCode, tokenUnknown)), want: retry},
		{name: "no right", answer: always(500, faultAnswer(tokenFaultCode, notAuthorized)), err: "SELLER_NOT_AUTHORIZED"},
	} {
		for _, accept := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				f := newFake(t, tc.answer)
				results, err := decide(t, cdiscount.New(), f.store(), accept, decided("k", orderNumber))
				if reason(err) != tc.err || len(f.seen()) != 1 {
					t.Fatalf("error %v after %d requests, want %q after one", err, len(f.seen()), tc.err)
				}
				if tc.err != "" {
					return
				}
				if r := results[0]; r.GetKey() != "k" || r.GetOutcome().String() != tc.want || r.GetNativeReason() != tc.reason {
					t.Errorf("%s %s %q, want k %s %q", r.GetKey(), r.GetOutcome(), r.GetNativeReason(), tc.want, tc.reason)
				}
			})
		}
	}
}

// TestDecisionsNotSent holds what is refused before anything leaves.
func TestDecisionsNotSent(t *testing.T) {
	t.Parallel()
	f := newFake(t, cut)
	for name, change := range map[string]func(*adapterv1.DecidedOrder){
		"no order number": func(o *adapterv1.DecidedOrder) { o.OrderNumber = "" },
		"no context":      func(o *adapterv1.DecidedOrder) { o.AdapterContext = nil },
		"no line left":    func(o *adapterv1.DecidedOrder) { o.AdapterContext = []byte(`{"v":1,"l":[]}`) },
	} {
		order := decided("k", "N1")
		change(order)
		results, err := decide(t, cdiscount.New(), f.store(), true, order)
		if err != nil || results[0].GetOutcome().String() != rejected || results[0].GetMessage() == "" {
			t.Errorf("%s: %v, error %v; want a rejection with a message", name, results, err)
		}
	}
	many := make([]*adapterv1.DecidedOrder, 51)
	for i := range many {
		many[i] = decided(string(rune('A'+i)), "N")
	}
	for name, orders := range map[string][]*adapterv1.DecidedOrder{
		"too many": many, "no key": {decided("", "N1")}, "key twice": {decided("k", "N1"), decided("k", "N2")},
	} {
		for _, accept := range []bool{true, false} {
			if _, err := decide(t, cdiscount.New(), f.store(), accept, orders...); reason(err) != "INVALID_REQUEST" || !strings.HasPrefix(asSDK(err).Field, "orders") {
				t.Errorf("%s: error %v, want INVALID_REQUEST for orders", name, err)
			}
		}
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests left", n)
	}
}

// TestEmulatorDecides: an order that waits for the seller is accepted or refused, with all its lines, and reads as such; a
// repetition is refused, and a lost answer says UNKNOWN whatever was done.
func TestEmulatorDecides(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		accept bool
		want   adapterv1.OrderStatus
	}{{true, adapterv1.OrderStatus_ORDER_STATUS_PROCESSING}, {false, adapterv1.OrderStatus_ORDER_STATUS_REFUSED}} {
		s, a, store := emulated(t, 0)
		o := readyOrder(t, s, a, store, "waiting-acceptance")
		if o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE {
			t.Fatalf("status %s before", o.GetStatus())
		}
		order := &adapterv1.DecidedOrder{Key: "k", OrderNumber: o.GetOrderNumber(), AdapterContext: o.GetAdapterContext()}
		if _, err := s.Faults().Add(fault.Rule{Operation: "ValidateOrderList", Kind: fault.CutAfter, Times: 1}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{unknown, rejected} {
			results, err := decide(t, a, store, tc.accept, order)
			if err != nil || results[0].GetOutcome().String() != want {
				t.Errorf("accept %v: %v, error %v; want %s", tc.accept, results, err, want)
			}
		}
		if after := readOrder(t, a, store, o.GetOrderNumber()); after.GetStatus() != tc.want {
			t.Errorf("accept %v: status %s after, want %s", tc.accept, after.GetStatus(), tc.want)
		}
	}
}
