package cdiscount_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// unrecognizedOf lists what an order keeps raw, as "field=value".
func unrecognizedOf(o *adapterv1.Order) []string {
	var list []string
	for _, u := range o.GetUnrecognized() {
		list = append(list, u.GetField()+"="+u.GetValue())
	}
	return list
}

// TestMapModes is the table of delivery modes (cdiscount-soap.md 10).
func TestMapModes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code, relay string
		kind        string
		network     string // with a pickup point
		unknown     string // what is kept raw, blank separated
	}{
		{code: "STD", kind: "STANDARD"},
		{code: "COL", kind: "STANDARD"},
		{code: "standard", kind: "STANDARD"},
		{code: "TRK", kind: "TRACKED"},
		{code: "REG", kind: "REGISTERED"},
		{code: "EXP", kind: "EXPRESS"},
		{code: "FST", kind: "EXPRESS"},
		{code: "LV1", kind: "BIG_PARCEL"},
		{code: "LV2", kind: "BIG_PARCEL"},
		{code: "LV3", kind: "BIG_PARCEL"},
		{code: "TNT", kind: "UNSPECIFIED"},
		{code: "TNT", relay: "X1", kind: "PICKUP", network: "UNSPECIFIED"},
		{code: "REL", relay: "012345", kind: "PICKUP", network: "MONDIAL_RELAY"},
		{code: "RCO", relay: "X1", kind: "PICKUP", network: "RELAIS_COLIS"},
		{code: "SO1", relay: "123456", kind: "PICKUP", network: "COLISSIMO"},
		{code: "RIM", relay: "1", kind: "PICKUP", network: "SHOP"},
		{code: "MAG", relay: "1", kind: "PICKUP", network: "SHOP"},
		{code: "QQ9", kind: "UNSPECIFIED", unknown: "ShippingCode=QQ9"},
		{code: "QQ9", relay: "007", kind: "PICKUP", network: "UNSPECIFIED", unknown: "ShippingCode=QQ9"},
		// A home delivery with a relay contradicts itself: the street is the point's.
		{code: "TRK", relay: "007", kind: "PICKUP", network: "UNSPECIFIED", unknown: "ShippingAddress.RelayId=007"},
		{code: "COL", relay: "007", kind: "PICKUP", network: "UNSPECIFIED", unknown: "ShippingAddress.RelayId=007"},
	} {
		t.Run(tc.code+" "+tc.relay, func(t *testing.T) {
			t.Parallel()
			address := homeAddress()
			if tc.relay != "" {
				address = pointAddress().with("RelayId", tc.relay)
			}
			o := readOne(t, homeOrder("N1").with("ShippingCode", tc.code, "ShippingAddress", address.inner()))
			network := ""
			if p := o.GetPickupPoint(); p != nil {
				network = strings.TrimPrefix(p.GetNetwork().String(), "PICKUP_NETWORK_")
				if p.GetRawId() != tc.relay || p.GetName() != "TABAC DU COIN" || o.GetShipTo().GetFirstName() != "BOB" {
					t.Errorf("point %q %q for %q", p.GetRawId(), p.GetName(), o.GetShipTo().GetFirstName())
				}
			}
			kind := strings.TrimPrefix(o.GetDeliveryKind().String(), "DELIVERY_KIND_")
			if unknown := strings.Join(unrecognizedOf(o), " "); kind != tc.kind || network != tc.network || unknown != tc.unknown {
				t.Errorf("%s %s (%s), want %s %s (%s)", kind, network, unknown, tc.kind, tc.network, tc.unknown)
			}
			if o.GetNativeDeliveryMode() != tc.code {
				t.Errorf("native mode %q", o.GetNativeDeliveryMode())
			}
		})
	}
	// Codes of Cdiscount's own logistics are nobody's business here.
	o := readOne(t, homeOrder("N1").with("ShippingCode", "ADX", "IsCLogistiqueOrder", "true"))
	if len(o.GetUnrecognized()) != 0 || o.GetFulfillment() != adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE {
		t.Errorf("an order of the marketplace's logistics: %v, %s", unrecognizedOf(o), o.GetFulfillment())
	}
}

