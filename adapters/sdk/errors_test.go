package sdk_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    *sdk.Error
		reason adapterv1.ErrorReason
		text   string
		retry  time.Duration
		field  string
	}{
		{"credentials", sdk.CredentialsRejected("login %s", "refused"), adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED, "CREDENTIALS_REJECTED: login refused", 0, ""},
		{"authorisation", sdk.SellerNotAuthorized("no right"), adapterv1.ErrorReason_ERROR_REASON_SELLER_NOT_AUTHORIZED, "SELLER_NOT_AUTHORIZED: no right", 0, ""},
		{"inactive", sdk.SellerInactive("banned"), adapterv1.ErrorReason_ERROR_REASON_SELLER_INACTIVE, "SELLER_INACTIVE: banned", 0, ""},
		{"throttled", sdk.Throttled(3*time.Second, "too fast"), adapterv1.ErrorReason_ERROR_REASON_THROTTLED, "THROTTLED: too fast", 3 * time.Second, ""},
		{"throttled, nonsense delay", sdk.Throttled(-1, "too fast"), adapterv1.ErrorReason_ERROR_REASON_THROTTLED, "THROTTLED: too fast", 0, ""},
		{"down", sdk.MarketplaceDown(time.Minute, "503"), adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_DOWN, "MARKETPLACE_DOWN: 503", time.Minute, ""},
		{"malformed", sdk.MalformedAnswer("HTML"), adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER, "MALFORMED_ANSWER: HTML", 0, ""},
		{"invalid", sdk.InvalidRequest("until", "before %s", "since"), adapterv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "INVALID_REQUEST: before since", 0, "until"},
		{"refused", sdk.MarketplaceRefused("no"), adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_REFUSED, "MARKETPLACE_REFUSED: no", 0, ""},
		{"internal", sdk.Internal("bug"), adapterv1.ErrorReason_ERROR_REASON_INTERNAL, "INTERNAL: bug", 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.err.Reason != tt.reason || tt.err.Error() != tt.text || tt.err.RetryAfter != tt.retry || tt.err.Field != tt.field {
				t.Errorf("got %v, %q, %v, %q", tt.err.Reason, tt.err.Error(), tt.err.RetryAfter, tt.err.Field)
			}
			if tt.err.Unwrap() != nil {
				t.Errorf("Unwrap = %v, want nil without %%w", tt.err.Unwrap())
			}
		})
	}
}

func TestErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("list orders: %w", sdk.MalformedAnswer("read: %w and %w", io.ErrUnexpectedEOF, io.ErrNoProgress))
	for _, cause := range []error{io.ErrUnexpectedEOF, io.ErrNoProgress} {
		if !errors.Is(err, cause) {
			t.Errorf("cause %v is not in the chain", cause)
		}
	}
	if e := sdk.AsError(err); e == nil || e.Message != "read: unexpected EOF and multiple Read calls return no data or error" {
		t.Errorf("AsError = %v", e)
	}
	if e := sdk.AsError(io.EOF); e != nil {
		t.Errorf("AsError of a foreign error = %v, want nil", e)
	}
}
