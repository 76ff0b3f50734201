package storagetest

import (
	"testing"
	"time"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/shipment"
)

// readStep is the event of a read of the order, with a value in every field.
func readStep(minute int) shipment.Event {
	return shipment.Event{
		Time: at(minute), State: delivery.Sending, Kind: shipment.KindRead, Message: "still ready", Adapter: alpha, Release: "1.2.0@feed",
		Proof: shipment.Proof{Observed: &shipment.Observation{
			Found: true, NativeStatus: "Waiting", TrackingNumbers: []string{"6A1", "6A2"}, CancelRequested: true,
		}},
	}
}

// sendingStep is the event of a request that is about to leave, with a value in every field.
func sendingStep(minute int) shipment.Event {
	return shipment.Event{
		Time: at(minute), State: delivery.Sending, Kind: shipment.KindSending, Message: "telling the marketplace", Adapter: alpha, Release: "1.2.0@feed",
		Proof: shipment.Proof{Requests: []shipment.MarketplaceRequest{
			{Method: "POST", URL: "https://api.example/ship", Headers: map[string]string{"B": "2", "A": "1", "Authorization": "***"}, Body: "<a>&é</a>\n"},
			{Method: "GET", URL: "https://api.example/parcels"},
		}},
	}
}

// counted is an event that was counted.
func counted(e shipment.Event, times int32, last time.Time) shipment.Event {
	e.Count, e.LastTime = times, last
	return e
}

var evidenceCases = []testCase{
	{"events keep what was sent and seen", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := ship(t, r, "p1", "1")
		sent := shipment.Event{
			Time: at(12), State: delivery.Sending, Kind: shipment.KindSent, Message: "refused", Adapter: alpha, Release: "1.2.0@feed",
			Proof: shipment.Proof{Outcome: delivery.Refused, NativeReason: "E17"},
		}
		remark := shipment.Event{Time: at(13), State: delivery.Sending, Message: "a remark"}
		update(t, r, update(t, r, s, readStep(10), sendingStep(11)), sent, remark)
		want := once(queued, readStep(10), sendingStep(11), sent, remark)
		same(t, "events", eventsOf(t, r, "p1"), want)
	}},
	{"a read or failure that says what the last event says is counted there", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		failure := func(minute int) shipment.Event {
			e := readStep(minute)
			e.Kind, e.Proof = shipment.KindFailed, shipment.Proof{}
			return e
		}
		for id, step := range map[string]func(minute int) shipment.Event{"p1": readStep, "p2": failure} {
			s := ship(t, r, id, id)
			for minute := 10; minute < 13; minute++ {
				s = update(t, r, s, step(minute))
			}
			same(t, "events", eventsOf(t, r, id), append(once(queued), counted(step(10), 3, at(12))))
			s = update(t, r, s, step(13), step(14)) // of one write too
			same(t, "events", eventsOf(t, r, id), append(once(queued), counted(step(10), 5, at(14))))
			update(t, r, s, sendingStep(15), step(16), step(17))
			same(t, "events", eventsOf(t, r, id),
				append(once(queued), counted(step(10), 5, at(14)), counted(sendingStep(15), 1, at(15)), counted(step(16), 2, at(17))))
		}
	}},
	{"a read that says anything else is an event of its own", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for id, change := range map[string]func(e *shipment.Event){
			"state":   func(e *shipment.Event) { e.State = delivery.Queued },
			"kind":    func(e *shipment.Event) { e.Kind = shipment.KindFailed },
			"message": func(e *shipment.Event) { e.Message = "shipped" },
			"adapter": func(e *shipment.Event) { e.Adapter = beta },
			"release": func(e *shipment.Event) { e.Release = "1.2.1@beef" },
			"proof":   func(e *shipment.Event) { e.Observed = &shipment.Observation{Found: true, NativeStatus: "Shipped"} },
			"nothing": func(e *shipment.Event) { e.Observed = nil },
		} {
			s := ship(t, r, id, id)
			other := readStep(11)
			change(&other)
			s = update(t, r, s, readStep(10))
			s = update(t, r, s, other)
			update(t, r, s, readStep(12)) // what the last but one says does not count
			same(t, "events after another "+id, eventsOf(t, r, id), once(queued, readStep(10), other, readStep(12)))
		}
	}},
	{"other steps are never counted", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for _, kind := range []shipment.Kind{shipment.KindAccepted, shipment.KindSending, shipment.KindSent, shipment.KindPerson, ""} {
			e := sendingStep(10)
			e.Kind = kind
			id := "p" + string(kind)
			s := ship(t, r, id, id)
			s = update(t, r, s, e)
			update(t, r, s, e, e)
			same(t, "events", eventsOf(t, r, id), once(queued, e, e, e))
		}
	}},
	{"a write that fails counts nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := ship(t, r, "p1", "1")
		update(t, r, old, readStep(10))
		wantError(t, second(r.Shipments.UpdateShipment(t.Context(), old, readStep(11))), shipment.ErrConflict)
		same(t, "events", eventsOf(t, r, "p1"), once(queued, readStep(10)))
	}},
	{"an update changes neither identity nor order, adapter, request or options", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		want := ship(t, r, "p1", "1")
		apply(t, r, shop, at(0), newOrder("2", "READY_TO_SHIP"))
		s := newShipment("p1", "2")
		s.Adapter, s.Options, s.Carrier, s.Items, s.Replaces = beta, shipment.Options{}, "DPD", nil, "p8"
		s.RequestID, s.RequestDigest, s.CreateTime, s.Revision = "other", []byte("other"), at(99), want.Revision
		got := update(t, r, s)
		want.Revision++
		same(t, "returned", got, want)
		same(t, "stored", getShipment(t, r, "p1"), want)
	}},
}