// TestMapUnshippable: what makes an order that is to ship unshippable, with what is kept raw.
func TestMapUnshippable(t *testing.T) {
	t.Parallel()
	line := func(pairs ...string) []string { return []string{"OrderLineList", lineList(goodsLine().with(pairs...))} }
	for _, tc := range []struct {
		name    string
		change  []string
		unknown string
	}{
		{"no state", []string{"OrderState", "nil"}, "OrderState="},
		{"a new state", []string{"OrderState", "Filled"}, "OrderState=Filled"},
		{"a new line state", line("AcceptationState", "Melted"), "OrderLine[0].AcceptationState=Melted"},
		{"no quantity", line("Quantity", "nil"), "OrderLine[0].Quantity="},
		{"quantity 0", line("Quantity", "0"), "OrderLine[0].Quantity=0"},
		{"unreadable quantity", line("Quantity", "2,0"), "OrderLine[0].Quantity=2,0"},
		{"no reference of the seller", line("SellerProductId", "nil"), "OrderLine[0].SellerProductId="},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := readOne(t, homeOrder("N1").with(tc.change...))
			if got := strings.Join(unrecognizedOf(o), " "); got != tc.unknown || o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED {
				t.Errorf("%s, %q kept raw; want UNRECOGNIZED and %q", o.GetStatus(), got, tc.unknown)
			}
		})
	}
	// Lines that have ended need neither.
	o := readOne(t, homeOrder("N1").with("OrderState", "ShipmentRefusedBySeller", "OrderLineList",
		lineList(goodsLine().with("AcceptationState", "RefundedAfterShipmentRefused", "Quantity", "0", "SellerProductId", "nil"))))
	if o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_REFUSED || len(o.GetUnrecognized()) != 0 {
		t.Errorf("ended: %s, %v", o.GetStatus(), unrecognizedOf(o))
	}
}

// TestMapCreationDate: one order without a readable date must not stop every import; its number knows the minute.
func TestMapCreationDate(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"unset": "0001-01-01T00:00:00", "nil": "nil", "unreadable": "hier"} {
		o := readOne(t, homeOrder("2607151015ABC12").with("CreationDate", text))
		if diff := cmp.Diff(ts("2026-07-15T08:15:00Z"), o.GetPurchaseTime(), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := unrecognizedOf(o); len(got) != 1 || got[0] != "CreationDate="+strings.TrimPrefix(text, "nil") || o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED {
			t.Errorf("%s: %s, %v", name, o.GetStatus(), got)
		}
	}
	for _, number := range []string{"ABC", "2613151015ABC12", "260715101ABC12"} {
		f := newFake(t, always(200, orderList(homeOrder(number).with("CreationDate", "hier"))))
		err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), &sink{})
		if reason(err) != "MALFORMED_ANSWER" {
			t.Errorf("%s: error %v, want MALFORMED_ANSWER", number, err)
		}
	}
}

// TestMapTotals: the accepted part counts once there is one; a figure that cannot be held is never replaced by another.
func TestMapTotals(t *testing.T) {
	t.Parallel()
	const huge = "9223372036854775808" // one more than Money holds
	for _, tc := range []struct {
		name      string
		validated string
		initial   string
		want      string // "" means unset
		unknown   string
	}{
		{"accepted", "45.69", "48.69", "45.69", ""},
		{"not accepted yet", "0", "48.69", "48.69", ""},
		{"absent", "nil", "48.69", "48.69", ""},
		{"the largest", "9223372036854775807.999999999", "1", "9223372036854775807.999999999", ""},
		{"accepted and too large", huge, "48.69", "", "ValidatedTotalAmount=" + huge},
		{"accepted and too fine", "0.0000000001", "48.69", "", "ValidatedTotalAmount=0.0000000001"},
		{"accepted and unreadable", "45,69", "48.69", "", "ValidatedTotalAmount=45,69"},
		{"too many zeros to matter", "45.690000000000000000", "48.69", "45.69", ""},
		{"made and too large", "0", huge, "", "InitialTotalAmount=" + huge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := readOne(t, homeOrder("N1").with("ValidatedTotalAmount", tc.validated, "InitialTotalAmount", tc.initial))
			got := ""
			if o.GetTotal() != nil {
				got = sdk.FormatMoney(o.GetTotal())
			}
			if unknown := strings.Join(unrecognizedOf(o), " "); got != tc.want || unknown != tc.unknown {
				t.Errorf("total %q (%s), want %q (%s)", got, unknown, tc.want, tc.unknown)
			}
		})
	}
	// A charge that cannot be held leaves the line's shipping unset, whichever of the two it is; a date is kept raw.
	for _, field := range []string{"UnitShippingCharges", "UnitAdditionalShippingCharges"} {
		o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(goodsLine().with(field, huge, "DeliveryDateMin", "demain"))))
		want := []string{"OrderLine[0]." + field + "=" + huge, "OrderLine[0].DeliveryDateMin=demain"}
		if diff := cmp.Diff(want, unrecognizedOf(o)); diff != "" || o.GetLines()[0].GetShippingPrice() != nil {
			t.Errorf("%s: shipping %v (-want +got):\n%s", field, o.GetLines()[0].GetShippingPrice(), diff)
		}
	}
	// Commission beyond what a line's shipping can be multiplied to.
	o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(goodsLine().with("Quantity", "3", "UnitAdditionalShippingCharges", "9223372036854775807"))))
	if o.GetLines()[0].GetShippingPrice() != nil || len(o.GetUnrecognized()) != 1 {
		t.Errorf("shipping %v", o.GetLines()[0].GetShippingPrice())
	}
}

