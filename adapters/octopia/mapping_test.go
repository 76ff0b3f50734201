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
	"github.com/relaishq/relais/adapters/sdk"
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

// TestLineStatusTable holds the table of status.go, word by word.
func TestLineStatusTable(t *testing.T) {
	t.Parallel()
	columns := []string{"WaitingAcceptance", "Accepted", "InPreparation", "Shipped", "Delivered", "Cancelled", "Refused", "Processing", "Rejected", "New2027"}
	const (
		p, o, r, s, d, c, f, u = "PENDING_ACCEPTANCE", "PROCESSING", "READY_TO_SHIP", "SHIPPED", "DELIVERED", "CANCELLED", "REFUSED", "UNRECOGNIZED"
	)
	for word, row := range map[string][]string{
		"Processing":        {p, o, o, s, d, c, f, o, c, u},
		"WaitingAcceptance": {p, o, o, s, d, c, f, o, c, u},
		"Accepted":          {p, o, r, s, d, c, f, o, c, u},
		"InPreparation":     {p, o, r, s, d, c, f, o, c, u},
		"CancelRequest":     {p, o, r, s, d, c, f, o, c, u},
		"Shipped":           {s, s, s, s, d, s, s, s, s, s},
		"Delivered":         {d, d, d, d, d, d, d, d, d, d},
		"Refused":           {f, f, f, f, f, f, f, f, f, f},
		"Cancelled":         {c, c, c, c, c, c, c, c, c, c},
		"Rejected":          {c, c, c, c, c, c, c, c, c, c},
		"inpreparation":     {u, u, u, u, u, u, u, u, u, u},
		"OnHold":            {u, u, u, u, u, u, u, u, u, u},
		"":                  {u, u, u, u, u, u, u, u, u, u},
	} {
		for i, order := range columns {
			got, asked := octopia.LineStatus(word, octopia.StatusOf(order), true)
			if name := strings.TrimPrefix(got.String(), "ORDER_STATUS_"); name != row[i] || asked != (word == "CancelRequest") {
				t.Errorf("line %q of order %s: %s, asked to cancel: %v; want %s", word, order, name, asked, row[i])
			}
			// In a warehouse of the marketplace nothing is the seller's to ship.
			want := row[i]
			if want == r {
				want = o
			}
			if got, _ := octopia.LineStatus(word, octopia.StatusOf(order), false); strings.TrimPrefix(got.String(), "ORDER_STATUS_") != want {
				t.Errorf("warehouse: line %q of order %s: %s, want %s", word, order, got, want)
			}
		}
	}
}

// TestMapStatus: the status of an order from its own word and those of its lines.
func TestMapStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		order string
		lines string
		want  string
		asked bool
	}{
		{"InPreparation", "InPreparation", "READY_TO_SHIP", false},
		{"InPreparation", "Accepted", "READY_TO_SHIP", false},
		{"InPreparation", "InPreparation Cancelled", "READY_TO_SHIP", false},
		{"InPreparation", "InPreparation CancelRequest", "READY_TO_SHIP", true},
		{"InPreparation", "CancelRequest", "READY_TO_SHIP", true},
		{"InPreparation", "Processing", "PROCESSING", false},
		{"InPreparation", "Processing InPreparation", "READY_TO_SHIP", false},
		{"InPreparation", "", "PROCESSING", false},
		{"InPreparation", "OnHold", "UNRECOGNIZED", false},
		{"InPreparation", "InPreparation OnHold", "UNRECOGNIZED", false},
		{"InPreparation", "Cancelled Cancelled", "CANCELLED", false},
		{"InPreparation", "Cancelled Refused", "CANCELLED", false},
		{"InPreparation", "Refused Refused", "REFUSED", false},
		{"InPreparation", "Shipped Cancelled", "SHIPPED", false},
		{"InPreparation", "Shipped Delivered", "SHIPPED", false},
		{"InPreparation", "Delivered Cancelled", "DELIVERED", false},
		{"InPreparation", "Shipped InPreparation", "READY_TO_SHIP", false},
		{"Accepted", "InPreparation", "PROCESSING", false},
		{"Accepted", "Accepted", "PROCESSING", false},
		{"Processing", "Processing", "PROCESSING", false},
		{"WaitingAcceptance", "WaitingAcceptance", "PENDING_ACCEPTANCE", false},
		{"WaitingAcceptance", "CancelRequest", "PENDING_ACCEPTANCE", true},
		{"WaitingAcceptance", "Cancelled", "CANCELLED", false},
		{"Shipped", "Shipped", "SHIPPED", false},
		{"Shipped", "InPreparation", "SHIPPED", false},
		{"Shipped", "Cancelled", "SHIPPED", false},
		{"Delivered", "Delivered", "DELIVERED", false},
		{"Cancelled", "Cancelled", "CANCELLED", false},
		{"Refused", "Refused", "REFUSED", false},
		{"Rejected", "Rejected", "CANCELLED", false},
		{"New2027", "InPreparation", "UNRECOGNIZED", false},
		{"", "InPreparation", "UNRECOGNIZED", false},
		{"inPreparation", "InPreparation", "UNRECOGNIZED", false},
	} {
		lines := []any{}
		for i, word := range strings.Fields(tt.lines) {
			lines = append(lines, goodsLine(fmt.Sprint(i)).with("status", word))
		}
		o := mapped(t, homeOrder("N1").with("status", tt.order, "lines", lines))
		if got := strings.TrimPrefix(o.GetStatus().String(), "ORDER_STATUS_"); got != tt.want || o.GetCancelRequested() != tt.asked || o.GetNativeStatus() != tt.order {
			t.Errorf("order %q with lines %q: %s, asked to cancel: %v; want %s", tt.order, tt.lines, got, o.GetCancelRequested(), tt.want)
		}
		if m := marks(o); (m["status"] != "" || strings.Contains(fmt.Sprint(m), "OnHold")) != (tt.want == "UNRECOGNIZED" && tt.order != "") {
			t.Errorf("order %q with lines %q: marks %v", tt.order, tt.lines, m)
		}
	}
}

