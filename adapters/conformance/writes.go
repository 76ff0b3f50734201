package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Short names of the outcomes.
const (
	applied        = adapterv1.Outcome_OUTCOME_APPLIED
	alreadyApplied = adapterv1.Outcome_OUTCOME_ALREADY_APPLIED
	rejected       = adapterv1.Outcome_OUTCOME_REJECTED
	retry          = adapterv1.Outcome_OUTCOME_RETRY
	unknown        = adapterv1.Outcome_OUTCOME_UNKNOWN
)

// item is one order of a call that writes.
type item struct {
	key      string
	number   string // by which the sandbox knows the order
	order    *adapterv1.Order
	carrier  string
	tracking string
	// change makes the notification another one; nil for none. Decisions have none.
	change func(*adapterv1.ShipmentNotification)
}

// write is a call of the protocol that changes orders at the marketplace.
type write struct {
	area   string // of the checks' ids: "ship" or "decide"
	name   string
	action string // what the sandbox's faults call it
	logged string // what the sandbox's log of writes calls it
	ready  string // state of an order that can be written to
	limit  func(*adapterv1.Capabilities) int32
	// done is whether a status shows that the write was carried out.
	done func(adapterv1.OrderStatus) bool
	call func(ctx context.Context, p *process, store *adapterv1.StoreContext, items []item) ([]*adapterv1.WriteResult, error)
}

// writesOf returns the writes of an area: one for ship, two for decide.
func writesOf(area string) []write {
	return slices.DeleteFunc(allWrites(), func(w write) bool { return w.area != area })
}

// allWrites are the protocol's writes.
func allWrites() []write {
	return []write{
		{
			area: "ship", name: "NotifyShipments", action: "ship", logged: "ship", ready: stateReady,
			limit: (*adapterv1.Capabilities).GetMaxShipmentsPerCall,
			done: func(st adapterv1.OrderStatus) bool {
				return st == adapterv1.OrderStatus_ORDER_STATUS_SHIPPED || st == adapterv1.OrderStatus_ORDER_STATUS_DELIVERED
			},
			call: notifyShipments,
		},
		{
			area: "decide", name: "AcceptOrders", action: "decide", logged: "accept", ready: statePending,
			limit: (*adapterv1.Capabilities).GetMaxDecisionsPerCall,
			done: func(st adapterv1.OrderStatus) bool {
				return st == adapterv1.OrderStatus_ORDER_STATUS_PROCESSING || st == adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP
			},
			call: acceptOrders,
		},
		{
			area: "decide", name: "RefuseOrders", action: "decide", logged: "refuse", ready: statePending,
			limit: (*adapterv1.Capabilities).GetMaxDecisionsPerCall,
			done:  func(st adapterv1.OrderStatus) bool { return st == adapterv1.OrderStatus_ORDER_STATUS_REFUSED },
			call:  refuseOrders,
		},
	}
}

func notifyShipments(ctx context.Context, p *process, store *adapterv1.StoreContext, items []item) ([]*adapterv1.WriteResult, error) {
	req := &adapterv1.NotifyShipmentsRequest{Store: store}
	for _, it := range items {
		req.Notifications = append(req.Notifications, it.notification())
	}
	resp, err := p.NotifyShipments(ctx, req)
	return resp.GetResults(), err
}

// notification is the item as a shipment of the whole order.
func (it item) notification() *adapterv1.ShipmentNotification {
	n := &adapterv1.ShipmentNotification{
		Key: it.key, OrderNumber: it.order.GetOrderNumber(), NativeId: it.order.GetNativeId(),
		AdapterContext: it.order.GetAdapterContext(), Carrier: it.carrier, TrackingNumber: it.tracking,
		TrackingUrl: "https://tracking.example/" + it.tracking,
	}
	for _, l := range it.order.GetLines() {
		n.Lines = append(n.Lines, &adapterv1.ShippedLine{LineId: l.GetLineId(), Sku: l.GetSku(), Quantity: l.GetQuantity()})
	}
	if it.change != nil {
		it.change(n)
	}
	return n
}

func acceptOrders(ctx context.Context, p *process, store *adapterv1.StoreContext, items []item) ([]*adapterv1.WriteResult, error) {
	resp, err := p.AcceptOrders(ctx, &adapterv1.AcceptOrdersRequest{Store: store, Orders: decisions(items)})
	return resp.GetResults(), err
}

