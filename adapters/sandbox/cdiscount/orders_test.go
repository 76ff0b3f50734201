package cdiscount_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestGetOrderListFullAnswer fixes every field, its order and its writing after the contract's example: a Mondial Relay order
// with two pieces of one article and a fee.
func TestGetOrderListFullAnswer(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	created := time.Date(2026, 2, 2, 9, 15, 0, 120_000_000, time.UTC)
	modified := time.Date(2026, 2, 2, 10, 2, 31, 907_000_000, time.UTC)
	x.create(world.Spec{
		Number: "2602021015ABC12", State: world.WaitingForShipmentAcceptation, Created: &created, Modified: &modified,
		Delivery: "REL", Pickup: &world.PickupPoint{ID: "012345", Name: "TABAC DU COIN", Street: "3 PLACE INVENTÉE", ZipCode: "69007", City: "LYON"},
		Customer: &world.Customer{
			ID: "feed0000000000000000000000000c01", Civility: "MRS", FirstName: "ALICE", LastName: "D'ESSAI & CIE",
			RelayMail: "c.feed0000000000000000000000000e01@clemarche.com", MobilePhone: "0639980000",
		},
		BillTo: &world.Address{
			Civility: "MRS", FirstName: "ALICE", LastName: "D'ESSAI & CIE", Street: "12 RUE <DES> TESTS", Building: "BAT C", ZipCode: "69003",
			City: "LYON", Country: "FR",
		},
		ShipTo: &world.Address{Civility: "MR", FirstName: "BENOÎT", LastName: "EXEMPLE"},
		Lines: []world.Line{{
			SKU: "TSHIRT-BLU-M", ProductID: "DEM2000000000015", EAN: "2000000000015", Title: `T-shirt démo "bleu" taille M`, Category: "0A0B0C01",
			Quantity: 2, Total: world.Cents(3980), FirstShipping: world.Cents(390), NextShipping: world.Cents(100),
		}},
		Fees: []world.Fee{{Code: "INTERETBCA", Label: "Frais de traitement", Amount: world.Cents(99)}},
	})
	_, got := x.call("GetOrderList", "<orderFilter><FetchOrderLines>true</FetchOrderLines>"+byNumber("2602021015ABC12")+"</orderFilter>")

	const core = `xmlns="http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"`
	want := strings.NewReplacer("\n", "", "CORE", core, "TOKEN", x.token, "NIL", `i:nil="true"`).Replace(
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetOrderListResponse xmlns="http://www.cdiscount.com">
<GetOrderListResult xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><ErrorMessage CORE/><OperationSuccess CORE>true</OperationSuccess>
<ErrorList/><SellerLogin>demo</SellerLogin><TokenId>TOKEN</TokenId><OrderList><Order><ArchiveParcelList>false</ArchiveParcelList>
<BillingAddress><Address1 NIL/><Address2 NIL/><ApartmentNumber/><Building>BAT C</Building><City>LYON</City><Civility>MRS</Civility>
<CompanyName/><Country>FR</Country><County>N/A</County><FirstName>ALICE</FirstName><Instructions/><LastName>D'ESSAI &amp; CIE</LastName>
<PlaceName/><RelayId NIL/><Street>12 RUE &lt;DES&gt; TESTS</Street><ZipCode>69003</ZipCode></BillingAddress>
<Corporation><BusinessUnitId>1</BusinessUnitId><CorporationCode>CDSB2C</CorporationCode><CorporationId>1</CorporationId>
<CorporationName>Cdiscount</CorporationName><IsMarketPlaceActive>true</IsMarketPlaceActive></Corporation>
<CreationDate>2026-02-02T10:15:00.12</CreationDate>
<Customer><Civility>MRS</Civility><CustomerId>feed0000000000000000000000000c01</CustomerId><Email NIL/>
<EncryptedEmail>c.feed0000000000000000000000000e01@clemarche.com</EncryptedEmail><FirstName>ALICE</FirstName><LastName>D'ESSAI &amp; CIE</LastName>
<MobilePhone>0639980000</MobilePhone><Phone/><ShippingFirstName>BENOÎT</ShippingFirstName><ShippingLastName>EXEMPLE</ShippingLastName></Customer>
<HasClaims>false</HasClaims><InitialTotalAmount>45.69</InitialTotalAmount>
<InitialTotalShippingChargesAmount>4.9</InitialTotalShippingChargesAmount><IsCLogistiqueOrder>false</IsCLogistiqueOrder>
<IsEligibileSubstitution>false</IsEligibileSubstitution><LastUpdatedDate>2026-02-02T11:02:31.907</LastUpdatedDate>
<ModGesLog>MKPCDS</ModGesLog><ModifiedDate>2026-02-02T10:38:46.01</ModifiedDate><Offer NIL/>
<OrderLineList><OrderLine><AcceptationState>AcceptedBySeller</AcceptationState><CategoryCode>0A0B0C01</CategoryCode>
<DeliveryDateMax>2026-02-14T10:15:00</DeliveryDateMax><DeliveryDateMin>2026-02-10T10:15:00</DeliveryDateMin><HasClaim>false</HasClaim>
<InitialPrice NIL/><IsCDAV>false</IsCDAV><IsNegotiated NIL/><IsProductEanGenerated>false</IsProductEanGenerated>
<Name>T-shirt démo "bleu" taille M</Name><OrderLineChildList/><ProductCondition>New</ProductCondition><ProductEan>2000000000015</ProductEan>
<ProductId>DEM2000000000015</ProductId><PurchasePrice>39.8</PurchasePrice><Quantity>2</Quantity><RefundShippingCharges NIL/><RowId>0</RowId>
<SellerProductId>TSHIRT-BLU-M</SellerProductId><ShippingDateMax>2026-02-06T10:15:00</ShippingDateMax>
<ShippingDateMin>2026-02-06T10:15:00</ShippingDateMin><Sku>DEM2000000000015</Sku><SkuParent NIL/>
<UnitAdditionalShippingCharges>1</UnitAdditionalShippingCharges><UnitShippingCharges>3.9</UnitShippingCharges></OrderLine>
<OrderLine><AcceptationState>AcceptedBySeller</AcceptationState><CategoryCode NIL/><DeliveryDateMax>0001-01-01T00:00:00</DeliveryDateMax>
<DeliveryDateMin>0001-01-01T00:00:00</DeliveryDateMin><HasClaim>false</HasClaim><InitialPrice NIL/><IsCDAV>false</IsCDAV><IsNegotiated NIL/>
<IsProductEanGenerated>false</IsProductEanGenerated><Name>Frais de traitement</Name><OrderLineChildList/><ProductCondition>New</ProductCondition>
<ProductEan/><ProductId>INTERETBCA</ProductId><PurchasePrice>0.99</PurchasePrice><Quantity>1</Quantity><RefundShippingCharges NIL/>
<RowId>0</RowId><SellerProductId/><ShippingDateMax>0001-01-01T00:00:00</ShippingDateMax><ShippingDateMin>0001-01-01T00:00:00</ShippingDateMin>
<Sku>INTERETBCA</Sku><SkuParent NIL/><UnitAdditionalShippingCharges>0</UnitAdditionalShippingCharges>
<UnitShippingCharges>0</UnitShippingCharges></OrderLine></OrderLineList>
<OrderNumber>2602021015ABC12</OrderNumber><OrderState>WaitingForShipmentAcceptation</OrderState><ParcelList/><PartnerOrderRef NIL/>
<ShippedTotalAmount>0</ShippedTotalAmount><ShippedTotalShippingCharges>0</ShippedTotalShippingCharges>
<ShippingAddress><Address1 NIL/><Address2 NIL/><ApartmentNumber/><Building/><City>LYON</City><Civility>MR</Civility><CompanyName/>
<Country>FR</Country><County>N/A</County><FirstName>TABAC DU COIN</FirstName><Instructions/><LastName/><PlaceName/><RelayId>012345</RelayId>
<Street>3 PLACE INVENTÉE</Street><ZipCode>69007</ZipCode></ShippingAddress><ShippingCode>REL</ShippingCode>
<ShippingDateMax>2026-02-14T10:15:00</ShippingDateMax><ShippingDateMin>2026-02-10T10:15:00</ShippingDateMin>
<SiteCommissionPromisedAmount>5.97</SiteCommissionPromisedAmount><SiteCommissionShippedAmount>0</SiteCommissionShippedAmount>
<SiteCommissionValidatedAmount>5.97</SiteCommissionValidatedAmount><Status>Completed</Status><ValidatedTotalAmount>45.69</ValidatedTotalAmount>
<ValidatedTotalShippingCharges>4.9</ValidatedTotalShippingCharges><ValidationStatus>None</ValidationStatus><VisaCegid NIL/><VoucherList NIL/></Order>
</OrderList></GetOrderListResult></GetOrderListResponse></s:Body></s:Envelope>`)
	split := func(s string) []string { return strings.SplitAfter(s, ">") }
	if diff := cmp.Diff(split(want), split(got)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestGetOrderListFilters(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	ago := func(d time.Duration) *time.Time { at := start.Add(-d); return &at }
	const day = 24 * time.Hour
	toShip, shipped := world.WaitingForShipmentAcceptation, world.Shipped
	// Created 10, 20 and 40 days ago; "late" was changed long after its creation, "undated" has no modification date.
	x.create(world.Spec{Number: "recent", State: toShip, Created: ago(10 * day), Modified: ago(9 * day), PartnerRef: "REF-1"})
	x.create(world.Spec{Number: "shipped", State: shipped, Created: ago(11 * day), Modified: ago(5 * day), Channel: "CASIFR", Country: "BE"})
	x.create(world.Spec{Number: "undated", State: toShip, Created: ago(20 * day), NoModified: true, PartnerRef: "REF-2"})
	x.create(world.Spec{Number: "late", State: toShip, Created: ago(40 * day), Modified: ago(2 * day), Fulfilment: world.ByMarketplace})
	x.create(world.Spec{Number: "other-seller", Seller: "demo2", State: toShip, Created: ago(10 * day)})

	for _, tc := range []struct {
		name, filter string
		want         string
	}{
		{"no filter looks back a month", "", "recent shipped undated"},
		{"states only look back a month", states(toShip), "recent undated"},
		{"several states", states(toShip, shipped), "recent shipped undated"},
		{"begin of creation without states is not applied", date("BeginCreationDate", "2026-02-19T00:00:00"), "recent shipped undated"},
		{"end of creation without states is not applied", date("EndCreationDate", "2026-02-01T00:00:00"), "recent shipped undated"},
		{"begin of modification without states is not applied", date("BeginModificationDate", "2026-02-17T00:00:00"), "recent shipped undated"},
		{"end of modification without states is not applied", date("EndModificationDate", "2026-02-01T00:00:00"), "recent shipped undated"},
		{"dates without states do not reach further back", date("BeginCreationDate", "2025-01-01T00:00:00") +
			date("BeginModificationDate", "2025-01-01T00:00:00") + date("EndCreationDate", "2026-02-09T12:00:00") +
			date("EndModificationDate", "2026-02-20T00:00:00"), "recent shipped undated"},
		{"dates beside an empty list of states are not applied", date("BeginCreationDate", "2026-02-19T00:00:00") + "<States/>", "recent shipped undated"},
		{"dates beside another filter are not applied", date("BeginCreationDate", "2026-02-19T00:00:00") + "<Country>Belgium</Country>", "shipped"},
		{"a begin date reaches further back", date("BeginCreationDate", "2025-01-01T00:00:00") + states(toShip), "recent undated late"},
		{"end dates alone keep the look-back", date("EndCreationDate", "2026-02-20T00:00:00") + states(toShip), "recent undated"},
		{"creation window", date("BeginCreationDate", "2026-01-30T00:00:00") + date("EndCreationDate", "2026-02-09T12:00:00") + states(toShip, shipped), "shipped undated"},
		{"begin is included", date("BeginCreationDate", "2026-02-10T10:00:00.000") + states(toShip), "recent"},
		{"after begin is too late", date("BeginCreationDate", "2026-02-10T10:00:00.001") + states(toShip), ""},
		{"end is included", date("BeginCreationDate", "2026-02-10T00:00:00") + date("EndCreationDate", "2026-02-10T10:00:00") + states(toShip), "recent"},
		{"modification window finds the old order", date("BeginModificationDate", "2026-02-17T00:00:00") + states(toShip), "late"},
		{"without a modification date the creation date counts", date("BeginModificationDate", "2026-01-31T10:00:00") + date("EndModificationDate", "2026-01-31T10:00:00") + states(toShip), "undated"},
		{"an offset is converted", date("BeginCreationDate", "2026-02-10T09:00:00+00:00") + states(toShip), "recent"},
		{"Z is read as if it were Paris time", date("BeginCreationDate", "2026-02-10T09:30:00Z") + states(toShip), "recent"},
		{"numbers override the rest", date("BeginCreationDate", "2026-02-19T00:00:00") + byNumber("late", "shipped", "nobody", "other-seller") + states(toShip), "shipped late"},
		{"corporation", "<CorporationCode>CASIFR</CorporationCode>", "shipped"},
		{"country", "<Country>Belgium</Country>", "shipped"},
		{"all countries", "<Country>All</Country>", "recent shipped undated"},
		{"order type", date("BeginCreationDate", "2025-01-01T00:00:00") + "<OrderType>IsFulfillment</OrderType>" + states(toShip), "late"},
		{"order type None is no filter", "<OrderType>None</OrderType>", "recent shipped undated"},
		{"external orders", "<OrderType>EXTFBC</OrderType>", ""},
		{"partner references", "<PartnerOrderRef>REF-2;REF-1</PartnerOrderRef>", "recent undated"},
		{"a state that comes too late is skipped", states(shipped) + "<PartnerOrderRef>REF-1</PartnerOrderRef>", "shipped"},
		{"an unknown element is skipped", "<Colour>blue</Colour>" + states(shipped), "shipped"},
		{"nothing found", states(world.PaymentRefused), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, o := range x.list(tc.filter) {
				got = append(got, o.Number)
			}
			if diff := cmp.Diff(strings.Fields(tc.want), got, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
		})
	}
}

func date(element, value string) string { return "<" + element + ">" + value + "</" + element + ">" }

func TestGetOrderListWithoutFilterElement(t *testing.T) {
	t.Parallel()
	x := open(t, 3)
	for _, parameter := range []string{"", `<orderFilter xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>`, "<filter/>"} {
		if _, body := x.call("GetOrderList", parameter); !strings.Contains(body, ">Invalid filter object</ErrorMessage>") || !strings.Contains(body, ">false</OperationSuccess>") {
			t.Errorf("parameter %q gave %s", parameter, body)
		}
	}
}

func TestRepeatedHourReadsAsOne(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	// Clocks go back on 25 October 2026 at 03:00 in Paris: 00:30 and 01:30 UTC both read 02:30.
	mustAdvance(x, time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC).Sub(start))
	x.token = x.login("demo-api")
	for number, hour := range map[string]int{"first": 0, "second": 1} {
		created := time.Date(2026, 10, 25, hour, 30, 0, 0, time.UTC)
		x.create(world.Spec{Number: number, State: world.WaitingForShipmentAcceptation, Created: &created})
	}
	got := x.list(date("BeginCreationDate", "2026-10-25T02:30:00") + date("EndCreationDate", "2026-10-25T02:30:00") + states(world.WaitingForShipmentAcceptation))
	if len(got) != 2 || got[0].Created != "2026-10-25T02:30:00" || got[1].Created != got[0].Created {
		t.Errorf("got %+v, want both orders with the same reading", got)
	}
}

func TestFetchFlags(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.Shipped, Parcels: []world.Parcel{{TrackingNumber: "6A1", Carrier: "Colissimo", SKUs: []string{"B"}}}})
	for _, tc := range []struct {
		name, flags    string
		lines, parcels int
	}{
		{"none", "", 0, 0},
		{"false", "<FetchOrderLines>false</FetchOrderLines><FetchParcels>0</FetchParcels>", 0, 0},
		{"lines", "<FetchOrderLines>true</FetchOrderLines>", 3, 0},
		{"both", "<FetchOrderLines>1</FetchOrderLines><FetchParcels>true</FetchParcels>", 3, 1},
		{"lines too late", "<FetchParcels>true</FetchParcels><FetchOrderLines>true</FetchOrderLines>", 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := x.list(tc.flags + byNumber(number))
			if len(got) != 1 || len(got[0].Lines) != tc.lines || len(got[0].Parcels) != tc.parcels {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAddressesAreWithheldBeforePayment(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for _, tc := range []struct {
		state   world.State
		view    world.AddressView
		visible bool
	}{
		{world.WaitingForSellerAcceptation, "", false},
		{world.AcceptedBySeller, "", false},
		{world.PaymentInProgress, "", false},
		{world.CancelledByCustomer, "", false},
		{world.RefusedBySeller, "", false},
		{world.WaitingForShipmentAcceptation, "", true},
		{world.Shipped, "", true},
		{world.ShipmentRefusedBySeller, "", true},
		{world.WaitingForShipmentAcceptation, world.AddressPartial, false},
		{world.PaymentInProgress, world.AddressFull, true},
		{"SomethingNew", "", true},
	} {
		t.Run(string(tc.state)+" "+string(tc.view), func(t *testing.T) {
			t.Parallel()
			o := x.read(x.create(world.Spec{State: tc.state, Addresses: tc.view}))
			if o.state() != string(tc.state) || o.ShipTo.City == "" || o.ShipTo.ZipCode == "" {
				t.Errorf("state %q, city %q, postal code %q", o.state(), o.ShipTo.City, o.ShipTo.ZipCode)
			}
			if visible := o.ShipTo.Street != "" && o.ShipTo.FirstName != ""; visible != tc.visible {
				t.Errorf("address %+v, want visible %v", o.ShipTo, tc.visible)
			}
		})
	}
}

func TestNewOrderTellsNoStateAtFirst(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{State: world.WaitingForSellerAcceptation, StateUnknown: world.Duration(10 * time.Minute)})
	if o := x.read(number); o.State != nil && *o.State != "" || o.ShipTo.City != "" {
		t.Errorf("state %v, city %q at once", o.State, o.ShipTo.City)
	}
	if got := x.list(states(world.WaitingForSellerAcceptation)); len(got) != 0 {
		t.Errorf("a filter by state finds %+v", got)
	}
	mustAdvance(x, 10*time.Minute)
	if got := x.list(states(world.WaitingForSellerAcceptation)); len(got) != 1 || got[0].state() != "WaitingForSellerAcceptation" || got[0].ShipTo.City == "" {
		t.Errorf("ten minutes later: %+v", got)
	}
}

func TestOrderListWarning(t *testing.T) {
	t.Parallel()
	x := open(t, 5)
	s := x.s.World().Settings()
	s.OrderListWarning = "Les alias de courrier changent."
	if err := x.s.World().SetSettings(s); err != nil {
		t.Fatal(err)
	}
	if _, body := x.call("GetOrderList", "<orderFilter/>"); !strings.Contains(body, ">Les alias de courrier changent.</ErrorMessage><OperationSuccess") || !strings.Contains(body, "<Order>") {
		t.Errorf("no warning next to good orders: %.400s", body)
	}
}

func TestSparseOrderAndRefusedQuantity(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	sparse, err := x.s.World().Create(world.Spec{Variety: world.SparseOrder})
	if err != nil {
		t.Fatal(err)
	}
	_, body := x.call("GetOrderList", "<orderFilter><FetchOrderLines>true</FetchOrderLines>"+byNumber(sparse[0])+"</orderFilter>")
	for _, element := range []string{"BillingAddress", "Corporation", "Customer", "LastUpdatedDate", "ModGesLog", "ShippingAddress", "ShippingCode", "Name", "Sku", "ProductCondition", "VisaCegid"} {
		if !strings.Contains(body, "<"+element+` i:nil="true"/>`) {
			t.Errorf("%s is not null in %s", element, body)
		}
	}
	refused, err := x.s.World().Create(world.Spec{Variety: world.ShipmentRefused})
	if err != nil {
		t.Fatal(err)
	}
	if o := x.read(refused[0]); o.state() != "ShipmentRefusedBySeller" || o.Lines[0].State != "RefundedAfterShipmentRefused" || o.Lines[0].Quantity != 0 {
		t.Errorf("got %+v, want the combination of contract 7.3", o)
	}
}

func TestRelayMailIsGivenForFourWeeks(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	const week = 7 * 24 * time.Hour
	for _, tc := range []struct {
		name  string
		state world.State
		age   time.Duration
		given bool
	}{
		{"shipped four weeks ago", world.Shipped, 4 * week, true},
		{"shipped longer ago", world.Shipped, 4*week + time.Millisecond, false},
		{"old but not shipped", world.WaitingForShipmentAcceptation, 5 * week, true},
	} {
		at := start.Add(-tc.age)
		number := x.create(world.Spec{State: tc.state, Created: &at, Modified: &at})
		_, body := x.call("GetOrderList", "<orderFilter>"+byNumber(number)+"</orderFilter>")
		if given := strings.Contains(body, "@clemarche.com</EncryptedEmail>"); given != tc.given {
			t.Errorf("%s: relay mail given is %v", tc.name, given)
		}
	}
}

func TestTotalsFollowTheOrder(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for state, want := range map[world.State][3]string{ // ordered, accepted, shipped
		world.WaitingForSellerAcceptation:   {"25.99", "0", "0"},
		world.WaitingForShipmentAcceptation: {"25.99", "25.99", "0"},
		world.Shipped:                       {"25.99", "25.99", "25.99"},
		world.RefusedBySeller:               {"25.99", "0", "0"},
	} {
		number := x.create(world.Spec{State: state})
		_, body := x.call("GetOrderList", "<orderFilter>"+byNumber(number)+"</orderFilter>")
		for i, element := range []string{"InitialTotalAmount", "ValidatedTotalAmount", "ShippedTotalAmount"} {
			if !strings.Contains(body, "<"+element+">"+want[i]+"</") {
				t.Errorf("%s: %s is not %s in %s", state, element, want[i], body)
			}
		}
	}
}
