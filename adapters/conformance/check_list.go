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

// dayLong is 24 hours.
const dayLong = 24 * time.Hour

// The limits of one message of orders. The protocol says "about 1 MiB": an order that does not fit any more may stand in it.
const (
	maxOrdersPerMessage = 100
	maxBytesPerMessage  = 1<<20 + 256<<10
)

func listChecks() []check {
	return []check{
		{Info: Info{
			ID: "list-created-window", Title: "lists every order created in a window", Sandbox: true,
			Proves: "Orders created at the begin, inside and in the last moment of a window all come, with whatever modification date, or none.",
		}, run: listCreated},
		{Info: Info{
			ID: "list-modified-window", Title: "lists every order modified in a window", Sandbox: true,
			Proves: "Orders modified at the begin, inside and in the last moment of a window all come, also those created long before.",
		}, run: listModified},
		{Info: Info{
			ID: "list-statuses", Title: "lists every order of a status that is asked for", Sandbox: true,
			Proves: "For each status alone, every order that has it comes, in that status.",
		}, run: listStatuses},
		{Info: Info{
			ID: "list-paging", Title: "lists to the end", Sandbox: true,
			Proves: "All of 260 orders come, 250 of them within one minute, in messages of at most 100 orders and about 1 MiB.",
		}, run: listPaging},
		{Info: Info{
			ID: "list-checkpoints", Title: "sets true checkpoints", Sandbox: true,
			Proves: "Checkpoints never go back and lie in the window, what lies before one has come by then, and the last message says complete at the window's end.",
		}, run: listCheckpoints},
		{Info: Info{
			ID: "list-future-window", Title: "lists a window in the future", Sandbox: true,
			Proves: "A window that has not begun is read to its end without an error.",
		}, run: listFuture},
		{Info: Info{
			ID: "list-empty-window", Title: "lists a window without orders", Sandbox: true,
			Proves: "A store without orders gives none and a complete answer.",
		}, run: listEmpty},
		{Info: Info{
			ID: "list-repeatable", Title: "lists the same twice", Sandbox: true,
			Proves: "Two reads of unchanged orders are equal byte for byte, adapter_context included, also in another process, and equal what GetOrders gives.",
		}, run: listRepeatable},
		{Info: Info{
			ID: "list-broken-off", Title: "is never short without saying so", Sandbox: true,
			Proves: "When the marketplace fails part of the way the stream ends in an error, and a second read from the last checkpoint brings the rest.",
		}, run: listBrokenOff},
		{Info: Info{
			ID: "list-moving-orders", Title: "loses no order that changes meanwhile", Sandbox: true,
			Proves: "Orders that change while a long list is read by modification date all come.",
		}, run: listMoving},
	}
}

// placed is an order that a check placed on purpose.
type placed struct {
	number string
	what   string
}

// missingOf says which orders did not come.
func missingOf(l *listing, orders []placed) error {
	var f findings
	for _, o := range orders {
		if !l.has(o.number) {
			f.addf("missing: the order %s", o.what)
		}
	}
	return f.err()
}

func listCreated(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-12 * dayLong).Truncate(time.Second), until: now.Add(-2 * dayLong).Truncate(time.Second)}
	var inside []placed
	add := func(what string, spec control.OrderSpec) error {
		spec["variety"] = varietyPlain
		number, err := sh.order(ctx, spec)
		inside = append(inside, placed{number, what})
		return err
	}
	for what, spec := range map[string]control.OrderSpec{
		"created at the begin":                           {"created": w.since},
		"created one second after the begin":             {"created": w.since.Add(time.Second)},
		"created one millisecond before the end":         {"created": w.until.Add(-time.Millisecond)},
		"created in the middle":                          {"created": w.since.Add(5 * dayLong)},
		"created inside and modified just now":           {"created": w.since.Add(3 * dayLong), "modified": now},
		"created inside, without a modification date":    {"created": w.since.Add(4 * dayLong), "no_modified": true},
		"created inside and modified before the window":  {"created": w.since.Add(dayLong), "modified": w.since.Add(-dayLong)},
		"created inside on the minute, late in the list": {"created": w.until.Add(-36 * time.Hour).Truncate(time.Minute)},
	} {
		if err := add(what, spec); err != nil {
			return err
		}
	}
	// Orders around the window, which may come and must not push others out.
	for _, at := range []time.Time{w.since.Add(-dayLong), w.until.Add(dayLong)} {
		if _, err := sh.orders(ctx, control.OrderSpec{"variety": varietyPlain, "created": at, "count": 3}); err != nil {
			return err
		}
	}
	l, err := p.list(ctx, sh.store, w)
	if err != nil {
		return failed("ListOrders by created_since", err)
	}
	return missingOf(l, inside)
}

