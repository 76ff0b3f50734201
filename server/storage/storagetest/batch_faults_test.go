package storagetest_test

import (
	"context"
	"errors"
	"slices"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// takesOver changes a batch before it is stored.
type takesOver struct {
	order.Repository
	change func(*order.Batch)
}

func (f takesOver) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	f.change(&b)
	return f.Repository.ApplyBatch(ctx, b)
}

// keepsBinding reads every order through the adapter that it had first.
type keepsBinding struct{ order.Repository }

func (f keepsBinding) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	for _, o := range b.Orders {
		if stored, err := f.GetOrder(ctx, b.Ref.StoreID, o.Number); err == nil {
			b.Ref.Adapter = stored.Adapter
		}
	}
	return f.Repository.ApplyBatch(ctx, b)
}

// skipsUnchanged leaves out what looks the same.
type skipsUnchanged struct{ order.Repository }

func (f skipsUnchanged) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	fresh := slices.DeleteFunc(slices.Clone(b.Orders), func(o order.Order) bool {
		stored, err := f.GetOrder(ctx, b.Ref.StoreID, o.Number)
		return err == nil && stored.Status == o.Status
	})
	same := int64(len(b.Orders) - len(fresh))
	b.Orders = fresh
	counts, err := f.Repository.ApplyBatch(ctx, b)
	counts.Read += same
	counts.Unchanged += same
	return counts, err
}

type staysWithAlpha struct{ shipment.Repository }

func (f staysWithAlpha) GetShipment(ctx context.Context, storeID, id string) (shipment.Shipment, error) {
	s, err := f.Repository.GetShipment(ctx, storeID, id)
	s.Adapter = "alpha"
	return s, err
}

type decidesThroughAlpha struct{ decision.Repository }

func (f decidesThroughAlpha) Decisions(ctx context.Context, storeID string, numbers []string) (map[string]decision.Decision, error) {
	found, err := f.Repository.Decisions(ctx, storeID, numbers)
	for n, d := range found {
		d.Adapter = "alpha"
		found[n] = d
	}
	return found, err
}

type tellsAllOpen struct{ order.Repository }

func (f tellsAllOpen) UnseenOpenOrders(ctx context.Context, storeID string, _ []string, importID, after string, limit int) ([]string, error) {
	return f.Repository.UnseenOpenOrders(ctx, storeID, []string{"alpha", "beta"}, importID, after, limit)
}

// ignoresTurns stores what a run brings after a turn.
type ignoresTurns struct{ order.Repository }

func (f ignoresTurns) ApplyBatch(ctx context.Context, b order.Batch) (order.Counts, error) {
	counts, err := f.Repository.ApplyBatch(ctx, b)
	if errors.Is(err, order.ErrStoreMoved) {
		b.ImportID = ""
		return f.Repository.ApplyBatch(ctx, b)
	}
	return counts, err
}

// matches takes orders for others than they are.
type matches struct {
	order.Repository
	as func(order.Identity) order.Identity
}

func (f matches) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	changed := make([]order.Identity, len(orders))
	for i, o := range orders {
		changed[i] = f.as(o)
	}
	return f.Repository.MatchOrders(ctx, ref, changed)
}

type matchesOneByOne struct{ order.Repository }

func (f matchesOneByOne) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	var all []*order.Match
	for _, o := range orders {
		found, err := f.Repository.MatchOrders(ctx, ref, []order.Identity{o})
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// matchesAs matches as another adapter: none of the stored orders is its own.
type matchesAs struct {
	order.Repository
	adapter string
}

func (f matchesAs) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	ref.Adapter = f.adapter
	return f.Repository.MatchOrders(ctx, ref, orders)
}

// guesses takes an order that nothing tells for the first that has its reference.
type guesses struct{ order.Repository }

func (f guesses) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	found, err := f.Repository.MatchOrders(ctx, ref, orders)
	if err != nil {
		return nil, err
	}
	stored, err := f.ListOrders(ctx, order.ListQuery{StoreID: ref.StoreID, Limit: 10})
	for i, o := range orders {
		for _, s := range stored {
			if found[i] == nil && s.Reference == o.Reference {
				found[i] = &order.Match{Number: s.Number, Adapter: s.Adapter}
			}
		}
	}
	return found, err
}

type compactsMatches struct{ order.Repository }

func (f compactsMatches) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	found, err := f.Repository.MatchOrders(ctx, ref, orders)
	return slices.DeleteFunc(found, func(m *order.Match) bool { return m == nil }), err
}

// looksInOther finds the orders of store "other".
type looksInOther struct{ order.Repository }

func (f looksInOther) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	ref.StoreID = "other"
	return f.Repository.MatchOrders(ctx, ref, orders)
}
