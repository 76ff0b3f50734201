package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
)

// superseded is the event of a shipment that is replaced.
var superseded = shipment.Event{Time: at(30), State: delivery.Superseded, Kind: shipment.KindPerson, Message: "replaced"}

// correction is a new shipment that replaces another.
func correction(id string, old shipment.Shipment) shipment.New {
	s := newShipment(id, old.OrderNumber)
	s.Replaces, s.ReplacedTracking = old.ID, old.TrackingNumber
	old.State, old.Message, old.NextAttempt, old.UpdateTime = delivery.Superseded, superseded.Message, at(-1), superseded.Time
	old.ReplacedBy = id
	return shipment.New{Shipment: s, Event: queued, Replaced: &shipment.Change{Shipment: old, Event: superseded}}
}

// unchanged checks that a shipment is as it was, and that nothing happened to it since its first event.
func unchanged(t *testing.T, r Repositories, want shipment.Shipment) {
	t.Helper()
	same(t, "shipment "+want.ID, getShipment(t, r, want.ID), want)
	same(t, "events of "+want.ID, eventsOf(t, r, want.ID), once(queued))
}

var correctionCases = []testCase{
	{"a correction is stored with what it replaces", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for i, state := range []delivery.State{
			delivery.Queued, delivery.Sending, delivery.Acknowledged, delivery.Confirmed, delivery.Rejected, delivery.NeedsAttention,
		} {
			old := ship(t, r, numbered("p", i), numbered("n", i))
			old.State = state
			old = update(t, r, old)
			n := correction(numbered("q", i), old)
			created := createAll(t, r, n)

			want := n.Shipment
			want.Revision = created[0].Shipment.Revision
			same(t, "result", created, []shipment.Created{{Shipment: want}})
			same(t, "stored", getShipment(t, r, want.ID), want)
			same(t, "events", eventsOf(t, r, want.ID), once(queued))
			wantOld := n.Replaced.Shipment
			wantOld.Revision = old.Revision + 1
			same(t, "replaced", getShipment(t, r, old.ID), wantOld)
			same(t, "its events", eventsOf(t, r, old.ID), once(queued, superseded))
		}
	}},
	{"a correction of a shipment that changed since it was read is not stored", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		stale := ship(t, r, "p1", "1")
		fresh := update(t, r, stale)
		apply(t, r, shop, at(0), newOrder("2", order.ReadyToShip))
		created := createAll(t, r, correction("q1", stale), news(newShipment("p2", "2"))[0])
		wantError(t, created[0].Err, shipment.ErrConflict)
		created[0].Err = nil
		same(t, "results", created, []shipment.Created{{}, {Shipment: getShipment(t, r, "p2")}})
		unchanged(t, r, fresh)
		notStored(t, r, "q1")
		createAll(t, r, correction("q1", fresh))
		same(t, "state", getShipment(t, r, "p1").State, delivery.Superseded)
	}},
	{"a correction that cannot be stored replaces nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := ship(t, r, "p1", "1")
		other := ship(t, r, "p2", "2")
		elsewhere, again, taken := correction("q1", old), correction("q2", old), correction("q3", old)
		elsewhere.Shipment.Adapter = beta
		again.Shipment.RequestID = other.RequestID
		taken.Shipment.ID = other.ID
		created := createAll(t, r, elsewhere, again, taken)
		wantError(t, created[0].Err, order.ErrMoved)
		if created[2].Err == nil {
			t.Error("two shipments have one id")
		}
		created[0].Err, created[2].Err = nil, nil
		same(t, "results", created, []shipment.Created{{}, {Shipment: other, Result: shipment.SameRequest}, {}})
		unchanged(t, r, old)
		unchanged(t, r, other)
		createAll(t, r, correction("q4", old))
		same(t, "state", getShipment(t, r, "p1").State, delivery.Superseded)
	}},
	{"a correction does not go beside an open shipment that it does not replace", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := ship(t, r, "p1", "1")
		old.State = delivery.Rejected
		old = update(t, r, old)
		open := create(t, r, newShipment("p2", "1"))
		same(t, "results", createAll(t, r, correction("q1", old)), []shipment.Created{{Shipment: open, Result: shipment.OrderHasOpen}})
		unchanged(t, r, old)
		notStored(t, r, "q1")
	}},
	{"of two corrections of a shipment the first wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		old := ship(t, r, "p1", "1")
		created := createAll(t, r, correction("q1", old), correction("q2", old))
		first := getShipment(t, r, "q1")
		same(t, "results", created, []shipment.Created{{Shipment: first}, {Shipment: first, Result: shipment.OrderHasOpen}})
		same(t, "replaced by", getShipment(t, r, "p1").ReplacedBy, "q1")
		notStored(t, r, "q2")
	}},
}
