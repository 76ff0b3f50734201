package main

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func TestImportReadsEveryOrder(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 120)
	s.connect()
	run := s.imported()

	since := run.GetStartTime().AsTime().Add(-29 * 24 * time.Hour)
	got := s.orders(nil)
	want := 0
	for _, number := range s.listedSince(since) {
		want++
		if got[number] == nil {
			t.Errorf("order %s was lost", number)
		}
	}
	if want < 50 {
		t.Fatalf("the sandbox has only %d orders in the window: the test shows nothing", want)
	}
	if p := run.GetProgress(); p.GetOrdersCreated() != int64(len(got)) || p.GetPercent() != 100 {
		t.Errorf("progress says %d created, %d percent; %d are stored", p.GetOrdersCreated(), p.GetPercent(), len(got))
	}
	shippable := s.orders(&marketplacev1.ListOrdersRequest{ShippableOnly: true, PageSize: 3})
	for number, o := range got {
		if o.GetShippable() != (shippable[number] != nil) || o.GetShippable() != (len(o.GetNotShippable()) == 0) {
			t.Errorf("order %s: shippable %v, in the list %v, reasons %v", number, o.GetShippable(), shippable[number] != nil, o.GetNotShippable())
		}
		if o.GetShippable() && (o.GetStatus() != marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP || o.GetShipTo() == nil || o.GetFulfillment() != marketplacev1.Fulfillment_FULFILLMENT_SELLER) {
			t.Errorf("order %s is shippable with status %s, ship to %v, fulfillment %s", number, o.GetStatus(), o.GetShipTo() != nil, o.GetFulfillment())
		}
	}
}

// TestImportNormalisesVarieties looks at one order of each kind that matters through the public API.
func TestImportNormalisesVarieties(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	const network = marketplacev1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY
	tests := []struct {
		name  string
		spec  world.Spec
		check func(t *testing.T, o *marketplacev1.Order)
	}{
		{"mondial relay point keeps its zeros and names the receiver", world.Spec{
			Variety: world.MondialRelay, Pickup: &world.PickupPoint{ID: "012345", Name: "TABAC DU COIN", Street: "3 PLACE INVENTEE", ZipCode: "69007", City: "LYON"},
		}, func(t *testing.T, o *marketplacev1.Order) {
			p := o.GetPickupPoint()
			if p.GetNetwork() != network || p.GetRawId() != "012345" || p.GetName() != "TABAC DU COIN" || p.GetAddress().GetPostalCode() != "69007" {
				t.Errorf("pickup point %v", p)
			}
			if o.GetShipTo().GetFirstName() == "TABAC DU COIN" || o.GetShipTo().GetLastName() == "" || !o.GetShippable() {
				t.Error("the receiver is not the customer, or the order is not shippable")
			}
		}},
		{"colissimo point", world.Spec{Variety: world.Colissimo}, func(t *testing.T, o *marketplacev1.Order) {
			if o.GetPickupPoint().GetNetwork() != marketplacev1.PickupNetwork_PICKUP_NETWORK_COLISSIMO {
				t.Errorf("network %s", o.GetPickupPoint().GetNetwork())
			}
		}},
		{"a fee is no goods line", world.Spec{Variety: world.MondialRelayFee}, func(t *testing.T, o *marketplacev1.Order) {
			if len(o.GetFees()) != 1 || o.GetFees()[0].GetCode() != "INTERETBCA" || len(o.GetLines()) != 2 {
				t.Errorf("%d fees, %d lines", len(o.GetFees()), len(o.GetLines()))
			}
		}},
		{"the line total is exact, the unit price derived", world.Spec{Lines: []world.Line{{SKU: "A", Quantity: 3, Total: world.Cents(1000)}}}, func(t *testing.T, o *marketplacev1.Order) {
			l := o.GetLines()[0]
			if l.GetTotalPrice().GetUnits() != 10 || l.GetTotalPrice().GetNanos() != 0 || l.GetUnitPrice().GetUnits() != 3 || l.GetUnitPrice().GetNanos() != 333_333_333 {
				t.Errorf("total %v, unit %v", l.GetTotalPrice(), l.GetUnitPrice())
			}
		}},
		{"fulfilled by the marketplace", world.Spec{Variety: world.MarketplaceFulfilled}, wantNotShippable(marketplacev1.NotShippable_REASON_FULFILLED_BY_MARKETPLACE)},
		{"address withheld", world.Spec{Variety: world.AddressMissing}, wantNotShippable(marketplacev1.NotShippable_REASON_NO_SHIP_TO_ADDRESS)},
		{"payment running", world.Spec{Variety: world.PaymentRunning}, wantNotShippable(marketplacev1.NotShippable_REASON_STATUS)},
		{"a state that became unknown fails closed", world.Spec{Number: "2611010000DRONE"}, func(t *testing.T, o *marketplacev1.Order) {
			if o.GetStatus() != marketplacev1.OrderStatus_ORDER_STATUS_UNRECOGNIZED || o.GetNativeStatus() != "TeleportedByDrone" || o.GetShippable() || len(o.GetUnrecognized()) == 0 {
				t.Errorf("status %s, native %q, shippable %v, unrecognized %v", o.GetStatus(), o.GetNativeStatus(), o.GetShippable(), o.GetUnrecognized())
			}
		}},
		{"buyer asks to cancel", world.Spec{Variety: world.CancelRequested}, func(t *testing.T, o *marketplacev1.Order) {
			if !o.GetCancelRequested() {
				t.Error("cancel_requested is not set")
			}
		}},
	}
	numbers := make([]string, len(tests))
	for i, tt := range tests {
		numbers[i] = s.create(tt.spec)
	}
	s.imported()
	// A list by states cannot show a state that nobody knows; the read by number of open orders does.
	unknown := world.State("TeleportedByDrone")
	s.change("2611010000DRONE", world.Patch{State: &unknown})
	s.imported()
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.check(t, s.order(numbers[i])) })
	}
}

