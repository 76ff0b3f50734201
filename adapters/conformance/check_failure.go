package conformance

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
)

func failureChecks() []check {
	return []check{
		{Info: Info{
			ID: "failure-down", Title: "tells that the marketplace is down", Sandbox: true,
			Proves: "Reads that meet HTTP 500, HTTP 503, a cut connection or nobody are MARKETPLACE_DOWN.",
		}, run: failureDown},
		{Info: Info{
			ID: "failure-unreadable", Title: "tells that an answer is not readable", Sandbox: true,
			Proves: "Reads that get a page, nonsense or a part of an answer end in MALFORMED_ANSWER or MARKETPLACE_DOWN, or give the true answer.",
		}, run: failureUnreadable},
		{Info: Info{
			ID: "failure-throttled", Title: "tells how long to wait", Sandbox: true,
			Proves: "Reads that the marketplace throttles are THROTTLED with the delay that it gave; so are reads whose quota is used up, with a delay where the marketplace's answer to that tells one.",
		}, run: failureThrottled},
		{Info: Info{
			ID: "failure-token", Title: "renews a token that ran out", Sandbox: true,
			Proves: "When the marketplace forgets the token, or its life ends, reads succeed all the same, and a shipment is carried out once, at the latest when it is repeated.",
		}, run: failureToken},
		{Info: Info{
			ID: "failure-login", Title: "bears a token service that fails", Sandbox: true,
			Proves: "In a process without a token: calls are THROTTLED with its delay when the token service throttles, MARKETPLACE_DOWN when it is, and MALFORMED_ANSWER or MARKETPLACE_DOWN, not CREDENTIALS_REJECTED, within 10 s and 512 MiB when its answer is unreadable or hostile; nothing is carried out.",
		}, run: failureLogin},
	}
}

// asked is a shop with something to read, and a process that has logged in.
func (s *subject) asked(ctx context.Context) (*shop, *process, question, error) {
	sh, q, err := s.sample(ctx)
	if err != nil {
		return nil, nil, question{}, err
	}
	p, err := s.start(ctx)
	if err != nil {
		return nil, nil, question{}, err
	}
	_, state, err := p.account(ctx, sh.store)
	if err != nil {
		return nil, nil, question{}, failed("CheckConnection", err)
	}
	sh.store.State = state
	return sh, p, q, nil
}

// during makes a read while calls for it fail, within limit.
func (sh *shop) during(ctx context.Context, p *process, r read, q question, fault control.Fault, limit time.Duration) (proto.Message, time.Duration, error) {
	fault.On = r.action
	_, remove, err := sh.fault(ctx, fault)
	if err != nil {
		return nil, 0, &sandboxError{err}
	}
	begin := time.Now()
	call, cancel := context.WithTimeout(ctx, limit)
	answer, err := r.call(call, p, sh.store, q)
	cancel()
	took := time.Since(begin)
	if removeErr := remove(); removeErr != nil {
		return nil, took, &sandboxError{removeErr}
	}
	return answer, took, err
}

// sandboxError is a failure of the sandbox, which says nothing about the adapter.
type sandboxError struct{ err error }

// Error returns the cause's text.
func (e *sandboxError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *sandboxError) Unwrap() error { return e.err }

// underFault makes every read under each fault and gives its error to look.
func (s *subject) underFault(
	ctx context.Context, faults []control.Fault, look func(what string, err error) error,
) error {
	sh, p, q, err := s.asked(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, fault := range faults {
		for _, r := range s.reads() {
			_, _, err := sh.during(ctx, p, r, q, fault, callTimeout)
			if broken, ok := err.(*sandboxError); ok { //nolint:errorlint // during returns it as it is
				return broken
			}
			f.add(look(fmt.Sprintf("%s under %s", r.name, fault.Kind), err))
		}
	}
	return f.err()
}

func failureDown(ctx context.Context, s *subject) error {
	err := s.underFault(ctx, []control.Fault{{Kind: "http_500"}, {Kind: "http_503"}, {Kind: "cut_before"}},
		func(what string, err error) error {
			_, err = expectReason(what, err, marketplaceDown)
			return err
		})
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	q := question{window: anyWindow(), numbers: []string{"2603190957AAAAA"}, eans: []string{"3760000000017"}}
	store := s.nowhere()
	for _, r := range s.reads() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := r.call(call, p, store, q)
		cancel()
		_, err = expectReason(r.name+" of a marketplace that is not there", err, marketplaceDown)
		f.add(err)
	}
	return f.err()
}

