package storagetest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/storagetest"
	"github.com/relaishq/relais/server/store"
)

// healthFaults are the faults of a database that mixes up which adapter works, and what may be sent through it.
var healthFaults = map[string]fault{
	"a refusal is the store's": {"AdapterHealth/refused_credentials_are_told", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			other := ref
			other.Adapter = "beta"
			_, err := stores.ChangeStanding(context.Background(), other, change)
			s, ownErr := stores.ChangeStanding(context.Background(), ref, change)
			return s, errors.Join(err, ownErr)
		}}
	}},
	"failures outlive success": {"AdapterHealth/an_adapter_that_works", func(r *storagetest.Repositories) {
		since := map[string]time.Time{}
		remember := func(b *store.Bindings) {
			for i, x := range b.Adapters {
				if x.FailingSince.IsZero() {
					b.Adapters[i].FailingSince = since[x.Adapter]
				}
				since[x.Adapter] = b.Adapters[i].FailingSince
			}
		}
		r.Stores, r.Orders = changesBindings{r.Stores, remember}, changesOrderBindings{r.Orders, remember}
	}},
	"any success forgets failures": {"AdapterHealth/answers_that_nobody_could_read", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			keep := func(x store.Standing) store.Standing { x.Refusals++; x.NextProbe = time.Unix(1, 0); return x }
			undone := func(x store.Standing) store.Standing { x.Refusals--; return change(x) }
			if _, err := stores.ChangeStanding(context.Background(), ref, keep); err != nil {
				return store.Standing{}, err
			}
			return stores.ChangeStanding(context.Background(), ref, undone)
		}}
	}},
	"whoever reads has credentials that work": {"AdapterHealth/a_read_says_nothing", func(r *storagetest.Repositories) {
		r.Orders = readsWork{r.Orders, r.Stores}
	}},
	"an adapter without credentials is an error": {"AdapterHealth/an_adapter_without_credentials", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(stores store.Repository, ref store.Ref, change change) (store.Standing, error) {
			if _, err := stores.Credentials(context.Background(), ref); err != nil {
				return store.Standing{}, err
			}
			return stores.ChangeStanding(context.Background(), ref, change)
		}}
	}},
	"replaced credentials stay refused": {"AdapterHealth/replaced_credentials", func(r *storagetest.Repositories) {
		r.Stores = staysRefused{r.Stores}
	}},
	"credentials of a new move stay refused": {"AdapterHealth/so_do_those", func(r *storagetest.Repositories) {
		r.Stores = staysRefused{r.Stores}
	}},

	"a failure is always the adapter's": {"Cursors/a_part_that_failed_without", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) {
			for i := range run.Parts {
				run.Parts[i].Blameless = false
			}
		}}
	}},
	"an adapter without fault was read": {"Cursors/a_part_that_failed_without", func(r *storagetest.Repositories) {
		r.Orders = changesParts{r.Orders, func(run *order.Import) {
			for i, p := range run.Parts {
				if p.Blameless {
					run.Parts[i].Failure = order.Failure{}
				}
			}
		}}
	}},

	"refused credentials are tried again": {"Holds/nothing_is_due_through_an_adapter_whose", func(r *storagetest.Repositories) {
		r.Stores = stands{r.Stores, func(store.Repository, store.Ref, change) (store.Standing, error) { return store.Standing{}, nil }}
	}},
	"one adapter holds up the other's shipments": {"Holds/what_is_due_through_the_other", func(r *storagetest.Repositories) {
		r.Shipments = holdsShipments{r.Shipments, refusesAny(r.Stores)}
	}},
	"one adapter holds up the other's decisions": {"Holds/what_is_due_through_the_other", func(r *storagetest.Repositories) {
		r.Decisions = holdsDecisions{r.Decisions, refusesAny(r.Stores)}
	}},
	"what a person sees holds up shipments": {"Holds/the_health_that_a_person_sees", func(r *storagetest.Repositories) {
		r.Shipments = holdsShipments{r.Shipments, looksIll(r.Stores)}
	}},
	"what a person sees holds up decisions": {"Holds/the_health_that_a_person_sees", func(r *storagetest.Repositories) {
		r.Decisions = holdsDecisions{r.Decisions, looksIll(r.Stores)}
	}},

	"a shipment keeps a carrier of the other list": {"Moves/what_is_open_of_shipment_and_decision", func(r *storagetest.Repositories) {
		r.Shipments = changesShipments{r.Shipments, func(s *shipment.Shipment) { s.Chosen.TrackingURL = "https://carrier.example/" }}
	}},
	"a shipment that was taken over waits on": {"Moves/what_is_open_of_shipment_and_decision", func(r *storagetest.Repositories) {
		r.Shipments = changesShipments{r.Shipments, func(s *shipment.Shipment) { s.NextAttempt = s.NextAttempt.Add(time.Hour) }}
	}},
	"a shipment is stored for the adapter that its order left": {"Moves/a_shipment_or_decision_for_another", func(r *storagetest.Repositories) {
		r.Shipments = changesCreated{r.Shipments, hides(order.ErrMoved)}
	}},
	"a decision is stored for the adapter that its order left": {"Moves/a_shipment_or_decision_for_another", func(r *storagetest.Repositories) {
		r.Decisions = hidesMovedDecisions{r.Decisions}
	}},
}