func wantNotShippable(reason marketplacev1.NotShippable_Reason) func(*testing.T, *marketplacev1.Order) {
	return func(t *testing.T, o *marketplacev1.Order) {
		t.Helper()
		for _, r := range o.GetNotShippable() {
			if r.GetReason() == reason && r.GetMessage() != "" && !o.GetShippable() {
				return
			}
		}
		t.Errorf("shippable %v, reasons %v, want %s", o.GetShippable(), o.GetNotShippable(), reason)
	}
}

// TestLaterImports holds the rule of design section 6 through the whole system: what changed, what is old, what is reread.
func TestLaterImports(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	world0 := s.sandbox.World().Clock().Now()
	ago := func(d time.Duration) *time.Time { v := world0.Add(-d); return &v }
	const day = 24 * time.Hour
	tooOld := s.create(world.Spec{Variety: world.HomeTracked, Created: ago(29*day + time.Hour), Modified: ago(29*day + time.Hour)})
	oldest := s.create(world.Spec{Variety: world.HomeTracked, Created: ago(29*day - time.Hour)})
	unchanged := s.create(world.Spec{Variety: world.HomeTracked, Created: ago(10 * day)})
	neverDated := s.create(world.Spec{Variety: world.HomeTracked, Created: ago(11 * day), NoModified: true})

	first := s.imported()
	if w := first.GetWindows(); len(w) != 1 || w[0].GetAxis() != marketplacev1.ImportWindow_AXIS_CREATED ||
		w[0].GetUntilTime().AsTime().Sub(w[0].GetSinceTime().AsTime()) != 29*day {
		t.Fatalf("first import plans %v", w)
	}
	got := s.orders(nil)
	if got[tooOld] != nil || got[oldest] == nil || got[unchanged] == nil || got[neverDated] == nil {
		t.Fatalf("first import: too old %v, oldest %v, unchanged %v, never dated %v", got[tooOld] != nil, got[oldest] != nil, got[unchanged] != nil, got[neverDated] != nil)
	}

	// 15 days later the oldest order is outside of the 30 days. It changes without a date: only the read by number sees it.
	s.advance(15 * day)
	shipped := world.Shipped
	s.change(oldest, world.Patch{State: &shipped, KeepModified: true})
	created := s.create(world.Spec{Variety: world.HomeTracked})
	cancelled := world.CancelledByCustomer
	s.change(unchanged, world.Patch{State: &cancelled})
	later := s.imported()
	if w := later.GetWindows(); len(w) != 2 || w[1].GetAxis() != marketplacev1.ImportWindow_AXIS_MODIFIED ||
		w[0].GetUntilTime().AsTime().Sub(w[0].GetSinceTime().AsTime()) != 30*day ||
		!w[1].GetSinceTime().AsTime().Equal(first.GetStartTime().AsTime().Add(-day)) {
		t.Errorf("later import plans %v", w)
	}
	if o := s.order(oldest); o.GetStatus() != marketplacev1.OrderStatus_ORDER_STATUS_SHIPPED {
		t.Errorf("an open order older than the look-back stays %s", o.GetStatus())
	}
	if later.GetProgress().GetOrdersReread() == 0 {
		t.Error("nothing was read again by number")
	}
	if o := s.order(unchanged); o.GetStatus() != marketplacev1.OrderStatus_ORDER_STATUS_CANCELLED {
		t.Errorf("a cancelled order stays %s", o.GetStatus())
	}
	s.order(created)

	// The marketplace forgets an order that is open here: it stays as it is, and the import says that it was not shown.
	if n := later.GetProgress().GetOrdersMissing(); n != 0 {
		t.Errorf("%d orders are missing before one is", n)
	}
	if err := s.sandbox.World().Remove(neverDated); err != nil {
		t.Fatal(err)
	}
	if n := s.imported().GetProgress().GetOrdersMissing(); n != 1 {
		t.Errorf("%d orders are missing, want the one that was removed", n)
	}
	if o := s.order(neverDated); o.GetStatus() != marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP {
		t.Errorf("an order that is not shown any more became %s", o.GetStatus())
	}

	// After a gap of 40 days the look-back grows with it.
	s.advance(20 * day)
	forgotten := s.create(world.Spec{Variety: world.HomeTracked})
	s.advance(20 * day)
	s.imported()
	s.order(forgotten)

	// Nothing changed: nothing is written.
	before := s.orders(nil)
	if run := s.imported(); run.GetProgress().GetOrdersCreated()+run.GetProgress().GetOrdersChanged() != 0 {
		t.Errorf("an import without news says %v", run.GetProgress())
	}
	for number, o := range s.orders(nil) {
		if !o.GetUpdateTime().AsTime().Equal(before[number].GetUpdateTime().AsTime()) {
			t.Errorf("order %s was written without a change", number)
		}
	}
}

