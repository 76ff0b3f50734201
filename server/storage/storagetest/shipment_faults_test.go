package storagetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// shipmentFaults are those of what is stored together, of corrections, evidence and reopening.
var shipmentFaults = map[string]fault{
	"options are not stored": {"Shipments/create_stores_every_field_and_the_first_event", func(r *storagetest.Repositories) {
		r.Shipments = changesNew{r.Shipments, func(n *shipment.New) { n.Shipment.Options = shipment.Options{} }}
	}},
	"the rule that chose the carrier is not stored": {"Shipments/create_stores_every_field_and_the_first_event", func(r *storagetest.Repositories) {
		r.Shipments = changesNew{r.Shipments, func(n *shipment.New) { n.Shipment.Chosen.Rule = "" }}
	}},
	"another carrier is not stored": {"Shipments/update_writes_progress", func(r *storagetest.Repositories) {
		r.Shipments = changesUpdates{r.Shipments, func(s *shipment.Shipment, _ []shipment.Event) { s.Chosen.ListAge = 0 }}
	}},
	"one that fails stops the others": {"ShipmentBatches/one_that_cannot_be_stored_stops_no_other", func(r *storagetest.Repositories) {
		r.Shipments = stopsAtFailures{r.Shipments}
	}},
	"shipments share an event": {"ShipmentBatches/each_shipment_is_stored_with_its_own_event", func(r *storagetest.Repositories) {
		r.Shipments = changesNew{r.Shipments, func(n *shipment.New) { n.Event.Message = "queued" }}
	}},
	"all are judged at once": {"ShipmentBatches/each_is_judged_after_those_before_it", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, claimsCreation}
	}},
	"the ending of a call is ignored": {"ShipmentBatches/a_call_that_has_ended_stores_nothing", func(r *storagetest.Repositories) {
		r.Shipments = ignoresEndings{r.Shipments}
	}},
	"callers get results of others": {"ShipmentBatches/callers_at_the_same_time_each_get_their_own", func(r *storagetest.Repositories) {
		r.Shipments = &mixesResults{Repository: r.Shipments}
	}},
	"an error is for nothing": {"ShipmentBatches/one_that_cannot_be_stored_stops_no_other", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, hides(order.ErrMoved)}
	}},
	"what is replaced stays": {"Corrections/a_correction_is_stored_with_what_it_replaces", func(r *storagetest.Repositories) {
		r.Shipments = changesNew{r.Shipments, func(n *shipment.New) { n.Replaced = nil }}
	}},
	"what is replaced does not say so": {"Corrections/a_correction_is_stored_with_what_it_replaces", func(r *storagetest.Repositories) {
		r.Shipments = changesNew{r.Shipments, func(n *shipment.New) {
			if n.Replaced != nil {
				n.Replaced.Event.Message = ""
			}
		}}
	}},
	"what is replaced may have changed": {"Corrections/a_correction_of_a_shipment_that_changed", func(r *storagetest.Repositories) {
		r.Shipments = replacesAnyRevision{r.Shipments}
	}},
	"a correction that fails replaces all the same": {"Corrections/a_correction_that_cannot_be_stored_replaces_nothing", func(r *storagetest.Repositories) {
		r.Shipments = replacesFirst{r.Shipments}
	}},
	"a correction goes beside an open shipment": {"Corrections/a_correction_does_not_go_beside", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, claimsCreation}
	}},
	"both corrections claim to win": {"Corrections/of_two_corrections_of_a_shipment", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, claimsCreation}
	}},
	"proofs are not stored": {"Evidence/events_keep_what_was_sent_and_seen", func(r *storagetest.Repositories) {
		r.Shipments = changesUpdates{r.Shipments, func(_ *shipment.Shipment, events []shipment.Event) {
			for i := range events {
				events[i].NativeReason = ""
			}
		}}
	}},
	"nothing is counted": {"Evidence/a_read_or_failure_that_says_what_the_last_event_says", func(r *storagetest.Repositories) {
		r.Shipments = changesUpdates{r.Shipments, func(_ *shipment.Shipment, events []shipment.Event) {
			for i := range events {
				events[i].Message += fmt.Sprint(events[i].Time)
			}
		}}
	}},
	"the state does not matter for counting":   ignoredFor(func(e *shipment.Event) { e.State = "" }),
	"the message does not matter for counting": ignoredFor(func(e *shipment.Event) { e.Message = "" }),
	"the release does not matter for counting": ignoredFor(func(e *shipment.Event) { e.Release = "" }),
	"the proof does not matter for counting":   ignoredFor(func(e *shipment.Event) { e.Proof = shipment.Proof{} }),
	"every step is counted": {"Evidence/other_steps_are_never_counted", func(r *storagetest.Repositories) {
		r.Shipments = countsLater{r.Shipments, func(*shipment.Event) {}}
	}},
	"a write that fails leaves its events": {"Evidence/a_write_that_fails_counts_nothing", func(r *storagetest.Repositories) {
		r.Shipments = overwrites{r.Shipments}
	}},
	"an update changes the options": {"Evidence/an_update_changes_neither", func(r *storagetest.Repositories) {
		r.Shipments = returnsWhatItGot{r.Shipments}
	}},
	"reopening keeps the options": {"Reopenings/a_shipment_is_open_again_and_due", func(r *storagetest.Repositories) {
		r.Shipments = reopensByUpdate{r.Shipments}
	}},
	"reopening keeps the adapter": {"Reopenings/a_shipment_is_open_again_under_the_adapter", func(r *storagetest.Repositories) {
		r.Shipments = reopensByUpdate{r.Shipments}
	}},
	"reopening has no event": {"Reopenings/a_shipment_is_open_again_and_due", func(r *storagetest.Repositories) {
		r.Shipments = changesReopened{r.Shipments, func(_ *shipment.Shipment, e *shipment.Event) { e.Message = "" }, nil}
	}},
	"reopening changes the request": {"Reopenings/reopening_changes_neither", func(r *storagetest.Repositories) {
		r.Shipments = returnsWhatItGot{r.Shipments}
	}},
	"reopening takes any revision": {"Reopenings/a_shipment_that_changed_since", func(r *storagetest.Repositories) {
		r.Shipments = reopensAnyRevision{r.Shipments}
	}},
	"an unknown shipment is reopened":              hidesOfReopening("reopening_of_an_unknown_shipment", shipment.ErrNotFound),
	"a shipment is reopened under another adapter": hidesOfReopening("a_shipment_is_open_again_under_the_adapter", order.ErrMoved),
	"a shipment is reopened beside another":        hidesOfReopening("a_shipment_is_not_open_again_beside_another", shipment.ErrOrderHasOpen),
	"a disconnected store reopens":                 hidesOfReopening("a_disconnected_store_reopens_nothing", store.ErrNoCredentials),
	"every reopening wins":                         hidesOfReopening("of_several_reopenings_of_one_revision", shipment.ErrConflict),
}

