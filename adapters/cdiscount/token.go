package cdiscount

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// productionService is the address of the real service. It is also the realm that the token service asks for, whatever
// address the service is reached at (cdiscount-soap.md 1).
const (
	productionSTS     = "https://sts.cdiscount.com/users/httpIssue.svc/"
	productionService = "https://wsvc.cdiscount.com/MarketplaceAPIService.svc"
)

// nsSerialization is the namespace of the token service's answer.
const nsSerialization = "http://schemas.microsoft.com/2003/10/Serialization/"

// tokenAnswerLimit bounds the token service's answer, which is 109 bytes long when it holds a token.
const tokenAnswerLimit = 64 << 10

// tokenAddress returns the address to get a token from: with the realm, unless the operator wrote one into it.
func tokenAddress(sts string) (string, error) {
	u, err := url.Parse(sts)
	if err != nil {
		return "", fmt.Errorf("parse sts_url: %w", err)
	}
	query := u.Query()
	if query.Get("realm") == "" {
		query.Set("realm", productionService)
		u.RawQuery = query.Encode()
	}
	return u.String(), nil
}

// ownPage is in the title of the only page that anybody was seen to get in place of a token (cdiscount-soap.md 2.6).
const ownPage = "Cdiscount STS"

// issueToken asks the token service for a token: HTTP 200 with the one element and 32 hexadecimal digits. How it refuses a login was
// never recorded (cdiscount-soap.md 12.1): 401, 403 and its own page are taken for that. The contract's client rule takes everything
// else for it too (2.6); here that is MALFORMED_ANSWER, since whatever stands before the service may have written it, and who
// believes it stops the store's work.
func issueToken(ctx context.Context, port *httpPort, id identity) (string, error) {
	address, err := tokenAddress(id.sts)
	if err != nil {
		return "", sdk.InvalidRequest("store.environment."+keySTS, "is not an address")
	}
	var value string
	err = port.get(ctx, address, id.login, id.password, func(resp *http.Response, watch *patience) error {
		if resp.StatusCode != http.StatusOK {
			return newHTTPError(resp)
		}
		body, err := readSmall(resp.Body, tokenAnswerLimit, watch)
		if err != nil {
			return err
		}
		if value = parseTokenAnswer(body); value != "" {
			return nil
		}
		if bytes.Contains(body, []byte(ownPage)) {
			return sdk.CredentialsRejected("the token service answered with its welcome page; check login and password")
		}
		return &malformedError{reason: "the answer holds no token"}
	})
	if err != nil {
		return "", tokenFailure(ctx, err)
	}
	return value, nil
}

// tokenFailure turns a failed exchange with the token service into an error of the SDK.
func tokenFailure(ctx context.Context, err error) error {
	var lost *lostError
	var status *httpError
	var malformed *malformedError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("get token: %w", ctx.Err())
	case errors.As(err, &lost):
		return sdk.MarketplaceDown(0, "token service: %s", describeLoss(lost))
	case errors.As(err, &status) && status.status == http.StatusTooManyRequests:
		return sdk.Throttled(status.retryAfter, "token service: HTTP %d", status.status)
	case errors.As(err, &status) && (status.status >= 500 || status.status == http.StatusRequestTimeout):
		return sdk.MarketplaceDown(status.retryAfter, "token service: HTTP %d", status.status)
	case errors.As(err, &status) && (status.status == http.StatusUnauthorized || status.status == http.StatusForbidden):
		return sdk.CredentialsRejected("the token service answered HTTP %d; check login and password", status.status)
	case errors.As(err, &status):
		return sdk.MalformedAnswer("token service: HTTP %d; if it stays, check login, password and %s", status.status, keySTS)
	case errors.As(err, &malformed):
		return sdk.MalformedAnswer("token service: %s; if it stays, check login and password", malformed)
	}
	return err
}

