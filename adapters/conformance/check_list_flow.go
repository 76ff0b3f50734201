package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// crowd creates n orders spread over a window, and as many in one moment as dense says. It returns their numbers.
func (sh *shop) crowd(ctx context.Context, w window, n, dense int) ([]string, error) {
	var numbers []string
	add := func(at time.Time, count int) error {
		made, err := sh.orders(ctx, control.OrderSpec{"variety": varietyPlain, "created": at, "modified": at, "count": count})
		numbers = append(numbers, made...)
		return err
	}
	const groups = 10
	for i := range groups {
		if err := add(w.since.Add(w.until.Sub(w.since)/groups*time.Duration(i)), (n-dense)/groups); err != nil {
			return nil, err
		}
	}
	if dense > 0 {
		if err := add(w.since.Add(w.until.Sub(w.since)/2), dense); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

func listPaging(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-2 * dayLong), until: now}
	numbers, err := sh.crowd(ctx, w, 260, 250)
	if err != nil {
		return err
	}
	var f findings
	for _, modified := range []bool{false, true} {
		w.modified = modified
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			return failed("ListOrders", err)
		}
		if missing := l.missing(numbers); len(missing) > 0 {
			f.addf("%d of %d orders are missing, by modification date: %t", len(missing), len(numbers), modified)
		}
		for i, m := range l.messages {
			if n := len(m.GetOrders()); n > maxOrdersPerMessage {
				f.addf("message %d holds %d orders", i, n)
			}
			if size := proto.Size(m); size > maxBytesPerMessage {
				f.addf("message %d takes %d bytes", i, size)
			}
		}
	}
	return f.err()
}

func listCheckpoints(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	var f findings
	w := window{since: now.Add(-20 * dayLong).Truncate(time.Second), until: now.Truncate(time.Second)}
	if _, err := sh.crowd(ctx, w, 60, 0); err != nil {
		return err
	}
	for _, modified := range []bool{false, true} {
		w.modified = modified
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			return failed("ListOrders", err)
		}
		f.add(trueCheckpoints(l, w))
	}
	return f.err()
}

// trueCheckpoints says which checkpoints of a complete list do not hold.
func trueCheckpoints(l *listing, w window) error {
	var f findings
	at := w.since
	come := map[string]bool{}
	for i, m := range l.messages {
		for _, o := range m.GetOrders() {
			date := o.GetPurchaseTime().AsTime()
			if w.modified {
				date = o.GetUpdateTime().AsTime()
			}
			// A second of tolerance: marketplaces filter by the second.
			if i > 0 && !come[o.GetOrderNumber()] && !date.Before(w.since) && date.Before(at.Add(-time.Second)) {
				f.addf("order %s of %s came after the checkpoint %s", o.GetOrderNumber(), date.Format(time.RFC3339), at.Format(time.RFC3339))
			}
			come[o.GetOrderNumber()] = true
		}
		c := m.GetCheckpoint()
		if c == nil {
			continue
		}
		finished := c.GetFinishedUntil().AsTime()
		last := i == len(l.messages)-1
		switch {
		case c.GetFinishedUntil() == nil:
			f.addf("message %d has a checkpoint without an instant", i)
			continue
		case finished.Before(at):
			f.addf("message %d goes back to the checkpoint %s", i, finished.Format(time.RFC3339))
		case finished.After(w.until):
			f.addf("message %d has a checkpoint behind the end of the window", i)
		case c.GetComplete() && !last:
			f.addf("message %d says complete, and is not the last", i)
		case c.GetComplete() && !finished.Equal(w.until):
			f.addf("complete comes with the checkpoint %s, and the window ends at %s", finished.Format(time.RFC3339), w.until.Format(time.RFC3339))
		}
		at = finished
	}
	return f.err()
}

func listFuture(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, modified := range []bool{false, true} {
		w := window{since: now.Add(dayLong), until: now.Add(3 * dayLong), modified: modified}
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			f.add(failed("ListOrders of a window that begins tomorrow", err))
			continue
		}
		f.add(trueCheckpoints(l, w))
	}
	return f.err()
}

func listEmpty(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-10 * dayLong), until: now}
	l, err := p.list(ctx, sh.store, w)
	if err != nil {
		return failed("ListOrders of a store without orders", err)
	}
	if n := len(l.orders()); n > 0 {
		return fmt.Errorf("%d orders came for a store that has none", n)
	}
	return trueCheckpoints(l, w)
}

