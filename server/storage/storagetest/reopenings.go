package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// reopened is the event of a shipment that is taken up again.
var reopened = shipment.Event{Time: at(40), State: delivery.Queued, Kind: shipment.KindPerson, Message: "again"}

// endedShipment stores an order of the shop and a shipment for it that was rejected.
func endedShipment(t *testing.T, r Repositories, id, number string) shipment.Shipment {
	t.Helper()
	s := ship(t, r, id, number)
	s.State, s.NextAttempt, s.Message = delivery.Rejected, at(-1), "no"
	return update(t, r, s)
}

// again is a shipment that is to be open again.
func again(s shipment.Shipment) shipment.Shipment {
	s.State, s.NextAttempt, s.Message, s.UpdateTime = delivery.Queued, at(8), "again", at(40)
	return s
}

// notReopened checks that a shipment cannot be taken up again, and that the attempt changes nothing.
func notReopened(t *testing.T, r Repositories, s shipment.Shipment, want error) shipment.Shipment {
	t.Helper()
	before := getShipment(t, r, s.ID)
	open, err := r.Shipments.ReopenShipment(t.Context(), s, reopened)
	wantError(t, err, want)
	unchanged(t, r, before)
	return open
}

var reopeningCases = []testCase{
	{"a shipment is open again and due", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for i, state := range []delivery.State{delivery.Rejected, delivery.NeedsAttention} {
			id := numbered("p", i)
			s := ship(t, r, id, id)
			s.State = state
			s = again(update(t, r, s))
			s.Options = shipment.Options{AllowOther: true}
			got, err := r.Shipments.ReopenShipment(t.Context(), s, reopened)
			noError(t, err)
			want := s
			want.Revision++
			same(t, "returned", got, want)
			same(t, "stored", getShipment(t, r, id), want)
			same(t, "events", eventsOf(t, r, id), once(queued, reopened))
		}
		shipments, _ := dueNow(t, r)
		same(t, "due", shipments, []string{"p0000", "p0001"})
	}},
	{"a shipment is open again under the adapter that its order belongs to now", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := again(endedShipment(t, r, "p1", "1"))
		move(t, r, alpha, beta, 10)
		b := through(beta, 20, newOrder("1", order.ReadyToShip))
		b.TakeOver = []string{alpha}
		applyBatch(t, r, b)
		notReopened(t, r, s, order.ErrMoved)
		s.Adapter, s.Chosen = beta, shipment.ChosenCarrier{}
		got, err := r.Shipments.ReopenShipment(t.Context(), s, reopened)
		noError(t, err)
		s.Revision++
		same(t, "returned", got, s)
		same(t, "stored", getShipment(t, r, "p1"), s)
	}},
	{"reopening changes neither identity nor order or request", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		want := again(endedShipment(t, r, "p1", "1"))
		s := want
		s.Request, s.RequestID, s.RequestDigest, s.CreateTime = shipment.Request{OrderNumber: "2"}, "other", []byte("other"), at(99)
		got, err := r.Shipments.ReopenShipment(t.Context(), s, reopened)
		noError(t, err)
		want.Revision++
		same(t, "returned", got, want)
		same(t, "stored", getShipment(t, r, "p1"), want)
	}},
	{"a shipment that changed since it was read is not reopened", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		stale := endedShipment(t, r, "p1", "1")
		update(t, r, stale)
		notReopened(t, r, again(stale), shipment.ErrConflict)
	}},
	{"reopening of an unknown shipment", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		wantError(t, second(r.Shipments.ReopenShipment(t.Context(), newShipment("p1", "1"), reopened)), shipment.ErrNotFound)
	}},
	{"a shipment is not open again beside another, which is returned", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ended := endedShipment(t, r, "p1", "1")
		open := create(t, r, newShipment("p2", "1"))
		same(t, "open shipment", notReopened(t, r, again(ended), shipment.ErrOrderHasOpen), open)
	}},
	{"a disconnected store reopens nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ended := endedShipment(t, r, "p1", "1")
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), false)
		noError(t, err)
		notReopened(t, r, again(ended), store.ErrNoCredentials)
	}},
	{"a paused store reopens", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ended := endedShipment(t, r, "p1", "1")
		setPaused(t, r, shop, true)
		_, err := r.Shipments.ReopenShipment(t.Context(), again(ended), reopened)
		noError(t, err)
		setPaused(t, r, shop, false)
		shipments, _ := dueNow(t, r)
		same(t, "due", shipments, []string{"p1"})
	}},
	{"of several reopenings of one revision one wins", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		s := again(endedShipment(t, r, "p1", "1"))
		errs := make([]error, 8)
		together(len(errs), func(i int) { _, errs[i] = r.Shipments.ReopenShipment(t.Context(), s, reopened) })
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantError(t, err, shipment.ErrConflict)
		}
		same(t, "won", won, 1)
		same(t, "events", eventsOf(t, r, "p1"), once(queued, reopened))
	}},
}
