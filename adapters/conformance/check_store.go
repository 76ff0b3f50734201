package conformance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func storeChecks() []check {
	return []check{
		{Info: Info{
			ID: "stores-apart", Title: "never mixes two stores", Sandbox: true,
			Proves: "Concurrent calls for two stores see and change only their own orders, also when one store id comes with other credentials than before.",
		}, run: storesApart},
		{Info: Info{
			ID: "calls-concurrent", Title: "answers many calls at once", Sandbox: true,
			Proves: "Sixty-four reads at once on one process all give the answer that one alone gives.",
		}, run: callsConcurrent},
	}
}

func storesApart(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return err
	}
	w := window{since: now.Add(-3 * dayLong), until: now.Add(time.Hour)}
	type side struct {
		shop    *shop
		numbers []string
	}
	sides := make([]side, 2)
	for i := range sides {
		if sides[i].shop, err = s.newShop(ctx, nil); err != nil {
			return err
		}
		if sides[i].numbers, err = sides[i].shop.crowd(ctx, window{since: w.since, until: now}, 40, 0); err != nil {
			return err
		}
	}
	var f findings
	var mu sync.Mutex
	note := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		f.add(err)
	}
	var calls sync.WaitGroup
	for i := range sides {
		for range 4 {
			calls.Go(func() { note(ownOnly(ctx, p, sides[i].shop.store, w, sides[i].numbers)) })
		}
		calls.Go(func() { note(s.shipOwn(ctx, p, sides[i].shop)) })
	}
	calls.Wait()
	// A store that was disconnected and connected to another account keeps its id.
	for i := range sides {
		same := sides[i].shop.context(nil)
		same.StoreId = "one-store"
		note(ownOnly(ctx, p, same, w, sides[i].numbers))
	}
	return f.err()
}

// ownOnly lists a window and says what came of other stores, or is missing.
func ownOnly(ctx context.Context, p *process, store *adapterv1.StoreContext, w window, own []string) error {
	l, err := p.list(ctx, store, w)
	if err != nil {
		return failed("ListOrders", err)
	}
	if missing := l.missing(own); len(missing) > 0 {
		return fmt.Errorf("ListOrders beside another store: %d orders are missing", len(missing))
	}
	for _, o := range l.orders() {
		mine := slices.ContainsFunc(own, func(number string) bool { return is(o, number) })
		if !mine && !slices.ContainsFunc(o.GetLines(), func(l *adapterv1.OrderLine) bool { return l.GetSku() == shipOwnSKU }) {
			return fmt.Errorf("ListOrders gives an order of another store")
		}
	}
	return nil
}

// shipOwnSKU marks the orders that shipOwn creates, which appear while others list.
const shipOwnSKU = "SHIPOWN"

// shipOwn ships orders of a shop and says when the marketplace got them from another one.
func (s *suite) shipOwn(ctx context.Context, p *process, sh *shop) error {
	for range 3 {
		number, err := sh.order(ctx, control.OrderSpec{
			"variety": varietyPlain, "state": stateReady, "lines": []map[string]any{{"sku": shipOwnSKU, "total": "10.00"}},
		})
		if err != nil {
			return err
		}
		o, err := p.one(ctx, sh.store, number)
		if err != nil {
			return err
		}
		call, cancel := context.WithTimeout(ctx, callTimeout)
		carriers, err := p.ListCarriers(call, &adapterv1.ListCarriersRequest{Store: sh.store})
		if err == nil && len(carriers.GetCarriers()) == 0 {
			err = fmt.Errorf("no carriers")
		}
		if err != nil {
			cancel()
			return failed("ListCarriers", err)
		}
		it := item{key: "k", number: number, order: o, carrier: carriers.GetCarriers()[0].GetName(), tracking: "TRACK1"}
		results, err := notifyShipments(call, p, sh.store, []item{it})
		cancel()
		if err != nil {
			return failed("NotifyShipments", err)
		}
		if len(results) != 1 || results[0].GetOutcome() != applied {
			return fmt.Errorf("NotifyShipments beside another store did not say APPLIED")
		}
		if log, err := sh.writes(ctx, number); err != nil || len(log) != 1 {
			return fmt.Errorf("the marketplace received %d requests from the store instead of one (%w)", len(log), err)
		}
	}
	return nil
}

func callsConcurrent(ctx context.Context, s *subject) error {
	sh, p, q, err := s.asked(ctx)
	if err != nil {
		return err
	}
	truth, err := s.truths(ctx, p, sh, q)
	if err != nil {
		return err
	}
	reads := s.reads()
	var f findings
	var mu sync.Mutex
	var calls sync.WaitGroup
	for i := range 64 {
		calls.Go(func() {
			r := reads[i%len(reads)]
			call, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			answer, err := r.call(call, p, sh.store, q)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				f.add(failed(r.name+" among 64", err))
				return
			}
			f.add(trueOrFailed(r.name+" among 64", truth[r.name], answer, nil))
		})
	}
	calls.Wait()
	return f.err()
}
