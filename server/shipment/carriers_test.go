package shipment_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// TestCarrierRefused: who is refused a carrier learns whose list was looked at, and what would be taken.
func TestCarrierRefused(t *testing.T) {
	t.Parallel()
	rows := func(names ...string) []shipment.Carrier {
		var list []shipment.Carrier
		for _, name := range names {
			list = append(list, shipment.Carrier{Code: "c-" + name, Name: name})
		}
		return list
	}
	withOther := append(rows("Colissimo"), shipment.Carrier{Code: "default", Name: "autre"})
	point := func(n order.PickupNetwork) *order.PickupPoint { return &order.PickupPoint{Network: n, ID: "123456"} }
	for _, c := range []struct {
		name     string
		list     []shipment.Carrier
		point    *order.PickupPoint
		written  string
		other    bool
		reason   string
		message  string
		metadata map[string]string
	}{
		{
			"unknown", rows("Colissimo"), nil, "Colisimo", false, problem.ReasonCarrierUnknown,
			`carrier "Colisimo" is not one of the marketplace's carriers; near: Colissimo; ListCarriers of adapters/alpha shows them all`,
			map[string]string{"adapter": "alpha", "near_matches": "Colissimo"},
		},
		{
			"unknown, where others are taken", withOther, nil, "Wagon Bleu", false, problem.ReasonCarrierUnknown,
			`carrier "Wagon Bleu" is not one of the marketplace's carriers; allow_other_carrier with a tracking URL ships it as autre; ListCarriers of adapters/alpha shows them all`,
			map[string]string{"adapter": "alpha"},
		},
		{
			"unknown, others allowed where none are taken", rows("Colissimo"), nil, "Wagon Bleu", true, problem.ReasonCarrierUnknown,
			`carrier "Wagon Bleu" is not one of the marketplace's carriers; allow_other_carrier does not help: the list has no row for any other carrier; ListCarriers of adapters/alpha shows them all`,
			map[string]string{"adapter": "alpha"},
		},
		{
			"one of several, others allowed", append(rows("Privé", "Prive"), shipment.Carrier{Code: "default", Name: "autre"}), nil, "PRIVE", true, problem.ReasonCarrierUnknown,
			`carrier "PRIVE" fits several of the marketplace's carriers; near: Privé, Prive; ListCarriers of adapters/alpha shows them all`,
			map[string]string{"adapter": "alpha", "near_matches": "Privé, Prive"},
		},
		{
			"another network", rows("Colissimo", "Mondial Relay "), point(order.MondialRelay), "Colissimo", false, problem.ReasonCarrierNotForPickup,
			"order 1 goes to a pickup point of MONDIAL_RELAY, which Colissimo does not serve; ship with Mondial Relay, or force it",
			map[string]string{"network": "MONDIAL_RELAY", "carrier": "Colissimo", "serving_carriers": "Mondial Relay"},
		},
		{
			"another network, which none of the list serves", rows("Colissimo", "UPS"), point(order.RelaisColis), "Colissimo", false, problem.ReasonCarrierNotForPickup,
			"order 1 goes to a pickup point of RELAIS_COLIS, which Colissimo does not serve; no carrier of the marketplace's list is known to serve it; force it to ship all the same",
			map[string]string{"network": "RELAIS_COLIS", "carrier": "Colissimo"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.lists["alpha"], w.shown.PickupPoint = c.list, c.point
			_, err := newService(w, nil).Notify(t.Context(), "shop", shipment.Statement{
				Request: shipment.Request{OrderNumber: "1", Carrier: c.written, TrackingNumber: "6A1"}, AllowOther: c.other,
			})
			p := problem.As(err)
			if p == nil {
				t.Fatalf("error %v", err)
			}
			same(t, "reason, message", []string{p.Reason, p.Message}, []string{c.reason, c.message})
			same(t, "metadata", p.Metadata, c.metadata)
			if c.reason == problem.ReasonCarrierUnknown {
				same(t, "fields", p.Fields, []problem.Field{{Path: "shipment.carrier", Message: c.message}})
			}
		})
	}
}

// TestCarriersDuringAnOutage: a list that was read before is better than none, and tells its age.
func TestCarriersDuringAnOutage(t *testing.T) {
	t.Parallel()
	earlier := shipment.CarrierList{Carriers: []shipment.Carrier{{Code: "1", Name: "UPS"}}, ReadTime: noon.Add(-48 * time.Hour)}
	broken := errors.New("the disk is full")
	for _, c := range []struct {
		name    string
		kept    bool
		adapter string
		with    func(w *world)
		want    string // name of the first carrier; empty when there is an error
	}{
		{"the marketplace answers", true, "alpha", func(*world) {}, "Colissimo"},
		{"it does not answer", true, "alpha", func(w *world) { w.listErrs["alpha"] = down }, "UPS"},
		{"it does not answer, and never did", false, "alpha", func(w *world) { w.listErrs["alpha"] = down }, ""},
		{"relais itself fails", true, "alpha", func(w *world) { w.listErrs["alpha"] = broken }, ""},
		{"an adapter that the store no longer speaks through", true, "gamma", func(w *world) { w.listErrs["gamma"] = down }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			if c.kept {
				w.cached[c.adapter] = earlier
			}
			c.with(w)
			got, aliases, err := newService(w, nil).Carriers(t.Context(), "shop", c.adapter)
			if c.want == "" {
				if err == nil {
					t.Errorf("got %v", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			same(t, "carrier", strings.TrimSpace(got.Carriers[0].Name), c.want)
			same(t, "aliases", len(aliases), len(got.Carriers))
			if c.want == "UPS" {
				same(t, "read", got.ReadTime, earlier.ReadTime)
			}
		})
	}
}

// TestCarriersOfAHangingMarketplace: the list that was read before is answered before the caller has waited in vain, and the
// store's health is told all the same.
func TestCarriersOfAHangingMarketplace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.onList = func(ctx context.Context) error { <-ctx.Done(); return down }
		w.cached["alpha"] = shipment.CarrierList{Carriers: w.lists["alpha"], ReadTime: noon.Add(-time.Hour)}
		service := newService(w, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got, _, err := service.Carriers(ctx, "shop", "")
		if err != nil || !got.ReadTime.Equal(noon.Add(-time.Hour)) {
			t.Errorf("list as of %s, %v", got.ReadTime, err)
		}
		same(t, "reports", w.reports, []string{"alpha fails"})
	})
}