// TestMapUnshippable: what is not known of an open line keeps the order from being shipped; of an ended one it does not matter.
func TestMapUnshippable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path  string
		value any
		mark  string
	}{
		"no quantity":       {"quantity", nil, "lines[0].quantity"},
		"quantity 0":        {"quantity", 0, "lines[0].quantity"},
		"negative quantity": {"quantity", -1, "lines[0].quantity"},
		"half a piece":      {"quantity", 0.5, "lines[0].quantity"},
		"no SKU":            {"offer.sellerProductId", nil, "lines[0].offer.sellerProductId"},
		"blank SKU":         {"offer.sellerProductId", "  ", "lines[0].offer.sellerProductId"},
	} {
		o := mapped(t, homeOrder("N1").with("lines.0."+tt.path, tt.value))
		if _, marked := marks(o)[tt.mark]; o.GetStatus().String() != "ORDER_STATUS_UNRECOGNIZED" || !marked {
			t.Errorf("%s: %s, marks %v", name, o.GetStatus(), marks(o))
		}
	}
	o := mapped(t, homeOrder("N1").with("status", "Shipped", "lines.0.status", "Shipped", "lines.0.quantity", 0, "lines.0.offer.sellerProductId", nil))
	if o.GetStatus().String() != "ORDER_STATUS_SHIPPED" || len(o.GetUnrecognized()) != 0 {
		t.Errorf("ended: %s, marks %v", o.GetStatus(), marks(o))
	}
}

// TestMapFulfillment: who ships, from all lines that count.
func TestMapFulfillment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		modes, words string
		want         string
		status       string
		mark         string
	}{
		{"Seller Seller", "InPreparation InPreparation", "SELLER", "READY_TO_SHIP", ""},
		{"Fulfillment", "InPreparation", "MARKETPLACE", "PROCESSING", ""},
		{"Xdock Fulfillment", "InPreparation InPreparation", "MARKETPLACE", "PROCESSING", ""},
		{"Seller Fulfillment", "InPreparation InPreparation", "UNSPECIFIED", "READY_TO_SHIP", "lines[].offer.supplyMode"},
		{"Seller Fulfillment", "InPreparation Cancelled", "SELLER", "READY_TO_SHIP", ""},
		{"Seller Fulfillment", "Cancelled Cancelled", "UNSPECIFIED", "CANCELLED", "lines[].offer.supplyMode"},
		{"Drone", "InPreparation", "UNSPECIFIED", "PROCESSING", "lines[0].offer.supplyMode"},
		{"-", "InPreparation", "UNSPECIFIED", "PROCESSING", "lines[0].offer.supplyMode"},
	} {
		words := strings.Fields(tt.words)
		lines := []any{}
		for i, mode := range strings.Fields(tt.modes) {
			lines = append(lines, goodsLine(fmt.Sprint(i)).with("status", words[i], "offer.supplyMode", strings.Trim(mode, "-")))
		}
		o := mapped(t, homeOrder("N1").with("lines", lines))
		_, marked := marks(o)[tt.mark]
		if o.GetFulfillment().String() != "FULFILLMENT_"+tt.want || o.GetStatus().String() != "ORDER_STATUS_"+tt.status || marked != (tt.mark != "") {
			t.Errorf("%s in %s: %s, %s, marks %v", tt.modes, tt.words, o.GetFulfillment(), o.GetStatus(), marks(o))
		}
	}
}

