package octopia_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

func cents(s string) world.Amount {
	a, err := world.ParseAmount(s)
	if err != nil {
		panic(err)
	}
	return a
}

// pickupOrder is an order with all that the face can tell, to a relay point.
func pickupOrder() world.Spec {
	return world.Spec{
		Number: "2602200830ABCDE", State: world.WaitingForShipmentAcceptation, Created: at(-30), Purchased: at(-33), Modified: at(-20), PartnerRef: "P-1", Delivery: "REL",
		Pickup: &world.PickupPoint{ID: "012345", Name: "TABAC D'ESSAI", Street: "2 PLACE DU TEST", ZipCode: "33000", City: "BORDEAUX"},
		Customer: &world.Customer{
			ID: "feed0001", Civility: "MRS", FirstName: "Jeanne", LastName: "EXEMPLE", RelayMail: "c.feed@example.com", Phone: "0199000001", MobilePhone: "0639980001",
		},
		BillTo: &world.Address{
			Civility: "MRS", FirstName: "Jeanne", LastName: "EXEMPLE", Company: "ATELIER <D'ESSAI> & FILS", Street: "1 RUE DES TESTS", Building: "BAT C",
			Apartment: "APPT 12", PlaceName: "ZA DES MODÈLES", Instructions: "Sonner", ZipCode: "69001", City: "LYON", Country: "FR",
		},
		ShipTo: &world.Address{Civility: "MR", FirstName: "Jean", LastName: "EXEMPLE", Company: "X", Street: "9 RUE DU DOMICILE", ZipCode: "69001", City: "LYON", Country: "FR"},
		Lines: []world.Line{
			{SKU: "A", ProductID: "P-A", EAN: "2000000000008", Title: "T-shirt « bleu »", Quantity: 3, Total: cents("20.00"), FirstShipping: cents("2.90"), NextShipping: cents("1")},
			{SKU: "B", ProductID: "P-B", Condition: "LikeNew", Total: cents("5.9900"), State: world.LineCancelRequested},
		},
		Fees:   []world.Fee{{Code: "INTERETBCA", Label: "Intérêts", Amount: cents("0.99")}},
		ShipBy: at(24 * 60),
	}
}

