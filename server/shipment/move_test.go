package shipment_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

var (
	down     = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "down")
	rejected = problem.New(problem.Precondition, problem.ReasonCredentialsRejected, "refused")
)

// TestAnswerToARequestThatAMoveOvertook: what came back through the adapter that the request left by is noted with the shipment,
// which another adapter has by then; that one is not told to fail for it.
func TestAnswerToARequestThatAMoveOvertook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		with    func(w *world)
		state   delivery.State
		outcome delivery.Outcome
		reports []string
	}{
		{"yes", func(*world) {}, delivery.Acknowledged, delivery.Applied, []string{"alpha is well"}},
		{"yes, it was done before", func(w *world) { w.result.Outcome = delivery.AlreadyApplied }, delivery.Acknowledged, delivery.AlreadyApplied, []string{"alpha is well"}},
		{"no", func(w *world) { w.result.Outcome = delivery.Refused }, delivery.Sending, delivery.Refused, []string{"alpha is well"}},
		{"lost", func(w *world) { w.result.Outcome = delivery.Unknown }, delivery.Sending, delivery.Unknown, []string{"alpha is well"}},
		{"not now", func(w *world) { w.result.Outcome = delivery.Retry }, delivery.Queued, delivery.Retry, []string{"alpha is well", "alpha fails"}},
		{"nothing was sent", func(w *world) { w.sendErr = down }, delivery.Queued, delivery.Retry, []string{"alpha is well", "alpha fails"}},
		{"the credentials of the adapter that it left by were refused", func(w *world) { w.sendErr = rejected }, delivery.Queued, delivery.Retry,
			[]string{"alpha is well", "alpha fails"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.onSend = w.takeOver
			c.with(w)
			got := w.step(t)
			same(t, "state", got.State, c.state)
			same(t, "outcome", got.LastOutcome, c.outcome)
			same(t, "adapter, carrier", []string{got.Adapter, got.Chosen.Name}, []string{"beta", ""})
			same(t, "sent", w.sent, []string{"alpha: Colissimo"})
			same(t, "send count", got.SendCount, int32(1))
			same(t, "uncertain", got.Uncertain, c.outcome == delivery.Unknown)
			same(t, "reports", w.reports, c.reports)
			last := w.events[len(w.events)-1]
			same(t, "last event", strings.TrimPrefix(last.Message, "nothing was sent: "), got.Message)
			same(t, "last event", last.Proof, shipment.Proof{Outcome: c.outcome})
			same(t, "it was made through", []string{last.Adapter, last.Release}, []string{"alpha", "1.0.0@alpha"})
			same(t, "leases held", w.leases, 0)
		})
	}
}

// TestAnswerIsNotNotedTwice: a shipment that changed otherwise while its request was on its way stays as it is.
func TestAnswerIsNotNotedTwice(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(s *shipment.Shipment){
		"it was sent once more":           func(s *shipment.Shipment) { s.SendCount++ },
		"the answer is noted already":     func(s *shipment.Shipment) { s.LastOutcome = delivery.Unknown },
		"the request was found not to be": func(s *shipment.Shipment) { s.State = delivery.Queued },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			var want shipment.Shipment
			w.onSend = func() {
				w.takeOver()
				meanwhile(&w.ship)
				want = w.ship
			}
			same(t, "shipment", w.step(t), want)
		})
	}
}

// TestCarrierOfAShipmentThatWasTakenOver: it is looked for in the list of the adapter that the shipment goes through now.
func TestCarrierOfAShipmentThatWasTakenOver(t *testing.T) {
	t.Parallel()
	old := shipment.CarrierList{Carriers: []shipment.Carrier{{Code: "9", Name: "Colissimo (old)"}, {Code: "colissimo", Name: "Old list"}}, ReadTime: noon.Add(-25 * time.Hour)}
	for _, c := range []struct {
		name   string
		with   func(w *world)
		sent   []string
		state  delivery.State
		reason string
	}{
		{"it is found", func(*world) {}, []string{"beta: La Poste Colissimo"}, delivery.Acknowledged, ""},
		{"it is found in the list that was read lately", func(w *world) {
			w.cached["beta"] = shipment.CarrierList{Carriers: w.lists["beta"], ReadTime: noon.Add(-time.Hour)}
			w.listErrs["beta"] = down
		}, []string{"beta: La Poste Colissimo"}, delivery.Acknowledged, ""},
		{"an old list is better than none", func(w *world) { w.cached["beta"], w.listErrs["beta"] = old, down },
			[]string{"beta: Old list"}, delivery.Acknowledged, ""},
		{"an old list is believed until there is a new one", func(w *world) { w.cached["beta"] = old },
			[]string{"beta: Old list"}, delivery.Acknowledged, ""},
		{"the marketplace calls it otherwise there", func(w *world) { w.lists["beta"] = []shipment.Carrier{{Code: "7", Name: "Relais Colis"}} },
			nil, delivery.NeedsAttention, problem.ReasonCarrierUnknown},
		{"the list cannot be read", func(w *world) { w.listErrs["beta"] = down }, nil, delivery.Queued, problem.ReasonMarketplaceDown},
		{"it was not taken over", func(w *world) { w.ship.Chosen.Name, w.listErrs["beta"] = "as before", down },
			[]string{"beta: as before"}, delivery.Acknowledged, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.takeOver()
			c.with(w)
			got := w.step(t)
			same(t, "sent", w.sent, c.sent)
			same(t, "state", got.State, c.state)
			same(t, "reason", got.Reason, c.reason)
			same(t, "stored carrier is the one that was sent", len(c.sent) == 0 || strings.HasSuffix(c.sent[0], got.Chosen.Name), true)
			if c.reason != "" {
				same(t, "last event", w.events[len(w.events)-1].Message, got.Message)
				same(t, "send count", got.SendCount, int32(0))
			}
		})
	}
}

