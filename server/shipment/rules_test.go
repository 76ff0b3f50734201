package shipment_test

import (
	"testing"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
)

// TestRulesOfTheStoresRelease: a shipment is judged by the release that its store is on, which may be another one than other stores',
// and the only one that runs.
func TestRulesOfTheStoresRelease(t *testing.T) {
	t.Parallel()
	t.Run("when it is taken in", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		request := shipment.Request{OrderNumber: "1", Carrier: "colissimo", TrackingNumber: "6A1"}
		if _, err := newService(w, func() {}).Notify(t.Context(), "shop", shipment.Statement{Request: request, RequestID: "r1"}); err != nil {
			t.Errorf("refused: %v", err)
		}
	})
	t.Run("when it corrects another one", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.ship.Replaces, w.ship.ReplacedTracking = "p0", "6A0"
		w.shown.Status, w.shown.Parcels, w.rules.TrackingCorrection = order.Shipped, []order.Parcel{parcel("6A0")}, true
		same(t, "state", w.step(t).State, delivery.Acknowledged)
		same(t, "sent", w.sent, []string{"alpha: Colissimo"})
	})
	t.Run("when its carrier is chosen anew", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.takeOver()
		same(t, "state", w.step(t).State, delivery.Acknowledged)
		same(t, "sent", w.sent, []string{"beta: La Poste Colissimo"})
	})
}
