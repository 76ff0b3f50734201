package cdiscount_test

import (
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestStrangeShapes: an element that comes twice, holds elements instead of text, or text instead of elements, leaves open what
// the answer says. A read is MALFORMED_ANSWER then and hands over nothing of it; a write is UNKNOWN.
func TestStrangeShapes(t *testing.T) {
	t.Parallel()
	seller := envelope("GetSellerInformation", sellerAnswer)
	carriers := envelope("GetGlobalConfiguration", `<CarrierList><Carrier><CarrierId>1</CarrierId><Name>Colissimo</Name></Carrier></CarrierList>`)
	products := productList(product("2000000000015", "Bleu", "M"))
	orders, shipped := orderList(homeOrder("N1")), shipAnswer(orderNumber, "TSHIRT-BLU-M")
	reads := map[string]func(*cdiscount.Adapter, *adapterv1.StoreContext, *fake) (any, error){
		seller: func(a *cdiscount.Adapter, store *adapterv1.StoreContext, _ *fake) (any, error) {
			return a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
		},
		carriers: func(a *cdiscount.Adapter, store *adapterv1.StoreContext, _ *fake) (any, error) {
			return a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store})
		},
		products: func(a *cdiscount.Adapter, store *adapterv1.StoreContext, _ *fake) (any, error) {
			return a.GetProducts(short(t), &adapterv1.GetProductsRequest{Store: store, Eans: []string{"2000000000015"}})
		},
		orders: func(a *cdiscount.Adapter, _ *adapterv1.StoreContext, f *fake) (any, error) {
			return nil, a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), &sink{})
		},
	}
	for _, tc := range []struct{ name, answer, old, new string }{
		{"seller: login twice", seller, "<Login>", "<Login>other</Login><Login>"},
		{"seller: login holds an element", seller, "<Login>demo-seller", "<Login><x>demo-seller</x>"},
		{"seller: twice", seller, "<Seller>", "<Seller/><Seller>"},
		{"seller: text", seller, "<Seller>", "<Seller>no"},
		{"success twice", seller, "<ErrorList>", `<OperationSuccess>true</OperationSuccess><ErrorList>`},
		{"result twice", seller, "<GetSellerInformationResult ", "<GetSellerInformationResult/><GetSellerInformationResult "},
		{"answer twice", seller, "</s:Body>", `<GetSellerInformationResponse/></s:Body>`},
		{"body twice", seller, "</s:Body>", `</s:Body><s:Body/>`},
		{"text in the body", seller, "<s:Body>", `<s:Body>no`},
		{"carriers: name twice", carriers, "<Name>", "<Name>Chronopost</Name><Name>"},
		{"carriers: name holds an element", carriers, "Colissimo", "<x>Colissimo</x>"},
		{"carriers: list twice", carriers, "<CarrierList>", "<CarrierList/><CarrierList>"},
		{"carriers: text", carriers, "<CarrierList>", "<CarrierList>no"},
		{"products: code twice", products, "<a:Ean>", "<a:Ean>1</a:Ean><a:Ean>"},
		{"products: code holds an element", products, "<a:Ean>", "<a:Ean><x/>"},
		{"orders: number twice", orders, "<OrderNumber>", "<OrderNumber>N2</OrderNumber><OrderNumber>"},
		{"orders: number again at the end", orders, "</Order>", "<OrderNumber>N2</OrderNumber></Order>"},
		{"orders: city again at the end", orders, "</ShippingAddress>", "<City>PARIS</City></ShippingAddress>"},
		{"orders: number holds an element", orders, "<OrderNumber>", "<OrderNumber><x/>"},
		{"orders: line number twice", orders, "<Quantity>", "<Quantity>7</Quantity><Quantity>"},
		{"orders: address twice", orders, "<ShippingAddress>", "<ShippingAddress/><ShippingAddress>"},
		{"orders: city twice", orders, "<City>", "<City>PARIS</City><City>"},
		{"orders: lines twice", orders, "<OrderLineList>", "<OrderLineList/><OrderLineList>"},
		{"orders: list twice", orders, "</OrderList>", "</OrderList><OrderList/>"},
		{"orders: text in the list", orders, "<OrderList>", "<OrderList>upstream error"},
		{"orders: text in an order", orders, "<Order>", "<Order>no"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(tc.answer, tc.old) {
				t.Fatalf("the answer does not hold %s", tc.old)
			}
			f := newFake(t, always(200, strings.Replace(tc.answer, tc.old, tc.new, 1)))
			_, err := reads[tc.answer](cdiscount.New(), f.store(), f)
			if reason(err) != "MALFORMED_ANSWER" {
				t.Errorf("error %v, want MALFORMED_ANSWER", err)
			}
		})
	}
	for name, change := range map[string][2]string{
		"verdict twice":               {"<Validated>", "<Validated>false</Validated><Validated>"},
		"verdict holds an element":    {"<Validated>", "<Validated><x/>"},
		"number twice":                {"<OrderNumber>", "<OrderNumber>N2</OrderNumber><OrderNumber>"},
		"lines twice":                 {"<ValidateOrderLineResults>", "<ValidateOrderLineResults/><ValidateOrderLineResults>"},
		"update twice":                {"<Updated>", "<Updated>false</Updated><Updated>"},
		"results twice":               {"<ValidateOrderResults>", "<ValidateOrderResults/><ValidateOrderResults>"},
		"text beside the results":     {"<ValidateOrderResults>", "<ValidateOrderResults>no"},
		"an error's type comes twice": {"<Errors></Errors>", "<Errors><Error><ErrorType>A</ErrorType><ErrorType>B</ErrorType></Error></Errors>"},
	} {
		t.Run("write: "+name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(shipped, change[0]) {
				t.Fatalf("the answer does not hold %s", change[0])
			}
			f := newFake(t, always(200, strings.Replace(shipped, change[0], change[1], 1)))
			if got := ship(t, cdiscount.New(), f.store()); got != unknown {
				t.Errorf("outcome %s, want %s", got, unknown)
			}
		})
	}
}
