package octopia_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// mapped reads one order.
func mapped(t testing.TB, o object) *adapterv1.Order {
	t.Helper()
	got, err := octopia.ReadOrder(strings.NewReader(o.json()))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// marks returns what is marked as not understood.
func marks(o *adapterv1.Order) map[string]string {
	m := make(map[string]string)
	for _, u := range o.GetUnrecognized() {
		m[u.GetField()] = u.GetValue()
	}
	return m
}

// parsed reads a message in text form.
func parsed(t testing.TB, s string) *adapterv1.Order {
	t.Helper()
	o := &adapterv1.Order{}
	if err := prototext.Unmarshal([]byte(s), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestMapHomeOrder: every field of an order to a home.
func TestMapHomeOrder(t *testing.T) {
	t.Parallel()
	want := parsed(t, `
		order_number: "N1"  status: ORDER_STATUS_READY_TO_SHIP  native_status: "InPreparation"  fulfillment: FULFILLMENT_SELLER
		reference: "PARTNER-1"  sales_channel: "CDISFR"
		purchase_time { seconds: 1788340500 }  update_time { seconds: 1788340800 nanos: 500000000 }
		ship_by_time { seconds: 1788559199 }  deliver_from_time { seconds: 1788566400 }  deliver_by_time { seconds: 1788825600 }
		customer { customer_id: "CUST-0001" first_name: "Jeanne" last_name: "Acheteuse" email: "relay-address@example.invalid" }
		ship_to { civility: "Mme" first_name: "Jeanne" last_name: "Exemple" lines: "1 rue de Test" lines: "Bat B" postal_code: "69001" city: "Lyon"
			country_code: "FR" phone: "+33600000000" }
		bill_to { civility: "Mme" first_name: "Jeanne" last_name: "Acheteuse" lines: "1 rue de Test" lines: "Bat B" postal_code: "69001" city: "Lyon"
			country_code: "FR" }
		delivery_kind: DELIVERY_KIND_TRACKED  native_delivery_mode: "TrackedHomeDelivery"
		lines { line_id: "1" sku: "TSHIRT-RED-M" product_id: "AUC0000000000001" ean: "3700000000017" title: "T-shirt rouge taille M" quantity: 2
			unit_price { currency_code: "EUR" units: 100 } total_price { currency_code: "EUR" units: 200 } shipping_price { currency_code: "EUR" units: 5 }
			status: ORDER_STATUS_READY_TO_SHIP native_status: "InPreparation" condition: "New"
			ship_by_time { seconds: 1788559199 } deliver_from_time { seconds: 1788566400 } deliver_by_time { seconds: 1788825600 } }
		fees { label: "Frais de traitement" amount { currency_code: "EUR" nanos: 990000000 } }
		parcels { tracking_number: "6A1" carrier: "Colissimo" tracking_url: "https://tracking.example.com/6A1" }
		total { currency_code: "EUR" units: 205 nanos: 990000000 } shipping { currency_code: "EUR" units: 5 } commission { currency_code: "EUR" units: 36 }
		adapter_context: "{\"v\":1,\"c\":\"CDISFR\",\"l\":[\"1\"]}"
	`)
	got := mapped(t, homeOrder("N1").with("reference", "PARTNER-1", "lines.0.parcels", []any{
		object{"parcelNumber": " 6A1 ", "carrierName": "Colissimo ", "trackingUrl": "https://tracking.example.com/6A1"},
	}))
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMapTolerance: what changes nothing.
func TestMapTolerance(t *testing.T) {
	t.Parallel()
	want := mapped(t, homeOrder("N1"))
	for name, o := range map[string]object{
		"unknown members":             homeOrder("N1").with("x", object{"y": []any{1}}, "lines.0.productAttributes", []any{object{"a": 1}}, "lines.0.statusEvents", "?"),
		"no optional members":         homeOrder("N1").without("businessOrder", "seller", "payment", "statusEvents"),
		"reference is the number":     homeOrder("N1").with("reference", "N1"),
		"reference is empty":          homeOrder("N1").with("reference", ""),
		"blanks around":               homeOrder("N1").with("orderId", " N1 ", "status", "InPreparation ", "lines.0.delivery.mode", " TrackedHomeDelivery"),
		"numbers as texts":            homeOrder("N1").with("lines.0.quantity", "2", "lines.0.sellingPrice.shippingCost", "5.0", "lines.0.orderLineId", 1),
		"exponents":                   homeOrder("N1").with("lines.0.sellingPrice.unitSalesPrice", json.Number("1.0E2"), "serviceFees.0.amount", json.Number("99e-2")),
		"line status before Nov 2025": homeOrder("N1").with("lines.0.status", "Accepted").with(),
		"total without fees":          homeOrder("N1").with("totalPrice.sellingPrice", json.Number("205.00")),
		"line total with shipping":    homeOrder("N1").with("lines.0.totalPrice.sellingPrice", json.Number("205")),
		"no line total":               homeOrder("N1").with("lines.0.totalPrice", nil),
		"currency in small letters":   homeOrder("N1").with("currencyCode", "eur"),
		"no currency at Cdiscount":    homeOrder("N1").with("currencyCode", nil),
		"legacy delivery code":        homeOrder("N1").with("lines.0.delivery.mode", "TrackedHomeDelivery", "lines.0.offer.id", nil),
		"commission of another name":  homeOrder("N1").with("lines.0.offerPrice.commission", object{"amountWithTax": 36}),
		"address at the order only":   homeOrder("N1").with("shippingAddress", homeAddress(), "lines.0.shippingAddress", nil),
		"supply mode at the order":    homeOrder("N1").with("supplyMode", "Seller", "lines.0.offer.supplyMode", nil),
		"no date to ship at the line": homeOrder("N1").with("lines.0.delivery.shippedAtMax", nil),
		"no purchase date":            homeOrder("N1").with("purchasedAt", nil, "createdAt", "2026-09-02T09:15:00Z"),
		"dates of year 1":             homeOrder("N1").with("lines.0.delivery.shippedAtMax", "0001-01-01T00:00:00"),
	} {
		got := mapped(t, o)
		for _, l := range got.GetLines() {
			if l.GetNativeStatus() == "Accepted" {
				l.NativeStatus = "InPreparation"
			}
			if l.GetShipByTime() == nil {
				l.ShipByTime = want.GetLines()[0].GetShipByTime()
			}
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestMapSeveralLines: what is said of an order once per line.
func TestMapSeveralLines(t *testing.T) {
	t.Parallel()
	parcel := object{"parcelNumber": "6A1", "carrierName": "Colissimo", "trackingUrl": nil}
	o := mapped(t, homeOrder("N1").with("lines", []any{
		goodsLine("1").with("status", "Cancelled", "shippingAddress", nil, "delivery", object{"mode": "ExpressHomeDelivery", "shippedAtMax": "2026-09-01T00:00:00Z"}),
		goodsLine("2").with("parcels", []any{parcel, parcel, object{}}),
		goodsLine("2").with("parcels", []any{parcel, object{"parcelNumber": "6A2", "carrierName": "Colissimo"}}, "delivery.shippedAtMax", "2026-09-03T00:00:00Z"),
		goodsLine("").with("orderLineId", nil),
	}))
	var ids []string
	for _, l := range o.GetLines() {
		ids = append(ids, l.GetLineId())
	}
	if diff := cmp.Diff([]string{"1", "2", "2#2", "line"}, ids); diff != "" {
		t.Errorf("line ids (-want +got):\n%s", diff)
	}
	if len(o.GetParcels()) != 2 || o.GetNativeDeliveryMode() != "TrackedHomeDelivery" || !o.GetShipByTime().AsTime().Equal(at("2026-09-03T00:00:00Z")) {
		t.Errorf("%d parcels, mode %s, ship by %s", len(o.GetParcels()), o.GetNativeDeliveryMode(), o.GetShipByTime().AsTime())
	}
	if string(o.GetAdapterContext()) != `{"v":1,"c":"CDISFR","l":["2","2#2","line"]}` {
		t.Errorf("context %s", o.GetAdapterContext())
	}
	// Lines that disagree.
	o = mapped(t, homeOrder("N1").with("lines", []any{
		goodsLine("1"), goodsLine("2").with("shippingAddress.city", "Geheimstadt", "delivery.mode", "ExpressHomeDelivery"),
	}))
	if diff := cmp.Diff(map[string]string{"lines[].shippingAddress": "", "lines[1].delivery.mode": "ExpressHomeDelivery"}, marks(o)); diff != "" || o.GetShipTo().GetCity() != "Lyon" {
		t.Errorf("ship to %s, marks (-want +got):\n%s", o.GetShipTo().GetCity(), diff)
	}
	// The address of a line that ended does not count against one that is to be shipped.
	o = mapped(t, homeOrder("N1").with("lines", []any{goodsLine("1").with("status", "Cancelled", "shippingAddress.city", "Paris"), goodsLine("2")}))
	if len(o.GetUnrecognized()) != 0 || o.GetShipTo().GetCity() != "Lyon" {
		t.Errorf("ship to %s, marks %v", o.GetShipTo().GetCity(), marks(o))
	}
}

// TestMapManyLines: an order that does not fit a context is not to be shipped from here.
func TestMapManyLines(t *testing.T) {
	t.Parallel()
	var lines []any
	for i := range 1500 {
		lines = append(lines, object{"orderLineId": fmt.Sprint("line-number-", i), "status": "InPreparation", "quantity": 1, "offer": object{"sellerProductId": "A", "supplyMode": "Seller"}})
	}
	o := mapped(t, homeOrder("N1").with("lines", lines))
	if _, marked := marks(o)["lines"]; !marked || o.GetStatus().String() != "ORDER_STATUS_UNRECOGNIZED" || o.GetAdapterContext() != nil {
		t.Errorf("%s, %d bytes of context, marks %v", o.GetStatus(), len(o.GetAdapterContext()), marks(o))
	}
}

// TestMapTimes: ISO 8601 with any zone; without one UTC is assumed, and said.
func TestMapTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text    string
		want    string // empty: unset
		assumed bool
		ok      bool
	}{
		{"2026-09-02T09:15:00Z", "2026-09-02T09:15:00Z", false, true},
		{"2026-09-02T09:15:00+00:00", "2026-09-02T09:15:00Z", false, true},
		{"2026-09-02T11:15:00.1234567+02:00", "2026-09-02T09:15:00.1234567Z", false, true},
		{"2026-09-02T09:15:00", "2026-09-02T09:15:00Z", true, true},
		{"2026-09-02T09:15:00.5", "2026-09-02T09:15:00.5Z", true, true},
		{" 2026-09-02T09:15:00Z\n", "2026-09-02T09:15:00Z", false, true},
		{"", "", false, true},
		{"0001-01-01T00:00:00", "", false, true},
		{"0001-01-01T00:00:00Z", "", false, true},
		{"2026-09-02", "", false, false},
		{"2026-02-30T00:00:00Z", "", false, false},
		{"1788340500", "", false, false},
		{"yesterday", "", false, false},
		{"9999-12-31T23:59:59-10:00", "", false, false},
	} {
		got, assumed, ok := octopia.ParseDate(tt.text)
		want := time.Time{}
		if tt.want != "" {
			want = at(tt.want)
		}
		if ok != tt.ok || assumed != tt.assumed || ok && !got.Equal(want) {
			t.Errorf("%q: %v, assumed %v, ok %v", tt.text, got, assumed, ok)
		}
	}
	o := mapped(t, homeOrder("N1").with("updatedAt", "2026-09-02T09:20:00", "lines.0.delivery.promisedAtMin", "soon"))
	if diff := cmp.Diff(map[string]string{"updatedAt": "2026-09-02T09:20:00", "lines[0].delivery.promisedAtMin": "soon"}, marks(o)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	if o.GetStatus().String() != "ORDER_STATUS_READY_TO_SHIP" || o.GetLines()[0].GetDeliverFromTime() != nil {
		t.Errorf("%s, deliver from %v", o.GetStatus(), o.GetLines()[0].GetDeliverFromTime())
	}
}

// TestMapPurchaseTime: an order without a date of its own is kept under its last change, and nobody ships it.
func TestMapPurchaseTime(t *testing.T) {
	t.Parallel()
	o := mapped(t, homeOrder("N1").with("purchasedAt", "?", "createdAt", nil))
	if !o.GetPurchaseTime().AsTime().Equal(at("2026-09-02T09:20:00.5Z")) || o.GetStatus().String() != "ORDER_STATUS_UNRECOGNIZED" {
		t.Errorf("%s, %s", o.GetPurchaseTime().AsTime(), o.GetStatus())
	}
	if diff := cmp.Diff(map[string]string{"purchasedAt": "?", "createdAt": ""}, marks(o)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
}

// TestMapPromises: lines that ended promise nothing.
func TestMapPromises(t *testing.T) {
	t.Parallel()
	o := mapped(t, homeOrder("N1").with("status", "Cancelled", "lines.0.status", "Cancelled"))
	if o.GetShipByTime() != nil || o.GetDeliverFromTime() != nil || o.GetDeliverByTime() != nil {
		t.Errorf("an ended order is promised: %v", o.GetShipByTime())
	}
	o = mapped(t, homeOrder("N1").with("lines", []any{
		goodsLine("1").with("delivery.promisedAtMin", "2026-09-03T00:00:00Z"), goodsLine("2").with("delivery.promisedAtMax", "2026-09-20T00:00:00Z"),
	}))
	if !o.GetDeliverFromTime().AsTime().Equal(at("2026-09-03T00:00:00Z")) || !o.GetDeliverByTime().AsTime().Equal(at("2026-09-20T00:00:00Z")) {
		t.Errorf("delivery from %s to %s", o.GetDeliverFromTime().AsTime(), o.GetDeliverByTime().AsTime())
	}
}
