package cdiscount_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestShipmentsBlockedAccount: once something was sent, a refused account is told per item.
func TestShipmentsBlockedAccount(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, n int) {
		if n == 1 {
			write(w, 200, shipAnswer("N1", "TSHIRT-BLU-M"))
			return
		}
		write(w, 200, envelopeWith(r.Op, "Vendeur désactivé", "false", "", ""))
	})
	resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store:         f.store(),
		Notifications: []*adapterv1.ShipmentNotification{shipment("a", "N1"), shipment("b", "N2"), shipment("c", "N3")},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range resp.GetResults() {
		got = append(got, r.GetOutcome().String())
	}
	if diff := cmp.Diff([]string{applied, retry, retry}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if n := len(f.seen()); n != 2 {
		t.Errorf("%d requests, want 2: nothing more after the refusal", n)
	}
}

// TestShipmentWithoutMarketplace: nobody listens, so nothing can have been sent.
func TestShipmentWithoutMarketplace(t *testing.T) {
	t.Parallel()
	f := newFake(t, cut)
	store := f.store()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	store.Environment["service_url"] = "http://" + l.Addr().String() + "/service"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetResults()[0].GetOutcome().String(); got != retry {
		t.Errorf("outcome %s, want %s", got, retry)
	}
}

// TestShipmentTimesOut: the request left and no answer came. The items after it were not sent, and say so.
func TestShipmentTimesOut(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	f := newFake(t, func(_ http.ResponseWriter, _ received, _ int) { <-done })
	t.Cleanup(func() { close(done) }) // before the server waits for its handlers
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	resp, err := cdiscount.New().NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{shipment("a", "N1"), shipment("b", "N2")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Error("the results came after the caller's deadline")
	}
	if a, b := resp.GetResults()[0].GetOutcome().String(), resp.GetResults()[1].GetOutcome().String(); a != unknown || b != retry {
		t.Errorf("outcomes %s and %s, want %s and %s", a, b, unknown, retry)
	}
}
