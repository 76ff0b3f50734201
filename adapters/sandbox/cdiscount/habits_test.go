package cdiscount_test

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// product is what the tests look at in a product.
type product struct {
	EAN    string  `xml:"Ean"`
	Failed bool    `xml:"HasError"`
	Error  string  `xml:"ErrorMessage"`
	Colour *string `xml:"Color"`
	Size   *string `xml:"Size"`
	Kind   string  `xml:"ProductType"`
}

// products looks articles up.
func (x *shop) products(eans ...string) []product {
	x.t.Helper()
	code, body := x.call("GetProductListByIdentifier", byEAN(eans...))
	var answer struct {
		Success string    `xml:"Body>GetProductListByIdentifierResponse>GetProductListByIdentifierResult>OperationSuccess"`
		List    []product `xml:"Body>GetProductListByIdentifierResponse>GetProductListByIdentifierResult>ProductListByIdentifier>ProductByIdentifier"`
	}
	if err := xml.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK || answer.Success != "true" {
		x.t.Fatalf("GetProductListByIdentifier: HTTP %d, %v: %.300s", code, err, body)
	}
	return answer.List
}

// option is a colour or size: "-" when it is null.
func option(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}

func TestProducts(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	if err := x.s.World().PutProduct(world.Product{EAN: "00000017", Colour: "Vert", Size: "S"}); err != nil {
		t.Fatal(err)
	}
	const tshirt, pan, speaker = "2000000000008", "2000000000060", "2000000000046"
	got := x.products(pan, "00000017", speaker, tshirt, "nonsense", tshirt)
	var lines []string
	for _, p := range got {
		lines = append(lines, strings.Join([]string{p.EAN, option(p.Colour), option(p.Size), p.Kind}, " "))
		if p.Failed != (p.Error != "") || p.Failed != (p.EAN == speaker || p.EAN == "nonsense") {
			t.Errorf("product %+v", p)
		}
	}
	want := []string{
		pan + " - 28 cm Variant", "00000017 Vert S Standard", speaker + " - - ", tshirt + " Bleu M Variant", "nonsense - - ", tshirt + " Bleu M Variant",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("products (-want +got):\n%s", diff)
	}

	x.settle(func(s *world.Settings) { s.ProductErrors = true })
	if got := x.products(tshirt); !got[0].Failed || got[0].Colour != nil && *got[0].Colour != "" {
		t.Errorf("while look-ups fail: %+v", got)
	}
	x.settle(func(s *world.Settings) { s.ProductErrors = false })
	if got := x.products(tshirt); got[0].Failed {
		t.Errorf("when they work again: %+v", got)
	}
}

func TestProductRequests(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for _, tc := range []struct{ name, parameter, want string }{
		{"no parameter", "", "<ErrorType>InvalidRequest</ErrorType>"},
		{"no list", "<identifierRequest><IdentifierType>EAN</IdentifierType></identifierRequest>", "<ErrorType>InvalidRequest</ErrorType>"},
		{"another kind of identifier", strings.Replace(byEAN("1"), ">EAN<", ">SKU<", 1), "a:DeserializationFailed"},
		{"the kind is left out", strings.Replace(byEAN("00000000"), "<IdentifierType>EAN</IdentifierType>", "", 1), "<HasError>true</HasError>"},
		{"the kind comes too late", strings.Replace(byEAN("1"), "</ValueList>", "</ValueList><IdentifierType>SKU</IdentifierType>", 1), "<HasError>true</HasError>"},
		{"nothing asked for", byEAN(), `<ProductListByIdentifier xmlns="http://www.cdiscount.com/ProductByIdentifier"/>`},
		{"no message is null here", byEAN(), `Communication.Messages" i:nil="true"/><OperationSuccess`},
	} {
		if _, body := x.call("GetProductListByIdentifier", tc.parameter); !strings.Contains(body, tc.want) {
			t.Errorf("%s: no %s in %s", tc.name, tc.want, body)
		}
	}
}

func TestSeededArticlesAreMostlyInTheCatalogue(t *testing.T) {
	t.Parallel()
	x := open(t, 300)
	found, missing := map[string]bool{}, map[string]bool{}
	for _, number := range x.s.World().Find("demo", func(world.Head) bool { return true }) {
		o, _ := x.s.World().Read(number)
		for _, l := range o.Lines {
			if _, known := x.s.World().Product(l.EAN); known {
				found[l.EAN] = true
			} else if l.EAN != "" {
				missing[l.EAN] = true
			}
		}
	}
	if len(found) != 10 || len(missing) != 2 {
		t.Errorf("%d articles in the catalogue, %d not", len(found), len(missing))
	}
}