// changesNew changes what is stored.
type changesNew struct {
	shipment.Repository
	change func(*shipment.New)
}

func (f changesNew) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	news = slices.Clone(news)
	for i := range news {
		if r := news[i].Replaced; r != nil {
			change := *r
			news[i].Replaced = &change
		}
		f.change(&news[i])
	}
	return f.Repository.CreateShipments(ctx, news)
}

// changesCreated changes the results.
type changesCreated struct {
	shipment.Repository
	change func(shipment.New, *shipment.Created)
}

func (f changesCreated) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	created, err := f.Repository.CreateShipments(ctx, news)
	for i := range created {
		f.change(news[i], &created[i])
	}
	return created, err
}

// hides claims that a shipment was stored where it was not for one reason.
func hides(reason error) func(shipment.New, *shipment.Created) {
	return func(n shipment.New, c *shipment.Created) {
		if errors.Is(c.Err, reason) {
			*c = shipment.Created{Shipment: n.Shipment}
		}
	}
}

type stopsAtFailures struct{ shipment.Repository }

func (f stopsAtFailures) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	created := make([]shipment.Created, len(news))
	for i, failed := 0, false; i < len(news) && !failed; i++ {
		one, err := f.Repository.CreateShipments(ctx, news[i:i+1])
		if err != nil {
			return nil, err
		}
		created[i], failed = one[0], one[0].Err != nil
	}
	return created, nil
}

type ignoresEndings struct{ shipment.Repository }

func (f ignoresEndings) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	return f.Repository.CreateShipments(context.WithoutCancel(ctx), news)
}

// mixesResults returns what the call before returned.
type mixesResults struct {
	shipment.Repository
	mu   sync.Mutex // guards last
	last []shipment.Created
}

func (f *mixesResults) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	created, err := f.Repository.CreateShipments(ctx, news)
	before := f.last
	f.last = created
	if before == nil {
		return created, err
	}
	return before, err
}

