package cdiscount_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// readOne reads one order through the adapter.
func readOne(t *testing.T, o fields) *adapterv1.Order {
	t.Helper()
	return readAnswer(t, orderList(o))
}

func readAnswer(t *testing.T, answer string) *adapterv1.Order {
	t.Helper()
	f := newFake(t, always(200, answer))
	out := &sink{}
	if err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-05-01T00:00:00Z", "2026-05-03T00:00:00Z"), out); err != nil {
		t.Fatal(err)
	}
	if len(out.orders) != 1 {
		t.Fatalf("%d orders, want 1", len(out.orders))
	}
	return out.orders[0]
}

func eur(t *testing.T, amount string) *adapterv1.Money {
	t.Helper()
	m, err := sdk.ParseMoney("EUR", amount)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ts(text string) *timestamppb.Timestamp { return timestamppb.New(at(text)) }

// TestMapHomeOrder holds the whole of an order to a home (cdiscount-soap.md 6.2 to 6.4).
func TestMapHomeOrder(t *testing.T) {
	t.Parallel()
	o := homeOrder("N1").with("PartnerOrderRef", "REF-9", "ParcelList",
		fields{"CustomerNum": "MR1", "ExternalCarrierName": "Mondial Relay", "ExternalCarrierTrackingUrl": "nil", "IsCustomerReturn": "false", "ParcelStatus": "On Going Delivery", "RealCarrierCode": "X"}.xml("Parcel")+
			fields{"CustomerNum": "BACK1", "IsCustomerReturn": "true"}.xml("Parcel")+
			fields{"CustomerNum": "MR2", "ExternalCarrierName": "nil", "RealCarrierCode": "TNT"}.xml("Parcel"))
	home := func(phone string) *adapterv1.Address {
		return &adapterv1.Address{
			Civility: "MRS", FirstName: "ALICE", LastName: "EXEMPLE",
			Lines: []string{"12 RUE DES TESTS", "Bat B", "Apt 4", "LES LILAS"}, PostalCode: "69003", City: "LYON", CountryCode: "FR",
			Instructions: "Code 12A", Phone: phone,
		}
	}
	want := &adapterv1.Order{
		OrderNumber: "N1", Reference: "REF-9", Status: adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP,
		NativeStatus: "WaitingForShipmentAcceptation", Fulfillment: adapterv1.Fulfillment_FULFILLMENT_SELLER, SalesChannel: "CDSB2C",
		PurchaseTime: ts("2026-05-02T08:15:00.12Z"), UpdateTime: ts("2026-05-02T09:02:31.907Z"), ShipByTime: ts("2026-05-06T08:15:00Z"),
		DeliverFromTime: ts("2026-05-10T08:15:00Z"), DeliverByTime: ts("2026-05-14T08:15:00Z"),
		Customer: &adapterv1.Customer{
			CustomerId: "feed0000000000000000000000000c01", FirstName: "ALICE", LastName: "EXEMPLE", Email: "c.feed@clemarche.example",
			MobilePhone: "0600000000",
		},
		ShipTo: home("0600000000"), BillTo: home(""),
		DeliveryKind: adapterv1.DeliveryKind_DELIVERY_KIND_TRACKED, NativeDeliveryMode: "TRK",
		Lines: []*adapterv1.OrderLine{{
			LineId: "TSHIRT-BLU-M", Sku: "TSHIRT-BLU-M", ProductId: "DEM2000000000015", Ean: "2000000000015",
			Title: "T-shirt demo bleu taille M", Quantity: 2, UnitPrice: eur(t, "19.9"), TotalPrice: eur(t, "39.8"),
			ShippingPrice: eur(t, "4.9"), Status: adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, NativeStatus: "AcceptedBySeller",
			Condition: "New", ShipByTime: ts("2026-05-06T08:15:00Z"), DeliverFromTime: ts("2026-05-10T08:15:00Z"),
			DeliverByTime: ts("2026-05-14T08:15:00Z"),
		}},
		Fees: []*adapterv1.Fee{{Code: "INTERETBCA", Label: "Frais de traitement", Amount: eur(t, "0.99")}},
		Parcels: []*adapterv1.Parcel{
			{TrackingNumber: "MR1", Carrier: "Mondial Relay", NativeStatus: "On Going Delivery"}, {TrackingNumber: "MR2", Carrier: "TNT"},
		},
		Total: eur(t, "45.69"), Shipping: eur(t, "4.9"), Commission: eur(t, "6.84"),
		AdapterContext: []byte(`{"v":1,"l":[{"i":"TSHIRT-BLU-M","s":"TSHIRT-BLU-M","c":"New"}]}`),
	}
	if diff := cmp.Diff(want, readOne(t, o), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMapStatus is the table of order and line states (cdiscount-soap.md 7).
func TestMapStatus(t *testing.T) {
	t.Parallel()
	const (
		pending    = "ORDER_STATUS_PENDING_ACCEPTANCE"
		processing = "ORDER_STATUS_PROCESSING"
		ready      = "ORDER_STATUS_READY_TO_SHIP"
		shipped    = "ORDER_STATUS_SHIPPED"
		delivered  = "ORDER_STATUS_DELIVERED"
		cancelled  = "ORDER_STATUS_CANCELLED"
		refused    = "ORDER_STATUS_REFUSED"
		unknown    = "ORDER_STATUS_UNRECOGNIZED"
	)
	for _, tc := range []struct {
		order  string
		lines  string // states of the goods lines, blank separated
		want   string
		each   string // statuses of the lines, without their prefix
		cancel bool
	}{
		{order: "WaitingForSellerAcceptation", lines: "None", want: pending, each: "PENDING_ACCEPTANCE"},
		{order: "AcceptedBySeller", lines: "AcceptedBySeller", want: processing, each: "PROCESSING"},
		{order: "PaymentInProgress", lines: "AcceptedBySeller", want: processing, each: "PROCESSING"},
		{order: "WaitingForShipmentAcceptation", lines: "AcceptedBySeller nil", want: ready, each: "READY_TO_SHIP READY_TO_SHIP"},
		{order: "Shipped", lines: "None", want: shipped, each: "SHIPPED"},
		{order: "Shipped", lines: "ShippedBySeller RefundedAfterShipping", want: shipped, each: "SHIPPED SHIPPED"},
		{order: "Shipped", lines: "ShippedBySeller ShipmentRefusedBySeller", want: shipped, each: "SHIPPED REFUSED"},
		{order: "AvailableOnStore", lines: "None", want: shipped, each: "SHIPPED"},
		{order: "PickedUp", lines: "ShippedBySeller", want: delivered, each: "DELIVERED"},
		{order: "CancelledByCustomer", lines: "CancelledBeforePaymentByCustomer", want: cancelled, each: "CANCELLED"},
		{order: "RefusedBySeller", lines: "CancelledBeforePaymentByCustomer", want: refused, each: "CANCELLED"},
		{order: "ShipmentRefusedBySeller", lines: "RefundedAfterShipmentRefused", want: refused, each: "REFUSED"},
		{order: "AutomaticCancellation", lines: "None", want: cancelled, each: "CANCELLED"},
		{order: "PaymentRefused", lines: "PaymentRefused", want: cancelled, each: "CANCELLED"},
		{order: "None", lines: "None", want: processing, each: "PROCESSING"},
		{order: "BlockedFraudSuspicion", lines: "None", want: processing, each: "PROCESSING"},
		// The lines decide where the order's own state lags behind.
		{order: "WaitingForShipmentAcceptation", lines: "CancelledAfterPaymentByCustomer CancelledAfterPaymentByCustomer", want: cancelled, each: "CANCELLED CANCELLED"},
		{order: "WaitingForShipmentAcceptation", lines: "RefusedBySeller CancelledAfterPaymentByCustomer", want: cancelled, each: "REFUSED CANCELLED"},
		{order: "AcceptedBySeller", lines: "RefusedBySeller", want: refused, each: "REFUSED"},
		{order: "WaitingForShipmentAcceptation", lines: "AcceptedBySeller RefundedAfterCustomerCancellation", want: ready, each: "READY_TO_SHIP CANCELLED"},
		{order: "WaitingForShipmentAcceptation", lines: "ShippedBySeller RefusedBySeller", want: shipped, each: "SHIPPED REFUSED"},
		{order: "WaitingForShipmentAcceptation", lines: "ShippedBySeller AcceptedBySeller", want: ready, each: "SHIPPED READY_TO_SHIP"},
		{order: "WaitingForShipmentAcceptation", lines: "CancellationRequestPending AcceptedBySeller", want: ready, each: "READY_TO_SHIP READY_TO_SHIP", cancel: true},
		// Unknown fails closed.
		{order: "Filled", lines: "AcceptedBySeller", want: unknown, each: "UNRECOGNIZED"},
		{order: "waitingforshipmentacceptation", lines: "AcceptedBySeller", want: unknown, each: "UNRECOGNIZED"},
		{order: "nil", lines: "None", want: unknown, each: "UNRECOGNIZED"},
		{order: "WaitingForShipmentAcceptation", lines: "AcceptedBySeller Melted", want: unknown, each: "READY_TO_SHIP UNRECOGNIZED"},
	} {
		t.Run(tc.order+"/"+tc.lines, func(t *testing.T) {
			t.Parallel()
			lines := []fields{feeLine()}
			for _, s := range strings.Fields(tc.lines) {
				lines = append(lines, goodsLine().with("AcceptationState", s))
			}
			o := readOne(t, homeOrder("N1").with("OrderState", tc.order, "OrderLineList", lineList(lines...)))
			var each []string
			for _, l := range o.GetLines() {
				each = append(each, strings.TrimPrefix(l.GetStatus().String(), "ORDER_STATUS_"))
			}
			if o.GetStatus().String() != tc.want || strings.Join(each, " ") != tc.each || o.GetCancelRequested() != tc.cancel {
				t.Errorf("got %s %v cancel %v, want %s %s cancel %v", o.GetStatus(), each, o.GetCancelRequested(), tc.want, tc.each, tc.cancel)
			}
			if native := strings.Replace(tc.order, "nil", "", 1); o.GetNativeStatus() != native {
				t.Errorf("native status %q, want %q", o.GetNativeStatus(), native)
			}
			if got := len(o.GetUnrecognized()) > 0; got != (tc.want == unknown) {
				t.Errorf("unrecognized values: %v", got)
			}
		})
	}
}

// TestMapFulfillment is the table of who ships (cdiscount-soap.md 6.2).
func TestMapFulfillment(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ logistics, mode, want string }{
		{"false", "MKPCDS", "SELLER"},
		{"false", "nil", "SELLER"},
		{"true", "MKPCDS", "MARKETPLACE"},
		{"false", "MKPFBC", "MARKETPLACE"},
		{"false", "EXTFBC", "MARKETPLACE"},
		{"false", "NEWMODE", "UNSPECIFIED"},
		{"nil", "MKPCDS", "UNSPECIFIED"},
	} {
		o := readOne(t, homeOrder("N1").with("IsCLogistiqueOrder", tc.logistics, "ModGesLog", tc.mode))
		if got := strings.TrimPrefix(o.GetFulfillment().String(), "FULFILLMENT_"); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.logistics, tc.mode, got, tc.want)
		}
		if got := len(o.GetUnrecognized()) > 0; got != (tc.want == "UNSPECIFIED") {
			t.Errorf("%s %s: unrecognized values: %v", tc.logistics, tc.mode, got)
		}
	}
}

