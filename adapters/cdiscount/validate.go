package cdiscount

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// validateOrder is a ValidateOrder, the only thing that the adapter writes: it ships, accepts or refuses one whole order
// (cdiscount-soap.md 8.1). Which order state and line state go together is the table of 8.2; the two enums are not
// interchangeable, and the wrong one fails the whole request.
type validateOrder struct {
	orderState string
	lineState  string // of every line
	lines      []contextLine
	number     string
	// Only with a shipment.
	carrier        string
	trackingNumber string
	trackingURL    string
}

// call is the call that sends the order.
func (o *validateOrder) call() call { return call{op: opValidateOrderList, parameter: o.write} }

// write writes the parameter of ValidateOrderList in schema order, with every line of the order: the marketplace's own
// engineers ask for that (cdiscount-soap.md 8.2).
func (o *validateOrder) write(w *requestWriter) {
	w.group("validateOrderListMessage", func() {
		w.group("OrderList", func() {
			w.group("ValidateOrder", func() {
				w.optional("CarrierName", o.carrier)
				w.group("OrderLineList", func() {
					for _, l := range o.lines {
						w.group("ValidateOrderLine", func() {
							w.text("AcceptationState", o.lineState)
							w.optional("ProductCondition", l.Condition)
							w.optional("SellerProductId", l.SKU)
						})
					}
				})
				w.text("OrderNumber", o.number)
				w.text("OrderState", o.orderState)
				w.optional("TrackingNumber", o.trackingNumber)
				w.optional("TrackingUrl", o.trackingURL)
			})
		})
	})
}

// plannedWrite is one item of a call that writes.
type plannedWrite struct {
	key   string
	order *validateOrder
	// refused says why the item is not sent; order is nil then.
	refused error
}

// checkKeys refuses a call whose results could not be told apart. field is the items' name in the request. Errors:
// INVALID_REQUEST.
func checkKeys(field string, limit int, items []plannedWrite) error {
	if n := len(items); n > limit {
		return sdk.InvalidRequest(field, "holds %d items, at most %d are allowed", n, limit)
	}
	seen := make(map[string]bool, len(items))
	for i, item := range items {
		if item.key == "" || seen[item.key] {
			return sdk.InvalidRequest(fmt.Sprintf("%s[%d].key", field, i), "is empty or used twice")
		}
		seen[item.key] = true
	}
	return nil
}

// contextLines returns the lines of an order that can still be spoken of, from what the adapter gave with it.
func contextLines(adapterContext []byte) ([]contextLine, error) {
	var c orderContext
	if err := json.Unmarshal(adapterContext, &c); err != nil || c.Version != contextVersion {
		return nil, errors.New("the order's context is not one of this adapter: the order must be read again")
	}
	if len(c.Lines) == 0 {
		return nil, errors.New("the order has no line left")
	}
	return c.Lines, nil
}

// writeOrders makes one ValidateOrderList call for each item, one after the other. Each is sent at most once, whatever comes
// back; even a token that ran out makes the item OUTCOME_RETRY, and only the items after it use the new one.
//
// An error of the whole call means that the marketplace certainly did nothing: there was no token, or it refused the account
// as such before anything else of the call had reached it.
func (a *Adapter) writeOrders(
	ctx context.Context, store *adapterv1.StoreContext, items []plannedWrite,
) ([]*adapterv1.WriteResult, *adapterv1.StateUpdate, error) {
	s, err := a.open(store)
	if err != nil {
		return nil, nil, err
	}
	if len(items) == 0 {
		return nil, nil, nil
	}
	ctx, cancel := withReportingTime(ctx)
	defer cancel()
	if err := s.authenticate(ctx); err != nil {
		return nil, nil, err
	}
	var results []*adapterv1.WriteResult
	reached := false  // an earlier item may have changed something
	var blocked error // why nothing more is sent
	for _, item := range items {
		var result *adapterv1.WriteResult
		switch {
		case item.refused != nil:
			result = rejected("", item.refused.Error())
		case blocked != nil:
			result = retry("not sent: " + blocked.Error())
		case ctx.Err() != nil:
			result = retry("not sent: the time of the call was over")
		default:
			var seller error
			if result, seller = s.validate(ctx, item.order); seller != nil {
				if !reached {
					return nil, nil, seller
				}
				blocked = seller
			}
			reached = reached || result.GetOutcome() != adapterv1.Outcome_OUTCOME_RETRY
			if s.current.value == "" && blocked == nil {
				blocked = errors.New("there is no token")
			}
		}
		result.Key = item.key
		results = append(results, result)
	}
	return results, s.stateUpdate(), nil
}

// withReportingTime takes a little from the caller's deadline, so that what became of the first items can still be told
// when the last one takes too long.
func withReportingTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(time.Second, time.Until(deadline)/10)))
}
