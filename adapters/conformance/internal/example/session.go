package example

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// maxBody is the longest answer that is read, in bytes.
const maxBody = 4 << 20

// session is one call of the host for one store.
type session struct {
	api           API
	client        *http.Client
	base          string
	shop, secret  string
	budget        pace.Limiter
	given, holder state
}

// state is what the host keeps: a token, and whose it is.
type state struct {
	Key     string    `json:"key"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// StateKey tells the states of one store's credentials and address from those of others. It reveals neither.
func StateKey(store *adapterv1.StoreContext, secret string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		store.GetCredentials()[keyShop], store.GetCredentials()[secret], store.GetEnvironment()[keyURL],
	}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// open checks what the host sent.
func (a *Adapter) open(store *adapterv1.StoreContext) (*session, error) {
	s := &session{api: a.api, client: a.client, budget: a.budgets.For(store)}
	for _, field := range []struct {
		to       *string
		in       map[string]string
		kind, at string
	}{
		{&s.shop, store.GetCredentials(), "credentials", keyShop},
		{&s.secret, store.GetCredentials(), "credentials", a.api.secret},
		{&s.base, store.GetEnvironment(), "environment", keyURL},
	} {
		if *field.to = field.in[field.at]; *field.to == "" {
			return nil, sdk.InvalidRequest("store."+field.kind+"."+field.at, "is missing")
		}
	}
	if u, err := url.Parse(s.base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, sdk.InvalidRequest("store.environment."+keyURL, "is not an http or https address")
	}
	key := StateKey(store, a.api.secret)
	if json.Unmarshal(store.GetState(), &s.given) != nil || s.given.Key != key || time.Now().After(s.given.Expires) {
		s.given = state{}
	}
	s.holder = s.given
	s.holder.Key = key
	return s, nil
}

// update is what the host should keep from now on; nil when nothing changed.
func (s *session) update() *adapterv1.StateUpdate {
	if s.holder.Token == "" || s.holder == s.given {
		return nil
	}
	return &adapterv1.StateUpdate{State: s.encode()}
}

func (s *session) encode() []byte {
	text, _ := json.Marshal(s.holder) // texts and an instant always encode
	return text
}

// The ways in which an exchange fails beside those that package sdk has names for.
var (
	errNotSent = errors.New("the request did not leave")
	errLost    = errors.New("no whole answer came")
	errToken   = errors.New("the token ran out")
)

// refusedError is an answer that says no.
type refusedError struct {
	status     int
	code       string // one of codes, or "another-reason"
	retryAfter time.Duration
}

// codes are the bazaar's reasons. They are all that is passed on of a refusal: its text may quote anything.
var codes = []string{"token", "login", "closed", "order", "state", "parcel", "dates", "throttle", "quota", "refused"}

// Error tells the bazaar's code.
func (e *refusedError) Error() string { return "the bazaar says " + e.code }

// login gets a token, unless there is one.
func (s *session) login(ctx context.Context) error {
	if s.holder.Token != "" {
		return nil
	}
	body, err := json.Marshal(map[string]string{"secret": s.secret})
	if err != nil {
		return sdk.Internal("encode the login: %w", err)
	}
	var got struct {
		Token   string
		Seconds int
	}
	err = s.exchange(ctx, http.MethodPost, s.base+"/login", body, &got)
	var no *refusedError
	switch {
	case errors.As(err, &no) && no.status == http.StatusForbidden:
		return sdk.CredentialsRejected("the bazaar refuses shop or secret")
	case err != nil:
		return failure(err)
	case got.Token == "":
		return sdk.MalformedAnswer("the bazaar gave no token")
	}
	s.holder.Token = got.Token
	s.holder.Expires = time.Now().Add(time.Duration(got.Seconds)*time.Second - time.Minute).UTC().Truncate(time.Second)
	return nil
}

// call makes one request with a token. A token that ran out is renewed once: the bazaar looks at it before anything else, so that
// nothing was done.
func (s *session) call(ctx context.Context, method, path string, body []byte, out any) error {
	for attempt := 0; ; attempt++ {
		if err := s.login(ctx); err != nil {
			return err
		}
		err := s.exchange(ctx, method, s.base+path, body, out)
		if !errors.Is(err, errToken) || attempt > 0 {
			return err
		}
		s.holder.Token = ""
	}
}

// read makes a call that changes nothing. Errors are the SDK's.
func (s *session) read(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return failure(s.call(ctx, http.MethodGet, path, nil, out))
}

// request builds the request that exchange sends and PreviewShipment shows.
func (s *session) request(ctx context.Context, method, address string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, sdk.Internal("build the request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Shop", s.shop)
	if s.holder.Token != "" {
		req.Header.Set("X-Token", s.holder.Token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// exchange makes one request, once, and decodes a good answer.
func (s *session) exchange(ctx context.Context, method, address string, body []byte, out any) error {
	if err := s.budget.Wait(ctx); err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	req, err := s.request(ctx, method, address, body)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", errNotSent, dial.Err)
	case err != nil:
		return fmt.Errorf("%w: %w", errLost, cause(err))
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errLost, cause(err))
	case resp.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%w: HTTP %d", errLost, resp.StatusCode)
	case len(text) > maxBody:
		return sdk.MalformedAnswer("the answer is longer than %d bytes", maxBody)
	case resp.StatusCode == http.StatusOK:
		return decode(text, out)
	}
	return refusal(resp, text)
}

// cause drops the address from an error of net/http.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusal reads an answer that says no.
func refusal(resp *http.Response, text []byte) error {
	no := &refusedError{status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		no.retryAfter = time.Duration(seconds) * time.Second
	}
	var said struct {
		Error struct{ Code, Text string }
	}
	if err := decode(text, &said); err != nil || said.Error.Code == "" {
		return sdk.MalformedAnswer("HTTP %d without a reason", resp.StatusCode)
	}
	if said.Error.Code == "token" {
		return errToken
	}
	no.code = "another-reason"
	if slices.Contains(codes, said.Error.Code) {
		no.code = said.Error.Code
	}
	return no
}

// failure turns the failure of a read into an error of the SDK.
func failure(err error) error {
	var no *refusedError
	var slow *pace.TooSlowError
	switch {
	case err == nil, sdk.AsError(err) != nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &slow):
		return sdk.Throttled(slow.Wait, "the store's rate is used up")
	case errors.Is(err, errToken):
		return sdk.MarketplaceDown(0, "the bazaar does not accept the token that it has just issued")
	case errors.Is(err, errNotSent), errors.Is(err, errLost):
		return sdk.MarketplaceDown(0, "%w", err)
	case errors.As(err, &no) && no.status == http.StatusTooManyRequests:
		return sdk.Throttled(no.retryAfter, "%w", err)
	case errors.As(err, &no) && no.code == "closed":
		return sdk.SellerInactive("the shop is closed")
	}
	return sdk.MarketplaceRefused("%w", err)
}
