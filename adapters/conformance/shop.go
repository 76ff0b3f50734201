package conformance

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// shop is a seller of the sandbox that belongs to one check, with everything that an adapter needs to call for it.
type shop struct {
	account string
	sandbox *control.Client
	face    string
	// store is what the host would send; state is empty. Checks change copies.
	store *adapterv1.StoreContext
}

// newShop creates a seller with credentials that nobody else has. spec holds what the seller is to be beside that.
func (s *suite) newShop(ctx context.Context, spec control.SellerSpec) (*shop, error) {
	face, err := s.face()
	if err != nil {
		return nil, err
	}
	sh := &shop{account: s.name("shop"), sandbox: s.sandbox, face: face}
	spec = maps.Clone(spec)
	if spec == nil {
		spec = control.SellerSpec{}
	}
	spec["account"] = sh.account
	seller, err := s.sandbox.PutSeller(ctx, spec)
	if err != nil {
		return nil, err
	}
	if len(seller.Credentials[face]) == 0 {
		return nil, fmt.Errorf("its control API tells no credentials for %q, the first part of the adapter's sandbox paths", face)
	}
	sh.store = &adapterv1.StoreContext{
		StoreId: sh.account, Credentials: map[string]string{}, Environment: map[string]string{},
	}
	for _, f := range s.description.GetCredentialFields() {
		value, known := seller.Credentials[face][f.GetKey()]
		if !known && !f.GetOptional() {
			return nil, fmt.Errorf("its control API tells no credential %q for %q", f.GetKey(), face)
		}
		if known {
			sh.store.Credentials[f.GetKey()] = value
		}
	}
	for _, k := range s.description.GetEnvironmentKeys() {
		sh.store.Environment[k.GetKey()] = s.sandbox.Base() + k.GetSandboxPath()
	}
	if err := s.rotate(ctx, sh); err != nil && !control.Refused(err) {
		return nil, err
	}
	for _, f := range s.secretFields() {
		s.keepSecret(sh.store.GetCredentials()[f])
	}
	return sh, nil
}

// secretFields are the keys of the credentials that are secret.
func (s *suite) secretFields() []string {
	var keys []string
	for _, f := range s.description.GetCredentialFields() {
		if f.GetSecret() {
			keys = append(keys, f.GetKey())
		}
	}
	return keys
}

// rotate gives the seller new secrets; those before are wrong from then on. The control API takes a credential under the key that
// it tells it with; it refuses when it cannot change one.
func (s *suite) rotate(ctx context.Context, sh *shop) error {
	for _, key := range s.secretFields() {
		if err := s.setSecret(ctx, sh, key, s.name("secret")); err != nil {
			return err
		}
	}
	return nil
}

// setSecret gives the seller another secret under one key.
func (s *suite) setSecret(ctx context.Context, sh *shop, key, value string) error {
	seller, err := s.sandbox.PutSeller(ctx, control.SellerSpec{"account": sh.account, key: value})
	if err != nil {
		return err
	}
	sh.store.Credentials[key] = seller.Credentials[sh.face][key]
	s.keepSecret(value)
	return nil
}

// context returns what the host would send for the shop, with state.
func (sh *shop) context(state []byte) *adapterv1.StoreContext {
	store := clone(sh.store)
	store.State = state
	return store
}

// order creates one order of the shop and returns its number.
func (sh *shop) order(ctx context.Context, spec control.OrderSpec) (string, error) {
	numbers, err := sh.orders(ctx, spec)
	if err != nil {
		return "", err
	}
	return numbers[0], nil
}

// orders creates orders of the shop and returns their numbers.
func (sh *shop) orders(ctx context.Context, spec control.OrderSpec) ([]string, error) {
	spec = maps.Clone(spec)
	if spec == nil {
		spec = control.OrderSpec{}
	}
	spec["seller"] = sh.account
	for key, value := range spec {
		if at, ok := value.(time.Time); ok {
			spec[key] = at.UTC().Format(time.RFC3339Nano)
		}
	}
	return sh.sandbox.CreateOrders(ctx, spec)
}

// fault makes calls of the shop fail until the returned function is called.
func (sh *shop) fault(ctx context.Context, f control.Fault) (id int64, remove func() error, err error) {
	f.Seller, f.API = sh.account, sh.face
	id, err = sh.sandbox.AddFault(ctx, f)
	if err != nil {
		return 0, nil, err
	}
	return id, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return sh.sandbox.RemoveFault(ctx, id)
	}, nil
}

// writes returns the writes that the marketplace received for an order of the shop, for all of them with an empty number.
func (sh *shop) writes(ctx context.Context, number string) ([]control.Write, error) {
	all, err := sh.sandbox.Writes(ctx, sh.account)
	if err != nil || number == "" {
		return all, err
	}
	var own []control.Write
	for _, w := range all {
		if w.Order == number {
			own = append(own, w)
		}
	}
	return own, nil
}