// TestMapTimes reads Paris local times (cdiscount-soap.md 3.3).
func TestMapTimes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"winter", "2026-01-15T12:00:00", "2026-01-15T11:00:00Z"},
		{"summer", "2026-07-15T12:00:00.5", "2026-07-15T10:00:00.5Z"},
		{"seven decimals", "2026-07-15T12:00:00.1234567", "2026-07-15T10:00:00.1234567Z"},
		{"before summer begins", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z"},
		{"missing hour", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"},
		{"after summer begins", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"},
		{"before the repeated hour", "2026-10-25T01:59:59", "2026-10-24T23:59:59Z"},
		{"repeated hour is the earlier one", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"},
		{"after the repeated hour", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
		{"with an offset", "2026-07-15T12:00:00+05:00", "2026-07-15T07:00:00Z"},
		{"unset", "0001-01-01T00:00:00", ""},
		{"nil", "nil", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := readOne(t, homeOrder("N1").with("LastUpdatedDate", tc.text, "ModifiedDate", "nil"))
			got := ""
			if o.GetUpdateTime() != nil {
				got = o.GetUpdateTime().AsTime().Format("2006-01-02T15:04:05.999999999Z07:00")
			}
			if got != tc.want || len(o.GetUnrecognized()) != 0 {
				t.Errorf("%s reads as %q, want %q", tc.text, got, tc.want)
			}
		})
	}
	o := readOne(t, homeOrder("N1").with("LastUpdatedDate", "0001-01-01T00:00:00", "ModifiedDate", "2026-05-02T10:40:05.01"))
	if diff := cmp.Diff(ts("2026-05-02T08:40:05.01Z"), o.GetUpdateTime(), protocmp.Transform()); diff != "" {
		t.Errorf("ModifiedDate does not stand in for LastUpdatedDate:\n%s", diff)
	}
}

// TestMapAmounts: totals stay exact, prices of a piece are derived.
func TestMapAmounts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, total, quantity, first, further string
		unit, line, shipping                  string // "" means unset
		unknown                               bool
	}{
		{name: "two pieces", total: "39.8", quantity: "2", first: "3.9", further: "1", unit: "19.9", line: "39.8", shipping: "4.9"},
		{name: "one piece", total: "85.00", quantity: "1", first: "0", further: "1", unit: "85", line: "85", shipping: "0"},
		{name: "no exact third", total: "10", quantity: "3", first: "0.1", further: "0.2", unit: "3.333333333", line: "10", shipping: "0.5"},
		{name: "half rounds up", total: "0.000000001", quantity: "2", first: "0", further: "0", unit: "0.000000001", line: "0.000000001", shipping: "0"},
		{name: "nine decimals kept", total: "1.000000009", quantity: "1", first: "0", further: "0", unit: "1.000000009", line: "1.000000009", shipping: "0"},
		{name: "no pieces", total: "1", quantity: "0", first: "1", further: "1", line: "1", unknown: true},
		{name: "not an amount", total: "1,5", quantity: "1", first: "0", further: "0", shipping: "0", unknown: true},
		{name: "too fine to hold", total: "1.0000000001", quantity: "1", first: "0", further: "0", shipping: "0", unknown: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			line := goodsLine().with("PurchasePrice", tc.total, "Quantity", tc.quantity, "UnitShippingCharges", tc.first, "UnitAdditionalShippingCharges", tc.further)
			o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(line)))
			text := func(m *adapterv1.Money) string {
				if m == nil {
					return ""
				}
				return sdk.FormatMoney(m)
			}
			l := o.GetLines()[0]
			got := [3]string{text(l.GetUnitPrice()), text(l.GetTotalPrice()), text(l.GetShippingPrice())}
			if want := [3]string{tc.unit, tc.line, tc.shipping}; got != want {
				t.Errorf("unit, line, shipping: %v, want %v", got, want)
			}
			if got := len(o.GetUnrecognized()) > 0; got != tc.unknown {
				t.Errorf("unrecognized values: %v", got)
			}
		})
	}
	o := readOne(t, homeOrder("N1").with("ValidatedTotalAmount", "0", "ValidatedTotalShippingCharges", "0"))
	if sdk.FormatMoney(o.GetTotal()) != "48.69" || sdk.FormatMoney(o.GetCommission()) != "9" {
		t.Errorf("before acceptance: total %s, commission %s", sdk.FormatMoney(o.GetTotal()), sdk.FormatMoney(o.GetCommission()))
	}
}

