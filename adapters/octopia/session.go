package octopia

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// session is one call of the host for one store. It is safe for concurrent use.
type session struct {
	port    *httpPort
	clock   func() time.Time
	log     *slog.Logger
	storeID string
	id      identity
	seller  string // SellerId header
	api     string // address of the API, without a slash at its end
	budget  pace.Limiter
	entry   *tokenEntry
	// refusalMemory is how long a refusal of the credentials is not asked for again.
	refusalMemory time.Duration
	// anew is true when they are asked for all the same.
	anew bool

	given token // what the host's state held; zero when it held none that may be used

	// onState is told the new state as soon as there is one; may be nil. It must not call the session.
	onState func([]byte)

	mu      sync.Mutex // guards current
	current token      // last used; zero before the first call
}

// open checks what the host sent and returns a session. Errors: INVALID_REQUEST.
func (a *Adapter) open(store *adapterv1.StoreContext) (*session, error) {
	s := &session{
		port: a.port, clock: a.clock, log: a.logger(), storeID: store.GetStoreId(), refusalMemory: a.refusalMemory,
		seller: strings.TrimSpace(store.GetCredentials()[keySellerID]),
	}
	var err error
	if s.id.clientID, err = required(store.GetCredentials(), "credentials", keyClientID); err != nil {
		return nil, err
	}
	if s.id.secret, err = required(store.GetCredentials(), "credentials", keyClientSecret); err != nil {
		return nil, err
	}
	if _, err = required(store.GetCredentials(), "credentials", keySellerID); err != nil {
		return nil, err
	}
	if !isSellerID(s.seller) {
		return nil, sdk.InvalidRequest("store.credentials."+keySellerID, "is not a number")
	}
	if s.id.tokenURL, err = address(store.GetEnvironment(), keyToken); err != nil {
		return nil, err
	}
	if s.api, err = apiAddress(store); err != nil {
		return nil, err
	}
	s.budget = a.budgets.For(store)
	s.entry = a.tokens.entry(s.id, a.tokenRate)
	s.given = decodeState(s.id, store.GetState())
	s.entry.offer(s.given, s.clock())
	return s, nil
}

// isSellerID reports whether s is a seller id: digits (octopia-rest.md 1).
func isSellerID(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// required returns a value that must be there.
func required(values map[string]string, in, key string) (string, error) {
	if v := values[key]; v != "" {
		return v, nil
	}
	return "", sdk.InvalidRequest("store."+in+"."+key, "is missing")
}

// address returns an address that must be there and absolute.
func address(values map[string]string, key string) (string, error) {
	v, err := required(values, "environment", key)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", sdk.InvalidRequest("store.environment."+key, "is not an http or https address")
	}
	return v, nil
}

// apiAddress returns the address that paths are appended to.
func apiAddress(store *adapterv1.StoreContext) (string, error) {
	api, err := address(store.GetEnvironment(), keyAPI)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(api, "?#") {
		return "", sdk.InvalidRequest("store.environment."+keyAPI, "has a query or a fragment")
	}
	return strings.TrimRight(api, "/"), nil
}

// read makes a call that changes nothing at the marketplace and gives its answer to decode. Errors are the SDK's.
func (s *session) read(ctx context.Context, r request, decode func(*answerReader) error) error {
	return readFailure(ctx, r.route, s.try(ctx, r, decode))
}

// try is read with this package's own errors, for callers that look into them; readFailure makes them the SDK's. A call whose
// connection was reset before its answer began is repeated, once; so is one whose token was refused, with a new one. decode has
// seen nothing of an answer then.
func (s *session) try(ctx context.Context, r request, decode func(*answerReader) error) error {
	receive := func(resp *http.Response) error {
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return newAPIError(resp, s.clock())
		}
		return readAnswer(resp.Body, decode)
	}
	return s.authorized(ctx, r, func(t token) error {
		err := s.exchange(ctx, r, t, false, receive)
		var lost *lostError
		if errors.As(err, &lost) && lost.reset() && ctx.Err() == nil {
			err = s.exchange(ctx, r, t, false, receive)
		}
		return err
	})
}