// TestMapDestination: homes, points, and what is withheld.
func TestMapDestination(t *testing.T) {
	t.Parallel()
	o := mapped(t, pointOrder("N1"))
	want := parsed(t, `
		ship_to { civility: "Mme" first_name: "Jeanne" last_name: "Exemple" phone: "+33600000000" }
		pickup_point { network: PICKUP_NETWORK_MONDIAL_RELAY raw_id: "012345" id: "012345" name: "TABAC DE TEST"
			address { lines: "2 place de Test" postal_code: "33000" city: "Bordeaux" country_code: "FR" } }
		delivery_kind: DELIVERY_KIND_PICKUP native_delivery_mode: "MondialRelayPickupPoint"
	`)
	got := &adapterv1.Order{ShipTo: o.GetShipTo(), PickupPoint: o.GetPickupPoint(), DeliveryKind: o.GetDeliveryKind(), NativeDeliveryMode: o.GetNativeDeliveryMode()}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || len(o.GetUnrecognized()) != 0 {
		t.Errorf("marks %v (-want +got):\n%s", marks(o), diff)
	}
	for name, address := range map[string]any{
		"null": nil, "empty": object{}, "all null": object{"firstName": nil, "city": nil, "pickupId": nil}, "city only": object{"postalCode": "69001", "city": "Lyon", "countryCode": "FR"},
	} {
		o := mapped(t, homeOrder("N1").with("lines.0.shippingAddress", address, "billingAddress", address))
		if o.GetShipTo() != nil || o.GetBillTo() != nil || o.GetPickupPoint() != nil || len(o.GetUnrecognized()) != 0 {
			t.Errorf("%s: ship_to %v, bill_to %v, marks %v", name, o.GetShipTo() != nil, o.GetBillTo() != nil, marks(o))
		}
	}
}

