package storagetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

var storeCases = []testCase{
	{"create stores every field", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", got, newStore(shop))
	}},
	{"create refuses a taken id", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		other := newStore(shop)
		other.AccountID, other.ShopName = "other", "other"
		wantError(t, r.Stores.CreateStore(t.Context(), other, keysOf(other), sealed("other")), store.ErrIDTaken)
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", got, newStore(shop))
		credentials, err := r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		same(t, "credentials", credentials, sealed("credentials of shop"))
	}},
	{"create refuses a taken account", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		other := newStore("other")
		other.AccountID = newStore(shop).AccountID
		wantError(t, r.Stores.CreateStore(t.Context(), other, keysOf(other), sealed("other")), store.ErrAccountTaken)
		_, err := r.Stores.GetStore(t.Context(), "other")
		wantError(t, err, store.ErrNotFound)
		_, err = r.Stores.DisconnectStore(t.Context(), shop, at(2), false)
		noError(t, err)
		wantError(t, r.Stores.CreateStore(t.Context(), other, keysOf(other), sealed("other")), store.ErrAccountTaken)
	}},
	{"an account belongs to its marketplace", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		other := newStore("other")
		other.AccountID, other.Marketplace = newStore(shop).AccountID, "elsewhere"
		noError(t, r.Stores.CreateStore(t.Context(), other, keysOf(other), sealed("other")))
	}},
	{"of several creates of one account one wins", func(t *testing.T, r Repositories) {
		errs := make([]error, 8)
		together(len(errs), func(i int) {
			s := newStore(numbered("shop", i))
			s.AccountID = "one"
			errs[i] = r.Stores.CreateStore(t.Context(), s, keysOf(s), sealed("x"))
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			wantError(t, err, store.ErrAccountTaken)
		}
		if won != 1 {
			t.Errorf("%d stores of one account, want 1", won)
		}
	}},
	{"reconnect replaces a disconnected store", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		startImport(t, r, "i1")
		noError(t, r.Orders.FinishImport(t.Context(), order.Import{ID: "i1", StoreID: shop, State: order.Succeeded, Finish: at(110)}))
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(120), false)
		noError(t, err)

		again := newStore(shop)
		again.Adapter, again.ShopName, again.Settings, again.UpdateTime = "beta", "New name", store.Settings{}, at(130)
		again.Adapters = []string{"beta"}
		noError(t, r.Stores.ReconnectStore(t.Context(), again, keysOf(again), sealed("again")))
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		again.LastImportStart, again.LastImportFinish = at(100), at(110) // the cursor stays
		same(t, "store", got, again)
		credentials, err := r.Stores.Credentials(t.Context(), store.Ref{StoreID: shop, Adapter: "beta"})
		noError(t, err)
		same(t, "credentials", credentials, sealed("again"))
		if o := getOrder(t, r, "1"); o.Adapter != alpha {
			t.Errorf("the order is bound to %q, want %q", o.Adapter, alpha)
		}
	}},
	{"reconnect refuses a connected store", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		wantError(t, r.Stores.ReconnectStore(t.Context(), newStore(shop), keysOf(newStore(shop)), sealed("again")), store.ErrAccountTaken)
		credentials, err := r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		same(t, "credentials", credentials, sealed("credentials of shop"))
	}},
	{"reconnect of an unknown store", func(t *testing.T, r Repositories) {
		wantError(t, r.Stores.ReconnectStore(t.Context(), newStore(shop), keysOf(newStore(shop)), sealed("again")), store.ErrNotFound)
	}},
	{"get of an unknown store", func(t *testing.T, r Repositories) {
		_, err := r.Stores.GetStore(t.Context(), shop)
		wantError(t, err, store.ErrNotFound)
	}},
	{"find by account, connected or not", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		for range 2 {
			got, err := r.Stores.FindStore(t.Context(), "market", keysOf(newStore(shop)))
			noError(t, err)
			if got.ID != shop {
				t.Errorf("found %q, want %q", got.ID, shop)
			}
			_, err = r.Stores.DisconnectStore(t.Context(), shop, at(2), false)
			noError(t, err)
		}
		_, err := r.Stores.FindStore(t.Context(), "elsewhere", keysOf(newStore(shop)))
		wantError(t, err, store.ErrNotFound)
	}},
	{"list pages by id and shows disconnected stores when asked", func(t *testing.T, r Repositories) {
		connect(t, r, "d", "b", "a", "c")
		_, err := r.Stores.DisconnectStore(t.Context(), "b", at(2), false)
		noError(t, err)
		for _, c := range []struct {
			query store.ListQuery
			want  []string
		}{
			{store.ListQuery{Limit: 10}, []string{"a", "c", "d"}},
			{store.ListQuery{Limit: 10, ShowDisconnected: true}, []string{"a", "b", "c", "d"}},
			{store.ListQuery{Limit: 2}, []string{"a", "c"}},
			{store.ListQuery{Limit: 2, AfterID: "c"}, []string{"d"}},
			{store.ListQuery{Limit: 2, AfterID: "d"}, nil},
		} {
			stores, err := r.Stores.ListStores(t.Context(), c.query)
			noError(t, err)
			var ids []string
			for _, s := range stores {
				ids = append(ids, s.ID)
			}
			same(t, "ids", ids, c.want)
		}
	}},
	{"update writes the change and keeps what is not its own", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		want := newStore(shop)
		want.ShopName, want.Environment, want.Paused, want.UpdateTime = "Changed", "sandbox", true, at(9)
		want.PauseTime, want.NextImport, want.PolicyChange = at(2), at(3), at(4)
		want.Settings, want.Health = store.Settings{DisplayName: "x"}, store.Health{State: store.Throttled, Since: at(8)}
		got, err := r.Stores.UpdateStore(t.Context(), shop, func(s *store.Store) error {
			changed := want
			changed.ID, changed.Adapter, changed.Marketplace, changed.AccountID = "x", "x", "x", "x"
			changed.CreateTime, changed.LastImportStart, changed.LastImportFinish = at(7), at(7), at(7)
			*s = changed
			return nil
		})
		noError(t, err)
		same(t, "returned store", got, want)
		got, err = r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "stored store", got, want)
	}},
	{"update writes nothing when the change fails", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		refused := errors.New("refused")
		_, err := r.Stores.UpdateStore(t.Context(), shop, func(s *store.Store) error {
			s.ShopName = "changed"
			return refused
		})
		wantError(t, err, refused)
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", got, newStore(shop))
	}},
	{"update of an unknown store", func(t *testing.T, r Repositories) {
		_, err := r.Stores.UpdateStore(t.Context(), shop, func(*store.Store) error {
			t.Error("the change was applied to nothing")
			return nil
		})
		wantError(t, err, store.ErrNotFound)
	}},
	{"concurrent updates lose nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		const n = 16
		together(n, func(int) {
			if _, err := r.Stores.UpdateStore(t.Context(), shop, func(s *store.Store) error {
				s.ShopName += "+"
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		if c := strings.Count(got.ShopName, "+"); c != n {
			t.Errorf("%d of %d updates are left", c, n)
		}
	}},
	{"disconnect erases credentials and state and keeps orders", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed("state")))
		apply(t, r, shop, at(0), newOrder("1", order.ReadyToShip))
		got, err := r.Stores.DisconnectStore(t.Context(), shop, at(5), false)
		noError(t, err)
		want := newStore(shop)
		want.DisconnectTime, want.UpdateTime, want.Adapters = at(5), at(5), nil
		same(t, "returned store", got, want)
		got, err = r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "stored store", got, want)
		_, err = r.Stores.Credentials(t.Context(), shopRef)
		wantError(t, err, store.ErrNoCredentials)
		state, err := r.Stores.AdapterState(t.Context(), shopRef)
		noError(t, err)
		same(t, "state", state, store.Sealed{})
		getOrder(t, r, "1")
		_, err = r.Stores.Credentials(t.Context(), store.Ref{StoreID: "other", Adapter: alpha})
		noError(t, err)
	}},
	{"disconnect leaves a disconnected store as it is", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		first, err := r.Stores.DisconnectStore(t.Context(), shop, at(5), false)
		noError(t, err)
		second, err := r.Stores.DisconnectStore(t.Context(), shop, at(50), true)
		noError(t, err)
		same(t, "store", second, first)
	}},
	{"disconnect of an unknown store", func(t *testing.T, r Repositories) {
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(5), true)
		wantError(t, err, store.ErrNotFound)
	}},
	{"disconnect is refused with open shipments and changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		before := ship(t, r, "p1", "1")
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), false)
		wantError(t, err, store.ErrShipmentsOpen)
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", got, newStore(shop))
		_, err = r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		after, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		same(t, "shipment", after, before)
	}},
	{"disconnect is refused with open decisions and changes nothing", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		before := decide(t, r, "1")
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), false)
		wantError(t, err, store.ErrShipmentsOpen)
		got, err := r.Stores.GetStore(t.Context(), shop)
		noError(t, err)
		same(t, "store", got, newStore(shop))
		_, err = r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		same(t, "decision", getDecision(t, r, "1"), before)
	}},
	{"disconnect does not mind ended decisions, and those of other stores", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		done := decide(t, r, "1")
		done.State = delivery.Confirmed
		done = updateDecision(t, r, done)
		apply(t, r, "other", at(0), newOrder("1", order.PendingAcceptance))
		open := newDecision("1", decision.Accept)
		open.StoreID = "other"
		open = put(t, r, open)
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), false)
		noError(t, err)
		same(t, "ended decision", getDecision(t, r, "1"), done)
		others, err := r.Decisions.Decisions(t.Context(), "other", []string{"1"})
		noError(t, err)
		same(t, "decision of the other store", others["1"], open)
	}},
	{"forced disconnect ends open decisions", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		decide(t, r, "1")
		done := decide(t, r, "2")
		done.State, done.NextAttempt = delivery.Rejected, time.Time{}
		done = updateDecision(t, r, done)
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), true)
		noError(t, err)
		got := getDecision(t, r, "1")
		if got.State != delivery.NeedsAttention || got.Reason == "" || got.Message == "" || !got.NextAttempt.IsZero() ||
			!got.UpdateTime.Equal(at(20)) || got.Revision != 2 {
			t.Errorf("state %s, reason %q, message %q, next attempt %s, updated %s, revision %d",
				got.State, got.Reason, got.Message, got.NextAttempt, got.UpdateTime, got.Revision)
		}
		same(t, "ended decision", getDecision(t, r, "2"), done)
	}},
	{"forced disconnect ends open shipments with an event", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		ship(t, r, "p1", "1")
		done := ship(t, r, "p2", "2")
		done.State, done.NextAttempt = delivery.Confirmed, at(-1)
		done = update(t, r, done)
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(20), true)
		noError(t, err)

		got, err := r.Shipments.GetShipment(t.Context(), shop, "p1")
		noError(t, err)
		if got.State != delivery.NeedsAttention || got.Reason == "" || got.Message == "" || !got.NextAttempt.IsZero() ||
			!got.UpdateTime.Equal(at(20)) || got.Revision != 2 {
			t.Errorf("state %s, reason %q, message %q, next attempt %s, updated %s, revision %d",
				got.State, got.Reason, got.Message, got.NextAttempt, got.UpdateTime, got.Revision)
		}
		events, err := r.Shipments.ShipmentEvents(t.Context(), shop, "p1")
		noError(t, err)
		if len(events) != 2 || events[1].State != delivery.NeedsAttention || events[1].Message == "" || !events[1].Time.Equal(at(20)) {
			t.Errorf("events %+v", events)
		}
		untouched, err := r.Shipments.GetShipment(t.Context(), shop, "p2")
		noError(t, err)
		same(t, "ended shipment", untouched, done)
	}},
}

