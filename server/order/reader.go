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
	GetOrders(ctx context.Context, ref store.Ref, numbers []string) (Found, error)
}

// Found is orders that were read by number.
type Found struct {
	Orders  []Order
	Release string // of the adapter that read them, "version@sha256"
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

// FreshRead is what one read of an order showed.
type FreshRead struct {
	Order   *Order // nil when the marketplace does not show the order
	Release string // of the adapter that read it, "version@sha256"
}

// Fresh reads one order from the marketplace now and keeps what the read shows. Errors of the marketplace are problems.
func (r *Reader) Fresh(ctx context.Context, ref store.Ref, number string) (FreshRead, error) {
	began := r.now().UTC()
	read, err := r.from.GetOrders(ctx, ref, []string{number})
	if err != nil {
		return FreshRead{}, err
	}
	for i := range read.Orders {
		if read.Orders[i].Number != number {
			continue
		}
		found := read.Orders[i : i+1]
		// From the cache only: whoever reads a single order is in a hurry, and imports look products up.
		r.catalogue.NewLookup(ref).Recall(ctx, found)
		if _, err := r.to.ApplyBatch(ctx, Batch{Ref: ref, Orders: found, ReadTime: began, Time: r.now().UTC()}); err != nil {
			return FreshRead{}, fmt.Errorf("keep fresh read of order: %w", err)
		}
		return FreshRead{Order: &found[0], Release: read.Release}, nil
	}
	return FreshRead{Release: read.Release}, nil
}