func listModified(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-5 * dayLong).Truncate(time.Second), until: now.Add(-time.Hour).Truncate(time.Second), modified: true}
	long := now.Add(-25 * dayLong)
	var inside []placed
	for what, spec := range map[string]control.OrderSpec{
		"modified at the begin":                     {"created": long, "modified": w.since},
		"modified one millisecond before the end":   {"created": long, "modified": w.until.Add(-time.Millisecond)},
		"modified in the middle, created long ago":  {"created": long, "modified": w.since.Add(2 * dayLong)},
		"created and modified at the same moment":   {"created": w.since.Add(dayLong), "modified": w.since.Add(dayLong)},
		"modified a minute before the end":          {"created": w.since.Add(dayLong), "modified": w.until.Add(-time.Minute)},
		"modified just after the begin, at seconds": {"created": long, "modified": w.since.Add(time.Second)},
	} {
		spec["variety"] = varietyPlain
		number, err := sh.order(ctx, spec)
		if err != nil {
			return err
		}
		inside = append(inside, placed{number, what})
	}
	l, err := p.list(ctx, sh.store, w)
	if err != nil {
		return failed("ListOrders by modified_since", err)
	}
	return missingOf(l, inside)
}

func listStatuses(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	byStatus := map[adapterv1.OrderStatus][]placed{}
	for _, m := range stateMeanings() {
		number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain, "state": m.state, "created": now.Add(-dayLong)})
		if err != nil {
			return err
		}
		byStatus[m.status] = append(byStatus[m.status], placed{number, m.state})
	}
	var f findings
	for status, orders := range byStatus {
		w := window{since: now.Add(-2 * dayLong), until: now, statuses: []adapterv1.OrderStatus{status}}
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			return failed("ListOrders of "+statusName(status), err)
		}
		for _, o := range orders {
			if !l.has(o.number) {
				f.addf("asked for %s: the order in the state %s is missing", statusName(status), o.what)
			}
		}
		for _, o := range l.orders() {
			if slices.ContainsFunc(orders, func(p placed) bool { return is(o, p.number) }) && o.GetStatus() != status {
				f.addf("order %s is %s instead of %s", o.GetOrderNumber(), statusName(o.GetStatus()), statusName(status))
			}
		}
	}
	return f.err()
}

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
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
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
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
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
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
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
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
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
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
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
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-2 * dayLong), until: now.Add(time.Hour), modified: true}
	numbers, err := sh.crowd(ctx, window{since: w.since, until: now}, 340, 30)
	if err != nil {
		return err
	}
	// Between two of the adapter's calls some of the oldest orders change. The gate is where that moment is known.
	oldest := make(chan string, len(numbers))
	for _, number := range numbers[:60] {
		oldest <- number
	}
	door, err := newGate(ctx, s.sandbox.Base(), func(request int) bool {
		for range 15 {
			if request == 1 {
				break
			}
			// A failure shows as an order that did not move, which proves less and fails nobody.
			select {
			case number := <-oldest:
				_ = s.sandbox.PatchOrder(ctx, number, map[string]any{"claim": true})
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
	if missing := l.missing(numbers); len(missing) > 0 {
		return fmt.Errorf("%d of %d orders are missing after orders changed during the read: %s", len(missing), len(numbers), some(missing))
	}
	return nil
}