var credentialCases = []testCase{
	{"credentials belong to a store and an adapter", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		got, err := r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		same(t, "credentials", got, sealed("credentials of shop"))
		for _, ref := range []store.Ref{{StoreID: shop, Adapter: "beta"}, {StoreID: "unknown", Adapter: alpha}} {
			_, err := r.Stores.Credentials(t.Context(), ref)
			wantError(t, err, store.ErrNoCredentials)
		}
	}},
	{"replacing credentials erases the state", func(t *testing.T, r Repositories) {
		connect(t, r, shop, "other")
		otherRef := store.Ref{StoreID: "other", Adapter: alpha}
		noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed("state")))
		noError(t, r.Stores.SaveAdapterState(t.Context(), otherRef, sealed("state of other")))
		noError(t, r.Stores.ReplaceCredentials(t.Context(), shopRef, sealed("new")))
		got, err := r.Stores.Credentials(t.Context(), shopRef)
		noError(t, err)
		same(t, "credentials", got, sealed("new"))
		state, err := r.Stores.AdapterState(t.Context(), shopRef)
		noError(t, err)
		same(t, "state", state, store.Sealed{})
		state, err = r.Stores.AdapterState(t.Context(), otherRef)
		noError(t, err)
		same(t, "state of the other store", state, sealed("state of other"))
	}},
	{"credentials of a disconnected store are not replaced", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		_, err := r.Stores.DisconnectStore(t.Context(), shop, at(5), false)
		noError(t, err)
		wantError(t, r.Stores.ReplaceCredentials(t.Context(), shopRef, sealed("new")), store.ErrNoCredentials)
		_, err = r.Stores.Credentials(t.Context(), shopRef)
		wantError(t, err, store.ErrNoCredentials)
	}},
	{"state is zero at first and then the last one saved", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		got, err := r.Stores.AdapterState(t.Context(), shopRef)
		noError(t, err)
		same(t, "state", got, store.Sealed{})
		for _, s := range []string{"one", "two"} {
			noError(t, r.Stores.SaveAdapterState(t.Context(), shopRef, sealed(s)))
			got, err = r.Stores.AdapterState(t.Context(), shopRef)
			noError(t, err)
			same(t, "state", got, sealed(s))
		}
	}},
	{"state without credentials is not kept", func(t *testing.T, r Repositories) {
		connect(t, r, shop)
		for _, ref := range []store.Ref{{StoreID: shop, Adapter: "beta"}, {StoreID: "unknown", Adapter: alpha}} {
			noError(t, r.Stores.SaveAdapterState(t.Context(), ref, sealed("state")))
			got, err := r.Stores.AdapterState(t.Context(), ref)
			noError(t, err)
			same(t, "state", got, store.Sealed{})
		}
	}},
}
