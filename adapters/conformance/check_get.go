package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func countChecks() []check {
	return []check{{Info: Info{
		ID: "count-agrees", Title: "counts what it lists", Sandbox: true,
		Proves: "CountOrders gives the number of orders that ListOrders gives, by both dates, for all statuses and for one.",
	}, run: countAgrees}}
}

func countAgrees(ctx context.Context, s *subject) error {
	if !s.capabilities().GetCount() {
		return skipped("the adapter does not declare count")
	}
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	// No order lies near a bound: marketplaces may differ there by a second.
	if _, err := sh.crowd(ctx, window{since: now.Add(-4 * dayLong), until: now.Add(-dayLong)}, 130, 0); err != nil {
		return err
	}
	for _, state := range []string{statePending, stateShipped, stateCancelled} {
		if _, err := sh.orders(ctx, control.OrderSpec{"variety": varietyPlain, "state": state, "created": now.Add(-2 * dayLong), "count": 2}); err != nil {
			return err
		}
	}
	known := slices.DeleteFunc(allStatuses(), func(st adapterv1.OrderStatus) bool { return st == adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED })
	shipped := []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_SHIPPED}
	var f findings
	for _, w := range []window{
		{since: now.Add(-5 * dayLong), until: now.Add(-dayLong / 2), statuses: known},
		{since: now.Add(-5 * dayLong), until: now.Add(-dayLong / 2), statuses: known, modified: true},
		{since: now.Add(-5 * dayLong), until: now.Add(-dayLong / 2), statuses: shipped},
		{since: now.Add(-60 * dayLong), until: now.Add(-50 * dayLong), statuses: known},
	} {
		n, err := p.count(ctx, sh.store, w)
		if err != nil {
			return failed("CountOrders", err)
		}
		l, err := p.list(ctx, sh.store, w)
		if err != nil {
			return failed("ListOrders", err)
		}
		listed := 0
		for _, o := range l.byNumber() {
			if slices.Contains(w.statuses, o.GetStatus()) {
				listed++ // a list may give more than it was asked for
			}
		}
		if n != int64(listed) {
			f.addf("%d counted, %d listed, for %d statuses by modification date: %t", n, listed, len(w.statuses), w.modified)
		}
	}
	return f.err()
}

func getChecks() []check {
	return []check{
		{Info: Info{
			ID: "get-orders", Title: "reads orders by number", Sandbox: true,
			Proves: "As many orders as the limit allows come back, whatever their status; unknown numbers and those of another store are left out.",
		}, run: getOrders},
		{Info: Info{
			ID: "get-strange-numbers", Title: "takes no number for anything else", Sandbox: true,
			Proves: "Numbers with slashes, quotes, markup or dots give no order or INVALID_REQUEST, and never another order.",
		}, run: getStrange},
	}
}

func getOrders(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	other, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var numbers []string
	limit := int(min(s.capabilities().GetMaxOrdersPerGet(), 40))
	for i := range limit {
		number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain, "state": stateMeanings()[i%len(stateMeanings())].state})
		if err != nil {
			return err
		}
		numbers = append(numbers, number)
	}
	foreign, err := other.order(ctx, control.OrderSpec{"variety": varietyPlain})
	if err != nil {
		return err
	}
	var f findings
	orders, err := p.get(ctx, sh.store, numbers...)
	if err != nil {
		return failed("GetOrders", err)
	}
	slices.Sort(numbers)
	if got := identify(orders, numbers); !slices.Equal(got, numbers) {
		f.addf("asked for %d orders, got %d", len(numbers), len(got))
	}
	for what, ask := range map[string][]string{
		"an unknown number":                  {"0000000000XXXXX"},
		"an order of another store":          {foreign},
		"both and an order of its own":       {foreign, numbers[0], "0000000000XXXXX"},
		"an order of its own and an unknown": {numbers[0], "0000000000XXXXX"},
	} {
		if len(ask) > int(s.capabilities().GetMaxOrdersPerGet()) {
			continue
		}
		orders, err := p.get(ctx, sh.store, ask...)
		if err != nil {
			f.add(failed("GetOrders of "+what, err))
			continue
		}
		var want []string
		if slices.Contains(ask, numbers[0]) {
			want = []string{numbers[0]}
		}
		if got := identify(orders, ask); !slices.Equal(got, want) {
			f.addf("GetOrders of %s gives %s", what, numbersOf(orders))
		}
	}
	return f.err()
}

// identify returns the numbers that were asked for and came, sorted; an order that nobody asked for by the number that it has.
func identify(orders []*adapterv1.Order, asked []string) []string {
	var numbers []string
	for _, o := range orders {
		number := o.GetOrderNumber()
		if slices.Contains(asked, o.GetReference()) {
			number = o.GetReference()
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers
}

func getStrange(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	number, err := sh.order(ctx, control.OrderSpec{"variety": varietyPlain})
	if err != nil {
		return err
	}
	var f findings
	for _, strange := range []string{
		".", "..", "../" + number, number + "/..", "count", number + "?x=1", number + "#x", number + "/shipments", "%2e%2e", number + "%00",
		"<a/>", "]]>", "&amp;", `"`, "'; --", "a b", number + " ", "É" + number, strings.Repeat("9", 4000), "\x01", "\n", number + "," + number,
	} {
		orders, err := p.get(ctx, sh.store, strange)
		switch {
		case err != nil:
			// The number is refused, here or by the marketplace; a failure of anything else would be a bug.
			if code := status.Code(err); code != codes.InvalidArgument && code != codes.FailedPrecondition {
				f.addf("GetOrders of %.30q: %s", strange, err)
			}
		case len(orders) > 0 && orders[0].GetOrderNumber() != strange && orders[0].GetReference() != strange &&
			strings.TrimSpace(strange) != orders[0].GetOrderNumber():
			f.addf("GetOrders of %.30q gives %s", strange, numbersOf(orders))
		}
	}
	if p.Err() != nil {
		return fmt.Errorf("the adapter ended: %w", p.Err())
	}
	if _, err := p.one(ctx, sh.store, number); err != nil {
		f.add(err)
	}
	return f.err()
}
