package cdiscount

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// session is one call of the host for one store. It is used by one goroutine.
type session struct {
	port    *httpPort
	clock   func() time.Time
	log     *slog.Logger
	storeID string
	id      identity
	service string // address of the service
	budget  pace.Limiter
	entry   *tokenEntry
	// refusalMemory is how long a refusal of the credentials is not asked for again.
	refusalMemory time.Duration
	// anew is true when they are asked for all the same.
	anew bool

	given   token // what the host's state held; zero when it held none that may be used
	current token // in use; zero before the first call and after a failed renewal

	// onState is told the new state as soon as there is one; may be nil.
	onState func([]byte)
}

// open checks what the host sent and returns a session. Errors: INVALID_REQUEST.
func (a *Adapter) open(store *adapterv1.StoreContext) (*session, error) {
	s := &session{port: a.port, clock: a.clock, log: a.logger(), storeID: store.GetStoreId(), refusalMemory: a.refusalMemory}
	var err error
	if s.id.login, err = required(store.GetCredentials(), "credentials", keyLogin); err != nil {
		return nil, err
	}
	if s.id.password, err = required(store.GetCredentials(), "credentials", keyPassword); err != nil {
		return nil, err
	}
	if s.id.sts, err = address(store.GetEnvironment(), keySTS); err != nil {
		return nil, err
	}
	if s.service, err = address(store.GetEnvironment(), keyService); err != nil {
		return nil, err
	}
	s.budget = a.budgets.For(store)
	s.entry = a.tokens.entry(s.id.key())
	s.given = decodeState(s.id, store.GetState())
	return s, nil
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

// call is one SOAP call.
type call struct {
	op        operation
	parameter func(*requestWriter) // nil when the operation has none
	fields    map[string]fieldReader
	stall     time.Duration // how long one wait for the answer may take; zero for no bound but that of all waits
}

// message returns the request that the call sends to the service at address.
func (c call) message(address, token string) (message, error) {
	envelope, err := encodeRequest(c.op, token, c.parameter)
	return message{address: address, op: c.op, envelope: envelope, stall: c.stall}, err
}

// read makes a call that changes nothing at the marketplace. OperationSuccess=false is an error. Errors are the SDK's.
func (s *session) read(ctx context.Context, c call) (*answer, error) {
	head, err := s.try(ctx, c)
	if err != nil {
		return nil, readFailure(ctx, c.op, err)
	}
	return head, nil
}

// try is read with this package's own errors, for callers that look into them; readFailure makes them the SDK's. A token
// that the service refuses is replaced and the call repeated, once: the fault comes instead of an answer, so no field reader
// has seen anything yet.
func (s *session) try(ctx context.Context, c call) (*answer, error) {
	if err := s.authenticate(ctx); err != nil {
		return nil, err
	}
	head, err := s.exchange(ctx, c, false)
	var f *fault
	if errors.As(err, &f) && f.aboutToken() {
		if err := s.renew(ctx); err != nil {
			return nil, err
		}
		head, err = s.exchange(ctx, c, false)
	}
	if err != nil {
		return nil, err
	}
	if !head.success {
		return nil, newRefusal(head)
	}
	if head.message != "" {
		// Seen beside good orders (cdiscount-soap.md 4.1). The text may name people, so only the fact is logged.
		s.log.WarnContext(ctx, "cdiscount sent a message beside a good answer",
			slog.String("store", s.storeID), slog.String("operation", string(c.op)))
	}
	return head, nil
}

// write makes a call that changes something, once; the caller has called authenticate. OperationSuccess is not looked at:
// it says nothing about what was changed (cdiscount-soap.md 4.1). Errors are this package's own, for outcomeOf.
func (s *session) write(ctx context.Context, c call) (*answer, error) {
	return s.exchange(ctx, c, true)
}

// exchange sends the call and reads its answer.
func (s *session) exchange(ctx context.Context, c call, write bool) (*answer, error) {
	m, err := c.message(s.service, s.current.value)
	if err != nil {
		return nil, err
	}
	m.write = write
	if err := s.spend(ctx); err != nil {
		return nil, err
	}
	var head *answer
	//nolint:bodyclose // receiveSOAP does not keep the answer; post closes it
	if err := s.port.post(ctx, m, receiveSOAP(c.op, c.fields, &head)); err != nil {
		return nil, err
	}
	return head, nil
}

// spend waits until the store's rate budget allows one more request. Errors: *pace.TooSlowError, and *lostError when the time
// of the call is over.
func (s *session) spend(ctx context.Context) error {
	err := s.budget.Wait(ctx)
	var slow *pace.TooSlowError
	if err != nil && !errors.As(err, &slow) {
		return &lostError{cause: err}
	}
	return err
}

// authenticate makes sure that the session has a token: the process's, the host's, or a new one. Errors are the SDK's.
func (s *session) authenticate(ctx context.Context) error {
	return s.withToken(ctx, "")
}

// renew replaces the token in use, which the service refused. When that fails the session has none.
func (s *session) renew(ctx context.Context) error {
	refused := s.current.value
	s.current = token{}
	return s.withToken(ctx, refused)
}

// withToken gives the session a token other than refused.
func (s *session) withToken(ctx context.Context, refused string) error {
	if err := s.entry.take(ctx); err != nil {
		return waitFailure(err)
	}
	defer s.entry.release()
	if refused != "" {
		s.entry.reject(refused)
	}
	now := s.clock()
	s.entry.offer(s.given, now)
	if !s.entry.current.usable(now) {
		if err := s.entry.refused(now, s.refusalMemory); err != nil && !s.anew {
			return err
		}
		if err := s.spend(ctx); err != nil {
			return readFailure(ctx, "GetToken", err)
		}
		value, err := issueToken(ctx, s.port, s.id)
		s.entry.refuse(err, now)
		if err != nil {
			return err
		}
		s.entry.current, s.entry.refusal = token{value: value, obtained: now}, nil
	}
	if s.current != s.entry.current {
		s.current = s.entry.current
		if s.onState != nil && s.changed() {
			s.onState(encodeState(s.id, s.current))
		}
	}
	return nil
}

// waitFailure is the error of a caller whose time ran out while another one was getting the token.
func waitFailure(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return sdk.MarketplaceDown(0, "token service: no answer in time")
	}
	return err
}

// changed reports whether the host should keep another state than it sent.
func (s *session) changed() bool { return s.current.value != s.given.value }

// stateUpdate returns what the host should keep from now on, nil when nothing changed.
func (s *session) stateUpdate() *adapterv1.StateUpdate {
	if !s.changed() {
		return nil
	}
	return &adapterv1.StateUpdate{State: encodeState(s.id, s.current)}
}

// userAgent is how the adapter names itself to the marketplace.
func userAgent() string { return fmt.Sprintf("relais/%s (adapter %s)", version, adapterName) }