type replacesAnyRevision struct{ shipment.Repository }

func (f replacesAnyRevision) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	return changesNew{f.Repository, func(n *shipment.New) {
		if n.Replaced == nil {
			return
		}
		if stored, err := f.GetShipment(ctx, n.Shipment.StoreID, n.Replaced.Shipment.ID); err == nil {
			n.Replaced.Shipment.Revision = stored.Revision
		}
	}}.CreateShipments(ctx, news)
}

// replacesFirst writes what is replaced in a transaction of its own.
type replacesFirst struct{ shipment.Repository }

func (f replacesFirst) CreateShipments(ctx context.Context, news []shipment.New) ([]shipment.Created, error) {
	for _, n := range news {
		if n.Replaced != nil {
			_, _ = f.UpdateShipment(ctx, n.Replaced.Shipment, n.Replaced.Event)
		}
	}
	return changesNew{f.Repository, func(n *shipment.New) { n.Replaced = nil }}.CreateShipments(ctx, news)
}

// changesUpdates changes what is written of shipments.
type changesUpdates struct {
	shipment.Repository
	change func(*shipment.Shipment, []shipment.Event)
}

func (f changesUpdates) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	events = slices.Clone(events)
	f.change(&s, events)
	return f.Repository.UpdateShipment(ctx, s, events...)
}

// countsLater counts, beside what was counted, neighbours that say the same once a part of what they say is removed.
type countsLater struct {
	shipment.Repository
	remove func(*shipment.Event)
}

func (f countsLater) ShipmentEvents(ctx context.Context, storeID, id string) ([]shipment.Event, error) {
	events, err := f.Repository.ShipmentEvents(ctx, storeID, id)
	var kept []shipment.Event
	for _, e := range events {
		if len(kept) > 0 {
			last := &kept[len(kept)-1]
			a, b := *last, e
			f.remove(&a)
			f.remove(&b)
			if cmp.Equal(a, b, cmpopts.IgnoreFields(shipment.Event{}, "Time", "Count", "LastTime")) {
				last.Count, last.LastTime = last.Count+e.Count, e.LastTime
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept, err
}

// ignoredFor is a database that does not look at a part of what events say.
func ignoredFor(remove func(*shipment.Event)) fault {
	return fault{"Evidence/a_read_that_says_anything_else", func(r *storagetest.Repositories) {
		r.Shipments = countsLater{r.Shipments, remove}
	}}
}

// returnsWhatItGot returns shipments as they were to be written, not as they are stored.
type returnsWhatItGot struct{ shipment.Repository }

func (f returnsWhatItGot) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	stored, err := f.Repository.UpdateShipment(ctx, s, events...)
	s.Revision = stored.Revision
	return s, err
}

func (f returnsWhatItGot) ReopenShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, error) {
	stored, err := f.Repository.ReopenShipment(ctx, s, e)
	s.Revision = stored.Revision
	return s, err
}

type reopensByUpdate struct{ shipment.Repository }

func (f reopensByUpdate) ReopenShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, error) {
	return f.UpdateShipment(ctx, s, e)
}

// changesReopened changes what is written of a shipment that is reopened, and the error.
type changesReopened struct {
	shipment.Repository
	change func(*shipment.Shipment, *shipment.Event)
	hidden error // instead of which none is returned
}

func (f changesReopened) ReopenShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, error) {
	f.change(&s, &e)
	stored, err := f.Repository.ReopenShipment(ctx, s, e)
	if f.hidden != nil && errors.Is(err, f.hidden) {
		err = nil
	}
	return stored, err
}

// hidesOfReopening is a database that hides an error of ReopenShipment.
func hidesOfReopening(noticedBy string, hidden error) fault {
	return fault{"Reopenings/" + noticedBy, func(r *storagetest.Repositories) {
		r.Shipments = changesReopened{r.Shipments, func(*shipment.Shipment, *shipment.Event) {}, hidden}
	}}
}

type reopensAnyRevision struct{ shipment.Repository }

func (f reopensAnyRevision) ReopenShipment(ctx context.Context, s shipment.Shipment, e shipment.Event) (shipment.Shipment, error) {
	if stored, err := f.GetShipment(ctx, s.StoreID, s.ID); err == nil {
		s.Revision = stored.Revision
	}
	return f.Repository.ReopenShipment(ctx, s, e)
}