// TestMapModes: the table of octopia-rest.md 8, and what is not in it.
func TestMapModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		label, point string
		kind         string
		network      string
		id           string
		mark         string // field that is marked
	}{
		{"NotTrackedHomeDelivery", "", "STANDARD", "", "", ""},
		{"TrackedHomeDelivery", "", "TRACKED", "", "", ""},
		{"SignedHomeDelivery", "", "REGISTERED", "", "", ""},
		{"ExpressHomeDelivery", "", "EXPRESS", "", "", ""},
		{"FixedDateHomeDelivery", "", "BIG_PARCEL", "", "", ""},
		{"SpecificRoomHomeDelivery", "", "BIG_PARCEL", "", "", ""},
		{"WithSetupHomeDelivery", "", "BIG_PARCEL", "", "", ""},
		{"trackedhomedelivery", "", "TRACKED", "", "", ""},
		{"THD", "", "TRACKED", "", "", ""},
		{"NTHD", "", "STANDARD", "", "", ""},
		{"TRK", "", "TRACKED", "", "", ""},
		{"ImmediateVendorPickup", "", "PICKUP", "SHOP", "", ""},
		{"ImmediateVendorPickup", "SHOP-7", "PICKUP", "SHOP", "SHOP-7", ""},
		{"REL", "1234", "PICKUP", "MONDIAL_RELAY", "001234", ""},
		{"SO1", "12345", "PICKUP", "COLISSIMO", "012345", ""},
		{"RCO", "C1234", "PICKUP", "RELAIS_COLIS", "C1234", ""},
		{"RCO", "0123", "PICKUP", "RELAIS_COLIS", "0123", ""},
		{"MondialRelay-Locker", "1234567", "PICKUP", "MONDIAL_RELAY", "1234567", ""},
		{"RelaisColisDelivery", "X", "PICKUP", "RELAIS_COLIS", "X", ""},
		{"Colissimo pickup", "9", "PICKUP", "COLISSIMO", "000009", ""},
		{"ColissimoHome", "", "UNSPECIFIED", "", "", "delivery.mode"},
		{"RelayPointDelivery-LABEL-UNKNOWN", "012345", "PICKUP", "UNSPECIFIED", "012345", "delivery.mode"},
		{"SomethingNew", "", "UNSPECIFIED", "", "", "delivery.mode"},
		{"", "012345", "PICKUP", "UNSPECIFIED", "012345", ""},
		{"", "", "UNSPECIFIED", "", "", ""},
		{"TrackedHomeDelivery", " 0123 ", "PICKUP", "UNSPECIFIED", "0123", "shippingAddress.pickupId"},
		{"MondialRelayPickupPoint", "", "PICKUP", "MONDIAL_RELAY", "", "shippingAddress.pickupId"},
	} {
		o := mapped(t, pointOrder("N1").with("lines.0.delivery.mode", tt.label, "lines.0.shippingAddress.pickupId", tt.point))
		_, marked := marks(o)[tt.mark]
		if got := o.GetDeliveryKind().String(); got != "DELIVERY_KIND_"+tt.kind || marked != (tt.mark != "") || len(o.GetUnrecognized()) > 1 {
			t.Errorf("%q to %q: %s, marks %v", tt.label, tt.point, got, marks(o))
		}
		p := o.GetPickupPoint()
		if (p != nil) != (tt.kind == "PICKUP") || p != nil && (p.GetNetwork().String() != "PICKUP_NETWORK_"+tt.network || p.GetId() != tt.id || p.GetRawId() != tt.point) {
			t.Errorf("%q to %q: point of %s, id %q", tt.label, tt.point, p.GetNetwork(), p.GetId())
		}
	}
	// Codes of the marketplace's own logistics are nobody's business.
	o := mapped(t, homeOrder("N1").with("lines.0.delivery.mode", "Warehouse30", "lines.0.offer.supplyMode", "Fulfillment"))
	if len(o.GetUnrecognized()) != 0 {
		t.Errorf("marks %v", marks(o))
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

// TestMapAmounts: exact, or unset and kept raw.
func TestMapAmounts(t *testing.T) {
	t.Parallel()
	number := func(s string) json.Number { return json.Number(s) }
	for _, tt := range []struct {
		name                    string
		quantity                int
		unit, shipping, total   any
		wantUnit, want, wantOne string // unit, line total, shipping
		mark                    string
	}{
		{"two pieces", 2, number("19.90"), number("4.0"), number("39.8"), "19.9", "39.8", "4", ""},
		{"shipping in the total", 2, number("19.90"), number("4.0"), number("43.8"), "19.9", "39.8", "4", ""},
		{"rounded price of a piece", 3, number("3.33"), number("0"), number("10.00"), "3.33", "10", "0", ""},
		{"rounded, with shipping in the total", 3, number("3.33"), number("1.5"), number("11.50"), "3.33", "10", "1.5", ""},
		{"another total", 2, number("19.90"), number("4.0"), number("30"), "19.9", "39.8", "4", "lines[0].totalPrice.sellingPrice"},
		{"no price of a piece", 2, nil, number("4.0"), number("30"), "-", "30", "4", ""},
		{"no shipping", 1, number("1"), nil, nil, "1", "1", "-", ""},
		{"unreadable price", 2, "12,50", number("4"), number("30"), "-", "30", "4", "lines[0].sellingPrice.unitSalesPrice"},
		{"too fine", 1, number("0.0000000001"), number("0"), nil, "-", "-", "0", "lines[0].sellingPrice.unitSalesPrice"},
		{"large", 2, number("4611686018427387903.5"), number("0"), nil, "4611686018427387903.5", "9223372036854775807", "0", ""},
		{"too large to multiply", 3, number("9223372036854775807"), number("0"), nil, "9223372036854775807", "-", "0", "lines[0].sellingPrice.unitSalesPrice"},
		{"an exponent of a hostile kind", 1, number("1e999999999"), number("0"), nil, "-", "-", "0", "lines[0].sellingPrice.unitSalesPrice"},
		{"negative", 1, number("-1.5"), number("0"), nil, "-1.5", "-1.5", "0", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := mapped(t, homeOrder("N1").with("lines.0.quantity", tt.quantity, "lines.0.sellingPrice.unitSalesPrice", tt.unit,
				"lines.0.sellingPrice.shippingCost", tt.shipping, "lines.0.totalPrice.sellingPrice", tt.total))
			text := func(m *adapterv1.Money) string {
				if m == nil {
					return "-"
				}
				return sdk.FormatMoney(m)
			}
			l := o.GetLines()[0]
			if got := []string{text(l.GetUnitPrice()), text(l.GetTotalPrice()), text(l.GetShippingPrice())}; got[0] != tt.wantUnit || got[1] != tt.want || got[2] != tt.wantOne {
				t.Errorf("unit, total, shipping: %v", got)
			}
			if _, marked := marks(o)[tt.mark]; marked != (tt.mark != "") || len(o.GetUnrecognized()) > 1 {
				t.Errorf("marks %v", marks(o))
			}
		})
	}
}