// TestMapLines: keys of lines, fees apart, and what a shipment will say of them.
func TestMapLines(t *testing.T) {
	t.Parallel()
	o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(
		goodsLine(),
		feeLine().with("ProductId", "FRAISTRAITEMENT", "Sku", "nil"),
		goodsLine().with("ProductCondition", "LikeNew"),
		goodsLine().with("SellerProductId", ""),
		goodsLine().with("SellerProductId", "nil", "ProductId", "nil"),
		goodsLine().with("SellerProductId", "GONE", "AcceptationState", "CancelledAfterPaymentByCustomer"),
		goodsLine().with("SellerProductId", " A&B "),
	)))
	var ids []string
	for _, l := range o.GetLines() {
		ids = append(ids, l.GetLineId())
	}
	want := []string{"TSHIRT-BLU-M", "TSHIRT-BLU-M#2", "DEM2000000000015", "DEM2000000000015#2", "GONE", "A&B"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("line ids (-want +got):\n%s", diff)
	}
	if len(o.GetFees()) != 1 || o.GetFees()[0].GetCode() != "FRAISTRAITEMENT" {
		t.Errorf("%d fees", len(o.GetFees()))
	}
	var context struct {
		Lines []struct {
			ID        string `json:"i"`
			SKU       string `json:"s"`
			Condition string `json:"c"`
		} `json:"l"`
	}
	if err := json.Unmarshal(o.GetAdapterContext(), &context); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range context.Lines {
		got = append(got, l.ID+"="+l.SKU+"/"+l.Condition)
	}
	want = []string{
		"TSHIRT-BLU-M=TSHIRT-BLU-M/New", "TSHIRT-BLU-M#2=TSHIRT-BLU-M/LikeNew", "DEM2000000000015=/New", "DEM2000000000015#2=/New",
		"A&B= A&B /New",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("context (-want +got):\n%s", diff)
	}
}

