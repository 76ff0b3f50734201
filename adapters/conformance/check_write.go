package conformance

import (
	"context"
	"fmt"
	"slices"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// writeCheck is a check that is made for each write of an area.
type writeCheck struct {
	info  Info
	check func(ctx context.Context, d *desk, w write) error
}

// writeChecks are the checks of one area of writes: "ship" for NotifyShipments, "decide" for AcceptOrders and RefuseOrders. Both
// areas keep the same promises.
func writeChecks(area string) []check {
	what := map[string]string{"ship": "shipments", "decide": "decisions"}[area]
	list := []writeCheck{
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
	if area == "ship" {
		list = append(list, writeCheck{Info{
			ID: "rules", Title: "shipments that break a declared rule are not sent",
			Proves: "A tracking number or address beyond the declared rules, a line left out or a second parcel where that is not declared, and an adapter_context that is not the order's are REJECTED or INVALID_REQUEST, and nothing is sent; what just keeps the rules is APPLIED.",
		}, shipRules})
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
