package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// Orders are looked up for a whole page at once: the lists are JSON arrays.
const (
	selectMatches = `SELECT number, native_id, reference, adapter FROM orders WHERE store_key = ` + storeKeyOf

	matchNumbers    = selectMatches + ` AND number IN (SELECT value FROM json_each(?))`
	matchReferences = selectMatches + ` AND reference IN (SELECT value FROM json_each(?)) AND reference <> ''`
	matchNativeIDs  = selectMatches + ` AND native_id IN (SELECT value FROM json_each(?)) AND adapter = ? AND native_id <> '' AND native_id <> number`
)

// candidate is a stored order that an identity may be.
type candidate struct {
	order.Match
	nativeID, reference string
}

func scanCandidate(row scanner) (c candidate, err error) {
	err = row.Scan(&c.Number, &c.nativeID, &c.reference, &c.Adapter)
	return c, err
}

// MatchOrders implements order.Repository.
func (db *DB) MatchOrders(ctx context.Context, ref store.Ref, orders []order.Identity) ([]*order.Match, error) {
	var names, native []string
	for _, o := range orders {
		names, native = append(names, o.Number), append(native, nativeID(o))
		if o.Reference != "" {
			names = append(names, o.Reference)
		}
	}
	m := newMatcher(ref.Adapter, orders)
	for _, q := range []struct {
		query string
		names []string
		args  []any
		found *map[string][]candidate
		by    func(candidate) string
	}{
		{matchNumbers, names, nil, &m.byNumber, func(c candidate) string { return c.Number }},
		{matchReferences, names, nil, &m.byReference, func(c candidate) string { return c.reference }},
		{matchNativeIDs, native, []any{ref.Adapter}, &m.byNative, func(c candidate) string { return c.nativeID }},
	} {
		list, err := toJSON(q.names)
		if err != nil {
			return nil, fmt.Errorf("match orders: %w", err)
		}
		candidates, err := collect(ctx, db.reader, scanCandidate, q.query, append([]any{ref.StoreID, list}, q.args...)...)
		if err != nil {
			return nil, fmt.Errorf("match orders: %w", explain(err))
		}
		*q.found = make(map[string][]candidate, len(candidates))
		for _, c := range candidates {
			(*q.found)[q.by(c)] = append((*q.found)[q.by(c)], c)
		}
	}
	matches := make([]*order.Match, len(orders))
	for i, o := range orders {
		if c, ok := m.match(o); ok {
			matches[i] = &c.Match
		}
	}
	return matches, nil
}

// nativeID is the native id that an order has when it is stored under another number.
func nativeID(o order.Identity) string {
	if o.NativeID != "" {
		return o.NativeID
	}
	return o.Number
}

// matcher finds what orders read through an adapter are, among the stored ones that have one of their names.
type matcher struct {
	adapter                         string
	given                           map[string]bool // numbers of the orders that were read
	references                      map[string]int  // how many of them have a reference
	byNumber, byReference, byNative map[string][]candidate
}

func newMatcher(adapter string, orders []order.Identity) *matcher {
	m := &matcher{adapter: adapter, given: make(map[string]bool), references: make(map[string]int)}
	for _, o := range orders {
		if !m.given[o.Number] {
			m.references[o.Reference]++
		}
		m.given[o.Number] = true
	}
	return m
}

// match finds what an order is. The adapter's own orders are known by the adapter's own names; in the references of others they
// only count. A reference decides when one order alone has it, here and there: the orders of one basket may share it.
func (m *matcher) match(o order.Identity) (candidate, bool) {
	if found := m.byNumber[o.Number]; len(found) == 1 {
		return readable(found[0]), true
	}
	if found := m.byNative[nativeID(o)]; len(found) == 1 { // the adapter took it over from another, with that one's number
		return readable(found[0]), true
	}
	own := m.references[o.Reference] == 1 && o.Reference != ""
	if found := m.others(m.byNumber[o.Reference]); own && len(found) == 1 {
		return readable(found[0]), true
	}
	if found := m.others(m.byReference[o.Number]); len(found) == 1 {
		return found[0], true
	}
	if found := m.byReference[o.Reference]; own && len(found) == 1 && len(m.others(found)) == 1 {
		return found[0], true
	}
	return candidate{}, false
}

// others returns the candidates that may be an order of this adapter under another number: those of other adapters, unless an
// order with their number was read too.
func (m *matcher) others(found []candidate) []candidate {
	return slices.DeleteFunc(slices.Clone(found), func(c candidate) bool { return c.Adapter == m.adapter || m.given[c.Number] })
}

// readable marks a candidate that the adapter finds under its number.
func readable(c candidate) candidate {
	c.Readable = true
	return c
}
