package octopia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// plannedWrite is one item of a call that writes.
type plannedWrite struct {
	key string
	// path and body of the POST.
	path string
	body []byte
	// refused says why the item is not sent; the rest is empty then.
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

// target returns the path of an order's sub-resource: the native id where there is one, which is the order number on this API.
func target(number, nativeID, resource string) (string, error) {
	if nativeID != "" {
		number = nativeID
	}
	path, ok := orderPath(number)
	if !ok {
		return "", errors.New("the order number is missing or is none")
	}
	return path + resource, nil
}

// contextLines returns the ids of the lines that leave with an order, from what the adapter gave with it.
func contextLines(adapterContext []byte) ([]string, error) {
	var c orderContext
	if err := json.Unmarshal(adapterContext, &c); err != nil || c.Version != contextVersion {
		return nil, errors.New("the order's context is not one of this adapter: the order must be read again")
	}
	if len(c.Lines) == 0 || slices.Contains(c.Lines, "") {
		return nil, errors.New("the order has no line left")
	}
	return c.Lines, nil
}

// writeOrders makes one POST for each item, one after the other: the API takes one order in each (octopia-rest.md 12.2). What
// became of one says nothing of the others, except when the marketplace refuses or slows down the account as such: then nothing
// more is sent.
//
// An error of the whole call means that the marketplace certainly did nothing: there was no token, or it refused the account
// before anything else of the call had reached it.
func (a *Adapter) writeOrders(
	ctx context.Context, store *adapterv1.StoreContext, route string, items []plannedWrite,
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
	if slices.ContainsFunc(items, func(i plannedWrite) bool { return i.refused == nil }) {
		if _, err := s.token(ctx); err != nil {
			return nil, nil, err
		}
	}
	var results []*adapterv1.WriteResult
	reached := false                   // an earlier item may have changed something
	var blocked *adapterv1.WriteResult // what every item gets from now on
	for _, item := range items {
		var result *adapterv1.WriteResult
		switch {
		case item.refused != nil:
			result = rejected("", item.refused.Error())
		case blocked != nil:
			result = retryAfterWait("not sent: "+blocked.GetMessage(), blocked.GetRetryAfter().AsDuration())
		case ctx.Err() != nil:
			result = retry("not sent: the time of the call was over")
		default:
			err := s.write(ctx, s.post(route, item.path, item.body))
			result = outcomeOf(err)
			if account := aboutAccount(route, err); account != nil {
				if !reached {
					return nil, nil, account
				}
				blocked = result
			} else if slowsDown(err) {
				blocked = result
			}
			reached = reached || result.GetOutcome() != adapterv1.Outcome_OUTCOME_RETRY
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

func retry(message string) *adapterv1.WriteResult {
	return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_RETRY, Message: message}
}

func retryAfterWait(message string, wait time.Duration) *adapterv1.WriteResult {
	result := retry(message)
	if wait > 0 {
		result.RetryAfter = durationpb.New(wait)
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