// parseTokenAnswer returns the token of the token service's answer, empty when it is not one. The content type says
// text/plain and does not matter (cdiscount-soap.md 2.3, 12.21).
func parseTokenAnswer(body []byte) string {
	d := xmlpull.NewDecoder(bytes.NewReader(body))
	if _, err := d.Next(); err != nil || string(d.Name()) != "string" || string(d.Space()) != nsSerialization {
		return ""
	}
	var value []byte
	for {
		kind, err := d.Next()
		switch {
		case errors.Is(err, io.EOF):
			if !isToken(string(value)) {
				return ""
			}
			return string(value)
		case err != nil || kind == xmlpull.Start:
			return ""
		case kind == xmlpull.Text:
			value = append(value, d.Text()...)
		}
	}
}

// isToken reports whether s has the form of a token: 32 hexadecimal digits.
func isToken(s string) bool {
	if len(s) != 32 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// tokenCache holds the tokens of this process. It only saves round trips: every token is also in the state that the host
// keeps, so a new process starts with the old one's tokens.
type tokenCache struct {
	mu      sync.Mutex // guards entries
	entries map[[sha256.Size]byte]*tokenEntry
}

// tokenEntry is the token of one account. Whoever holds the turn may use its fields and renew the token; the others wait
// for the turn, each as long as its own context allows, and then find the new token there. So one refresh runs at a time
// for each account, in the goroutine of a caller that needs it.
type tokenEntry struct {
	turn    chan struct{} // capacity 1; full while somebody holds it
	current token         // guarded by turn
	// rejected is the last token that the service refused; older ones are not tried again. Guarded by turn.
	rejected token
	// refusal is what the token service said of the credentials at refusedAt, nil when it took them. Guarded by turn.
	refusal   error
	refusedAt time.Time
}

// sweepAbove is how many accounts the cache may hold before it forgets those without a usable token.
const sweepAbove = 4096

// entry returns the entry of an account.
func (c *tokenCache) entry(key [sha256.Size]byte) *tokenEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		if len(c.entries) >= sweepAbove {
			c.sweep()
		}
		e = &tokenEntry{turn: make(chan struct{}, 1)}
		if c.entries == nil {
			c.entries = make(map[[sha256.Size]byte]*tokenEntry)
		}
		c.entries[key] = e
	}
	return e
}

// sweep forgets accounts that hold no token and that nobody is using: mistyped and rotated credentials. Callers hold mu.
func (c *tokenCache) sweep() {
	for key, e := range c.entries {
		select {
		case e.turn <- struct{}{}:
			if e.current.value == "" {
				delete(c.entries, key)
			}
			<-e.turn
		default:
		}
	}
}

// take waits for the turn.
func (e *tokenEntry) take(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the token: %w", ctx.Err())
	}
}

// release gives the turn to the next.
func (e *tokenEntry) release() { <-e.turn }

// offer lets the entry adopt a token that the host kept, when it is usable and newer than what is here and than what was
// refused.
func (e *tokenEntry) offer(t token, now time.Time) {
	if t.usable(now) && t.obtained.After(e.current.obtained) && t.obtained.After(e.rejected.obtained) {
		e.current = t
	}
}

// refuse remembers that the token service refused the credentials: asking again and again helps nobody, and may lock the
// account. Other failures are not remembered.
func (e *tokenEntry) refuse(err error, now time.Time) {
	refused := sdk.AsError(err)
	if refused != nil && refused.Reason == adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED {
		e.refusal, e.refusedAt = err, now
	}
}

// refused returns what the token service said of the credentials when that was less than memory ago.
func (e *tokenEntry) refused(now time.Time, memory time.Duration) error {
	if e.refusal != nil && !e.refusedAt.After(now) && now.Sub(e.refusedAt) < memory {
		return e.refusal
	}
	return nil
}

// reject drops a token that the service refused, unless it has been replaced meanwhile.
func (e *tokenEntry) reject(value string) {
	if e.current.value == value {
		e.rejected, e.current = e.current, token{}
	}
}