func failureUnreadable(ctx context.Context, s *subject) error {
	sh, p, q, err := s.asked(ctx)
	if err != nil {
		return err
	}
	truth, err := s.truths(ctx, p, sh, q)
	if err != nil {
		return err
	}
	var f findings
	for _, fault := range []control.Fault{
		{Kind: "html"}, {Kind: "html", Params: map[string]any{"status": 200}}, {Kind: "malformed"},
		{Kind: "truncated", Params: map[string]any{"fraction": 0.02}}, {Kind: "truncated", Params: map[string]any{"fraction": 0.5}},
		{Kind: "truncated", Params: map[string]any{"fraction": 0.98}}, {Kind: "cut_mid", Params: map[string]any{"fraction": 0.3}},
		{Kind: "cut_mid", Params: map[string]any{"fraction": 0.9}},
	} {
		for _, r := range s.reads() {
			answer, _, err := sh.during(ctx, p, r, q, fault, callTimeout)
			what := fmt.Sprintf("%s under %s %v", r.name, fault.Kind, fault.Params)
			f.add(trueOrFailed(what, truth[r.name], answer, err))
		}
	}
	return f.err()
}

// truths makes every read once, undisturbed.
func (s *suite) truths(ctx context.Context, p *process, sh *shop, q question) (map[string]proto.Message, error) {
	truth := map[string]proto.Message{}
	for _, r := range s.reads() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		answer, err := r.call(call, p, sh.store, q)
		cancel()
		if err != nil {
			return nil, failed(r.name, err)
		}
		truth[r.name] = answer
	}
	return truth, nil
}

// trueOrFailed says what is wrong with a read whose answer was spoilt: it must fail as the protocol has it, or be true all the same.
func trueOrFailed(what string, truth, answer proto.Message, err error) error {
	if err != nil {
		_, err = expectReason(what, err, malformedAnswer, marketplaceDown)
		return err
	}
	if !proto.Equal(truth, answer) {
		return fmt.Errorf("%s: succeeded with another answer than the true one", what)
	}
	return nil
}

func failureThrottled(ctx context.Context, s *subject) error {
	const asked = 7 * time.Second
	seconds := map[string]any{"seconds": asked.Seconds()}
	face, err := s.face()
	if err != nil {
		return err
	}
	quotaTells, err := s.sandbox.QuotaTellsDelay(ctx, face)
	if err != nil {
		return err
	}
	delayed, plain := []control.Fault{{Kind: "throttle", Params: seconds}}, []control.Fault{{Kind: "throttle"}}
	if quota := (control.Fault{Kind: "quota", Params: seconds}); quotaTells {
		delayed = append(delayed, quota)
	} else {
		plain = append(plain, quota)
	}
	var f findings
	f.add(s.underFault(ctx, delayed, func(what string, err error) error { return throttledFor(what, err, asked) }))
	f.add(s.underFault(ctx, plain, func(what string, err error) error {
		_, wrong := expectReason(what, err, throttled)
		return wrong
	}))
	return f.err()
}

// throttledFor says what is wrong when err is not THROTTLED with the delay that the marketplace asked for, give or take a second.
func throttledFor(what string, err error, asked time.Duration) error {
	t, wrong := expectReason(what, err, throttled)
	if wrong == nil && (t.retryAfter < asked-time.Second || t.retryAfter > asked+time.Second) {
		wrong = fmt.Errorf("%s: the marketplace asks to wait %s, the adapter says %s", what, asked, t.retryAfter)
	}
	return wrong
}

func failureToken(ctx context.Context, s *subject) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	if _, remove, err := d.shop.fault(ctx, control.Fault{On: "token", Kind: "latency", Times: 1, Params: map[string]any{"ms": 1}}); control.Refused(err) {
		return skipped("the sandbox tells no calls for tokens: %v", err)
	} else if err != nil {
		return err
	} else if err := remove(); err != nil {
		return err
	}
	items, err := d.items(ctx, stateReady, 2)
	if err != nil {
		return err
	}
	var f findings
	q := question{window: anyWindow(), numbers: []string{items[0].number}, eans: []string{"3760000000017"}}
	ship := writesOf("ship")[0]
	for i, kind := range []string{"token_expired", "token_lapsed"} {
		for _, r := range s.reads() {
			_, _, err := d.shop.during(ctx, d.process, r, q, control.Fault{Kind: kind, Times: 1}, callTimeout)
			if err != nil {
				f.addf("%s under %s: %s", r.name, kind, status.Convert(err).Message())
			}
		}
		result, _, done, err := d.under(ctx, ship, items[i], control.Fault{Kind: kind, Times: 1})
		if err != nil {
			f.add(failed("NotifyShipments under "+kind, err))
			continue
		}
		if result.GetOutcome() == retry && done == 0 {
			again, err := d.send(ctx, ship, items[i])
			if err != nil {
				f.add(failed("NotifyShipments after "+kind, err))
				continue
			}
			result = again[0]
		}
		f.add(outcomes("NotifyShipments after "+kind, result, applied))
		f.add(d.onceAtMost(ctx, ship, items[i].number))
	}
	return f.err()
}