// TestOrderShape compares one order with the whole of what must be told, letter by letter where it matters: numbers have two
// decimals at most, nulls are there.
func TestOrderShape(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.settle(func(s *world.Settings) { s.ExtraFields = 0 })
	x.create(pickupOrder())
	ship := `{"civility":"M.","firstName":"Jean","lastName":"EXEMPLE","companyName":null,"companyVatNumber":null,"addressLine1":"2 PLACE DU TEST",` +
		`"addressLine2":null,"addressLine3":null,"postalCode":"33000","city":"BORDEAUX","stateOrRegion":null,"countryCode":"FR","pickupId":"012345",` +
		`"pickupName":"TABAC D'ESSAI","phone":"0639980001","email":"c.feed@example.com"}`
	delivery := `{"mode":"MondialRelayPickupPoint","promisedAtMin":"2026-02-28T08:30:00Z","promisedAtMax":"2026-03-04T08:30:00Z","shippedAtMax":"2026-02-21T09:00:00Z"}`
	want := `{"orderId":"2602200830ABCDE","reference":"P-1","businessOrder":true,"salesChannel":{"id":"CDISFR","name":"Cdiscount"},"seller":{"id":"10001"},` +
		`"customer":{"reference":"feed0001"},"purchasedAt":"2026-02-20T08:27:00Z","createdAt":"2026-02-20T08:30:00Z","updatedAt":"2026-02-20T08:40:00Z",` +
		`"shippedAtMax":"2026-02-21T09:00:00Z","status":"InPreparation","payment":{"method":"Card"},"currencyCode":"EUR",` +
		`"billingAddress":{"civility":"Mme","firstName":"Jeanne","lastName":"EXEMPLE","companyName":"ATELIER <D'ESSAI> & FILS","companyVatNumber":null,` +
		`"addressLine1":"1 RUE DES TESTS","addressLine2":"BAT C, APPT 12, ZA DES MODÈLES","addressLine3":"Sonner","postalCode":"69001","city":"LYON",` +
		`"stateOrRegion":null,"countryCode":"FR"},"totalPrice":{"offerPrice":30.89,"sellingPrice":31.88},"lines":[` +
		`{"orderLineId":"1","status":"InPreparation","quantity":3,"totalPrice":{"offerPrice":20,"sellingPrice":20},` +
		`"offerPrice":{"unitSalesPrice":6.67,"shippingCost":4.9,"commission":{"amountWithVat":3,"amountWithoutVat":2.5,"rate":15},"taxes":[]},` +
		`"sellingPrice":{"unitSalesPrice":6.67,"shippingCost":4.9,"taxes":[]},"offer":{"id":"OFFER-A","sellerProductId":"A","supplyMode":"Seller",` +
		`"productId":"P-A","productTitle":"T-shirt « bleu »","productGtin":"2000000000008","condition":"New"},"delivery":` + delivery +
		`,"shippingAddress":` + ship + `,"parcels":[],"statusEvents":[]},` +
		`{"orderLineId":"2","status":"CancelRequest","quantity":1,"totalPrice":{"offerPrice":5.99,"sellingPrice":5.99},` +
		`"offerPrice":{"unitSalesPrice":5.99,"shippingCost":0,"commission":{"amountWithVat":0.89,"amountWithoutVat":0.74,"rate":15},"taxes":[]},` +
		`"sellingPrice":{"unitSalesPrice":5.99,"shippingCost":0,"taxes":[]},"offer":{"id":"OFFER-B","sellerProductId":"B","supplyMode":"Seller",` +
		`"productId":"P-B","productTitle":"B","productGtin":null,"condition":"LikeNew"},"delivery":` + delivery +
		`,"shippingAddress":` + ship + `,"parcels":[],"statusEvents":[]}` +
		`],"serviceFees":[{"label":"Intérêts","amount":0.99}],"statusEvents":[]}`
	one := x.call(http.MethodGet, "/orders/2602200830ABCDE", "")
	if diff := cmp.Diff(want, one.body); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if list := x.call(http.MethodGet, "/orders", ""); list.body != `{"itemsPerPage":1,"items":[`+one.body+`]}` {
		t.Errorf("the list tells it otherwise: %s", list.body)
	}
}

func TestOrderSettings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(s *world.Settings)
		want   []string // in the order
	}{
		{"the number as reference", func(s *world.Settings) { s.ReferenceIs = "number" }, []string{`"reference":"2602200830ABCDE"`}},
		{"no reference", func(s *world.Settings) { s.ReferenceIs = "null" }, []string{`"reference":null`}},
		{"offsets", func(s *world.Settings) { s.DateZone = "+00:00" }, []string{`"createdAt":"2026-02-20T08:30:00+00:00"`, `"shippedAtMax":"2026-02-21T09:00:00+00:00"`}},
		{"lines before November 2025", func(s *world.Settings) { s.ShippableLineStatus = "Accepted" }, []string{`"orderLineId":"1","status":"Accepted"`, `"orderLineId":"2","status":"CancelRequest"`, `"status":"InPreparation","payment"`}},
		{"unknown label", func(s *world.Settings) { s.RelayLabel = "unknown" }, []string{`"mode":"RelayPointDelivery-LABEL-UNKNOWN"`}},
		{"total without fees", func(s *world.Settings) { s.TotalWithFees = false }, []string{`"totalPrice":{"offerPrice":30.89,"sellingPrice":30.89}`}},
		{"members that nobody knows", func(s *world.Settings) { s.ExtraFields = 1 }, []string{`"loyaltyProgram":{"tier":"Gold","points":{"earned":12}}`, `"ecologicalScore":[1,["A"],null]`, `"giftWrap":{`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			x.settle(tc.change)
			x.create(pickupOrder())
			body := x.call(http.MethodGet, "/orders/2602200830ABCDE", "").body
			for _, want := range tc.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in %s", want, body)
				}
			}
		})
	}
}