func TestDatePairs(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for number, age := range map[string]time.Duration{"new": 24 * time.Hour, "old": 10 * 24 * time.Hour} {
		at := start.Add(-age)
		x.create(world.Spec{Number: number, State: world.WaitingForShipmentAcceptation, Created: &at, Modified: &at})
	}
	begin, end := date("BeginCreationDate", "2026-02-15T00:00:00"), date("EndCreationDate", "2026-02-28T00:00:00")
	lone := date("BeginModificationDate", "2026-02-15T00:00:00")
	for _, tc := range []struct {
		name, filter  string
		usual, strict int // orders found without and with the setting
	}{
		{"pair", begin + end, 1, 1},
		{"begin alone", begin, 1, 2},
		{"end alone", end, 2, 2},
		{"modification alone beside a pair", date("BeginCreationDate", "2026-01-01T00:00:00") + lone + end, 1, 2},
	} {
		for _, strict := range []bool{false, true} {
			x.settle(func(s *world.Settings) { s.DatePairsRequired = strict })
			want := tc.usual
			if strict {
				want = tc.strict
			}
			if got := x.list(tc.filter + states(world.WaitingForShipmentAcceptation)); len(got) != want {
				t.Errorf("%s, pairs required %v: %d orders, want %d", tc.name, strict, len(got), want)
			}
		}
	}
}

// TestUndatedNeverModified shows what a client that always sends all four dates loses under the setting: the order without a
// modification date, however wide its windows are.
func TestUndatedNeverModified(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	at := start.Add(-24 * time.Hour)
	x.create(world.Spec{Number: "dated", State: world.WaitingForShipmentAcceptation, Created: &at, Modified: &at})
	x.create(world.Spec{Number: "undated", State: world.WaitingForShipmentAcceptation, Created: &at, NoModified: true})
	toShip := states(world.WaitingForShipmentAcceptation)
	beginCreation, endCreation := date("BeginCreationDate", "2026-01-01T00:00:00"), date("EndCreationDate", "2026-12-31T00:00:00")
	beginModification, endModification := date("BeginModificationDate", "2026-01-01T00:00:00"), date("EndModificationDate", "2026-12-31T00:00:00")
	for _, tc := range []struct {
		name, filter string
		pairs        bool
		usual, lost  string // orders found without and with the setting
	}{
		{"four dates", beginCreation + beginModification + endCreation + endModification + toShip, false, "dated undated", "dated"},
		{"modification dates", beginModification + endModification + toShip, false, "dated undated", "dated"},
		{"begin of modification", beginModification + toShip, false, "dated undated", "dated"},
		{"end of modification", beginCreation + endModification + toShip, false, "dated undated", "dated"},
		{"creation dates", beginCreation + endCreation + toShip, false, "dated undated", "dated undated"},
		{"states alone", toShip, false, "dated undated", "dated undated"},
		{"a modification date that is not applied for want of states", beginModification + endModification, false, "dated undated", "dated undated"},
		{"a modification date that is not applied for want of a pair", beginModification + toShip, true, "dated undated", "dated undated"},
		{"by number", beginModification + byNumber("undated") + toShip, false, "undated", "undated"},
	} {
		for setting, want := range map[bool]string{false: tc.usual, true: tc.lost} {
			x.settle(func(s *world.Settings) { s.UndatedNeverModified, s.DatePairsRequired = setting, tc.pairs })
			var got []string
			for _, o := range x.list(tc.filter) {
				got = append(got, o.Number)
			}
			slices.Sort(got)
			if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
				t.Errorf("%s, undated never modified %v: orders (-want +got):\n%s", tc.name, setting, diff)
			}
		}
	}
}

func TestTooWideAFilterIsSlow(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	first, second := x.create(world.Spec{}), x.create(world.Spec{})
	const slow = 50 * time.Millisecond
	x.settle(func(s *world.Settings) { s.SlowListOver, s.SlowListBy = 1, world.Duration(slow) })
	began := time.Now()
	if got := x.list(byNumber(first, second)); len(got) != 2 || time.Since(began) < slow {
		t.Errorf("%d orders after %s", len(got), time.Since(began))
	}
	x.settle(func(s *world.Settings) { s.SlowListBy = world.Duration(time.Hour) })
	if got := x.list(byNumber(first)); len(got) != 1 { // would time out
		t.Errorf("%d orders", len(got))
	}
}

