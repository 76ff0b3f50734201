package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// under makes a write while calls for it fail, and returns the result and how many requests came and were carried out.
func (d *desk) under(ctx context.Context, w write, it item, fault control.Fault) (r *adapterv1.WriteResult, received, done int, err error) {
	fault.On = w.action
	_, remove, err := d.shop.fault(ctx, fault)
	if err != nil {
		return nil, 0, 0, err
	}
	results, sendErr := d.send(ctx, w, it)
	if err := remove(); err != nil {
		return nil, 0, 0, err
	}
	received, done, err = d.received(ctx, w, it.number)
	if err != nil {
		return nil, 0, 0, err
	}
	if sendErr != nil {
		return nil, received, done, sendErr
	}
	return results[0], received, done, nil
}

func writeLostAnswer(ctx context.Context, d *desk, w write) error {
	var f findings
	for _, fault := range []control.Fault{
		{Kind: "cut_after"},
		{Kind: "http_500", Params: map[string]any{"apply": true}},
		{Kind: "http_503", Params: map[string]any{"apply": true}},
		{Kind: "html", Params: map[string]any{"apply": true}},
	} {
		items, err := d.items(ctx, w.ready, 1)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s, the answer is lost by %s", w.name, fault.Kind)
		r, received, done, err := d.under(ctx, w, items[0], fault)
		if err != nil {
			f.add(failed(what+": the call failed, which says that nothing was sent", err))
			continue
		}
		f.add(outcomes(what, r, unknown))
		if received != 1 || done != 1 {
			f.addf("%s: the marketplace received %d requests and carried out %d", what, received, done)
		}
		again, err := d.send(ctx, w, items...)
		if err != nil {
			f.add(failed(w.name+" after "+fault.Kind, err))
			continue
		}
		f.add(outcomes(what+", and sent again", again[0], alreadyApplied, rejected, unknown))
		f.add(d.onceAtMost(ctx, w, items[0].number))
	}
	return f.err()
}

func writeNotCarriedOut(ctx context.Context, d *desk, w write) error {
	var f findings
	for _, fault := range []control.Fault{{Kind: "cut_before"}, {Kind: "http_500"}, {Kind: "http_503"}} {
		items, err := d.items(ctx, w.ready, 1)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s that ends in %s", w.name, fault.Kind)
		r, received, _, err := d.under(ctx, w, items[0], fault)
		if err != nil {
			f.add(failed(what+": the call failed although a request had been sent", err))
			continue
		}
		f.add(outcomes(what, r, retry, unknown))
		if received > 1 {
			f.addf("%s: %d requests were made", what, received)
		}
	}
	items, err := d.items(ctx, w.ready, 1)
	if err != nil {
		return err
	}
	away := *d
	away.store = clone(d.store)
	for key := range away.store.GetEnvironment() {
		away.store.Environment[key] = d.nowhere().GetEnvironment()[key]
	}
	results, err := away.send(ctx, w, items...)
	if err != nil {
		_, err = expectReason(w.name+" with the marketplace out of reach", err, marketplaceDown)
		f.add(err)
	} else {
		f.add(outcomes(w.name+" with the marketplace out of reach", results[0], retry, unknown))
	}
	return f.err()
}

func writeGarbled(ctx context.Context, d *desk, w write) error {
	var f findings
	for _, fault := range []control.Fault{
		{Kind: "truncated", Params: map[string]any{"fraction": 0.1}},
		{Kind: "truncated", Params: map[string]any{"fraction": 0.9}},
		{Kind: "cut_mid", Params: map[string]any{"fraction": 0.5}},
		{Kind: "malformed", Params: map[string]any{"apply": true}},
	} {
		items, err := d.items(ctx, w.ready, 1)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s, the answer is %s", w.name, fault.Kind)
		r, received, done, err := d.under(ctx, w, items[0], fault)
		if err != nil {
			f.add(failed(what+": the call failed, which says that nothing was sent", err))
			continue
		}
		if received != 1 {
			f.addf("%s: %d requests were made", what, received)
		}
		f.add(truthful(what, r, done > 0))
	}
	return f.err()
}

// truthful says when an outcome is not true.
func truthful(what string, r *adapterv1.WriteResult, done bool) error {
	switch o := r.GetOutcome(); {
	case o == unknown, o == applied && done, o == alreadyApplied && done, (o == rejected || o == retry) && !done:
		return nil
	default:
		return fmt.Errorf("%s: %s, and the marketplace carried it out: %t", what, tell(r), done)
	}
}

func writeThrottled(ctx context.Context, d *desk, w write) error {
	const asked = 7 * time.Second
	quotaTells, err := d.sandbox.QuotaTellsDelay(ctx, d.shop.face)
	if err != nil {
		return err
	}
	var f findings
	for kind, tells := range map[string]bool{"throttle": true, "quota": quotaTells} {
		items, err := d.items(ctx, w.ready, 1)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%s under %s", w.name, kind)
		r, received, done, err := d.under(ctx, w, items[0], control.Fault{Kind: kind, Params: map[string]any{"seconds": asked.Seconds()}})
		var wait time.Duration
		if err != nil {
			t, wrong := expectReason(what, err, throttled)
			f.add(wrong)
			wait = t.retryAfter
		} else {
			f.add(outcomes(what, r, retry))
			wait = r.GetRetryAfter().AsDuration()
		}
		if tells && (wait < asked-time.Second || wait > asked+time.Second) {
			f.addf("%s: the marketplace asks to wait %s, the adapter says %s", what, asked, wait)
		}
		if received > 1 || done > 0 {
			f.addf("%s: %d requests were made, %d carried out", what, received, done)
		}
	}
	return f.err()
}

func writeRefused(ctx context.Context, d *desk, w write) error {
	var f findings
	items, err := d.items(ctx, stateCancelled, 1)
	if err != nil {
		return err
	}
	other, err := d.newShop(ctx, nil)
	if err != nil {
		return err
	}
	number, err := other.order(ctx, control.OrderSpec{"variety": varietyPlain, "state": w.ready})
	if err != nil {
		return err
	}
	foreign, err := d.one(ctx, other.store, number)
	if err != nil {
		return err
	}
	items = append(items, d.itemOf(number, foreign))
	for i, what := range []string{"a cancelled order", "an order of another store"} {
		results, err := d.send(ctx, w, items[i])
		if err != nil {
			f.add(failed(w.name+" of "+what, err))
			continue
		}
		f.add(outcomes(w.name+" of "+what, results[0], rejected))
		if results[0].GetOutcome() == rejected && results[0].GetMessage() == "" && results[0].GetNativeReason() == "" {
			f.addf("%s of %s: the refusal has no reason", w.name, what)
		}
	}
	log, err := d.shop.sandbox.Writes(ctx, other.account)
	if err != nil {
		return err
	}
	for _, entry := range log {
		if entry.Applied {
			f.addf("%s: an order of another store was changed", w.name)
		}
	}
	return f.err()
}

func writeStateless(ctx context.Context, d *desk, w write) error {
	items, err := d.items(ctx, w.ready, 1)
	if err != nil {
		return err
	}
	elsewhere, err := d.start(ctx)
	if err != nil {
		return err
	}
	fresh := *d
	fresh.process, fresh.store = elsewhere, d.shop.context(nil)
	results, err := fresh.send(ctx, w, items...)
	if err != nil {
		return failed(w.name+" in a new process", err)
	}
	return outcomes(w.name+" in a new process", results[0], applied)
}
