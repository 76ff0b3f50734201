package cdiscount_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestDumpAnswers goes through every answer that the face has a shape for: each operation, each variety of order, each refusal
// and each fault. With RELAIS_DUMP_DIR it writes them there as <Operation>.<case>.response.xml, for the proof against the
// published schema (.ci/schema/run); without, it checks that they are well-formed. The case of a SOAP fault begins with
// "fault".
func TestDumpAnswers(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("RELAIS_DUMP_DIR")
	written := map[string]bool{}
	keep := func(t *testing.T, op, name, body string) {
		t.Helper()
		file := op + "." + strings.NewReplacer(" ", "-", "é", "e").Replace(name) + ".response.xml"
		if written[file] {
			t.Errorf("%s is there twice", file)
		}
		written[file] = true
		if fails := strings.Contains(body, "<s:Fault>"); fails != strings.HasPrefix(name, "fault") {
			t.Errorf("%s: is a SOAP fault: %v: %.300s", file, fails, body)
		}
		if !wellFormed(body) {
			t.Errorf("%s is not well-formed: %.300s", file, body)
		}
		if dir == "" {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(body), 0o600); err != nil {
			t.Error(err)
		}
	}

	x := open(t, 0)
	const whole = "<FetchOrderLines>true</FetchOrderLines><FetchParcels>true</FetchParcels>"
	read := func(name string, numbers ...string) {
		_, body := x.call("GetOrderList", "<orderFilter>"+whole+byNumber(numbers...)+"</orderFilter>")
		keep(t, "GetOrderList", name, body)
	}
	create := func(spec world.Spec) string {
		numbers, err := x.s.World().Create(spec)
		if err != nil {
			t.Fatal(err)
		}
		return numbers[0]
	}

	for op, parameter := range map[string]string{"GetSellerInformation": "", "GetGlobalConfiguration": ""} {
		_, body := x.call(op, parameter)
		keep(t, op, "plain", body)
	}
	_, token := x.sts("demo-api", world.DefaultPassword)
	keep(t, "STS", "token", token)

	// Orders: each variety alone, in each state, with everything that a spec can add, and lists.
	for _, v := range world.Varieties() {
		read(string(v), create(world.Spec{Variety: v}))
	}
	for _, s := range schemaStates() {
		read("state-"+s, create(world.Spec{State: world.State(s)}))
	}
	read("empty", "nobody")
	full := create(world.Spec{
		Variety: world.MultiLine, PartnerRef: "PRO-1", Claim: true, Delivery: "ZZZ", Pickup: &world.PickupPoint{ID: "000001", Name: "L'ÉPICERIE & <FILS>"},
		Vouchers: []world.Voucher{{Created: start, Amount: world.Cents(250), Motive: 131, Source: "Seller"}, {Amount: world.Cents(1), Motive: 139}},
		Parcels:  []world.Parcel{{TrackingNumber: "1", Carrier: "UPS", TrackingURL: "https://tracking.example.com/?a=1&b=2", Status: "In Point Relay", SKUs: []string{"CAP-BLK-U"}}, {TrackingNumber: "2"}},
	})
	read("all-parts", full)
	read("several", full, create(world.Spec{}), create(world.Spec{}))
	read("odd-characters", create(world.Spec{Lines: []world.Line{{SKU: "A&B<C>\"'", Title: "😀 \u0001 \r\n ]]>", State: "RefundedAfterShipping", Condition: "LikeNew", Quantity: 3, Total: world.Cents(1000)}}}))
	for _, view := range []world.AddressView{world.AddressPartial, world.AddressNone, world.AddressFull} {
		read("addresses-"+string(view), create(world.Spec{Addresses: view}))
	}
	read("addresses-late", create(world.Spec{Variety: world.HomeTracked, AddressesAfter: world.Duration(time.Hour)}))
	read("state-unknown", create(world.Spec{Variety: world.Colissimo, StateUnknown: world.Duration(time.Hour)}))
	_, body := x.call("GetOrderList", "<orderFilter>"+states(world.WaitingForShipmentAcceptation)+"</orderFilter>")
	keep(t, "GetOrderList", "heads-only", body)
	_, body = x.call("GetOrderList", "")
	keep(t, "GetOrderList", "refused-no-filter", body)
	x.fault(fault.Rule{Operation: "GetOrderList", Kind: fault.ErrorMessage, Times: 1})
	read("warning", full)

	// Products.
	products := x.s.World().Products()
	eans := []string{"0000000000000", ""}
	for _, p := range products {
		eans = append(eans, p.EAN)
	}
	identifiers := func(name string, eans ...string) {
		_, body := x.call("GetProductListByIdentifier", byEAN(eans...))
		keep(t, "GetProductListByIdentifier", name, body)
	}
	identifiers("all", eans...)
	identifiers("none")
	x.settle(func(s *world.Settings) { s.ProductErrors = true })
	identifiers("failing", eans...)
	x.settle(func(s *world.Settings) { s.ProductErrors = false })
	_, body = x.call("GetProductListByIdentifier", "<identifierRequest/>")
	keep(t, "GetProductListByIdentifier", "refused-no-list", body)

	// Decisions: each that is allowed, and each way to be refused.
	validate := func(name string, decisions ...decision) {
		_, body := x.call("ValidateOrderList", x.message(decisions...))
		keep(t, "ValidateOrderList", name, body)
	}
	toShip, toAccept := world.WaitingForShipmentAcceptation, world.WaitingForSellerAcceptation
	decide := func(from world.State, to, line string) decision {
		return decision{Number: x.create(world.Spec{State: from}), State: to, Lines: [][2]string{{"A", line}, {"B", line}}}
	}
	validate("accept", decide(toAccept, "AcceptedBySeller", "AcceptedBySeller"))
	validate("refuse", decide(toAccept, "RefusedBySeller", "RefusedBySeller"))
	validate("refuse-shipment", decide(toShip, "ShipmentRefusedBySeller", "ShipmentRefusedBySeller"))
	shipped := ship(x.create(world.Spec{State: toShip}))
	validate("ship", shipped)
	validate("several", shipped, ship(x.create(world.Spec{State: toShip})), ship("unknown"))
	for name, change := range map[string]func(d *decision){
		"refused-state":    func(d *decision) { d.State = "PickedUp" },
		"refused-tracking": func(d *decision) { d.Tracking = "A B" },
		"refused-line":     func(d *decision) { d.Lines[1][0] = "C" },
		"refused-no-line":  func(d *decision) { d.Lines = nil },
		"refused-unknown":  func(d *decision) { d.Number = "" },
	} {
		d := ship(x.create(world.Spec{State: toShip}))
		change(&d)
		validate(name, d)
	}
	validate("refused-marketplace-ships", ship(x.create(world.Spec{State: toShip, Fulfilment: world.ByMarketplace})))
	_, body = x.call("ValidateOrderList", "")
	keep(t, "ValidateOrderList", "refused-no-message", body)
	_, body = x.call("ValidateOrderList", "<validateOrderListMessage><OrderList/></validateOrderListMessage>")
	keep(t, "ValidateOrderList", "empty", body)
	x.settle(func(s *world.Settings) { s.SecondShipAccepted = true })
	validate("ship-again", shipped)

	// Refusals and faults that any operation can answer with.
	for op, parameter := range map[string]string{
		"GetSellerInformation": "", "GetGlobalConfiguration": "", "GetOrderList": "<orderFilter/>",
		"GetProductListByIdentifier": byEAN(eans[0]), "ValidateOrderList": x.message(shipped),
	} {
		for _, kind := range []fault.Kind{fault.Quota, fault.SellerDisabled, fault.ErrorMessage, fault.SOAPFault, fault.TokenExpired, fault.TokenLapsed} {
			name := "refused-" + string(kind)
			switch kind {
			case fault.SOAPFault, fault.TokenExpired, fault.TokenLapsed:
				name = "fault-" + string(kind)
			case fault.ErrorMessage:
				name = string(kind)
			}
			x.fault(fault.Rule{Operation: op, Kind: kind, Times: 1})
			_, body := x.call(op, parameter)
			keep(t, op, name, body)
			x.token = x.login("demo-api")
		}
		good := x.token
		x.token = "no token"
		_, body := x.call(op, parameter)
		keep(t, op, "fault-token-malformed", body)
		x.token = good
		deny(x, op)
		_, body = x.call(op, parameter)
		keep(t, op, "fault-no-right", body)
		deny(x)
	}
	_, body = x.call("GetOrderList", "<orderFilter>"+states("ShippedBySeller")+"</orderFilter>")
	keep(t, "GetOrderList", "fault-illegal-value", body)
	_, body = x.call("GetOfferList", "")
	keep(t, "GetOfferList", "fault-action", body)
}

// schemaStates are the states of the schema's enum: the world lets an order have other words as well, which no document of
// the schema could hold.
func schemaStates() []string {
	return []string{
		"None", "ValidatedFianet", "RefusedNoShipment", "AvailableOnStore", "NonPickedUpByCustomer", "PickedUp", "BeingCancelled",
		"BlockedFraudSuspicion",
	}
}

// byEAN is the parameter of GetProductListByIdentifier.
func byEAN(eans ...string) string {
	list := `<identifierRequest><IdentifierType>EAN</IdentifierType><ValueList xmlns:arr="http://schemas.microsoft.com/2003/10/Serialization/Arrays">`
	for _, e := range eans {
		list += "<arr:string>" + e + "</arr:string>"
	}
	return list + "</ValueList></identifierRequest>"
}