// TestImportJoins: a second request while an import runs gets the same run.
func TestImportJoins(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 30)
	s.connect()
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, Times: 1, Params: fault.Params{Milliseconds: 1500}})
	parent := &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"}
	first, err := s.api.ImportOrders(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.api.ImportOrders(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	if first.GetName() != second.GetName() {
		t.Errorf("two runs: %s and %s", first.GetName(), second.GetName())
	}
	if end := s.await(first.GetName()); end.GetState() != marketplacev1.Import_STATE_SUCCEEDED {
		t.Errorf("the run ended %s", end.GetState())
	}
	third, err := s.api.ImportOrders(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	if third.GetName() == first.GetName() {
		t.Error("a request after the end joined the ended run")
	}
	s.await(third.GetName())
}

// TestImportFails: whatever the marketplace does, a run that did not read everything ends FAILED with the reason, keeps what
// was committed, and the next one loses nothing.
func TestImportFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  fault.Rule
		reason string
	}{
		{"HTTP 500", fault.Rule{Kind: fault.HTTP500}, "MARKETPLACE_DOWN"},
		{"HTTP 503", fault.Rule{Kind: fault.HTTP503}, "MARKETPLACE_DOWN"},
		{"internal service fault", fault.Rule{Kind: fault.SOAPFault}, "MARKETPLACE_DOWN"},
		{"HTML with status 200", fault.Rule{Kind: fault.HTML}, "MALFORMED_ANSWER"},
		{"HTML with status 500", fault.Rule{Kind: fault.HTML, Params: fault.Params{Status: 500}}, "MARKETPLACE_DOWN"},
		{"not XML", fault.Rule{Kind: fault.Malformed}, "MALFORMED_ANSWER"},
		{"truncated XML in a proper HTTP answer", fault.Rule{Kind: fault.Truncated, Params: fault.Params{Fraction: 0.6}}, "MALFORMED_ANSWER"},
		{"only the last bytes are missing", fault.Rule{Kind: fault.Truncated, Params: fault.Params{Fraction: 0.9999}}, "MALFORMED_ANSWER"},
		{"connection cut before the answer", fault.Rule{Kind: fault.CutBefore}, "MARKETPLACE_DOWN"},
		{"connection reset in the middle", fault.Rule{Kind: fault.CutMid}, "MARKETPLACE_DOWN"},
		{"quota", fault.Rule{Kind: fault.Quota}, "THROTTLED"},
		{"seller disabled", fault.Rule{Kind: fault.SellerDisabled}, "SELLER_INACTIVE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 80)
			s.connect()
			// Some windows pass, then every call fails, so that it does not matter how often the adapter reads again.
			tt.fault.Operation, tt.fault.After = "GetOrderList", 5
			s.inject(tt.fault)
			run := s.runImport()
			if run.GetState() != marketplacev1.Import_STATE_FAILED || run.GetFailure().GetReason() != tt.reason || run.GetFailure().GetMessage() == "" {
				t.Fatalf("the import ended %s with %s %q, want FAILED with %s", run.GetState(), run.GetFailure().GetReason(), run.GetFailure().GetMessage(), tt.reason)
			}
			kept := s.orders(nil)
			if len(kept) == 0 || int64(len(kept)) != run.GetProgress().GetOrdersCreated() {
				t.Errorf("%d orders are kept, the run says %d", len(kept), run.GetProgress().GetOrdersCreated())
			}
			st, err := s.api.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/demo"})
			if err != nil {
				t.Fatal(err)
			}
			if st.GetLastImportStartTime() != nil || st.GetHealth().GetReason() != tt.reason {
				t.Errorf("cursor %v, health %v", st.GetLastImportStartTime(), st.GetHealth())
			}

			s.sandbox.Faults().Clear()
			next := s.imported()
			if since := run.GetWindows()[0].GetSinceTime(); !proto.Equal(next.GetWindows()[0].GetSinceTime(), since) {
				t.Errorf("the failed import read since %v, the next one since %v", since.AsTime(), next.GetWindows()[0].GetSinceTime().AsTime())
			}
			all := s.orders(nil)
			for _, number := range s.listedSince(run.GetWindows()[0].GetSinceTime().AsTime()) {
				if all[number] == nil {
					t.Errorf("order %s was lost", number)
				}
			}
			if st, _ = s.api.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/demo"}); st.GetHealth().GetState() != marketplacev1.StoreHealth_STATE_HEALTHY {
				t.Errorf("health stays %v", st.GetHealth())
			}
		})
	}
}

