package order

import (
	"context"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/store"
)

// Getter reads orders by number.
type Getter interface {
	// GetOrders reads orders by number; unknown numbers are left out. Errors are problems.
	GetOrders(ctx context.Context, ref store.Ref, numbers []string) ([]Order, error)
}

// Keeper stores what was read.
type Keeper interface {
	// ApplyBatch stores orders: see Repository.
	ApplyBatch(ctx context.Context, b Batch) (Counts, error)
}

// Reader reads single orders fresh, for those who are about to tell the marketplace something about them.
type Reader struct {
	from      Getter
	to        Keeper
	catalogue *Catalogue
	now       func() time.Time
}

// NewReader returns a reader over these collaborators.
func NewReader(from Getter, to Keeper, c *Catalogue, now func() time.Time) *Reader {
	return &Reader{from: from, to: to, catalogue: c, now: now}
}

// Fresh reads one order from the marketplace now and keeps what the read shows. Nil means that the marketplace does not show
// the order. Errors of the marketplace are problems.
func (r *Reader) Fresh(ctx context.Context, ref store.Ref, number string) (*Order, error) {
	began := r.now().UTC()
	orders, err := r.from.GetOrders(ctx, ref, []string{number})
	if err != nil {
		return nil, err
	}
	for i := range orders {
		if orders[i].Number != number {
			continue
		}
		found := orders[i : i+1]
		// From the cache only: whoever reads a single order is in a hurry, and imports look products up.
		r.catalogue.NewLookup(ref).Recall(ctx, found)
		if _, err := r.to.ApplyBatch(ctx, Batch{Ref: ref, Orders: found, ReadTime: began, Time: r.now().UTC()}); err != nil {
			return nil, fmt.Errorf("keep fresh read of order: %w", err)
		}
		return &found[0], nil
	}
	return nil, nil
}
