package cdiscount

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// validateResult is a ValidateOrderResult (cdiscount-soap.md 8.3).
type validateResult struct {
	OrderNumber string
	Validated   string
	Errors      []wireError
	Lines       []validateLineResult
}

// validateLineResult is a ValidateOrderLineResult.
type validateLineResult struct {
	SellerProductID string
	Updated         string
	Errors          []wireError
}

// validateResults reads the list of ValidateOrderResult.
func (r *answerReader) validateResults() (list []validateResult, err error) {
	err = r.items("ValidateOrderResult", func() error {
		var v validateResult
		err := r.members(map[string]func() error{
			"Errors":      r.errorsInto(&v.Errors),
			"OrderNumber": r.into(&v.OrderNumber),
			"ValidateOrderLineResults": func() (err error) {
				v.Lines, err = r.validateLineResults()
				return err
			},
			"Validated": r.into(&v.Validated),
		})
		list = append(list, v)
		return err
	})
	return list, err
}

// validateLineResults reads the list of ValidateOrderLineResult.
func (r *answerReader) validateLineResults() (list []validateLineResult, err error) {
	err = r.items("ValidateOrderLineResult", func() error {
		var l validateLineResult
		err := r.members(map[string]func() error{
			"Errors":          r.errorsInto(&l.Errors),
			"SellerProductId": r.into(&l.SellerProductID),
			"Updated":         r.into(&l.Updated),
		})
		list = append(list, l)
		return err
	})
	return list, err
}

// validate sends one order and says what became of it. The error is set, beside a result, when the marketplace refused the
// account as such.
func (s *session) validate(ctx context.Context, o *validateOrder) (*adapterv1.WriteResult, error) {
	var list []validateResult
	c := o.call()
	c.fields = map[string]fieldReader{
		"ValidateOrderResults": func(r *answerReader, _ *answer) (err error) {
			list, err = r.validateResults()
			return err
		},
	}
	head, err := s.write(ctx, c)
	if err == nil {
		for i := range list {
			if clean(list[i].OrderNumber) == o.number {
				return o.judge(&list[i]), nil
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

// refused is the result of Validated=false: nothing changed, unless the marketplace speaks of its own trouble. The first error
// of the order says why, else the first of a line.
// OrderStateIncoherent also answers a repetition of what is already done, which only reading the order can tell (8.3).
func (o *validateOrder) refused(r *validateResult) *adapterv1.WriteResult {
	causes := r.Errors
	for _, l := range r.Lines {
		causes = append(causes, l.Errors...)
	}
	if len(causes) == 0 {
		return rejected("", "Cdiscount did not validate the order and gave no reason")
	}
	if slices.ContainsFunc(causes, func(e wireError) bool { return internalFailure(e.Type) }) {
		return unknown("Cdiscount failed inside while it looked at the order")
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
		slow    *pace.TooSlowError
		lost    *lostError
		status  *httpError
		f       *fault
		r       *refusal
	)
	switch {
	case errors.As(err, &illegal):
		return rejected("", "not sent: "+illegal.Error())
	case errors.As(err, &slow):
		return retryAfter(slow.Wait, "not sent: "+slow.Error())
	case errors.As(err, &lost) && !lost.sent:
		return retry("not sent: " + describeLoss(lost))
	case errors.As(err, &lost):
		return unknown(describeLoss(lost))
	case errors.As(err, &status) && status.status == http.StatusTooManyRequests:
		return retryAfter(status.retryAfter, status.Error())
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

// retryAfter is retry with a delay, zero for none.
func retryAfter(delay time.Duration, message string) *adapterv1.WriteResult {
	result := retry(message)
	if delay > 0 {
		result.RetryAfter = durationpb.New(delay)
	}
	return result
}

func unknown(message string) *adapterv1.WriteResult {
	return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_UNKNOWN, Message: message}
}

func rejected(reason, message string) *adapterv1.WriteResult {
	return &adapterv1.WriteResult{
		Outcome: adapterv1.Outcome_OUTCOME_REJECTED, NativeReason: reason, Message: message,
	}
}
