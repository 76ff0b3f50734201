package storagetest_test

import (
	"context"
	"slices"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// queueFaults are the faults of a database in which one store waits for another.
var queueFaults = map[string]fault{
	"shipments that nobody wants are due": {"Queues/shipments:_those_of_whom_nothing_is_wanted", looksForShipments(wantsAll)},
	"decisions that nobody wants are due": {"Queues/decisions:_those_of_whom_nothing_is_wanted", looksForDecisions(wantsAll)},

	"shipments of a store fill the list": {"Queues/shipments:_who_waits_longest", looksForShipments(anyOfEach)},
	"decisions of a store fill the list": {"Queues/decisions:_who_waits_longest", looksForDecisions(anyOfEach)},

	"shipments know no limit": {"Queues/shipments:_who_waits_longest", looksForShipments(unlimited)},
	"decisions know no limit": {"Queues/decisions:_who_waits_longest", looksForDecisions(unlimited)},

	"a moving store is left out whole, with its shipments": {"Queues/shipments:_a_moving_store", looksForShipments(wholeStores)},
	"a moving store is left out whole, with its decisions": {"Queues/decisions:_a_moving_store", looksForDecisions(wholeStores)},

	"the oldest shipment comes first, whose ever it is": {"Queues/shipments:_whose_turn_it_was", func(r *storagetest.Repositories) {
		r.Shipments = changesShipmentQueue{r.Shipments, nil, func(s []shipment.Shipment) {
			slices.SortStableFunc(s, func(a, b shipment.Shipment) int { return a.NextAttempt.Compare(b.NextAttempt) })
		}}
	}},
	"the oldest decision comes first, whose ever it is": {"Queues/decisions:_whose_turn_it_was", func(r *storagetest.Repositories) {
		r.Decisions = changesDecisionQueue{r.Decisions, nil, func(d []decision.Decision) {
			slices.SortStableFunc(d, func(a, b decision.Decision) int { return a.NextAttempt.Compare(b.NextAttempt) })
		}}
	}},

	"the next shipment is told twice": {"Queues/shipments:_what_is_due_next", func(r *storagetest.Repositories) {
		r.Shipments = repeatsShipments{r.Shipments}
	}},
	"the next decision is told twice": {"Queues/decisions:_what_is_due_next", func(r *storagetest.Repositories) {
		r.Decisions = repeatsDecisions{r.Decisions}
	}},
	"a restart forgets who waits": {"Queues/shipments:_turns_survive", func(r *storagetest.Repositories) { r.Reopen = open }},
}

// Looks that a database mistakes for others.
func wantsAll(l *due.Look[store.Ref])  { l.Without = nil }
func anyOfEach(l *due.Look[store.Ref]) { l.PerGroup = l.Limit }
func unlimited(l *due.Look[store.Ref]) { l.Limit = 1000 }
func wholeStores(l *due.Look[store.Ref]) {
	for _, ref := range l.Without {
		for _, adapter := range []string{"alpha", "beta"} {
			l.Without = append(l.Without, store.Ref{StoreID: ref.StoreID, Adapter: adapter})
		}
	}
}

func looksForShipments(change func(*due.Look[store.Ref])) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) {
		r.Shipments = changesShipmentQueue{r.Shipments, change, func([]shipment.Shipment) {}}
	}
}

func looksForDecisions(change func(*due.Look[store.Ref])) func(*storagetest.Repositories) {
	return func(r *storagetest.Repositories) {
		r.Decisions = changesDecisionQueue{r.Decisions, change, func([]decision.Decision) {}}
	}
}

// changesShipmentQueue changes what is asked for, and the answer.
type changesShipmentQueue struct {
	shipment.Repository
	look   func(*due.Look[store.Ref]) // nil changes nothing
	answer func([]shipment.Shipment)
}

func (f changesShipmentQueue) DueShipments(ctx context.Context, l due.Look[store.Ref]) ([]shipment.Shipment, error) {
	if f.look != nil {
		f.look(&l)
	}
	s, err := f.Repository.DueShipments(ctx, l)
	f.answer(s)
	return s, err
}

// changesDecisionQueue changes what is asked for, and the answer.
type changesDecisionQueue struct {
	decision.Repository
	look   func(*due.Look[store.Ref]) // nil changes nothing
	answer func([]decision.Decision)
}

func (f changesDecisionQueue) DueDecisions(ctx context.Context, l due.Look[store.Ref]) ([]decision.Decision, error) {
	if f.look != nil {
		f.look(&l)
	}
	d, err := f.Repository.DueDecisions(ctx, l)
	f.answer(d)
	return d, err
}

type repeatsShipments struct{ shipment.Repository }

func (f repeatsShipments) NextDue(ctx context.Context, adapter string, after time.Time) (time.Time, error) {
	return f.Repository.NextDue(ctx, adapter, after.Add(-1))
}

type repeatsDecisions struct{ decision.Repository }

func (f repeatsDecisions) NextDecision(ctx context.Context, adapter string, after time.Time) (time.Time, error) {
	return f.Repository.NextDecision(ctx, adapter, after.Add(-1))
}
