package cdiscount_test

import (
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestRateBudget: the token request and the call each take from the store's budget.
func TestRateBudget(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	store := f.store()
	store.RateBudget = &adapterv1.RateBudget{RequestsPerSecond: 0.001, Burst: 2}
	a := cdiscount.New()
	check(t, a, store)
	_, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if reason(err) != "THROTTLED" || len(f.seen()) != 1 {
		t.Fatalf("error %v after %d calls, want THROTTLED after 1", err, len(f.seen()))
	}
	if delay := asSDK(err).RetryAfter; delay < 10*time.Minute || delay > 1000*time.Second {
		t.Errorf("the delay is %s, want about 1000 s", delay)
	}
	sent, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if err != nil || len(f.seen()) != 1 {
		t.Fatalf("error %v after %d calls, want a result after 1", err, len(f.seen()))
	}
	result := sent.GetResults()[0]
	if result.GetOutcome().String() != retry || result.GetRetryAfter().AsDuration() < 10*time.Minute {
		t.Errorf("%s after %s, want %s after about 1000 s", result.GetOutcome(), result.GetRetryAfter().AsDuration(), retry)
	}
}

// TestRateBudgetForTheToken: with nothing left for the token request a call that writes fails as a whole, with the delay.
func TestRateBudgetForTheToken(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	store := f.store()
	store.RateBudget = &adapterv1.RateBudget{RequestsPerSecond: 0.001, Burst: 1}
	a := cdiscount.New()
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store}); reason(err) != "THROTTLED" {
		t.Errorf("error %v, want THROTTLED: the token took the only request", err)
	}
	store.Credentials["login"] += "-of-another-account"
	_, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if reason(err) != "THROTTLED" || asSDK(err).RetryAfter < 10*time.Minute {
		t.Errorf("error %v, want THROTTLED with a delay", err)
	}
	if f.tokens() != 1 || len(f.seen()) != 0 {
		t.Errorf("%d token requests and %d calls, want 1 and 0", f.tokens(), len(f.seen()))
	}
}
