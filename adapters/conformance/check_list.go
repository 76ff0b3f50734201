package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

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
			Proves: "Orders created at the begin, inside and in the last millisecond of a window all come, with bounds on full and on half seconds, bought then or earlier, with whatever modification date, or none.",
		}, run: listCreated},
		{Info: Info{
			ID: "list-modified-window", Title: "lists every order modified in a window", Sandbox: true,
			Proves: "Orders modified at the begin, inside and in the last millisecond of a window all come, with bounds on full and on half seconds, also those created long before.",
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
			Proves: "Orders that change while a long list is read by modification date all come; so do, by creation date and for one status, those that keep it while others leave it.",
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
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, part := range secondParts() {
		w := window{since: now.Add(-12 * dayLong).Truncate(time.Second).Add(part), until: now.Add(-2 * dayLong).Truncate(time.Second).Add(part)}
		f.add(s.createdIn(ctx, p, sh, w, now))
	}
	return f.err()
}

// secondParts are the parts of a second at which the bounds of windows lie: marketplaces that filter by the second must be asked
// for more than the window then.
func secondParts() []time.Duration { return []time.Duration{0, 500 * time.Millisecond} }

// createdIn creates orders in a window and around it, and says which of those inside are not listed.
func (s *suite) createdIn(ctx context.Context, p *process, sh *shop, w window, now time.Time) error {
	var inside []placed
	for what, spec := range map[string]control.OrderSpec{
		"created at the begin":                           {"created": w.since},
		"created one millisecond after the begin":        {"created": w.since.Add(time.Millisecond)},
		"created inside and bought before the window":    {"created": w.since.Add(time.Minute), "purchased": w.since.Add(-time.Minute)},
		"created one second after the begin":             {"created": w.since.Add(time.Second)},
		"created one millisecond before the end":         {"created": w.until.Add(-time.Millisecond)},
		"created in the middle":                          {"created": w.since.Add(5 * dayLong)},
		"created inside and modified just now":           {"created": w.since.Add(3 * dayLong), "modified": now},
		"created inside, without a modification date":    {"created": w.since.Add(4 * dayLong), "no_modified": true},
		"created inside and modified before the window":  {"created": w.since.Add(dayLong), "modified": w.since.Add(-dayLong)},
		"created inside on the minute, late in the list": {"created": w.until.Add(-36 * time.Hour).Truncate(time.Minute)},
	} {
		spec["variety"] = varietyPlain
		number, err := sh.order(ctx, spec)
		if err != nil {
			return err
		}
		inside = append(inside, placed{number, fmt.Sprintf("%s, which ends at .%03d s", what, w.until.Nanosecond()/1e6)})
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
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, part := range secondParts() {
		w := window{since: now.Add(-5 * dayLong).Truncate(time.Second).Add(part), until: now.Add(-time.Hour).Truncate(time.Second).Add(part), modified: true}
		f.add(s.modifiedIn(ctx, p, sh, w, now.Add(-25*dayLong)))
	}
	return f.err()
}

// modifiedIn creates orders that changed in a window, some of them created long before, and says which are not listed.
func (s *suite) modifiedIn(ctx context.Context, p *process, sh *shop, w window, long time.Time) error {
	var inside []placed
	for what, spec := range map[string]control.OrderSpec{
		"modified at the begin":                     {"created": long, "modified": w.since},
		"modified one millisecond after the begin":  {"created": long, "modified": w.since.Add(time.Millisecond)},
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
		inside = append(inside, placed{number, fmt.Sprintf("%s, which ends at .%03d s", what, w.until.Nanosecond()/1e6)})
	}
	l, err := p.list(ctx, sh.store, w)
	if err != nil {
		return failed("ListOrders by modified_since", err)
	}
	return missingOf(l, inside)
}

func listStatuses(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
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