// TestImportSurvivesStop: a server that stops during a run leaves it INTERRUPTED, and the next import loses nothing.
func TestImportSurvivesStop(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 60)
	s.connect()
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.Latency, After: 3, Params: fault.Params{Milliseconds: 60_000}})
	run, err := s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/demo"})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := s.api.WatchImport(t.Context(), &marketplacev1.WatchImportRequest{Name: run.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	for { // until something is committed
		seen, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if seen.GetProgress().GetOrdersRead() > 0 {
			break
		}
	}
	s.stop()
	s.sandbox.Faults().Clear()
	s.start()
	ended, err := s.api.GetImport(t.Context(), &marketplacev1.GetImportRequest{Name: run.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if ended.GetState() != marketplacev1.Import_STATE_INTERRUPTED || ended.GetFailure().GetMessage() == "" || ended.GetFinishTime() == nil {
		t.Errorf("the run is %s, %q", ended.GetState(), ended.GetFailure().GetMessage())
	}
	s.imported()
	all := s.orders(nil)
	for _, number := range s.listedSince(run.GetWindows()[0].GetSinceTime().AsTime()) {
		if all[number] == nil {
			t.Errorf("order %s was lost", number)
		}
	}
}

func TestListOrders(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 90)
	s.connect()
	s.imported()
	all := s.orders(&marketplacev1.ListOrdersRequest{PageSize: 7})
	if whole := s.orders(&marketplacev1.ListOrdersRequest{PageSize: 500}); len(whole) != len(all) {
		t.Fatalf("pages of 7 show %d orders, one page shows %d", len(all), len(whole))
	}
	for status := range marketplacev1.OrderStatus_name {
		if status == 0 {
			continue
		}
		want := 0
		for _, o := range all {
			if int32(o.GetStatus()) == status {
				want++
			}
		}
		if got := s.orders(&marketplacev1.ListOrdersRequest{Statuses: []marketplacev1.OrderStatus{marketplacev1.OrderStatus(status)}, PageSize: 4}); len(got) != want {
			t.Errorf("%s: %d orders listed, want %d", marketplacev1.OrderStatus(status), len(got), want)
		}
	}
	// A consumer that polls with updated_since sees what changed since, and nothing else.
	var last time.Time
	for _, o := range all {
		if u := o.GetUpdateTime().AsTime(); u.After(last) {
			last = u
		}
	}
	number := s.create(world.Spec{Variety: world.HomeTracked})
	s.imported()
	fresh := s.orders(&marketplacev1.ListOrdersRequest{UpdatedSince: timestamppb.New(last.Add(time.Nanosecond))})
	if len(fresh) != 1 || fresh[number] == nil {
		t.Errorf("updated_since shows %d orders, want the new one", len(fresh))
	}
}

func TestNoSecretsOrPersonalDataInLogs(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 40)
	s.connect()
	numbers := []string{
		s.create(world.Spec{Variety: world.HomeTracked}), s.create(world.Spec{Variety: world.MondialRelay}), s.create(world.Spec{Variety: world.RelaisColis}),
	}
	s.imported()
	for _, number := range numbers {
		s.settled(s.notify(number).GetName(), marketplacev1.Shipment_STATE_CONFIRMED)
	}
	all := s.orders(nil)
	log := s.log.String()
	for number, o := range all {
		for _, secret := range []string{
			world.DefaultPassword, o.GetCustomer().GetLastName() + " ", o.GetCustomer().GetEmail(), o.GetCustomer().GetMobilePhone(), o.GetShipTo().GetLastName() + " ",
		} {
			if strings.TrimSpace(secret) != "" && strings.Contains(log, secret) {
				t.Errorf("order %s: the log holds %q", number, secret)
			}
		}
	}
}