func TestAddressesCanComeLate(t *testing.T) {
	t.Parallel()
	const late = time.Hour
	for _, tc := range []struct {
		name string
		make func(x *shop) string
		wait time.Duration // until they must be there
	}{
		{"asked for", func(x *shop) string {
			return x.create(world.Spec{State: world.WaitingForShipmentAcceptation, AddressesAfter: world.Duration(late)})
		}, late},
		{"new order by the setting", func(x *shop) string {
			x.settle(func(s *world.Settings) { s.AddressesLateBy = world.Duration(late) })
			return x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
		}, late},
		{"paid by the timer", func(x *shop) string {
			x.settle(func(s *world.Settings) { s.AddressesLateBy = world.Duration(late) })
			number := x.create(world.Spec{State: world.WaitingForSellerAcceptation})
			x.validate(decision{Number: number, State: "AcceptedBySeller", Lines: [][2]string{{"A", "AcceptedBySeller"}, {"B", "AcceptedBySeller"}}})
			return number
		}, 6*time.Minute + late},
		{"paid by hand", func(x *shop) string {
			x.settle(func(s *world.Settings) { s.AddressesLateBy = world.Duration(late) })
			number := x.create(world.Spec{State: world.PaymentInProgress})
			paid := world.WaitingForShipmentAcceptation
			if err := x.s.World().Update(number, world.Patch{State: &paid}); err != nil {
				x.t.Fatal(err)
			}
			return number
		}, late},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			number := tc.make(x)
			mustAdvance(x, tc.wait-time.Millisecond)
			if o := x.read(number); o.state() != "WaitingForShipmentAcceptation" || o.ShipTo.Street != "" || o.ShipTo.City == "" {
				t.Errorf("too early: %s, %+v", o.state(), o.ShipTo)
			}
			before := x.read(number).Updated
			mustAdvance(x, time.Millisecond)
			if o := x.read(number); o.ShipTo.Street == "" || o.Updated != before {
				t.Errorf("in time: updated %s, before %s, %+v", o.Updated, before, o.ShipTo)
			}
		})
	}
}

func TestNewOrdersTellNoStateBySetting(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.settle(func(s *world.Settings) { s.StateUnknownFor = world.Duration(6 * time.Minute) })
	usual, own := x.create(world.Spec{}), x.create(world.Spec{StateUnknown: world.Duration(time.Hour)})
	mustAdvance(x, 6*time.Minute-time.Millisecond)
	if o := x.read(usual); o.state() != "" {
		t.Errorf("too early it reads %s", o.state())
	}
	mustAdvance(x, time.Millisecond)
	if o := x.read(usual); o.state() == "" {
		t.Error("after six minutes there is no state")
	}
	if o := x.read(own); o.state() != "" {
		t.Error("the setting went before what was asked for")
	}
}

func TestClaimsAndVouchers(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	number := x.create(world.Spec{
		State: world.Shipped, Claim: true,
		Vouchers: []world.Voucher{{Created: start, Amount: world.Cents(250), Motive: 135, Source: "Seller"}, {Amount: world.Cents(1), Motive: 139}},
	})
	filter := "<orderFilter><FetchOrderLines>true</FetchOrderLines>" + byNumber(number) + "</orderFilter>"
	_, body := x.call("GetOrderList", filter)
	for _, want := range []string{
		"<HasClaims>true</HasClaims>", "<HasClaim>true</HasClaim>",
		`<VoucherList><Voucher><CreateDate>2026-02-20T10:00:00</CreateDate><RefundInformation><Amount>2.5</Amount><MotiveId>135</MotiveId>` +
			`</RefundInformation><Source>Seller</Source></Voucher><Voucher><CreateDate i:nil="true"/><RefundInformation><Amount>0.01</Amount>` +
			`<MotiveId>139</MotiveId></RefundInformation><Source i:nil="true"/></Voucher></VoucherList>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	none, no := []world.Voucher{}, false
	if err := x.s.World().Update(number, world.Patch{Claim: &no, Vouchers: &none}); err != nil {
		t.Fatal(err)
	}
	if _, body := x.call("GetOrderList", filter); !strings.Contains(body, `<VoucherList i:nil="true"/>`) || strings.Contains(body, "<HasClaim>true<") {
		t.Errorf("they stay: %s", body)
	}
}

func TestErrorMessageNextToGoodOrders(t *testing.T) {
	t.Parallel()
	x := open(t, 5)
	x.fault(fault.Rule{Operation: "GetOrderList", Kind: fault.ErrorMessage, Times: 1})
	_, body := x.call("GetOrderList", "<orderFilter/>")
	if !strings.Contains(body, "alias de messagerie") || !strings.Contains(body, ">true</OperationSuccess>") || !strings.Contains(body, "<Order>") {
		t.Errorf("answer %.500s", body)
	}
	if _, body := x.call("GetOrderList", "<orderFilter/>"); strings.Contains(body, "alias") {
		t.Error("the message stays")
	}
}
