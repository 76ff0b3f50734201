package octopia

import (
	"context"
	"fmt"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// ListOrders implements sdk.Adapter. The window is read in sub-windows of some days, oldest first, with a checkpoint after each.
// One that holds too many orders is narrowed before it is read. Statuses are filtered here, by what relais makes of them.
//
// Pages are numbered, and the set behind them moves: an order that changes its date while the pages are read leaves its place,
// every order behind it moves one place forward, and the one that was first on the next page is on none that is still to be read
// (octopia-rest.md 3). No answer shows that. So:
//
//   - A sub-window that fits on one page is one answer, and complete when it holds as many orders as were counted before.
//   - Any other is swept from its first page to its last again and again, until a whole sweep finds no order that an earlier one
//     had not. An order is missed only if it slips through between two pages in every sweep, while no other order is found new: the
//     pages are the same, the moments are not.
//   - Each sweep begins with a count. As long as fewer orders have been found, pages are read to an empty one and swept again, so
//     that neither pages shorter than the one asked for nor an empty one make a short list. If it stays so the read fails: an API
//     that counts more than it lists cannot be trusted with either.
//   - Sorting by the date of the filter, oldest first, makes what changes move to the end, where it is found once more. Nothing
//     depends on it, since neither the spelling nor the effect is sure (13.3).
//   - Filters are widened by a second, since nobody knows whether they include their ends (13.17).
//
// Orders that a sweep finds again are handed over again only when their last change differs. Neighbouring sub-windows overlap by two
// seconds, so an order can come twice; a superset is allowed.
func (a *Adapter) ListOrders(ctx context.Context, req *adapterv1.ListOrdersRequest, out sdk.OrderSink) error {
	w, err := listWindow(req)
	if err != nil {
		return err
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return err
	}
	s.onState = out.State
	l := &listing{adapter: a, session: s, window: w, out: out}
	width := a.subWindow
	for begin := w.begin; begin.Before(w.end); {
		part := span{begin, begin.Add(width)}
		if part.end.After(w.end) {
			part.end = w.end
		}
		count, err := s.count(ctx, w.query(part, filterMargin))
		if err != nil {
			return err
		}
		if part.width() > a.minSubWindow && count > int64(a.crowd) {
			width = a.narrower(part.width(), count)
			continue
		}
		switch settled, err := l.read(ctx, part, count); {
		case err != nil:
			return err
		case !settled && part.width() > a.minSubWindow:
			width = a.narrower(part.width(), count)
			continue
		case !settled:
			return sdk.MalformedAnswer("%s: in %d sweeps of the pages the orders never were as many as counted, nor the same", routeOrders, maxSweeps)
		}
		if err := out.Checkpoint(part.end); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		begin = part.end
		if count < int64(a.crowd/4) {
			width = min(2*width, a.subWindow)
		}
	}
	return nil
}

// narrower returns the width to try instead of one that holds count orders: as much as should hold a crowd, at most half, and no
// less than the least.
func (a *Adapter) narrower(width time.Duration, count int64) time.Duration {
	next := width / 2
	if fair := time.Duration(float64(width) * float64(a.crowd) / float64(max(count, 1))); fair < next {
		next = fair
	}
	return max(next, a.minSubWindow)
}

// maxSweeps bounds how often one sub-window is swept before it is narrowed or given up.
const maxSweeps = 6

// listing is one call of ListOrders.
type listing struct {
	adapter *Adapter
	session *session
	window  *window
	out     sdk.OrderSink
}

// read reads one sub-window, in which count orders have been counted, and hands them over. settled is false when the sweeps never
// came to an end: every one found something new, or fewer orders than there are.
func (l *listing) read(ctx context.Context, part span, count int64) (settled bool, err error) {
	seen := make(map[string]lastChange)
	for n := 1; ; n++ {
		sweep, err := l.sweep(ctx, part, count, seen)
		switch {
		case err != nil:
			return false, err
		case int64(len(seen)) >= count && (sweep.pages == 1 || n > 1 && sweep.fresh == 0):
			return true, nil
		case n == maxSweeps:
			return false, nil
		}
		// What was counted may have left the sub-window since.
		if count, err = l.session.count(ctx, l.window.query(part, filterMargin)); err != nil {
			return false, err
		}
	}
}

// lastChange is the last change of an order that was handed over.
type lastChange struct {
	seconds int64
	nanos   int32
}

// sweepResult is what one pass over the pages of a sub-window came to.
type sweepResult struct {
	pages int
	fresh int // orders that no sweep had found before
}

// sweep reads the pages of a sub-window once, from the first to the last, and hands over what is new or has changed. The last one
// is the first that is not full, unless fewer orders than counted have been found: then it is the first that is empty.
func (l *listing) sweep(ctx context.Context, part span, count int64, seen map[string]lastChange) (sweepResult, error) {
	var result sweepResult
	size := l.adapter.pageSize
	for largest := 1; ; {
		page, err := l.session.page(ctx, l.adapter, l.window, part, result.pages+1)
		if err != nil {
			return result, err
		}
		result.pages++
		largest = max(largest, len(page))
		for _, o := range page {
			changed := lastChange{o.GetUpdateTime().GetSeconds(), o.GetUpdateTime().GetNanos()}
			before, known := seen[o.GetOrderNumber()]
			if known && before == changed {
				continue
			}
			if !known {
				result.fresh++
			}
			seen[o.GetOrderNumber()] = changed
			if !l.window.wants(o) {
				continue
			}
			if err := l.out.Send(o); err != nil {
				return result, fmt.Errorf("send order: %w", err)
			}
		}
		if len(page) == 0 || len(page) < size && int64(len(seen)) >= count {
			return result, nil
		}
		// Pages that do not end: a server that does not look at pageIndex, or makes orders up.
		expected := max(min(count, maxExpected), int64(len(seen)))
		if int64(len(seen)) > 2*count+slack || int64(result.pages) > 2*(expected/int64(largest)+1)+slack {
			return result, sdk.MalformedAnswer("%s: the pages do not end", routeOrders)
		}
	}
}

// Bounds of a sweep beside what was counted.
const (
	slack       = 200
	maxExpected = 10_000_000
)
