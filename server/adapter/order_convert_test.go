package adapter_test

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// converted sends an order through an adapter and returns what the core gets.
func converted(t *testing.T, o *adapterv1.Order) (order.Order, error) {
	t.Helper()
	f := overSDK(t, &sdktest.Adapter{OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
		return &adapterv1.GetOrdersResponse{Orders: []*adapterv1.Order{o}}, nil
	}}, quick)
	orders, err := f.GetOrders(t.Context(), fakeRef, []string{o.GetOrderNumber()})
	if err != nil {
		return order.Order{}, err
	}
	if len(orders.Orders) != 1 {
		t.Fatalf("%d orders, want 1", len(orders.Orders))
	}
	return orders.Orders[0], nil
}

// hour is a time of its own for each n.
func hour(n int) time.Time { return since.Add(time.Duration(n) * time.Hour) }

func stamp(n int) *timestamppb.Timestamp { return timestamppb.New(hour(n)) }

func eur(units int64, nanos int32) *adapterv1.Money {
	return &adapterv1.Money{CurrencyCode: "EUR", Units: units, Nanos: nanos}
}

func addressOf(who string) *adapterv1.Address {
	return &adapterv1.Address{
		Civility: who + "-civility", FirstName: who + "-first", LastName: who + "-last", Company: who + "-company",
		Lines: []string{who + "-1", who + "-2"}, PostalCode: who + "-code", City: who + "-city", Region: who + "-region",
		CountryCode: who + "-country", Phone: who + "-phone", Email: who + "-mail", Instructions: who + "-instructions",
	}
}

func wantAddressOf(who string) order.Address {
	return order.Address{
		Civility: who + "-civility", FirstName: who + "-first", LastName: who + "-last", Company: who + "-company",
		Lines: []string{who + "-1", who + "-2"}, PostalCode: who + "-code", City: who + "-city", Region: who + "-region",
		CountryCode: who + "-country", Phone: who + "-phone", Email: who + "-mail", Instructions: who + "-instructions",
	}
}

// fullOrder has every field set, each to a value of its own; TestEveryFieldArrives fails when the protocol has one more.
func fullOrder() *adapterv1.Order {
	return &adapterv1.Order{
		OrderNumber: "FULL-1", NativeId: "native", Reference: "reference",
		Status: adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, NativeStatus: "native-status", CancelRequested: true,
		Fulfillment: adapterv1.Fulfillment_FULFILLMENT_SELLER, SalesChannel: "channel",
		PurchaseTime: stamp(1), UpdateTime: stamp(2), AcceptanceDeadlineTime: stamp(9), ShipByTime: stamp(3), DeliverFromTime: stamp(4), DeliverByTime: stamp(5),
		Customer: &adapterv1.Customer{
			CustomerId: "customer", FirstName: "given", LastName: "family", Email: "mail@example.org", Phone: "landline", MobilePhone: "mobile",
		},
		ShipTo: addressOf("ship"), BillTo: addressOf("bill"),
		PickupPoint: &adapterv1.PickupPoint{
			Network: adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY, RawId: "4711", Id: "004711", Name: "point", Address: addressOf("point"),
		},
		DeliveryKind: adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP, NativeDeliveryMode: "REL",
		Lines: []*adapterv1.OrderLine{{
			LineId: "line", Sku: "sku", ProductId: "product", Ean: "ean", Title: "title", Quantity: 3,
			UnitPrice: eur(1, 1), TotalPrice: eur(2, 2), ShippingPrice: eur(3, 3),
			Status: adapterv1.OrderStatus_ORDER_STATUS_PROCESSING, NativeStatus: "line-status", CancelRequested: true, Condition: "new",
			Options:    []*adapterv1.ItemOption{{Name: "colour", Value: "red"}, {Name: "size", Value: "L"}},
			ShipByTime: stamp(6), DeliverFromTime: stamp(7), DeliverByTime: stamp(8),
		}},
		Fees:    []*adapterv1.Fee{{Code: "fee", Label: "label", Amount: eur(4, 4)}},
		Parcels: []*adapterv1.Parcel{{TrackingNumber: "tracking", Carrier: "carrier", TrackingUrl: "https://t.example/", NativeStatus: "parcel-status"}},
		Total:   eur(-5, -5), Shipping: eur(math.MaxInt64, 999_999_999), Commission: eur(0, 7),
		Unrecognized:   []*adapterv1.UnrecognizedValue{{Field: "field", Value: "value"}},
		AdapterContext: []byte{9, 1, 255},
	}
}