func refuseOrders(ctx context.Context, p *process, store *adapterv1.StoreContext, items []item) ([]*adapterv1.WriteResult, error) {
	resp, err := p.RefuseOrders(ctx, &adapterv1.RefuseOrdersRequest{Store: store, Orders: decisions(items)})
	return resp.GetResults(), err
}

func decisions(items []item) []*adapterv1.DecidedOrder {
	var out []*adapterv1.DecidedOrder
	for _, it := range items {
		out = append(out, &adapterv1.DecidedOrder{
			Key: it.key, OrderNumber: it.order.GetOrderNumber(), NativeId: it.order.GetNativeId(), AdapterContext: it.order.GetAdapterContext(),
		})
	}
	return out
}

// desk is what a check of writes works at: a shop, a process, and a carrier that the marketplace knows.
type desk struct {
	*subject
	*process
	shop    *shop
	carrier string
	// store is the shop's with the state that the host would have by now.
	store *adapterv1.StoreContext
}

// newDesk opens a shop and makes its first calls.
func (s *subject) newDesk(ctx context.Context) (*desk, error) {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return nil, err
	}
	p, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	d := &desk{subject: s, process: p, shop: sh}
	_, state, err := p.account(ctx, sh.store)
	if err != nil {
		return nil, failed("CheckConnection", err)
	}
	d.store = sh.context(state)
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	carriers, err := p.ListCarriers(call, &adapterv1.ListCarriersRequest{Store: d.store})
	if err != nil {
		return nil, failed("ListCarriers", err)
	}
	if len(carriers.GetCarriers()) == 0 {
		return nil, fmt.Errorf("ListCarriers names no carrier to ship with")
	}
	d.carrier = carriers.GetCarriers()[0].GetName()
	return d, nil
}

// items creates n orders in a state and reads them, each as an item with a key and a tracking number of its own.
func (d *desk) items(ctx context.Context, state string, n int) ([]item, error) {
	var out []item
	for range n {
		number, err := d.shop.order(ctx, map[string]any{"variety": varietyPlain, "state": state})
		if err != nil {
			return nil, err
		}
		o, err := d.one(ctx, d.store, number)
		if err != nil {
			return nil, err
		}
		out = append(out, d.itemOf(number, o))
	}
	return out, nil
}

// itemOf makes an item of an order that the sandbox knows by that number.
func (d *desk) itemOf(number string, o *adapterv1.Order) item {
	return item{
		key: d.name("key"), number: number, order: o, carrier: d.carrier,
		tracking: strings.ToUpper(strings.ReplaceAll(d.name("T"), "-", "")),
	}
}

// send makes a call that writes and checks that every item got exactly one result. The results are in the order of the items.
func (d *desk) send(ctx context.Context, w write, items ...item) ([]*adapterv1.WriteResult, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	results, err := w.call(ctx, d.process, d.store, items)
	if err != nil {
		return nil, err
	}
	return inOrder(items, results)
}

// inOrder returns the result of each item.
func inOrder(items []item, results []*adapterv1.WriteResult) ([]*adapterv1.WriteResult, error) {
	byKey := map[string]*adapterv1.WriteResult{}
	for _, r := range results {
		if byKey[r.GetKey()] != nil {
			return nil, fmt.Errorf("key %q has two results", r.GetKey())
		}
		byKey[r.GetKey()] = r
	}
	out := make([]*adapterv1.WriteResult, len(items))
	for i, it := range items {
		out[i] = byKey[it.key]
		if out[i] == nil {
			return nil, fmt.Errorf("order %s, key %q, has no result", it.number, it.key)
		}
		delete(byKey, it.key)
	}
	for key := range byKey {
		return nil, fmt.Errorf("there is a result for the key %q, which was not asked for", key)
	}
	return out, nil
}

// outcomeName is an outcome as people write it.
func outcomeName(o adapterv1.Outcome) string { return strings.TrimPrefix(o.String(), "OUTCOME_") }

// tell is a result for people.
func tell(r *adapterv1.WriteResult) string {
	text := outcomeName(r.GetOutcome())
	for _, part := range []string{r.GetNativeReason(), r.GetMessage()} {
		if part != "" {
			text += ", " + part
		}
	}
	return text
}

// received counts the writes that the marketplace received for an order, and those that it carried out.
func (d *desk) received(ctx context.Context, w write, number string) (received, carriedOut int, err error) {
	log, err := d.shop.writes(ctx, number)
	for _, entry := range log {
		if entry.Action != w.logged {
			continue
		}
		received++
		if entry.Applied {
			carriedOut++
		}
	}
	return received, carriedOut, err
}