// TestMapTotals: the order's total, shipping and commission.
func TestMapTotals(t *testing.T) {
	t.Parallel()
	text := func(m *adapterv1.Money) string {
		if m == nil {
			return "-"
		}
		return sdk.FormatMoney(m)
	}
	two := homeOrder("N1").with("lines", []any{goodsLine("1"), goodsLine("2").with("status", "Refused")})
	for _, tt := range []struct {
		name  string
		order object
		want  string // total, shipping, commission
	}{
		{"fees are in it", homeOrder("N1"), "205.99 5 36"},
		{"fees are not in it", homeOrder("N1").with("totalPrice.sellingPrice", 205), "205.99 5 36"},
		{"neither", homeOrder("N1").with("totalPrice.sellingPrice", 200), "200 5 36"},
		{"no fees", homeOrder("N1").with("serviceFees", nil, "totalPrice.sellingPrice", 205), "205 5 36"},
		{"no total", homeOrder("N1").with("totalPrice", nil), "- 5 36"},
		{"unreadable total", homeOrder("N1").with("totalPrice.sellingPrice", "205,99"), "- 5 36"},
		{"a refused line, counted", two.with("totalPrice.sellingPrice", 410), "410.99 5 36"},
		{"a refused line, not counted", two.with("totalPrice.sellingPrice", 205), "205.99 5 36"},
		{"all refused", two.with("lines.0.status", "Refused", "totalPrice.sellingPrice", 410.99), "410.99 10 72"},
		{"a cancelled line", two.with("lines.1.status", "Cancelled", "totalPrice.sellingPrice", 410.99), "410.99 10 72"},
		{"commission without VAT only", homeOrder("N1").with("lines.0.offerPrice.commission.amountWithVat", nil), "205.99 5 30"},
		{"no commission", homeOrder("N1").with("lines.0.offerPrice", nil), "205.99 5 -"},
		{"another currency", homeOrder("N1").with("currencyCode", "PLN"), "205.99 5 36"},
		{"no currency", homeOrder("N1").with("currencyCode", "?"), "- - -"},
		{"no currency elsewhere", homeOrder("N1").with("currencyCode", nil, "salesChannel.id", "SCID01"), "- - -"},
	} {
		o := mapped(t, tt.order)
		if got := text(o.GetTotal()) + " " + text(o.GetShipping()) + " " + text(o.GetCommission()); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		if _, marked := marks(o)["currencyCode"]; marked != (tt.want == "- - -") {
			t.Errorf("%s: marks %v", tt.name, marks(o))
		}
	}
	if got := mapped(t, homeOrder("N1").with("currencyCode", "PLN")).GetTotal().GetCurrencyCode(); got != "PLN" {
		t.Errorf("currency %s", got)
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

// TestMapAddressDetails: what stands for nothing, what comes twice, and what is no country.
func TestMapAddressDetails(t *testing.T) {
	t.Parallel()
	o := mapped(t, homeOrder("N1").with("lines.0.shippingAddress", homeAddress().with(
		"civility", "None", "stateOrRegion", "N/A", "addressLine2", "1 rue de Test", "addressLine3", " 3e étage ", "companyName", "ATELIER & FILS", "countryCode", "fr")))
	want := parsed(t, `ship_to { first_name: "Jeanne" last_name: "Exemple" company: "ATELIER & FILS" lines: "1 rue de Test" lines: "3e étage"
		postal_code: "69001" city: "Lyon" country_code: "FR" phone: "+33600000000" }`).GetShipTo()
	if diff := cmp.Diff(want, o.GetShipTo(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o = mapped(t, homeOrder("N1").with("lines.0.shippingAddress.countryCode", "FRA", "billingAddress.countryCode", "F1"))
	if diff := cmp.Diff(map[string]string{"shippingAddress.countryCode": "FRA", "billingAddress.countryCode": "F1"}, marks(o)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	// A raw value is bounded.
	o = mapped(t, homeOrder("N1").with("status", strings.Repeat("é", 500)))
	if raw := marks(o)["status"]; len(raw) == 0 || len(raw) > 256 {
		t.Errorf("%d bytes of a raw value", len(raw))
	}
}