// TestStatuses goes through the table of octopia-rest.md 12.3.
func TestStatuses(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for _, tc := range []struct {
		state           world.State
		line            world.LineState // empty: as the state has it
		order, lineWant string
	}{
		{world.PaymentInProgress, "", "Processing", "Processing"},
		{"BlockedFraudSuspicion", "", "Processing", "Processing"},
		{"PendingShipmentForAssociatedProduct", "", "Processing", "Processing"},
		{world.WaitingForSellerAcceptation, "", "WaitingAcceptance", "WaitingAcceptance"},
		{world.AcceptedBySeller, "", "Accepted", "Accepted"},
		{world.WaitingForShipmentAcceptation, "", "InPreparation", "InPreparation"},
		{world.WaitingForShipmentAcceptation, world.LineNone, "InPreparation", "InPreparation"},
		{world.WaitingForShipmentAcceptation, world.LineCancelRequested, "InPreparation", "CancelRequest"},
		{world.WaitingForShipmentAcceptation, world.LineRefused, "InPreparation", "Refused"},
		{world.WaitingForShipmentAcceptation, world.LineCancelledAfterPayment, "InPreparation", "Cancelled"},
		{world.WaitingForShipmentAcceptation, "RefundedAfterCustomerCancellation", "InPreparation", "Cancelled"},
		{world.Shipped, "", "Shipped", "Shipped"},
		{world.Shipped, world.LineNone, "Shipped", "Shipped"},
		{world.Shipped, "RefundedAfterShipping", "Shipped", "Shipped"},
		{"AvailableOnStore", world.LineShipped, "Shipped", "Shipped"},
		{"PickedUp", world.LineNone, "Delivered", "Delivered"},
		{world.RefusedBySeller, "", "Refused", "Refused"},
		{world.ShipmentRefusedBySeller, world.LineRefundedAfterRefusal, "Cancelled", "Cancelled"},
		{world.CancelledByCustomer, "", "Cancelled", "Cancelled"},
		{world.AutomaticCancellation, "", "Cancelled", "Cancelled"},
		{"NonPickedUpByCustomer", "", "Cancelled", "Cancelled"},
		{world.PaymentRefused, "", "Rejected", "Rejected"},
		{"SomethingNew", "", "SomethingNew", "SomethingNew"},
		{world.WaitingForShipmentAcceptation, "SomethingNew", "InPreparation", "SomethingNew"},
	} {
		var o orderView
		x.get("/orders/"+x.create(world.Spec{State: tc.state, Lines: []world.Line{{SKU: "A", State: tc.line}}}), &o)
		if o.Status != tc.order || o.Lines[0].Status != tc.lineWant {
			t.Errorf("%s with a line %s: %s, %s; want %s, %s", tc.state, tc.line, o.Status, o.Lines[0].Status, tc.order, tc.lineWant)
		}
	}
}

func TestDeliveryModes(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for code, want := range map[string]string{
		"STD": "NotTrackedHomeDelivery", "TRK": "TrackedHomeDelivery", "REG": "SignedHomeDelivery", "EXP": "ExpressHomeDelivery",
		"LV1": "FixedDateHomeDelivery", "LV2": "SpecificRoomHomeDelivery", "LV3": "WithSetupHomeDelivery", "RIM": "ImmediateVendorPickup",
		"COL": "NotTrackedHomeDelivery", "REL": "MondialRelayPickupPoint", "SO1": "ColissimoPickupPoint", "RCO": "RelaisColisPickupPoint",
		"M30": "Delivery-M30",
	} {
		var o orderView
		x.get("/orders/"+x.create(world.Spec{State: world.WaitingForShipmentAcceptation, Delivery: code}), &o)
		if got := o.Lines[0].Delivery.Mode; got != want {
			t.Errorf("%s is %s, want %s", code, got, want)
		}
	}
}

func TestAddressesAreKeptBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name              string
		spec              world.Spec
		billing, shipping bool
	}{
		{"to ship", world.Spec{State: world.WaitingForShipmentAcceptation}, true, true},
		{"shipped", world.Spec{State: world.Shipped}, true, true},
		{"waiting for acceptance", world.Spec{State: world.WaitingForSellerAcceptation}, true, false},
		{"accepted", world.Spec{State: world.AcceptedBySeller}, true, false},
		{"cancelled before payment", world.Spec{State: world.CancelledByCustomer}, true, false},
		{"to ship, withheld", world.Spec{State: world.WaitingForShipmentAcceptation, Addresses: world.AddressPartial}, true, false},
		{"to ship, not even the billing address", world.Spec{State: world.WaitingForShipmentAcceptation, Addresses: world.AddressNone}, false, false},
		{"to ship, late", world.Spec{State: world.WaitingForShipmentAcceptation, AddressesAfter: world.Duration(time.Minute)}, true, false},
		{"sparse", world.Spec{Variety: world.SparseOrder}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			var o struct {
				BillingAddress *json.RawMessage
				Lines          []struct{ ShippingAddress *json.RawMessage }
			}
			x.get("/orders/"+x.create(tc.spec), &o)
			if (o.BillingAddress != nil) != tc.billing || (o.Lines[0].ShippingAddress != nil) != tc.shipping {
				t.Errorf("billing address %v, shipping address %v", o.BillingAddress != nil, o.Lines[0].ShippingAddress != nil)
			}
		})
	}
}

func TestParcelsLieAtTheirLines(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.Shipped, Parcels: []world.Parcel{
		{TrackingNumber: "1", Carrier: "GLS", SKUs: []string{"A"}}, {TrackingNumber: "2", Carrier: "UPS", TrackingURL: "https://tracking.example.com/2"},
	}})
	var o orderView
	x.get("/orders/"+number, &o)
	var got []string
	for _, l := range o.Lines {
		for _, p := range l.Parcels {
			got = append(got, l.OrderLineID+" "+p.ParcelNumber+" "+p.CarrierName)
		}
	}
	if diff := cmp.Diff([]string{"1 1 GLS", "1 2 UPS", "2 2 UPS"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p := o.Lines[0].Parcels; p[0].TrackingURL != nil || p[1].TrackingURL == nil {
		t.Errorf("tracking pages %+v", p)
	}
	x.settle(func(s *world.Settings) { s.ParcelsVisible = false })
	if x.get("/orders/"+number, &o); len(o.Lines[1].Parcels) != 0 {
		t.Errorf("parcels that reads do not show: %+v", o.Lines[1].Parcels)
	}
}

func TestCarriers(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	var got []struct{ Code, Label string }
	x.get("/carriers", &got)
	blanks, codes := 0, map[string]int{}
	for _, c := range got {
		if strings.TrimSpace(c.Label) != c.Label {
			blanks++
		}
		codes[c.Code]++
	}
	if len(got) != 66 || blanks != 1 || codes["pcc"] != 4 || codes["dhldp"] != 2 || codes["default"] != 1 {
		t.Errorf("%d carriers, %d with blanks, codes %v", len(got), blanks, codes)
	}
}

func TestProducts(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	if err := x.s.World().PutProduct(world.Product{EAN: "40000001", Title: "T", ParentID: "G", Colour: "Bleu", Size: "M"}); err != nil {
		t.Fatal(err)
	}
	if err := x.s.World().PutProduct(world.Product{EAN: "40000002"}); err != nil {
		t.Fatal(err)
	}
	for gtin, want := range map[string]string{
		"40000001": `{"itemsPerPage":1,"items":[{"productId":"DEM40000001","gtin":"40000001","title":"T","variantGroupReference":"G","attributes":[` +
			`{"reference":"3263","name":"Couleur","values":["Bleu"]},{"reference":"46831","name":"Taille","values":["M"]}]}]}`,
		"40000002": `{"itemsPerPage":1,"items":[{"productId":"DEM40000002","gtin":"40000002","title":null,"variantGroupReference":null,"attributes":[]}]}`,
		"40000003": `{"itemsPerPage":0,"items":[]}`,
	} {
		if r := x.call(http.MethodGet, "/products?gtin="+gtin, ""); r.status != http.StatusOK || r.body != want {
			t.Errorf("%s: HTTP %d %s, want %s", gtin, r.status, r.body, want)
		}
	}
	wantProblem(t, x.call(http.MethodGet, "/products", ""), http.StatusBadRequest, "gtin", "required")
	x.settle(func(s *world.Settings) { s.ProductErrors = true })
	wantProblem(t, x.call(http.MethodGet, "/products?gtin=40000001", ""), http.StatusInternalServerError, "", "Internal Server Error")
}
