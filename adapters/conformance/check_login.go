package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// loginDelay is how long a token service that throttles asks to wait.
const loginDelay = 7 * time.Second

// loginTrouble is a way in which a token service fails, and what may be said of it.
type loginTrouble struct {
	fault   control.Fault
	reasons []adapterv1.ErrorReason
}

func loginTroubles() []loginTrouble {
	down := []adapterv1.ErrorReason{marketplaceDown}
	// Never a refusal of the credentials: whatever stands before a token service may have written it, and who believes it stops the
	// store's work.
	unreadable := []adapterv1.ErrorReason{malformedAnswer, marketplaceDown}
	troubles := []loginTrouble{
		{control.Fault{Kind: "throttle", Params: map[string]any{"seconds": loginDelay.Seconds()}}, []adapterv1.ErrorReason{throttled}},
		{control.Fault{Kind: "http_500"}, down},
		{control.Fault{Kind: "http_503"}, down},
		{control.Fault{Kind: "cut_before"}, down},
		{control.Fault{Kind: "cut_mid"}, []adapterv1.ErrorReason{marketplaceDown, malformedAnswer}},
		{control.Fault{Kind: "html", Params: map[string]any{"status": 200}}, unreadable},
		{control.Fault{Kind: "malformed"}, unreadable},
		{control.Fault{Kind: "truncated"}, unreadable},
	}
	for _, h := range hostileKinds() {
		troubles = append(troubles, loginTrouble{control.Fault{Kind: "hostile", Params: map[string]any{"code": h.code}}, unreadable})
	}
	return troubles
}

// fetchesTokens reports whether a process without state asks the shop's token service for one before it checks the connection.
func (s *subject) fetchesTokens(ctx context.Context, sh *shop) (bool, error) {
	id, remove, err := sh.fault(ctx, control.Fault{On: "token", Kind: "latency", Params: map[string]any{"ms": 1}})
	if control.Refused(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	p, err := s.start(ctx)
	if err != nil {
		return false, err
	}
	if _, _, err := p.account(ctx, sh.store); err != nil {
		return false, failed("CheckConnection", err)
	}
	hits, err := s.sandbox.Hits(ctx, id)
	if err != nil {
		return false, err
	}
	return len(hits) > 0, remove()
}

func failureLogin(ctx context.Context, s *subject) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	asks, err := s.fetchesTokens(ctx, d.shop)
	if err != nil {
		return err
	}
	if !asks {
		return skipped("the adapter asks for no token, or the sandbox does not tell")
	}
	items, err := d.items(ctx, stateReady, 1)
	if err != nil {
		return err
	}
	var f findings
	for _, trouble := range loginTroubles() {
		what := fmt.Sprintf("a token service that answers with %s %v", trouble.fault.Kind, trouble.fault.Params)
		if err := d.withoutToken(ctx, trouble, items[0]); err != nil {
			f.addf("%s:\n%s", what, err)
		}
	}
	log, err := d.shop.writes(ctx, "")
	if err != nil {
		return err
	}
	for _, entry := range log {
		if entry.Applied {
			f.addf("a request was carried out without a token that the marketplace issued")
		}
	}
	return f.err()
}

// withoutToken makes a read and a write in a new process that gets no token, and says what is wrong with what they say.
func (d *desk) withoutToken(ctx context.Context, trouble loginTrouble, it item) error {
	trouble.fault.On = "token"
	_, remove, err := d.shop.fault(ctx, trouble.fault)
	if err != nil {
		return err
	}
	p, err := d.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	store := d.shop.context(nil)
	f.add(trouble.look(ctx, "CheckConnection", func(ctx context.Context) error {
		_, err := p.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: store})
		return err
	}))
	f.add(trouble.look(ctx, "NotifyShipments", func(ctx context.Context) error {
		results, err := notifyShipments(ctx, p, store, []item{it})
		if err != nil || len(results) != 1 || results[0].GetOutcome() != retry {
			return err
		}
		return errNotSent // told in the result, which is as good
	}))
	f.add(d.alive(ctx, p))
	if peak, ok := peakMemory(p.PID()); ok && peak > hostileMemory {
		f.addf("the process took %d MiB", peak>>20)
	}
	f.add(remove())
	return f.err()
}

// errNotSent says that a write was not sent, and is to be tried again.
var errNotSent = errors.New("not sent")

// look makes a call in limited time and says what is wrong with its error.
func (trouble loginTrouble) look(ctx context.Context, what string, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, hostilePatience)
	defer cancel()
	var f findings
	begin := time.Now()
	err := call(ctx)
	f.add(quick(what, time.Since(begin)))
	switch {
	case errors.Is(err, errNotSent):
	case trouble.reasons[0] == throttled:
		f.add(throttledFor(what, err, loginDelay))
	default:
		_, wrong := expectReason(what, err, trouble.reasons...)
		f.add(wrong)
	}
	return f.err()
}
