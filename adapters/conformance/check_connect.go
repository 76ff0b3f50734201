package conformance

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func connectChecks() []check {
	return []check{
		{Info: Info{
			ID: "connect-account", Title: "tells whose credentials they are", Sandbox: true,
			Proves: "CheckConnection names the account, the same in every call, among keys that no other account has.",
		}, run: connectAccount},
		{Info: Info{
			ID: "connect-bad-credentials", Title: "tells that credentials are wrong", Sandbox: true,
			Proves: "A wrong secret is CREDENTIALS_REJECTED and any other wrong credential that or SELLER_NOT_AUTHORIZED, in every call; nothing is written.",
		}, run: connectBadCredentials},
		{Info: Info{
			ID: "connect-rotated-credentials", Title: "follows credentials that change", Sandbox: true,
			Proves: "After a rotation the new credentials work, also with the old state, and the old ones do not in a process that never saw them.",
		}, run: connectRotated},
		{Info: Info{
			ID: "connect-inactive-account", Title: "tells that an account is off", Sandbox: true,
			Proves: "CheckConnection of a deactivated account is SELLER_INACTIVE.",
		}, run: connectInactive},
		{Info: Info{
			ID: "connect-acceptance-mode", Title: "does not contradict who accepts orders", Sandbox: true,
			Proves: "The acceptance mode is that of the account, or unspecified.",
		}, run: connectAcceptance},
	}
}

// accountKey is "kind:value".
var accountKey = regexp.MustCompile(`^[a-z][a-z0-9_-]*:\S(.*\S)?$`)

func connectAccount(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	owner := map[string]string{} // of each key
	for range 2 {
		sh, err := s.newShop(ctx, nil)
		if err != nil {
			return err
		}
		first, state, err := p.account(ctx, sh.store)
		if err != nil {
			return failed("CheckConnection", err)
		}
		second, _, err := p.account(ctx, sh.context(state))
		if err != nil {
			return failed("the second CheckConnection", err)
		}
		id := first.GetAccountId()
		if id == "" || id != second.GetAccountId() {
			f.addf("account_id is %q, and %q a moment later", id, second.GetAccountId())
		}
		for _, key := range append([]string{"account:" + id}, first.GetAccountKeys()...) {
			if other := owner[key]; other != "" && other != sh.account {
				f.addf("two accounts share the name %q", key)
			}
			owner[key] = sh.account
		}
		f.add(wellKeyed(first))
	}
	return f.err()
}

// wellKeyed says what is wrong with the keys of an account.
func wellKeyed(r *adapterv1.CheckConnectionResponse) error {
	keys := r.GetAccountKeys()
	for i, key := range keys {
		if !accountKey.MatchString(key) || slices.Contains(keys[:i], key) {
			return fmt.Errorf("account_keys holds %q: \"kind:value\" is needed, each once", key)
		}
	}
	if !slices.ContainsFunc(keys, func(key string) bool {
		_, value, _ := strings.Cut(key, ":")
		return strings.EqualFold(value, r.GetAccountId())
	}) {
		return fmt.Errorf("account_keys has %d names, and account_id %q is none of them", len(keys), r.GetAccountId())
	}
	return nil
}