// write makes a call that changes something. Any 2xx is a yes, with or without a body (octopia-rest.md 4, 13.4), unless the body
// was not written by the API: a page or broken JSON says nothing about what was done. Only a 401 makes it go out again, with a
// new token: the API checks that before anything else, so nothing was done. Errors are this package's own, for outcomeOf.
func (s *session) write(ctx context.Context, r request) error {
	return s.authorized(ctx, r, func(t token) error {
		return s.exchange(ctx, r, t, true, func(resp *http.Response) error {
			if resp.StatusCode < 200 || resp.StatusCode > 299 {
				return newAPIError(resp, s.clock())
			}
			body, err := readSmall(resp.Body)
			if err != nil || len(strings.TrimSpace(string(body))) == 0 {
				return err
			}
			return readAnswer(newBody(body), func(r *answerReader) error { return r.skip("the answer") })
		})
	})
}

// authorized makes a call with a token, and once more with another one when the API refuses the first (octopia-rest.md 1). A
// second refusal fails this call alone: the token may be good for other routes and sellers. The contract takes it for a fault of the
// credentials, without anybody having seen one; but the token service has just taken them. For a while, a refusal of that route
// does not cost a token again.
func (s *session) authorized(ctx context.Context, r request, call func(token) error) error {
	t, err := s.token(ctx)
	if err != nil {
		return err
	}
	here := routeOfSeller{s.seller, r.route}
	err = call(t)
	if !unauthorized(err) || s.entry.wasTurnedAway(here, s.clock(), s.refusalMemory) {
		return err
	}
	s.entry.reject(t)
	if t, err = s.token(ctx); err != nil {
		return &renewalError{cause: err}
	}
	if err = call(t); unauthorized(err) {
		s.entry.turnAway(here, s.clock())
	}
	return err
}

// renewalError is a token that could not be replaced. The call before was refused with 401: nothing was done.
type renewalError struct{ cause error }

// Error returns the cause's text.
func (e *renewalError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *renewalError) Unwrap() error { return e.cause }

// unauthorized reports whether the API refused the token.
func unauthorized(err error) bool {
	var refused *apiError
	return errors.As(err, &refused) && refused.status == http.StatusUnauthorized
}

// exchange sends the call once, when the store's rate budget allows it.
func (s *session) exchange(ctx context.Context, r request, t token, write bool, receive func(*http.Response) error) error {
	req, err := r.http(ctx, t.value)
	if err != nil {
		return err
	}
	if err := s.budget.Wait(ctx); err != nil {
		return &unsentError{cause: err}
	}
	return s.port.exchange(ctx, req, write, receive)
}

// unsentError is a call that was not made: its turn did not come in time. Nothing was sent.
type unsentError struct{ cause error }

// Error returns the cause's text.
func (e *unsentError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *unsentError) Unwrap() error { return e.cause }

// token returns a token to use: the process's, the host's, or a new one. Errors are the SDK's and ctx's.
func (s *session) token(ctx context.Context) (token, error) {
	caller, memory := ctx, s.refusalMemory
	if s.anew {
		memory = 0
	}
	t, err := s.entry.get(ctx, s.clock, memory, func(ctx context.Context) (token, error) {
		if err := s.entry.guard.take(s.clock()); err != nil {
			return token{}, err
		}
		// A request of this store like any other, whoever else waits for its answer.
		if err := s.spend(ctx, caller); err != nil {
			return token{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, s.port.timeout)
		defer cancel()
		return issueToken(ctx, s.port, s.id, s.clock())
	})
	if err != nil {
		return token{}, readFailure(ctx, routeToken, err)
	}
	s.mu.Lock()
	renewed := s.current.value != t.value
	s.current = t
	s.mu.Unlock()
	if renewed && s.onState != nil && t.value != s.given.value {
		s.onState(encodeState(s.id, t))
	}
	return t, nil
}

// spend waits until the store's rate budget allows a request, as long as ctx lasts. A turn that comes after the deadline of the
// caller who started the request is an error at once.
func (s *session) spend(ctx, caller context.Context) error {
	if deadline, ok := caller.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	return s.budget.Wait(ctx)
}

// stateUpdate returns what the host should keep from now on, nil when nothing changed.
func (s *session) stateUpdate() *adapterv1.StateUpdate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current.value == "" || s.current.value == s.given.value {
		return nil
	}
	return &adapterv1.StateUpdate{State: encodeState(s.id, s.current)}
}
