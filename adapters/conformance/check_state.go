package conformance

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
)

// maxState is the most state that the host keeps, in bytes.
const maxState = 64 << 10

func stateChecks() []check {
	return []check{
		{Info: Info{
			ID: "state-optional", Title: "needs no state", Sandbox: true,
			Proves: "Every read gives the same answer without state, with its own, and with bytes that are none, in processes that know nothing else.",
		}, run: stateOptional},
		{Info: Info{
			ID: "state-foreign", Title: "keeps off another store's state", Sandbox: true,
			Proves: "With the state of another store a call still answers for its own account; with wrong credentials a good state opens nothing.",
		}, run: stateForeign},
		{Info: Info{
			ID: "state-spares-logins", Title: "uses its state", Sandbox: true,
			Proves: "A new process that gets the state back asks for no token; the state fits the 64 KiB that the host keeps.",
		}, run: stateSparesLogins},
	}
}

// sample is a shop with something to answer each read with.
func (s *suite) sample(ctx context.Context) (*shop, question, error) {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return nil, question{}, err
	}
	now, err := s.sandbox.Now(ctx)
	if err != nil {
		return nil, question{}, err
	}
	numbers, err := sh.orders(ctx, control.OrderSpec{"variety": varietyPlain, "count": 3, "created": now.Add(-dayLong)})
	if err != nil {
		return nil, question{}, err
	}
	ean := "3760000000017"
	if err := s.sandbox.PutProduct(ctx, control.Product{EAN: ean, Colour: "Rouge", Size: "M"}); err != nil {
		return nil, question{}, err
	}
	return sh, question{
		window: window{since: now.Add(-2 * dayLong), until: now.Add(dayLong)}, numbers: numbers, eans: []string{ean},
	}, nil
}

func stateOptional(ctx context.Context, s *subject) error {
	sh, q, err := s.sample(ctx)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	_, own, err := p.account(ctx, sh.store)
	if err != nil {
		return failed("CheckConnection", err)
	}
	want := map[string]proto.Message{}
	var f findings
	for _, kind := range []struct {
		name  string
		state []byte
	}{
		{"no state", nil},
		{"its own state", own},
		{"text as state", []byte("not a state of any adapter")},
		{"half of its state", own[:len(own)/2]},
		{"its state twice", slices.Concat(own, own)},
		{"64 KiB of zeros as state", make([]byte, maxState)},
		{"JSON as state", []byte(`{"token":12,"version":"x","expires":{}}`)},
		{"64 KiB of brackets as state", bytes.Repeat([]byte("["), maxState)},
	} {
		// A process of its own: what the state does not bring, nothing else may.
		p, err := s.start(ctx)
		if err != nil {
			return err
		}
		for _, r := range s.reads() {
			call, cancel := context.WithTimeout(ctx, callTimeout)
			answer, err := r.call(call, p, sh.context(kind.state), q)
			cancel()
			switch {
			case err != nil:
				f.add(failed(r.name+" with "+kind.name, err))
			case want[r.name] == nil:
				want[r.name] = answer
			case !proto.Equal(answer, want[r.name]):
				f.addf("%s with %s answers otherwise than without", r.name, kind.name)
			}
		}
	}
	return f.err()
}

func stateForeign(ctx context.Context, s *subject) error {
	mine, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	theirs, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	own, ownState, err := p.account(ctx, mine.store)
	if err != nil {
		return failed("CheckConnection", err)
	}
	_, foreign, err := p.account(ctx, theirs.store)
	if err != nil {
		return failed("CheckConnection of the other store", err)
	}
	if len(foreign) == 0 {
		return skipped("the adapter keeps no state")
	}
	var f findings
	fresh, err := s.start(ctx)
	if err != nil {
		return err
	}
	got, _, err := fresh.account(ctx, mine.context(foreign))
	if err != nil {
		f.add(failed("CheckConnection with the state of another store", err))
	} else if got.GetAccountId() != own.GetAccountId() {
		f.addf("with the state of another store the account is %q instead of %q", got.GetAccountId(), own.GetAccountId())
	}
	number, err := theirs.order(ctx, control.OrderSpec{"variety": varietyPlain})
	if err != nil {
		return err
	}
	if orders, err := fresh.get(ctx, mine.context(foreign), number); err == nil && len(orders) > 0 {
		f.addf("with the state of another store its orders can be read")
	}
	if fresh, err = s.start(ctx); err != nil {
		return err
	}
	bad := mine.context(ownState)
	for _, key := range s.secretFields() {
		bad.Credentials[key] = wrong(bad.GetCredentials()[key])
		s.keepSecret(bad.GetCredentials()[key])
	}
	_, _, err = fresh.account(ctx, bad)
	_, err = expectReason("CheckConnection with a wrong secret and a good state", err, credentialsRejected)
	f.add(err)
	return f.err()
}

func stateSparesLogins(ctx context.Context, s *subject) error {
	sh, q, err := s.sample(ctx)
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	_, state, err := p.account(ctx, sh.store)
	if err != nil {
		return failed("CheckConnection", err)
	}
	switch {
	case len(state) == 0:
		return skipped("the adapter keeps no state")
	case len(state) > maxState:
		return fmt.Errorf("the state takes %d bytes, at most %d are kept", len(state), maxState)
	}
	logins, err := s.countCalls(ctx, sh, "token")
	if control.Refused(err) {
		return skipped("the sandbox tells no calls for tokens: %v", err)
	} else if err != nil {
		return err
	}
	fresh, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, r := range s.reads() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := r.call(call, fresh, sh.context(state), q)
		cancel()
		if err != nil {
			f.add(failed(r.name, err))
		}
	}
	n, err := logins(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		f.addf("a new process asked for %d tokens although it was given the state", n)
	}
	return f.err()
}

// countCalls counts the calls of a shop for an action from now on. It returns how to read the count.
func (s *suite) countCalls(ctx context.Context, sh *shop, action string) (func(context.Context) (int, error), error) {
	// A delay of a millisecond that every such call gets: its hits are the calls.
	id, _, err := sh.fault(ctx, control.Fault{On: action, Kind: "latency", Params: map[string]any{"ms": 1}})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (int, error) {
		hits, err := s.sandbox.Hits(ctx, id)
		return len(hits), err
	}, nil
}
