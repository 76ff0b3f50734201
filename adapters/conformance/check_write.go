package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// writeChecks are the checks of one area of writes: "ship" for NotifyShipments, "decide" for AcceptOrders and RefuseOrders. Both
// areas keep the same promises.
func writeChecks(area string) []check {
	what := map[string]string{"ship": "shipments", "decide": "decisions"}[area]
	list := []struct {
		info  Info
		check func(ctx context.Context, d *desk, w write) error
	}{
		{Info{
			ID: "applied", Title: what + " arrive once, as they were given",
			Proves: "The answer is APPLIED, the marketplace received one request that says what was asked for and carried it out, and a read shows it.",
		}, writeApplied},
		{Info{
			ID: "repeated", Title: what + " that are repeated have no second effect",
			Proves: "The same item sent again is ALREADY_APPLIED or REJECTED, and the marketplace carried out one.",
		}, writeRepeated},
		{Info{
			ID: "batch", Title: what + " of a batch are independent",
			Proves: "Among good items, one for an order that cannot be changed and one for none fail alone; every key has exactly one result.",
		}, writeBatch},
		{Info{
			ID: "keys", Title: what + " need keys of their own",
			Proves: "An empty or repeated key is INVALID_REQUEST and sends nothing.",
		}, writeKeys},
		{Info{
			ID: "lost-answer", Title: what + " whose answer is lost are UNKNOWN, and sent once",
			Proves: "When the marketplace carries a request out and its answer is lost (cut, HTTP 500, a page) the outcome is UNKNOWN, one request was made, and a later repetition has no second effect.",
		}, writeLostAnswer},
		{Info{
			ID: "not-carried-out", Title: what + " that fail are never called done",
			Proves: "When the marketplace carries nothing out (cut before, HTTP 503, unreachable) the outcome is RETRY or UNKNOWN, or the call fails; one request was made at most.",
		}, writeNotCarriedOut},
		{Info{
			ID: "garbled-answer", Title: what + " with a garbled answer tell the truth",
			Proves: "After answers that are cut short or not readable, APPLIED is only said of what was carried out, REJECTED and RETRY only of what was not.",
		}, writeGarbled},
		{Info{
			ID: "throttled", Title: what + " that come too fast wait",
			Proves: "When the marketplace asks to wait the outcome is RETRY with its delay, or the call is THROTTLED with it; nothing was carried out.",
		}, writeThrottled},
		{Info{
			ID: "refused", Title: what + " that the marketplace refuses are REJECTED",
			Proves: "For a cancelled order and for one of another store the outcome is REJECTED with a reason for people.",
		}, writeRefused},
		{Info{
			ID: "stateless", Title: what + " need nothing but the request",
			Proves: "An order that one process read is written to from another one, without state.",
		}, writeStateless},
	}
	var out []check
	for _, c := range list {
		c.info.ID, c.info.Sandbox = area+"-"+c.info.ID, true
		out = append(out, check{Info: c.info, run: func(ctx context.Context, s *subject) error {
			if area == "decide" && !s.capabilities().GetAcceptance() {
				return skipped("the adapter does not declare acceptance")
			}
			var f findings
			for _, w := range writesOf(area) {
				d, err := s.newDesk(ctx)
				if err != nil {
					return err
				}
				f.add(c.check(ctx, d, w))
			}
			return f.err()
		}})
	}
	return out
}

// outcomes says what is wrong when a result is none of the outcomes.
func outcomes(what string, r *adapterv1.WriteResult, want ...adapterv1.Outcome) error {
	if slices.Contains(want, r.GetOutcome()) {
		return nil
	}
	text := outcomeName(want[0])
	for _, o := range want[1:] {
		text += " or " + outcomeName(o)
	}
	return fmt.Errorf("%s: %s instead of %s", what, tell(r), text)
}

func writeApplied(ctx context.Context, d *desk, w write) error {
	var f findings
	items, err := d.items(ctx, w.ready, 2)
	if err != nil {
		return err
	}
	results, err := d.send(ctx, w, items...)
	if err != nil {
		return failed(w.name, err)
	}
	for i, it := range items {
		number := it.number
		f.add(outcomes(w.name, results[i], applied))
		log, err := d.shop.writes(ctx, number)
		if err != nil {
			return err
		}
		if len(log) != 1 || log[0].Action != w.logged || !log[0].Applied {
			f.addf("%s: the marketplace received %d requests for order %s instead of one to %s it", w.name, len(log), number, w.logged)
			continue
		}
		if w.area == "ship" && (log[0].Carrier != it.carrier || log[0].TrackingNumber != it.tracking) {
			f.addf("%s: the marketplace received %s of %s instead of %s of %s", w.name, log[0].TrackingNumber, log[0].Carrier, it.tracking, it.carrier)
		}
		if url := it.notification().GetTrackingUrl(); w.area == "ship" && d.takes(adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL) && log[0].TrackingURL != url {
			f.addf("%s: tracking_url is declared, and the marketplace received %q instead of %q", w.name, log[0].TrackingURL, url)
		}
		after, err := d.one(ctx, d.store, number)
		if err != nil {
			return err
		}
		if !w.done(after.GetStatus()) {
			f.addf("%s: order %s is %s afterwards", w.name, number, statusName(after.GetStatus()))
		}
	}
	return f.err()
}