func newService(w *world, wake func()) *shipment.Service {
	return shipment.NewService(shipment.ServiceConfig{
		Repository: w, Orders: w, Stores: w, Marketplace: w, Carriers: newBook(w, now), Wake: wake, WaitMargin: time.Hour, Now: now, Log: slog.New(slog.DiscardHandler),
	})
}

// TestNotifyWhileTheOrderMoves: a request that was looked at by the rules of another adapter is looked at again.
func TestNotifyWhileTheOrderMoves(t *testing.T) {
	t.Parallel()
	request := shipment.Request{OrderNumber: "1", Carrier: "colissimo", TrackingNumber: "6A1"}
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		w, woken := newWorld(), 0
		w.onRules = func() { w.adapter = "beta" }
		got, err := newService(w, func() { woken++ }).Notify(t.Context(), "shop", shipment.Statement{Request: request, RequestID: "r1"})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "adapter, carrier", []string{got.Adapter, got.Chosen.Name}, []string{"beta", "La Poste Colissimo"})
		same(t, "stored for", w.created, []string{"alpha", "beta"})
		same(t, "woken", woken, 1)
	})
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.onCreate = func() { w.adapter = map[string]string{"alpha": "beta", "beta": "alpha"}[w.adapter] }
		_, err := newService(w, func() { t.Error("the worker was woken") }).Notify(t.Context(), "shop", shipment.Statement{Request: request, RequestID: "r1"})
		if !problem.HasReason(err, problem.ReasonShipmentsBusy) {
			t.Errorf("error %v", err)
		}
		same(t, "stored for", w.created, []string{"alpha", "beta", "alpha", "beta", "alpha"})
	})
}

// TestNotifyForAFormerAdapter: what the store no longer speaks through takes no shipment, whatever is remembered of its carriers.
func TestNotifyForAFormerAdapter(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.adapter = "gamma"
	_, err := newService(w, func() { t.Error("the worker was woken") }).Notify(t.Context(), "shop",
		shipment.Statement{Request: shipment.Request{OrderNumber: "1", Carrier: "colissimo", TrackingNumber: "6A1"}, RequestID: "r1"})
	if !problem.HasReason(err, problem.ReasonAdapterNotConnected) {
		t.Errorf("error %v", err)
	}
	same(t, "stored", len(w.created), 0)
}

// TestCarriersOfAnAdapter: the list is that of the adapter which is named, else of the one of new orders.
func TestCarriersOfAnAdapter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ adapter, want string }{{"", "alpha"}, {"alpha", "alpha"}, {"beta", "beta"}} {
		t.Run("named "+c.adapter, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			got, _, err := newService(w, nil).Carriers(context.WithoutCancel(t.Context()), "shop", c.adapter)
			if err != nil {
				t.Fatal(err)
			}
			want := shipment.CarrierList{Carriers: w.lists[c.want], ReadTime: noon}
			same(t, "list", got, want)
			same(t, "kept", w.cached, map[string]shipment.CarrierList{c.want: want})
		})
	}
	t.Run("that fails", func(t *testing.T) {
		t.Parallel()
		w := newWorld()
		w.listErrs["beta"] = down
		if _, _, err := newService(w, nil).Carriers(t.Context(), "shop", "beta"); !errors.Is(err, down) {
			t.Errorf("error %v", err)
		}
		same(t, "reports", w.reports, []string{"beta fails"})
	})
}
