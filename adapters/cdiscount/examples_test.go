package cdiscount_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// exampleOrder is the order that the contract's examples are about.
const exampleOrder = "1905021015ABC12"

// examples is where the contract's examples lie, beside the repository. Where they are missing the test fails in CI and is
// skipped elsewhere.
func examples(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("RELAIS_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "contracts", "cdiscount-examples")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the contract's examples are not beside this repository: %v", err)
		}
		t.Skipf("the contract's examples are not beside this repository: %v", err)
	}
	return dir
}

// TestContractExamples: every example answer of an operation that the adapter uses decodes as the contract says.
func TestContractExamples(t *testing.T) {
	t.Parallel()
	dir := examples(t)
	ship := func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) *adapterv1.WriteResult {
		t.Helper()
		resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
			Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", exampleOrder)},
		})
		if err != nil || len(resp.GetResults()) != 1 {
			t.Fatalf("%d results, %v", len(resp.GetResults()), err)
		}
		return resp.GetResults()[0]
	}
	get := func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) []*adapterv1.Order {
		t.Helper()
		resp, err := a.GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{exampleOrder}})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetOrders()
	}
	for file, tc := range map[string]struct {
		status int
		check  func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext)
	}{
		"GetOrderList.response.xml": {http.StatusOK, func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
			orders := get(t, a, store)
			if len(orders) != 1 {
				t.Fatalf("%d orders", len(orders))
			}
			o := orders[0]
			if o.GetOrderNumber() != exampleOrder || o.GetStatus() != adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP || len(o.GetLines()) != 1 || len(o.GetFees()) != 1 || len(o.GetUnrecognized()) != 0 {
				t.Errorf("%s is %s with %d lines, %d fees, %d unknown values", o.GetOrderNumber(), o.GetStatus(), len(o.GetLines()), len(o.GetFees()), len(o.GetUnrecognized()))
			}
			if p := o.GetPickupPoint(); p.GetNetwork() != adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY || p.GetRawId() != "012345" || p.GetName() != "TABAC DU COIN" {
				t.Errorf("pickup point %s %q %q", p.GetNetwork(), p.GetRawId(), p.GetName())
			}
			if r := o.GetShipTo(); r.GetFirstName() != "ALICE" || r.GetLastName() != "EXEMPLE" {
				t.Error("the receiver is not the customer")
			}
			if l := o.GetLines()[0]; l.GetTotalPrice().GetUnits() != 39 || l.GetTotalPrice().GetNanos() != 800_000_000 || l.GetUnitPrice().GetUnits() != 19 || l.GetUnitPrice().GetNanos() != 900_000_000 {
				t.Errorf("line total %v, unit %v", l.GetTotalPrice(), l.GetUnitPrice())
			}
			if got := o.GetPurchaseTime().AsTime(); !got.Equal(at("2019-05-02T08:15:00.12Z")) {
				t.Errorf("purchased at %s", got)
			}
		}},
		"GetOrderList.empty.response.xml": {http.StatusOK, func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
			if n := len(get(t, a, store)); n != 0 {
				t.Errorf("%d orders", n)
			}
		}},
		"ValidateOrderList.ship.response.xml": {http.StatusOK, func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
			if r := ship(t, a, store); r.GetOutcome() != adapterv1.Outcome_OUTCOME_APPLIED {
				t.Errorf("%s", r.GetOutcome())
			}
		}},
		"ValidateOrderList.incoherent.response.xml": {http.StatusOK, func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
			if r := ship(t, a, store); r.GetOutcome() != adapterv1.Outcome_OUTCOME_REJECTED || r.GetNativeReason() != "OrderStateIncoherent" {
				t.Errorf("%s %q", r.GetOutcome(), r.GetNativeReason())
			}
		}},
		"GetSellerInformation.response.xml": {http.StatusOK, func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
			resp, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
			if err != nil || resp.GetAccountId() != "demo-seller" || resp.GetShopName() != "Demo Shop" {
				t.Errorf("%q %q, %v", resp.GetAccountId(), resp.GetShopName(), err)
			}
		}},
		"GetGlobalConfiguration.response.xml": {http.StatusOK, func(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
			resp, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store})
			if err != nil || len(resp.GetCarriers()) != 2 || resp.GetCarriers()[0].GetName() != "Mondial Relay" || resp.GetCarriers()[0].GetCode() != "6" {
				t.Errorf("%v, %v", resp.GetCarriers(), err)
			}
		}},
		"fault.token-malformed.response.xml": {http.StatusInternalServerError, refusedToken},
		"fault.token-unknown.response.xml":   {http.StatusInternalServerError, refusedToken},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			f := newFake(t, always(tc.status, string(body)))
			tc.check(t, cdiscount.New(), f.store())
		})
	}
}

// refusedToken: a token that the service does not take is renewed once for a read; for a write nothing was applied.
func refusedToken(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) {
	t.Helper()
	if _, err := a.GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{exampleOrder}}); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("a read ends with %q", reason(err))
	}
	resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", exampleOrder)},
	})
	if err != nil || resp.GetResults()[0].GetOutcome() != adapterv1.Outcome_OUTCOME_RETRY {
		t.Errorf("a write ends with %v, %v", resp.GetResults(), err)
	}
}