func TestEveryFieldArrives(t *testing.T) {
	t.Parallel()
	in := fullOrder()
	for _, missing := range unset(in.ProtoReflect()) {
		t.Errorf("fullOrder leaves %s unset: add it there and to what is wanted", missing)
	}
	money := func(units int64, nanos int32) *order.Money {
		return &order.Money{Currency: "EUR", Units: units, Nanos: nanos}
	}
	shipTo, billTo := wantAddressOf("ship"), wantAddressOf("bill")
	want := order.Order{
		Number: "FULL-1", NativeID: "native", Reference: "reference",
		Status: order.ReadyToShip, NativeStatus: "native-status", CancelRequested: true,
		Fulfillment: order.FulfilledBySeller, SalesChannel: "channel",
		PurchaseTime: hour(1), UpdateTime: hour(2), AcceptBy: hour(9), ShipBy: hour(3), DeliverFrom: hour(4), DeliverBy: hour(5),
		Customer: order.Customer{
			ID: "customer", FirstName: "given", LastName: "family", Email: "mail@example.org", Phone: "landline", MobilePhone: "mobile",
		},
		ShipTo: &shipTo, BillTo: &billTo,
		PickupPoint: &order.PickupPoint{
			Network: order.MondialRelay, RawID: "4711", ID: "004711", Name: "point", Address: wantAddressOf("point"),
		},
		DeliveryKind: order.DeliveryPickup, NativeDelivery: "REL",
		Lines: []order.Line{{
			ID: "line", SKU: "sku", ProductID: "product", EAN: "ean", Title: "title", Quantity: 3,
			UnitPrice: money(1, 1), TotalPrice: money(2, 2), ShippingPrice: money(3, 3),
			Status: order.Processing, NativeStatus: "line-status", CancelRequested: true, Condition: "new",
			Options: []order.ItemOption{{Name: "colour", Value: "red"}, {Name: "size", Value: "L"}},
			ShipBy:  hour(6), DeliverFrom: hour(7), DeliverBy: hour(8),
		}},
		Fees:    []order.Fee{{Code: "fee", Label: "label", Amount: money(4, 4)}},
		Parcels: []order.Parcel{{TrackingNumber: "tracking", Carrier: "carrier", TrackingURL: "https://t.example/", NativeStatus: "parcel-status"}},
		Total:   money(-5, -5), Shipping: money(math.MaxInt64, 999_999_999), Commission: money(0, 7),
		Unrecognized:   []order.UnrecognizedValue{{Field: "field", Value: "value"}},
		AdapterContext: []byte{9, 1, 255},
	}
	// No adapter fills this one: the core's own look-up of products does.
	ignored := map[string]bool{"Order.Lines.OptionLookup": true}
	for _, missing := range zero(reflect.ValueOf(want), "Order") {
		if !ignored[missing] {
			t.Errorf("%s is not wanted: the core has a field that this test does not know", missing)
		}
	}
	got, err := converted(t, in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestAbsentStaysAbsent: what an adapter leaves out is not set, which is another thing than empty.
func TestAbsentStaysAbsent(t *testing.T) {
	t.Parallel()
	got, err := converted(t, small("SMALL-1"))
	if err != nil {
		t.Fatal(err)
	}
	want := order.Order{Number: "SMALL-1", Status: order.Unrecognized, PurchaseTime: since, Lines: []order.Line{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// unset returns the fields, at any depth, that a message does not set.
func unset(m protoreflect.Message) []string {
	if m.Descriptor().FullName() == "google.protobuf.Timestamp" {
		return nil
	}
	var names []string
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		switch {
		// The one amount without units is there on purpose.
		case !m.Has(field) && field.FullName() != "relais.adapter.v1.Money.units":
			names = append(names, string(field.FullName()))
		case field.Message() == nil:
		case field.IsList():
			for j := range m.Get(field).List().Len() {
				names = append(names, unset(m.Get(field).List().Get(j).Message())...)
			}
		default:
			names = append(names, unset(m.Get(field).Message())...)
		}
	}
	return names
}

// zero returns the fields, at any depth, that hold their zero value.
func zero(v reflect.Value, path string) []string {
	switch {
	case v.Type() == reflect.TypeFor[time.Time](), v.Type() == reflect.TypeFor[order.Money]():
		return nil
	case v.IsZero():
		return []string{path}
	}
	var paths []string
	switch v.Kind() {
	case reflect.Pointer:
		return zero(v.Elem(), path)
	case reflect.Slice:
		for i := range v.Len() {
			paths = append(paths, zero(v.Index(i), path)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			paths = append(paths, zero(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
	}
	return paths
}

// TestEnums: every value of the protocol means what its name says, and a number that this server does not know fails closed.
func TestEnums(t *testing.T) {
	t.Parallel()
	const future = 99
	type test struct {
		name string
		set  func(*adapterv1.Order)
		get  func(order.Order) string
		want string
	}
	var tests []test
	add := func(enum map[int32]string, prefix, unknown string, set func(*adapterv1.Order, int32), get func(order.Order) string) {
		for number, name := range enum {
			want := strings.TrimPrefix(name, prefix)
			if number == 0 {
				want = unknown
			}
			tests = append(tests, test{name, func(o *adapterv1.Order) { set(o, number) }, get, want})
		}
		tests = append(tests, test{prefix + "of the future", func(o *adapterv1.Order) { set(o, future) }, get, unknown})
	}
	add(adapterv1.OrderStatus_name, "ORDER_STATUS_", "UNRECOGNIZED",
		func(o *adapterv1.Order, n int32) { o.Status = adapterv1.OrderStatus(n) },
		func(o order.Order) string { return string(o.Status) })
	add(adapterv1.OrderStatus_name, "ORDER_STATUS_", "UNRECOGNIZED",
		func(o *adapterv1.Order, n int32) { o.Lines[0].Status = adapterv1.OrderStatus(n) },
		func(o order.Order) string { return string(o.Lines[0].Status) })
	add(adapterv1.Fulfillment_name, "FULFILLMENT_", "",
		func(o *adapterv1.Order, n int32) { o.Fulfillment = adapterv1.Fulfillment(n) },
		func(o order.Order) string { return string(o.Fulfillment) })
	add(adapterv1.PickupNetwork_name, "PICKUP_NETWORK_", "",
		func(o *adapterv1.Order, n int32) { o.PickupPoint.Network = adapterv1.PickupNetwork(n) },
		func(o order.Order) string { return string(o.PickupPoint.Network) })
	add(adapterv1.DeliveryKind_name, "DELIVERY_KIND_", "",
		func(o *adapterv1.Order, n int32) { o.DeliveryKind = adapterv1.DeliveryKind(n) },
		func(o order.Order) string { return string(o.DeliveryKind) })
	for i, tt := range tests {
		t.Run(fmt.Sprintf("%d %s", i, tt.name), func(t *testing.T) {
			t.Parallel()
			in := fullOrder()
			tt.set(in)
			got, err := converted(t, in)
			if err != nil {
				t.Fatal(err)
			}
			if tt.get(got) != tt.want {
				t.Errorf("got %q, want %q", tt.get(got), tt.want)
			}
			known := got.Status == order.ReadyToShip && got.Fulfillment == order.FulfilledBySeller
			if shippable := len(got.NotShippable()) == 1; shippable != known { // the one reason is the buyer's request to cancel
				t.Errorf("not shippable for %v", got.NotShippable())
			}
		})
	}
}

// TestOrdersThatCannotBeKept: an order that would break the core is refused by name, and never the adapter's other text.
func TestOrdersThatCannotBeKept(t *testing.T) {
	t.Parallel()
	line := func(id string) *adapterv1.OrderLine { return &adapterv1.OrderLine{LineId: id, Quantity: 1} }
	tests := []struct {
		name  string
		spoil func(*adapterv1.Order)
		text  string // empty: the order is kept
	}{
		{"nothing wrong", func(*adapterv1.Order) {}, ""},
		{"no purchase time", func(o *adapterv1.Order) { o.PurchaseTime = nil }, "FULL-1 has no purchase time"},
		{"a purchase time out of range", func(o *adapterv1.Order) { o.PurchaseTime = &timestamppb.Timestamp{Seconds: math.MaxInt64} }, "FULL-1 has no purchase time"},
		{"an acceptance deadline beyond the calendar", func(o *adapterv1.Order) {
			o.AcceptanceDeadlineTime = timestamppb.New(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
		}, "FULL-1 has a time"},
		{"a date beyond the calendar", func(o *adapterv1.Order) { o.ShipByTime = timestamppb.New(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)) }, "FULL-1 has a time"},
		{"a line's date before it", func(o *adapterv1.Order) { o.Lines[0].DeliverByTime = &timestamppb.Timestamp{Seconds: math.MinInt64} }, "FULL-1 has a time"},
		{"nanos of a time", func(o *adapterv1.Order) { o.UpdateTime = &timestamppb.Timestamp{Nanos: -1} }, "FULL-1 has a time"},
		{"the largest context", func(o *adapterv1.Order) { o.AdapterContext = make([]byte, 16<<10) }, ""},
		{"too large a context", func(o *adapterv1.Order) { o.AdapterContext = make([]byte, 16<<10+1) }, "FULL-1 has an adapter context over 16 KiB"},
		{"a line without an id", func(o *adapterv1.Order) { o.Lines = append(o.Lines, line("")) }, "a line of order FULL-1 has no id"},
		{"two lines alike", func(o *adapterv1.Order) { o.Lines = append(o.Lines, line("line")) }, "two lines of order FULL-1"},
		{"a negative quantity", func(o *adapterv1.Order) { o.Lines[0].Quantity = -1 }, "FULL-1 has a negative quantity"},
		{"no quantity", func(o *adapterv1.Order) { o.Lines[0].Quantity = 0 }, ""},

		{"no amount", func(o *adapterv1.Order) { o.Total = nil }, ""},
		{"the smallest amount", func(o *adapterv1.Order) { o.Total = eur(math.MinInt64, -999_999_999) }, ""},
		{"nanos of a unit", func(o *adapterv1.Order) { o.Total = eur(0, 1_000_000_000) }, "FULL-1 has an amount"},
		{"nanos of less than no unit", func(o *adapterv1.Order) { o.Shipping = eur(0, -1_000_000_000) }, "FULL-1 has an amount"},
		{"the smallest nanos", func(o *adapterv1.Order) { o.Shipping = eur(0, math.MinInt32) }, "FULL-1 has an amount"},
		{"signs differ", func(o *adapterv1.Order) { o.Commission = eur(1, -1) }, "FULL-1 has an amount"},
		{"signs differ the other way", func(o *adapterv1.Order) { o.Fees[0].Amount = eur(-1, 1) }, "FULL-1 has an amount"},
		{"a unit price", func(o *adapterv1.Order) { o.Lines[0].UnitPrice = eur(1, -1) }, "FULL-1 has an amount"},
		{"a line total", func(o *adapterv1.Order) { o.Lines[0].TotalPrice = eur(1, -1) }, "FULL-1 has an amount"},
		{"a line's shipping", func(o *adapterv1.Order) { o.Lines[0].ShippingPrice = eur(1, -1) }, "FULL-1 has an amount"},
		{"no currency", func(o *adapterv1.Order) { o.Total.CurrencyCode = "" }, "FULL-1 has an amount"},
		{"a lower-case currency", func(o *adapterv1.Order) { o.Total.CurrencyCode = "eur" }, "FULL-1 has an amount"},
		{"a currency's sign", func(o *adapterv1.Order) { o.Total.CurrencyCode = "€" }, "FULL-1 has an amount"}, // three bytes
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := fullOrder()
			tt.spoil(in)
			_, err := converted(t, in)
			if tt.text == "" {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			p := wantProblem(t, err, problem.Internal, problem.ReasonMalformedAnswer, tt.text, "adapter fake")
			for _, private := range []string{"given", "mail@example.org", "native"} {
				if strings.Contains(p.Error(), private) {
					t.Errorf("%q repeats what the order says", p.Error())
				}
			}
		})
	}
}

// TestOrderNumbers: a number is part of a resource name, and of logs.
func TestOrderNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, number string
		ok           bool
	}{
		{"ordinary", "1905081234ABCDE", true},
		{"as long as allowed", strings.Repeat("9", 100), true},
		{"not ASCII", "CMD-É1", true},
		{"too long", strings.Repeat("9", 101), false},
		{"empty", "", false},
		{"slash", "1/2", false},
		{"blank", "1 2", false},
		{"wide blank", "1\u00a02", false},
		{"control", "1\x1b[31m", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := proto.CloneOf(fullOrder())
			in.OrderNumber = tt.number
			got, err := converted(t, in)
			if !tt.ok {
				p := wantProblem(t, err, problem.Internal, problem.ReasonMalformedAnswer)
				if tt.number != "" && strings.Contains(p.Message, tt.number) {
					t.Errorf("%q repeats the number", p.Message)
				}
			} else if err != nil || got.Number != tt.number {
				t.Errorf("number %q, error %v", got.Number, err)
			}
		})
	}
}
