package octopia

import (
	"errors"
	"net/http"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// outcomeOf says what became of a write (octopia-rest.md 6.4). Only what certainly did not reach the marketplace, or was refused by
// it before it did anything, is RETRY or REJECTED.
func outcomeOf(err error) *adapterv1.WriteResult {
	var (
		renewal *renewalError
		unsent  *unsentError
		slow    *pace.TooSlowError
		lost    *lostError
		refused *apiError
	)
	switch {
	case err == nil:
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_APPLIED}
	case errors.As(err, &renewal):
		return notSent(renewal.cause, "the token was refused, and there is no new one: ")
	case errors.As(err, &slow):
		return retryAfterWait("not sent: "+slow.Error(), slow.Wait)
	case errors.As(err, &unsent):
		return retry("not sent: the time of the call was over")
	case errors.As(err, &lost) && !lost.sent:
		return retry("not sent: " + lost.describe())
	case errors.As(err, &lost):
		return unknown(lost.describe())
	case errors.As(err, &refused):
		return refused.outcome()
	case sdk.AsError(err) != nil:
		return notSent(err, "") // there was no token
	}
	// A page in place of an answer, or a broken one.
	return unknown(err.Error())
}

// notSent is the outcome of a write that did not go out because the token could not be had.
func notSent(err error, prefix string) *adapterv1.WriteResult {
	if e := sdk.AsError(err); e != nil {
		return retryAfterWait("not sent: "+prefix+e.Message, e.RetryAfter)
	}
	return retry("not sent: " + prefix + "the time of the call was over")
}

// outcome reads a refused write. A 4xx is a certain no (octopia-rest.md 6.4): final when the API itself says it of this order, and
// a reason to try again when something before the API wrote it, a page or the gateway's body for an unknown route, or nobody did.
// Anything else says nothing of what was done.
func (e *apiError) outcome() *adapterv1.WriteResult {
	switch {
	case e.throttled():
		return retryAfterWait(e.Error(), e.wait)
	case e.status == http.StatusUnauthorized, e.notDelegated():
		return retry(e.Error())
	case e.status == http.StatusRequestTimeout, e.down(), e.status < 400:
		return unknown(e.Error())
	case e.kind != bodyProblem, e.status == http.StatusRequestHeaderFieldsTooLarge:
		return retryAfterWait(e.Error(), e.wait)
	}
	return rejected(e.reason(), e.Error())
}

// aboutAccount returns the SDK's error when a write failed because of the account as a whole, whatever was asked: nothing was done
// then, and nothing else will work either. Nil for every other failure.
func aboutAccount(route string, err error) *sdk.Error {
	var renewal *renewalError
	var refused *apiError
	switch {
	case errors.As(err, &renewal):
		return sdk.AsError(renewal.cause)
	case errors.As(err, &refused) && (refused.status == http.StatusUnauthorized || refused.notDelegated()):
		return refused.sdk(route)
	case errors.As(err, &refused):
		return nil
	}
	return sdk.AsError(err)
}

// slowsDown reports whether the marketplace asks to wait: what follows would be refused alike, and may make the wait longer.
func slowsDown(err error) bool {
	var slow *pace.TooSlowError
	var refused *apiError
	return errors.As(err, &slow) || errors.As(err, &refused) && refused.throttled()
}
