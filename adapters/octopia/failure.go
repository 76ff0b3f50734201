package octopia

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
)

// The ways in which one exchange can fail. Reads turn them into errors of the SDK (readFailure), writes into outcomes
// (outcomeOf in outcome.go).

// lostError is a connection that could not be made, broke, or took too long.
type lostError struct {
	cause error
	// sent is false only when not a byte of the request can have left.
	sent bool
	// answered is true when the answer had begun.
	answered bool
}

// Error tells what broke.
func (e *lostError) Error() string { return "connection lost: " + e.cause.Error() }

// Unwrap returns the cause.
func (e *lostError) Unwrap() error { return e.cause }

// timedOut reports whether it was time that ran out.
func (e *lostError) timedOut() bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(e.cause, context.DeadlineExceeded) || errors.As(e.cause, &timeout) && timeout.Timeout()
}

// reset reports whether the connection was closed before a byte of the answer came: a gateway that was restarted, or a kept
// connection that it no longer knew. A read may be sent again then.
func (e *lostError) reset() bool {
	return e.sent && !e.answered && !e.timedOut() &&
		(errors.Is(e.cause, io.EOF) || errors.Is(e.cause, io.ErrUnexpectedEOF) || errors.Is(e.cause, syscall.ECONNRESET) ||
			errors.Is(e.cause, net.ErrClosed) || errors.Is(e.cause, syscall.EPIPE))
}

// describe names the cause without addresses that help nobody.
func (e *lostError) describe() string {
	switch {
	case e.timedOut():
		return "no complete answer in time"
	case !e.sent:
		return "no connection: " + e.cause.Error()
	}
	return e.Error()
}

// malformedError is an answer that is not what the contract says. The reason names places of the answer and never quotes it.
type malformedError struct{ reason string }

// Error tells what is wrong.
func (e *malformedError) Error() string { return e.reason }

// readFailure turns the failure of a read into an error of the SDK. Errors of the SDK stay as they are.
func readFailure(ctx context.Context, route string, err error) error {
	var (
		own       *sdk.Error
		lost      *lostError
		malformed *malformedError
		refused   *apiError
		slow      *pace.TooSlowError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", route, ctx.Err())
	case errors.As(err, &own):
		return err
	case errors.As(err, &lost):
		return sdk.MarketplaceDown(0, "%s: %s", route, lost.describe())
	case errors.As(err, &malformed):
		return sdk.MalformedAnswer("%s: %s", route, malformed)
	case errors.As(err, &refused):
		return refused.sdk(route)
	case errors.As(err, &slow):
		return sdk.Throttled(slow.Wait, "%s: %s", route, slow)
	case errors.Is(err, context.DeadlineExceeded):
		return sdk.MarketplaceDown(0, "%s: no answer in time", route)
	}
	return err
}

// sdk returns the error of the SDK that a refused read is (octopia-rest.md 2).
func (e *apiError) sdk(route string) *sdk.Error {
	switch {
	case e.throttled():
		return sdk.Throttled(e.wait, "%s: %s", route, e)
	case e.status == http.StatusUnauthorized:
		// The second one in a row, for a token that was issued just now: the token service took the credentials, and says so better than
		// the API. The two disagree, which passes.
		return sdk.MarketplaceDown(0, "%s: Octopia does not accept the token that it has just issued; if it stays, check the client's rights", route)
	case e.notDelegated():
		return sdk.SellerNotAuthorized("%s: Octopia does not let this client act for the seller; the seller must delegate to it", route)
	case e.down():
		return sdk.MarketplaceDown(e.wait, "%s: %s", route, e)
	case e.status >= 300 && e.status < 400:
		return sdk.MalformedAnswer("%s: HTTP %d leads to another address, which is not followed", route, e.status)
	case e.status == http.StatusNotFound:
		return sdk.MarketplaceRefused("%s: %s; check %s", route, e, keyAPI)
	}
	return sdk.MarketplaceRefused("%s: %s", route, e)
}

// maxWait bounds a delay that the marketplace gives.
const maxWait = 24 * time.Hour
