package cdiscount

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Values of a shipment (cdiscount-soap.md 8.2). The two enums are not interchangeable: Shipped is an order's, ShippedBySeller
// a line's, and the wrong one fails the whole request.
const (
	orderShipped = "Shipped"
	lineShipped  = "ShippedBySeller"
)

// NotifyShipments implements sdk.Adapter with one ValidateOrderList for each order, one after the other. Each is sent at
// most once, whatever comes back; even a token that ran out makes the item OUTCOME_RETRY, and only the items after it use
// the new one.
//
// An error of the whole call means that the marketplace certainly did nothing: there was no token, or it refused the account
// as such before anything else of the call had reached it.
func (a *Adapter) NotifyShipments(
	ctx context.Context, req *adapterv1.NotifyShipmentsRequest,
) (*adapterv1.NotifyShipmentsResponse, error) {
	if err := checkKeys(req.GetNotifications()); err != nil {
		return nil, err
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	ctx, cancel := withReportingTime(ctx)
	defer cancel()
	resp := &adapterv1.NotifyShipmentsResponse{}
	if len(req.GetNotifications()) == 0 {
		return resp, nil
	}
	if err := s.authenticate(ctx); err != nil {
		return nil, err
	}
	reached := false  // an earlier item may have changed something
	var blocked error // why nothing more is sent
	for _, n := range req.GetNotifications() {
		var result *adapterv1.WriteResult
		switch shipment, err := planShipment(n); {
		case err != nil:
			result = rejected("", err.Error())
		case blocked != nil:
			result = retry("not sent: " + blocked.Error())
		case ctx.Err() != nil:
			result = retry("not sent: the time of the call was over")
		default:
			var seller error
			if result, seller = s.notify(ctx, shipment); seller != nil {
				if !reached {
					return nil, seller
				}
				blocked = seller
			}
			reached = reached || result.GetOutcome() != adapterv1.Outcome_OUTCOME_RETRY
			if s.current.value == "" && blocked == nil {
				blocked = errors.New("there is no token")
			}
		}
		result.Key = n.GetKey()
		resp.Results = append(resp.Results, result)
	}
	resp.StateUpdate = s.stateUpdate()
	return resp, nil
}

// checkKeys refuses a call whose results could not be told apart. Errors: INVALID_REQUEST.
func checkKeys(notifications []*adapterv1.ShipmentNotification) error {
	if n := len(notifications); n > maxShipmentsPerCall {
		return sdk.InvalidRequest("notifications", "holds %d items, at most %d are allowed", n, maxShipmentsPerCall)
	}
	seen := make(map[string]bool, len(notifications))
	for i, n := range notifications {
		if n.GetKey() == "" || seen[n.GetKey()] {
			return sdk.InvalidRequest(fmt.Sprintf("notifications[%d].key", i), "is empty or used twice")
		}
		seen[n.GetKey()] = true
	}
	return nil
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

// validateOrder is a ValidateOrder that ships an order (cdiscount-soap.md 8.1).
type validateOrder struct {
	carrier        string
	lines          []contextLine
	number         string
	trackingNumber string
	trackingURL    string
}

// planShipment checks a notification before anything is sent. The error says what is wrong, for people.
func planShipment(n *adapterv1.ShipmentNotification) (*validateOrder, error) {
	switch {
	case n.GetOrderNumber() == "":
		return nil, errors.New("the order number is missing")
	case n.GetCarrier() == "" || n.GetTrackingNumber() == "":
		return nil, errors.New("carrier and tracking number are mandatory at Cdiscount")
	}
	var c orderContext
	if err := json.Unmarshal(n.GetAdapterContext(), &c); err != nil || c.Version != contextVersion {
		return nil, errors.New("the order's context is not one of this adapter: the order must be read again")
	}
	if len(c.Lines) == 0 {
		return nil, errors.New("the order has no line left to ship")
	}
	if len(n.GetLines()) > 0 {
		named := make(map[string]bool, len(n.GetLines()))
		for _, l := range n.GetLines() {
			named[l.GetLineId()] = true
		}
		for _, l := range c.Lines {
			if !named[l.ID] {
				return nil, errors.New("the shipment leaves out a line: Cdiscount takes whole orders only")
			}
		}
	}
	return &validateOrder{
		carrier: n.GetCarrier(), lines: c.Lines, number: n.GetOrderNumber(),
		trackingNumber: n.GetTrackingNumber(), trackingURL: n.GetTrackingUrl(),
	}, nil
}

// write writes the parameter of ValidateOrderList in schema order, with every line of the order: the marketplace's own
// engineers ask for that (cdiscount-soap.md 8.2).
func (o *validateOrder) write(w *requestWriter) {
	w.group("validateOrderListMessage", func() {
		w.group("OrderList", func() {
			w.group("ValidateOrder", func() {
				w.text("CarrierName", o.carrier)
				w.group("OrderLineList", func() {
					for _, l := range o.lines {
						w.group("ValidateOrderLine", func() {
							w.text("AcceptationState", lineShipped)
							w.optional("ProductCondition", l.Condition)
							w.optional("SellerProductId", l.SKU)
						})
					}
				})
				w.text("OrderNumber", o.number)
				w.text("OrderState", orderShipped)
				w.text("TrackingNumber", o.trackingNumber)
				w.optional("TrackingUrl", o.trackingURL)
			})
		})
	})
}

// validateResult is a ValidateOrderResult (cdiscount-soap.md 8.3).
type validateResult struct {
	Errors      []wireError `xml:"Errors>Error"`
	OrderNumber string      `xml:"OrderNumber"`
	Lines       []struct {
		Errors          []wireError `xml:"Errors>Error"`
		SellerProductID string      `xml:"SellerProductId"`
		Updated         string      `xml:"Updated"`
	} `xml:"ValidateOrderLineResults>ValidateOrderLineResult"`
	Validated string `xml:"Validated"`
}

// notify sends one order and says what became of it. The error is set, beside a result, when the marketplace refused the
// account as such.
func (s *session) notify(ctx context.Context, o *validateOrder) (*adapterv1.WriteResult, error) {
	var list struct {
		Results []validateResult `xml:"ValidateOrderResult"`
	}
	head, err := s.write(ctx, call{op: opValidateOrderList, parameter: o.write, fields: map[string]fieldReader{
		"ValidateOrderResults": func(r *answerReader, start xml.StartElement, _ *answer) error { return r.decode(start, &list) },
	}})
	if err == nil {
		for i := range list.Results {
			if clean(list.Results[i].OrderNumber) == o.number {
				return o.judge(&list.Results[i]), nil
			}
		}
		if head.success {
			return unknown("the answer does not speak of the order"), nil
		}
		err = newRefusal(head)
	}
	if seller := aboutSeller(opValidateOrderList, err); seller != nil {
		return retry(seller.Error()), seller
	}
	var f *fault
	if errors.As(err, &f) && f.aboutToken() {
		// Not repeated: a write is sent once. What follows uses the new token.
		if renewal := s.renew(ctx); renewal != nil {
			return retry("the token ran out, and there is no new one yet: " + renewal.Error()), nil //nolint:nilerr // told as the outcome of this order
		}
		return retry("the token ran out; a new one is there"), nil
	}
	return outcomeOf(err), nil
}

// judge reads what the marketplace says of the order: yes means Validated and every line Updated. OperationSuccess is true
// for refusals too and not looked at (cdiscount-soap.md 4.1). A yes was never recorded (12.3), so that anything short of
// the full one is UNKNOWN and the order is read again.
func (o *validateOrder) judge(r *validateResult) *adapterv1.WriteResult {
	validated, readable := parseBool(r.Validated)
	updated := make(map[string]bool) // by SellerProductId; false wins
	touched := false
	for _, l := range r.Lines {
		yes, _ := parseBool(l.Updated)
		id := clean(l.SellerProductID)
		before, seen := updated[id]
		updated[id] = yes && (before || !seen)
		touched = touched || yes
	}
	switch {
	case !readable:
		return unknown("the answer does not say whether the order was validated")
	case !validated && touched:
		return unknown("the order was not validated, but a line was updated")
	case !validated:
		return o.refused(r)
	}
	for _, l := range o.lines {
		if !updated[clean(l.SKU)] {
			return unknown("the order was validated, but not every line was updated")
		}
	}
	return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_APPLIED}
}

// refused is the result of Validated=false: nothing changed. The first error of the order says why, else the first of a line.
// OrderStateIncoherent also answers a repetition of what is already done, which only reading the order can tell (8.3).
func (o *validateOrder) refused(r *validateResult) *adapterv1.WriteResult {
	causes := r.Errors
	for _, l := range r.Lines {
		causes = append(causes, l.Errors...)
	}
	if len(causes) == 0 {
		return rejected("", "Cdiscount did not validate the order and gave no reason")
	}
	reason, message := clean(causes[0].Type), quote(causes[0].Message)
	if reason == errorTypeQuota {
		result := retry(message)
		result.NativeReason = reason
		return result
	}
	return rejected(reason, message)
}

// outcomeOf says what became of a write whose answer does not tell. Only what certainly did not reach the marketplace, or
// was refused by it before it did anything, is RETRY or REJECTED.
func outcomeOf(err error) *adapterv1.WriteResult {
	var (
		illegal *illegalTextError
		budget  *budgetError
		lost    *lostError
		status  *httpError
		f       *fault
		r       *refusal
	)
	switch {
	case errors.As(err, &illegal):
		return rejected("", "not sent: "+illegal.Error())
	case errors.As(err, &budget):
		return retry("not sent: " + budget.Error())
	case errors.As(err, &lost) && !lost.sent:
		return retry("not sent: " + describeLoss(lost))
	case errors.As(err, &lost):
		return unknown(describeLoss(lost))
	case errors.As(err, &status) && status.status == http.StatusTooManyRequests:
		result := retry(status.Error())
		if status.retryAfter > 0 {
			result.RetryAfter = durationpb.New(status.retryAfter)
		}
		return result
	case errors.As(err, &f) && f.Code == faultDeserialization:
		return rejected(f.Code, "Cdiscount could not read the request")
	case errors.As(err, &r) && r.quota():
		result := retry(r.message)
		result.NativeReason = errorTypeQuota
		return result
	case errors.As(err, &r) && r.certain():
		return rejected(r.types[0], r.message)
	}
	// A status without SOAP, another fault, an unreadable answer, a failure without a reason or in the marketplace itself.
	return unknown(err.Error())
}

func retry(message string) *adapterv1.WriteResult {
	return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_RETRY, Message: message}
}

func unknown(message string) *adapterv1.WriteResult {
	return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_UNKNOWN, Message: message}
}

func rejected(reason, message string) *adapterv1.WriteResult {
	return &adapterv1.WriteResult{
		Outcome: adapterv1.Outcome_OUTCOME_REJECTED, NativeReason: reason, Message: message,
	}
}