// TestMapUnreadableQuantity: an order that nobody can pack is not to be shipped.
func TestMapUnreadableQuantity(t *testing.T) {
	t.Parallel()
	for _, quantity := range []string{"deux", "-1", "99999999999"} {
		o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(goodsLine().with("Quantity", quantity))))
		if o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED || len(o.GetUnrecognized()) != 1 {
			t.Errorf("quantity %s: status %s", quantity, o.GetStatus())
		}
	}
}

// TestMapManyLines: more lines than the context holds make the order unshippable, never a shorter shipment.
func TestMapManyLines(t *testing.T) {
	t.Parallel()
	lines := make([]fields, 400)
	for i := range lines {
		lines[i] = goodsLine()
	}
	o := readOne(t, homeOrder("N1").with("OrderLineList", lineList(lines...)))
	if o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED || len(o.GetAdapterContext()) != 0 || len(o.GetLines()) != 400 {
		t.Errorf("status %s with a context of %d bytes", o.GetStatus(), len(o.GetAdapterContext()))
	}
}

// TestMapNewOrder: minutes after creation nearly everything is nil (cdiscount-soap.md 14.6).
func TestMapNewOrder(t *testing.T) {
	t.Parallel()
	o := homeOrder("N1")
	for k := range o {
		switch k {
		case "OrderNumber", "CreationDate", "IsCLogistiqueOrder":
		default:
			o[k] = "nil"
		}
	}
	got := readOne(t, o)
	want := &adapterv1.Order{
		OrderNumber: "N1", Status: adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED, PurchaseTime: ts("2026-05-02T08:15:00.12Z"),
		Fulfillment: adapterv1.Fulfillment_FULFILLMENT_SELLER, Customer: &adapterv1.Customer{}, AdapterContext: []byte(`{"v":1,"l":[]}`),
		Unrecognized: []*adapterv1.UnrecognizedValue{{Field: "OrderState"}},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