func connectBadCredentials(ctx context.Context, s *subject) error {
	d, err := s.newDesk(ctx)
	if err != nil {
		return err
	}
	items, err := d.items(ctx, stateReady, 1)
	if err != nil {
		return err
	}
	fresh, err := s.start(ctx) // has seen no good credentials
	if err != nil {
		return err
	}
	var f findings
	q := question{window: anyWindow(), numbers: []string{items[0].number}, eans: []string{"3760000000017"}}
	for _, field := range s.description.GetCredentialFields() {
		if field.GetOptional() {
			continue
		}
		store := d.shop.context(nil)
		store.Credentials[field.GetKey()] = wrong(store.GetCredentials()[field.GetKey()])
		s.keepSecret(store.GetCredentials()[field.GetKey()])
		allowed := []adapterv1.ErrorReason{credentialsRejected}
		if !field.GetSecret() {
			allowed = append(allowed, sellerNotAuthorized)
		}
		for _, r := range s.reads() {
			if r.name == "ListCarriers" || r.name == "GetProducts" {
				continue // may be open to everybody
			}
			call, cancel := context.WithTimeout(ctx, callTimeout)
			_, err := r.call(call, fresh, store, q)
			cancel()
			_, err = expectReason(r.name+" with a wrong "+field.GetKey(), err, allowed...)
			f.add(err)
		}
		f.add(s.refusedWrite(ctx, fresh, store, items[0], "with a wrong "+field.GetKey(), allowed))
	}
	number := items[0].number
	log, err := d.shop.writes(ctx, number)
	if err != nil {
		return err
	}
	for _, entry := range log {
		if entry.Applied {
			f.addf("order %s was written to with wrong credentials", number)
		}
	}
	return f.err()
}

// refusedWrite ships with credentials that do not work: the call fails as a whole, or the item says that nothing was done.
func (s *suite) refusedWrite(
	ctx context.Context, p *process, store *adapterv1.StoreContext, it item, what string, allowed []adapterv1.ErrorReason,
) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	results, err := notifyShipments(call, p, store, []item{it})
	if err != nil {
		_, err = expectReason("NotifyShipments "+what, err, allowed...)
		return err
	}
	for _, r := range results {
		if o := r.GetOutcome(); o != retry && o != rejected {
			return fmt.Errorf("NotifyShipments %s: %s instead of an error", what, tell(r))
		}
	}
	return nil
}

// wrong makes another credential out of a good one: of the same kind, so that it is looked at.
func wrong(value string) string {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		return "9" + value
	}
	return "wrong-" + value
}

func connectRotated(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	before, state, err := p.account(ctx, sh.store)
	if err != nil {
		return failed("CheckConnection before the rotation", err)
	}
	old := sh.context(state)
	if err := s.rotate(ctx, sh); control.Refused(err) {
		return skipped("the sandbox cannot change these credentials: %v", err)
	} else if err != nil {
		return err
	}
	var f findings
	for what, process := range map[string]*process{"the process of before": p, "a new process": nil} {
		if process == nil {
			if process, err = s.start(ctx); err != nil {
				return err
			}
		}
		for with, state := range map[string][]byte{"no state": nil, "the state of before": state} {
			now, _, err := process.account(ctx, sh.context(state))
			if err != nil {
				f.add(failed(fmt.Sprintf("CheckConnection with the new credentials, %s and %s", what, with), err))
			} else if now.GetAccountId() != before.GetAccountId() {
				f.addf("with the new credentials the account is %q instead of %q", now.GetAccountId(), before.GetAccountId())
			}
		}
	}
	fresh, err := s.start(ctx)
	if err != nil {
		return err
	}
	old.State = nil
	_, _, err = fresh.account(ctx, old)
	_, err = expectReason("CheckConnection with the old credentials in a new process", err, credentialsRejected)
	f.add(err)
	return f.err()
}

func connectInactive(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, control.SellerSpec{"state": "Deactivated"})
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	_, _, err = p.account(ctx, sh.store)
	_, err = expectReason("CheckConnection of a deactivated account", err, sellerInactive)
	return err
}

func connectAcceptance(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	for automatic, contrary := range map[bool]adapterv1.AcceptanceMode{
		true:  adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL,
		false: adapterv1.AcceptanceMode_ACCEPTANCE_MODE_AUTOMATIC,
	} {
		sh, err := s.newShop(ctx, control.SellerSpec{"auto_accept": automatic})
		if control.Refused(err) {
			return skipped("the sandbox does not know who accepts orders: %v", err)
		} else if err != nil {
			return err
		}
		account, _, err := p.account(ctx, sh.store)
		if err != nil {
			return failed("CheckConnection", err)
		}
		if account.GetAcceptanceMode() == contrary {
			f.addf("the account accepts by itself: %t; the adapter says %s", automatic, account.GetAcceptanceMode())
		}
	}
	return f.err()
}