// TestMapText: entities, CDATA and characters of every plane come through as they are.
func TestMapText(t *testing.T) {
	t.Parallel()
	answer := strings.NewReplacer(
		"12 RUE DES TESTS", "12 RUE D&apos;&#201;T&#xC9; &amp; <![CDATA[<FILS>]]> \U0001F600",
		"T-shirt demo bleu taille M", "<![CDATA[T-shirt & « démo » ]]]]><![CDATA[>]]>",
	).Replace(orderList(homeOrder("N1")))
	o := readAnswer(t, answer)
	if got, want := o.GetShipTo().GetLines()[0], "12 RUE D'ÉTÉ & <FILS> \U0001F600"; got != want {
		t.Errorf("street %q, want %q", got, want)
	}
	if got, want := o.GetLines()[0].GetTitle(), "T-shirt & « démo » ]]>"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
}

// TestMapTolerance: what the contract leaves open changes nothing: vouchers, claims, offers, parts that are nil or absent,
// elements that nobody knows.
func TestMapTolerance(t *testing.T) {
	t.Parallel()
	plain := readOne(t, homeOrder("N1"))
	voucher := "<Voucher><CreateDate>2026-05-03T10:00:00</CreateDate><RefundInformation><Amount>1.5</Amount><MotiveId>137</MotiveId></RefundInformation><Source>Seller</Source></Voucher>"
	line := goodsLine().with("HasClaim", "true", "Future", "<x><y>z</y></x>", "OrderLineChildList", "<OrderLine><Quantity>9</Quantity></OrderLine>").xml("OrderLine")
	for name, change := range map[string][]string{
		"vouchers":                {"VoucherList", voucher},
		"claims":                  {"HasClaims", "true"},
		"a negotiated one":        {"Offer", "<Code>1</Code>"},
		"unknown elements":        {"Future", "<a b='c'><OrderNumber>N2</OrderNumber></a>"},
		"nil lists":               {"ParcelList", "nil", "VoucherList", "nil"},
		"nil elements":            {"ParcelList", `<Parcel i:nil="true"/>`, "OrderLineList", `<OrderLine i:nil="true"/>` + lineList(goodsLine(), feeLine()) + `<Other/>`},
		"unknown and child lines": {"OrderLineList", line + lineList(feeLine())},
		"unused parts":            {"ModifiedDate", "hier", "VisaCegid", "x", "Status", "Future"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(plain, readOne(t, homeOrder("N1").with(change...)), protocmp.Transform()); diff != "" {
				t.Errorf("(-without +with):\n%s", diff)
			}
		})
	}
	// A nil order says nothing.
	answer := strings.Replace(orderList(homeOrder("N1")), "<OrderList>", `<OrderList><Order i:nil="true"/><Other><Order/></Other>`, 1)
	if diff := cmp.Diff(plain, readAnswer(t, answer), protocmp.Transform()); diff != "" {
		t.Errorf("nil order (-without +with):\n%s", diff)
	}
}