// takes reports whether the adapter declares an optional part of a shipment.
func (s *suite) takes(field adapterv1.ShipmentField) bool {
	return slices.Contains(s.capabilities().GetShipmentFields(), field)
}

// onceAtMost says what is wrong when more than one write of an order was carried out.
func (d *desk) onceAtMost(ctx context.Context, w write, number string) error {
	_, done, err := d.received(ctx, w, number)
	if err == nil && done > 1 {
		err = fmt.Errorf("%s: the marketplace carried out %d requests for one order", w.name, done)
	}
	return err
}

func writeRepeated(ctx context.Context, d *desk, w write) error {
	items, err := d.items(ctx, w.ready, 1)
	if err != nil {
		return err
	}
	var f findings
	for i := range 3 {
		results, err := d.send(ctx, w, items...)
		if err != nil {
			return failed(w.name, err)
		}
		if i == 0 {
			f.add(outcomes(w.name, results[0], applied))
		} else {
			f.add(outcomes(w.name+" again", results[0], alreadyApplied, rejected))
		}
	}
	f.add(d.onceAtMost(ctx, w, items[0].number))
	return f.err()
}

func writeBatch(ctx context.Context, d *desk, w write) error {
	if w.limit(d.capabilities()) < 2 {
		return nil // every batch is one item
	}
	good, err := d.items(ctx, w.ready, 2)
	if err != nil {
		return err
	}
	cancelled, err := d.items(ctx, stateCancelled, 1)
	if err != nil {
		return err
	}
	absent := d.itemOf("0000000000XXXXX", clone(good[0].order))
	absent.order.OrderNumber, absent.order.NativeId = absent.number, absent.number
	var f findings
	batches := [][]item{{good[0], cancelled[0], absent, good[1]}}
	if w.limit(d.capabilities()) < 4 {
		batches = [][]item{{cancelled[0], good[0]}, {absent, good[1]}}
	}
	for _, batch := range batches {
		results, err := d.send(ctx, w, batch...)
		if err != nil {
			return failed(w.name, err)
		}
		for i, it := range batch {
			switch it.key {
			case cancelled[0].key:
				f.add(outcomes(w.name+" of a cancelled order in a batch", results[i], rejected))
			case absent.key:
				f.add(outcomes(w.name+" of an unknown order in a batch", results[i], rejected))
			default:
				f.add(outcomes(w.name+" of a good order in a batch", results[i], applied))
			}
		}
	}
	return f.err()
}

func writeKeys(ctx context.Context, d *desk, w write) error {
	items, err := d.items(ctx, w.ready, 2)
	if err != nil {
		return err
	}
	var f findings
	for what, keys := range map[string][]string{"an empty key": {"", "b"}, "the same key twice": {"a", "a"}} {
		if w.limit(d.capabilities()) < 2 {
			keys = keys[:1]
		}
		batch := slices.Clone(items[:len(keys)])
		for i := range batch {
			batch[i].key = keys[i]
		}
		if len(batch) == 1 && batch[0].key != "" {
			continue
		}
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := w.call(call, d.process, d.store, batch)
		cancel()
		_, err = expectReason(w.name+" with "+what, err, invalidRequest)
		f.add(err)
	}
	log, err := d.shop.writes(ctx, "")
	if err != nil {
		return err
	}
	if len(log) > 0 {
		f.addf("%s: %d requests were sent all the same", w.name, len(log))
	}
	return f.err()
}

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
			f.addf("%s: the call failed, which says that nothing was sent: %v", what, err)
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
			f.addf("%s: the call failed although a request had been sent: %v", what, err)
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
			f.addf("%s: the call failed, which says that nothing was sent: %v", what, err)
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
	var f findings
	for _, kind := range []string{"throttle", "quota"} {
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
		if kind == "throttle" && (wait < asked-time.Second || wait > asked+time.Second) {
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
	elsewhere, err := d.subject.start(ctx)
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