func listRepeatable(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-3 * dayLong), until: now}
	numbers, err := sh.crowd(ctx, w, 20, 0)
	if err != nil {
		return err
	}
	var first []*adapterv1.Order
	var f findings
	for range 2 {
		p, err := s.start(ctx)
		if err != nil {
			return err
		}
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			return failed("ListOrders", err)
		}
		again, err := p.list(ctx, sh.store, w)
		if err != nil {
			return failed("the second ListOrders", err)
		}
		if first == nil {
			first = l.byNumber()
		}
		f.add(sameOrders("a second process", first, l.byNumber()))
		f.add(sameOrders("a second read", first, again.byNumber()))
		var got []*adapterv1.Order
		for batch := range slices.Chunk(numbers, int(min(s.capabilities().GetMaxOrdersPerGet(), 100))) {
			orders, err := p.get(ctx, sh.store, batch...)
			if err != nil {
				return failed("GetOrders", err)
			}
			got = append(got, orders...)
		}
		f.add(sameOrders("GetOrders", first, sorted(got)))
	}
	return f.err()
}

// sameOrders says which order differs; both lists are sorted.
func sameOrders(what string, want, got []*adapterv1.Order) error {
	if len(want) != len(got) {
		return fmt.Errorf("%s gives %d orders instead of %d", what, len(got), len(want))
	}
	for i := range want {
		if !proto.Equal(want[i], got[i]) {
			return fmt.Errorf("%s gives order %s otherwise than the first read", what, want[i].GetOrderNumber())
		}
	}
	return nil
}

func listBrokenOff(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-15 * dayLong).Truncate(time.Second), until: now.Truncate(time.Second)}
	numbers, err := sh.crowd(ctx, w, 260, 110)
	if err != nil {
		return err
	}
	var f findings
	for _, after := range []int{0, 1, 2, 4} {
		for _, kind := range []string{"http_500", "truncated", "html"} {
			_, remove, err := sh.fault(ctx, control.Fault{On: "list", Kind: kind, After: after})
			if err != nil {
				return err
			}
			what := fmt.Sprintf("the marketplace fails with %s after %d calls", kind, after)
			part, err := p.list(ctx, sh.store, w)
			if removed := remove(); removed != nil {
				return removed
			}
			if err == nil {
				if missing := part.missing(numbers); len(missing) > 0 {
					f.addf("%s: the list says complete, and %d orders are missing", what, len(missing))
				}
				continue // it needed no more calls than that
			}
			if _, err := expectReason(what, err, marketplaceDown, malformedAnswer); err != nil {
				f.add(err)
			}
			rest := w
			if at := part.finished(); !at.IsZero() {
				rest.since = at
			}
			l, err := p.list(ctx, sh.store, rest)
			if err != nil {
				return failed("ListOrders from the last checkpoint", err)
			}
			l.messages = append(l.messages, part.messages...)
			if missing := l.missing(numbers); len(missing) > 0 {
				f.addf("%s: %d orders came neither before the checkpoint nor after it", what, len(missing))
			}
		}
	}
	return f.err()
}

func listMoving(ctx context.Context, s *subject) error {
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-2 * dayLong), until: now.Add(time.Hour), modified: true}
	var f findings
	f.add(s.moving(ctx, w, now, map[string]any{"claim": true}, true))
	// The first pages that are asked for, wherever the list begins, lose orders to another status; those behind them move up.
	w.modified, w.statuses = false, []adapterv1.OrderStatus{readyToShip}
	f.add(s.moving(ctx, w, now, map[string]any{"state": stateShipped}, false))
	return f.err()
}

// moving lists a window with orders of which some change as patch has it between two of the adapter's requests, and says which are
// missing. Those that change count when they stay in what was asked for.
func (s *subject) moving(ctx context.Context, w window, now time.Time, patch map[string]any, stay bool) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	const dense = 30 // in one moment
	numbers, err := sh.crowd(ctx, window{since: w.since, until: now}, 340, dense)
	if err != nil {
		return err
	}
	// From both ends in turn, so that it does not matter where the adapter begins.
	const each, all = 16, 64
	restless := make(chan string, all)
	moved := map[string]bool{}
	for i := range all / 2 {
		for _, number := range []string{numbers[i], numbers[len(numbers)-dense-1-i]} {
			restless <- number
			moved[number] = true
		}
	}
	door, err := newGate(ctx, s.sandbox.Base(), func(request int) bool {
		for range each {
			if request == 1 {
				break
			}
			// A failure shows as an order that did not move, which proves less and fails nobody.
			select {
			case number := <-restless:
				_ = s.sandbox.PatchOrder(ctx, number, patch)
			default:
			}
		}
		return false
	})
	if err != nil {
		return err
	}
	defer door.close()
	l, err := p.list(ctx, door.store(sh.store), w)
	if err != nil {
		return failed("ListOrders", err)
	}
	missing := slices.DeleteFunc(l.missing(numbers), func(number string) bool { return !stay && moved[number] })
	if len(missing) > 0 {
		return fmt.Errorf("%d of %d orders are missing after orders changed during the read, by modification date: %t: %s",
			len(missing), len(numbers), w.modified, some(missing))
	}
	return nil
}
