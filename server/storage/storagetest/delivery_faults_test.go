package storagetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// ignoresPause resumes a paused store for the time of a write.
type ignoresPause struct {
	shipment.Repository
	stores store.Repository
}

func (f ignoresPause) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	if _, err := f.stores.UpdateStore(ctx, s.StoreID, func(st *store.Store) error { st.Paused = false; return nil }); err != nil {
		return s, err
	}
	return f.Repository.UpdateShipment(ctx, s, events...)
}

type hidesHolds struct{ shipment.Repository }

func (f hidesHolds) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	stored, err := f.Repository.UpdateShipment(ctx, s, events...)
	if errors.Is(err, shipment.ErrHeld) {
		return s, nil
	}
	return stored, err
}

type holdsEverything struct {
	shipment.Repository
	stores store.Repository
}

func (f holdsEverything) UpdateShipment(ctx context.Context, s shipment.Shipment, events ...shipment.Event) (shipment.Shipment, error) {
	if st, err := f.stores.GetStore(ctx, s.StoreID); err != nil || st.Paused {
		return s, errors.Join(shipment.ErrHeld, err)
	}
	return f.Repository.UpdateShipment(ctx, s, events...)
}

// reopensDecisions undoes what a disconnect did to the decision about order 1.
type reopensDecisions struct {
	store.Repository
	decisions decision.Repository
}

func (f reopensDecisions) DisconnectStore(ctx context.Context, id string, now time.Time, force bool) (store.Store, error) {
	before, err := f.decisions.Decisions(ctx, id, []string{"1"})
	if err != nil {
		return store.Store{}, err
	}
	s, err := f.Repository.DisconnectStore(ctx, id, now, force)
	if err != nil {
		return s, err
	}
	d := before["1"]
	d.Revision++
	_, err = f.decisions.UpdateDecision(ctx, d)
	return s, err
}

type decidesAnything struct{ decision.Repository }

func (f decidesAnything) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	current, stored, err := f.Repository.PutDecision(ctx, d)
	if errors.Is(err, store.ErrNoCredentials) {
		return d, true, nil
	}
	return current, stored, err
}

type hidesHeldDecisions struct{ decision.Repository }

func (f hidesHeldDecisions) UpdateDecision(ctx context.Context, d decision.Decision) (decision.Decision, error) {
	stored, err := f.Repository.UpdateDecision(ctx, d)
	if errors.Is(err, decision.ErrHeld) {
		return d, nil
	}
	return stored, err
}

// replacesDecisions puts a decision in place of whichever is there.
type replacesDecisions struct{ decision.Repository }

func (f replacesDecisions) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	current, stored, err := f.Repository.PutDecision(ctx, d)
	if err != nil || stored {
		return current, stored, err
	}
	d.Revision = current.Revision
	return f.Repository.PutDecision(ctx, d)
}

type keepsDecisions struct{ decision.Repository }

func (f keepsDecisions) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	found, err := f.Decisions(ctx, d.StoreID, []string{d.OrderNumber})
	if current, ok := found[d.OrderNumber]; ok || err != nil {
		return current, false, err
	}
	return f.Repository.PutDecision(ctx, d)
}

// forgetsDoubt stores what takes the place of another decision as if nothing had been sent before.
type forgetsDoubt struct{ decision.Repository }

func (f forgetsDoubt) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	if d.Revision > 0 {
		d.Uncertain = false
	}
	return f.Repository.PutDecision(ctx, d)
}

type claimsStored struct{ decision.Repository }

func (f claimsStored) PutDecision(ctx context.Context, d decision.Decision) (decision.Decision, bool, error) {
	current, _, err := f.Repository.PutDecision(ctx, d)
	return current, err == nil, err
}

type overwritesDecisions struct{ decision.Repository }

func (f overwritesDecisions) UpdateDecision(ctx context.Context, d decision.Decision) (decision.Decision, error) {
	found, err := f.Decisions(ctx, d.StoreID, []string{d.OrderNumber})
	if err != nil {
		return d, err
	}
	d.Revision = found[d.OrderNumber].Revision
	return f.Repository.UpdateDecision(ctx, d)
}

type dueByNumber struct{ decision.Repository }

func (f dueByNumber) DueDecisions(ctx context.Context, l due.Look[store.Ref]) ([]decision.Decision, error) {
	due, err := f.Repository.DueDecisions(ctx, l)
	slices.SortFunc(due, func(a, b decision.Decision) int { return strings.Compare(a.OrderNumber, b.OrderNumber) })
	return due, err
}

type remembersFound struct{ order.ProductRepository }

func (f remembersFound) SaveProducts(ctx context.Context, adapter string, products []order.Product) error {
	found := slices.DeleteFunc(slices.Clone(products), func(p order.Product) bool { return !p.Found })
	return f.ProductRepository.SaveProducts(ctx, adapter, found)
}

type oneCatalogue struct{ order.ProductRepository }

func (f oneCatalogue) SaveProducts(ctx context.Context, _ string, products []order.Product) error {
	return f.ProductRepository.SaveProducts(ctx, "", products)
}

func (f oneCatalogue) Products(ctx context.Context, _ string, eans []string) (map[string]order.Product, error) {
	return f.ProductRepository.Products(ctx, "", eans)
}

type keepsProducts struct{ order.ProductRepository }

func (f keepsProducts) SaveProducts(ctx context.Context, adapter string, products []order.Product) error {
	var eans []string
	for _, p := range products {
		eans = append(eans, p.EAN)
	}
	known, err := f.Products(ctx, adapter, eans)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(products), func(p order.Product) bool { _, ok := known[p.EAN]; return ok })
	return f.ProductRepository.SaveProducts(ctx, adapter, fresh)
}
