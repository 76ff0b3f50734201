package sqlite

import (
	"context"
	"fmt"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// Orders are looked up for a whole page at once: the lists are JSON arrays.
const (
	matchNumbers = `SELECT number, reference, adapter FROM orders WHERE store_key = ` + storeKeyOf + `
		AND number IN (SELECT value FROM json_each(?))`
	matchReferences = `SELECT number, reference, adapter FROM orders WHERE store_key = ` + storeKeyOf + `
		AND reference IN (SELECT value FROM json_each(?)) AND reference <> '' AND adapter <> ?`
)

// candidate is a stored order that an identity may be.
type candidate struct {
	order.Match
	reference string
}

func scanCandidate(row scanner) (c candidate, err error) {
	err = row.Scan(&c.Number, &c.reference, &c.Adapter)
	return c, err
}

// MatchOrders implements order.Repository.
func (db *DB) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	names := make([]string, 0, 2*len(orders))
	for _, o := range orders {
		names = append(names, o.Number)
		if o.Reference != "" {
			names = append(names, o.Reference)
		}
	}
	list, err := toJSON(names)
	if err != nil {
		return nil, fmt.Errorf("match orders: %w", err)
	}
	numbered, err := collect(ctx, db.reader, scanCandidate, matchNumbers, ref.StoreID, list)
	if err != nil {
		return nil, fmt.Errorf("match orders by number: %w", explain(err))
	}
	referenced, err := collect(ctx, db.reader, scanCandidate, matchReferences, ref.StoreID, list, ref.Adapter)
	if err != nil {
		return nil, fmt.Errorf("match orders by reference: %w", explain(err))
	}
	byNumber := make(map[string]candidate, len(numbered))
	for _, c := range numbered {
		byNumber[c.Number] = c
	}
	byReference := make(map[string][]candidate, len(referenced))
	for _, c := range referenced {
		byReference[c.reference] = append(byReference[c.reference], c)
	}
	matches := make([]*order.Match, len(orders))
	for i, o := range orders {
		if c, ok := match(ref.Adapter, o, byNumber, byReference); ok {
			matches[i] = &c.Match
		}
	}
	return matches, nil
}

// match finds what an identity is. A reference decides only when one order alone has it: two orders of one basket may share it.
func match(adapter string, o order.Identity, byNumber map[string]candidate, byReference map[string][]candidate) (candidate, bool) {
	if c, ok := byNumber[o.Number]; ok {
		return c, true
	}
	if c, ok := byNumber[o.Reference]; ok && o.Reference != "" && c.Adapter != adapter {
		return c, true
	}
	for _, reference := range []string{o.Number, o.Reference} {
		if found := byReference[reference]; len(found) == 1 && reference != "" {
			return found[0], true
		}
	}
	return candidate{}, false
}