// readsWork takes every read part for a sign that credentials work.
type readsWork struct {
	order.Repository
	stores store.Repository
}

func (f readsWork) FinishImport(ctx context.Context, run order.Import) error {
	errs := []error{f.Repository.FinishImport(ctx, run)}
	for _, p := range run.Parts {
		if p.Failure == (order.Failure{}) {
			_, err := f.stores.ChangeStanding(ctx, store.Ref{StoreID: run.StoreID, Adapter: p.Adapter},
				func(store.Standing) store.Standing { return store.Standing{} })
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// staysRefused takes new credentials for as bad as the old ones.
type staysRefused struct{ store.Repository }

func (f staysRefused) again(ctx context.Context, ref store.Ref, write func() error) error {
	b, err := f.Bindings(ctx, ref.StoreID)
	if err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	for _, x := range b.Adapters {
		if x.Adapter == ref.Adapter && !x.Standing.Works() {
			_, err := f.ChangeStanding(ctx, ref, func(store.Standing) store.Standing { return x.Standing })
			return err
		}
	}
	return nil
}

func (f staysRefused) ReplaceCredentials(ctx context.Context, ref store.Ref, c store.Sealed) error {
	return f.again(ctx, ref, func() error { return f.Repository.ReplaceCredentials(ctx, ref, c) })
}

func (f staysRefused) StartMigration(ctx context.Context, m store.Migration, s store.Store, keys store.AccountKeys, c store.Sealed) error {
	return f.again(ctx, store.Ref{StoreID: s.ID, Adapter: m.Target}, func() error { return f.Repository.StartMigration(ctx, m, s, keys, c) })
}

// refusesAny reports whether any adapter of a store was refused.
func refusesAny(stores store.Repository) func(context.Context, string) bool {
	return func(ctx context.Context, id string) bool {
		b, err := stores.Bindings(ctx, id)
		return err == nil && slices.ContainsFunc(b.Adapters, func(x store.Binding) bool { return !x.Standing.Works() })
	}
}

// looksIll reports whether the health of a store asks for a person.
func looksIll(stores store.Repository) func(context.Context, string) bool {
	return func(ctx context.Context, id string) bool {
		s, err := stores.GetStore(ctx, id)
		return err == nil && s.Health.State == store.AuthRequired
	}
}

type holdsShipments struct {
	shipment.Repository
	held func(ctx context.Context, storeID string) bool
}

func (f holdsShipments) DueShipments(ctx context.Context, l due.Look[store.Ref]) ([]shipment.Shipment, error) {
	due, err := f.Repository.DueShipments(ctx, l)
	return slices.DeleteFunc(due, func(s shipment.Shipment) bool { return f.held(ctx, s.StoreID) }), err
}

type holdsDecisions struct {
	decision.Repository
	held func(ctx context.Context, storeID string) bool
}

func (f holdsDecisions) DueDecisions(ctx context.Context, l due.Look[store.Ref]) ([]decision.Decision, error) {
	due, err := f.Repository.DueDecisions(ctx, l)
	return slices.DeleteFunc(due, func(d decision.Decision) bool { return f.held(ctx, d.StoreID) }), err
}

// changesShipments changes what is read of open shipments.
type changesShipments struct {
	shipment.Repository
	change func(*shipment.Shipment)
}

func (f changesShipments) GetShipment(ctx context.Context, storeID, id string) (shipment.Shipment, error) {
	s, err := f.Repository.GetShipment(ctx, storeID, id)
	f.change(&s)
	return s, err
}

type hidesMovedDecisions struct{ decision.Repository }

func (f hidesMovedDecisions) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	current, stored, err := f.Repository.PutDecision(ctx, d)
	if errors.Is(err, order.ErrMoved) {
		return d, true, nil
	}
	return current, stored, err
}
