package octopia

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// page reads one page of a part of the window. Errors are the SDK's.
func (s *session) page(ctx context.Context, a *Adapter, w *window, part span, index int) ([]*adapterv1.Order, error) {
	q := w.query(part, filterMargin)
	q.Set("pageIndex", strconv.Itoa(index))
	for {
		spelling := a.sorts.of(s.api)
		spelling.set(q, w.field())
		orders, err := s.orders(ctx, q, a.pageSize)
		var refused *apiError
		if errors.As(err, &refused) && refused.status == http.StatusBadRequest && spelling < unsorted {
			a.sorts.tryNext(s.api, spelling)
			continue
		}
		return orders, readFailure(ctx, routeOrders, err)
	}
}

// orders makes one GET /orders for a page of this size. All orders of the page are read before any is used: what breaks off is not half used. Errors are
// this package's own, for readFailure.
func (s *session) orders(ctx context.Context, q url.Values, size int) ([]*adapterv1.Order, error) {
	var orders []*adapterv1.Order
	q.Set("pageSize", strconv.Itoa(size))
	err := s.try(ctx, s.get(routeOrders, "/orders", q), func(r *answerReader) (err error) {
		orders, err = readOrders(r, size)
		return err
	})
	if err != nil {
		return nil, err
	}
	return orders, nil
}

// sortSpelling is how a sort is asked for. Two ways are in live use, and which one the API takes is not settled
// (octopia-rest.md 3, 13.3).
type sortSpelling int

const (
	plainSort    sortSpelling = iota // sort=createdAt
	prefixedSort                     // sort=asc:createdAt
	unsorted                         // no sort
)

// set writes the sort by a field into a query.
func (s sortSpelling) set(q url.Values, field string) {
	switch s {
	case plainSort:
		q.Set("sort", field)
	case prefixedSort:
		q.Set("sort", "asc:"+field)
	default:
		q.Del("sort")
	}
}

// sortMemory remembers which spelling an API took. A 400 can have another cause, so a spelling is only given up for the next one,
// and a process starts anew with the first.
type sortMemory struct {
	mu        sync.Mutex              // guards spellings
	spellings map[string]sortSpelling // by address of the API
}

// of returns the spelling to use.
func (m *sortMemory) of(api string) sortSpelling {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spellings[api]
}

// tryNext gives a spelling up, unless somebody else has.
func (m *sortMemory) tryNext(api string, failed sortSpelling) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spellings == nil {
		m.spellings = make(map[string]sortSpelling)
	}
	if m.spellings[api] == failed {
		m.spellings[api] = failed + 1
	}
}