// TestOrdersDoNotLeak: nothing of one order shows up in the next, whose parts are absent.
func TestOrdersDoNotLeak(t *testing.T) {
	t.Parallel()
	parcel := fields{"CustomerNum": "MR1", "ExternalCarrierName": "Mondial Relay"}.xml("Parcel")
	full := pointOrder("N1").with("OrderLineList", lineList(goodsLine(), goodsLine(), feeLine()), "ParcelList", parcel+parcel)
	sparse := fields{
		"CreationDate": "2026-05-02T10:15:00.12", "OrderNumber": "N2", "IsCLogistiqueOrder": "false", "OrderState": "Shipped",
		"OrderLineList": "<OrderLine/><OrderLine><Name>x</Name></OrderLine>", "ParcelList": "<Parcel/>", "ShippingAddress": "<City>x</City>",
	}
	alone := readOne(t, sparse)
	f := newFake(t, always(200, orderList(full, full, sparse)))
	out := &sink{}
	if err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-05-01T00:00:00Z", "2026-05-03T00:00:00Z"), out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(alone, out.orders[2], protocmp.Transform()); diff != "" {
		t.Errorf("(-alone +behind others):\n%s", diff)
	}
	if diff := cmp.Diff(out.orders[0], out.orders[1], protocmp.Transform()); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

// TestMapPromises: lines that have ended promise nothing any more.
func TestMapPromises(t *testing.T) {
	t.Parallel()
	ended := goodsLine().with("AcceptationState", "CancelledAfterPaymentByCustomer", "ShippingDateMax", "2026-05-01T00:00:00",
		"DeliveryDateMin", "2026-05-01T00:00:00", "DeliveryDateMax", "2026-06-30T00:00:00")
	o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(ended, goodsLine(),
		goodsLine().with("ShippingDateMax", "2026-05-05T10:15:00", "DeliveryDateMax", "2026-05-15T10:15:00"))))
	want := &adapterv1.Order{ShipByTime: ts("2026-05-05T08:15:00Z"), DeliverFromTime: ts("2026-05-10T08:15:00Z"), DeliverByTime: ts("2026-05-15T08:15:00Z")}
	got := &adapterv1.Order{ShipByTime: o.GetShipByTime(), DeliverFromTime: o.GetDeliverFromTime(), DeliverByTime: o.GetDeliverByTime()}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The order's own dates stand in where no line has any.
	o = readOne(t, homeOrder("N1").with("OrderLineList", lineList(goodsLine().with("DeliveryDateMin", "0001-01-01T00:00:00", "DeliveryDateMax", "nil"))))
	if diff := cmp.Diff(ts("2026-05-14T08:15:00Z"), o.GetDeliverByTime(), protocmp.Transform()); diff != "" || o.GetDeliverFromTime() == nil {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMapFeesAndPhones: a fee is known by either of its names, and a phone is only ever the buyer's own.
func TestMapFeesAndPhones(t *testing.T) {
	t.Parallel()
	o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(goodsLine(), feeLine().with("ProductId", "nil"), feeLine().with("ProductId", "FRAISTRAITEMENT", "Sku", "nil")),
		"Customer", buyer().with("MobilePhone", "nil", "Phone", " ").inner()))
	if len(o.GetLines()) != 1 || len(o.GetFees()) != 2 || o.GetFees()[0].GetCode() != "INTERETBCA" || o.GetFees()[1].GetCode() != "FRAISTRAITEMENT" {
		t.Errorf("%d lines, fees %v", len(o.GetLines()), o.GetFees())
	}
	if o.GetShipTo().GetPhone() != "" || o.GetCustomer().GetPhone() != "" || o.GetCustomer().GetMobilePhone() != "" {
		t.Error("a phone was invented")
	}
}

// TestAnswersInTheWrongOrder: OperationSuccess decides what the list behind it is worth; behind the list it is too late, and
// the answer must not read as an empty success. The same goes for a write, which is UNKNOWN then.
func TestAnswersInTheWrongOrder(t *testing.T) {
	t.Parallel()
	success := `<OperationSuccess xmlns="` + nsMessages + `">true</OperationSuccess>`
	move := func(answer, op string) string {
		return strings.Replace(strings.Replace(answer, success, "", 1), "</"+op+"Result>", success+"</"+op+"Result>", 1)
	}
	f := newFake(t, always(200, move(orderList(homeOrder("N1")), "GetOrderList")))
	out := &sink{}
	err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), out)
	if reason(err) != "MALFORMED_ANSWER" || len(out.checkpoints) != 0 {
		t.Errorf("error %v with %d checkpoints, want MALFORMED_ANSWER", err, len(out.checkpoints))
	}
	f = newFake(t, always(200, move(shipAnswer(orderNumber, "TSHIRT-BLU-M"), "ValidateOrderList")))
	if got := ship(t, cdiscount.New(), f.store()); got != unknown {
		t.Errorf("outcome %s, want %s", got, unknown)
	}
}
