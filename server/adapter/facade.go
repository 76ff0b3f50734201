// Package adapter is what the core sees of an adapter: one facade on protocol relais.adapter.v1. Each call takes a lease on
// the serving generation, opens the store's secrets, sets a deadline, converts, distrusts the answer and turns errors into
// problems. It implements the ports that the core packages declare.
package adapter

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	"google.golang.org/grpc"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// The facade is what the core asks of adapters.
var (
	_ store.Marketplace    = (*Facade)(nil)
	_ order.Source         = (*Facade)(nil)
	_ shipment.Marketplace = (*Facade)(nil)
	_ decision.Marketplace = (*Facade)(nil)
	_ order.ProductSource  = (*Facade)(nil)
)

// Vault opens what a call needs and keeps what the adapter returns.
type Vault interface {
	Access(ctx context.Context, ref store.Ref, keys []store.EnvironmentKey) (store.Access, error)
	SaveState(ctx context.Context, ref store.Ref, state []byte) error
}

// Timeouts bound the calls. A caller's earlier deadline wins.
type Timeouts struct {
	// Call bounds a unary call: it must leave the marketplace time for a slow answer.
	Call time.Duration
	// StreamIdle bounds the wait between two messages of ListOrders. The marketplace may need minutes for one answer
	// (cdiscount-soap.md 1: clients wait 360 to 600 s).
	StreamIdle time.Duration
}

// Rate is how fast a store may call its marketplace through one adapter. The zero Rate leaves it to what the adapter declares
// for the real marketplace; at other addresses there is no limit then.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Lease is the right to make one call on a process of an adapter.
type Lease interface {
	// Conn is the connection to the process.
	Conn() grpc.ClientConnInterface
	// Binary names the adapter's release, "version@sha256".
	Binary() string
	// Description is what the adapter said of itself; it must not be changed.
	Description() *adapterv1.DescribeResponse
	// Generation is the number of the process.
	Generation() int64
	// Retiring is closed when the store's calls go to another process from now on, or when a new lease on this one has a larger Share: a
	// stream should end at its next finished sub-window and go on with a new lease.
	Retiring() <-chan struct{}
	// Gone is closed when the process is known to have ended, or to be ended. A call may meet its end a moment before.
	Gone() <-chan struct{}
	// Suspect reports whether the process stopped answering, or has ended: a deadline that passed then says nothing of the marketplace.
	Suspect() bool
	// Share is the part of a store's rate budget that the store's calls on this process may use from now on, in (0, 1].
	Share() float64
	// Release gives the lease back.
	Release()
}

// Lessor lends leases for the calls of a store, whose id is empty with a call for none. It waits for a process to serve, within ctx; its
// errors are problems ADAPTER_NOT_FOUND, ADAPTER_DOWN.
type Lessor func(ctx context.Context, adapter, storeID string) (Lease, error)

// Facade speaks to adapters for the core.
type Facade struct {
	lessor   Lessor
	vault    Vault
	timeouts Timeouts
	rate     Rate
	log      *slog.Logger
}

// New returns a facade over the adapters that the lessor knows.
func New(l Lessor, v Vault, t Timeouts, r Rate, log *slog.Logger) *Facade {
	return &Facade{lessor: l, vault: v, timeouts: t, rate: r, log: log}
}

// session is one leased call: the client, the description, and, for a store, what to send and what never to repeat. Of several calls each
// has a session of its own, so that a later one goes to the process that serves by then; only a notification stays with the process that
// showed its preview.
type session struct {
	lease   Lease
	client  adapterv1.MarketplaceAdapterServiceClient
	adapter string
	store   *adapterv1.StoreContext // nil without a store
	ref     store.Ref
}

// lease leases a generation of the adapter for a store, or for none. The caller releases it.
func (f *Facade) lease(ctx context.Context, ref store.Ref) (*session, error) {
	l, err := f.lessor(ctx, ref.Adapter, ref.StoreID)
	if err != nil {
		return nil, err
	}
	return &session{lease: l, client: adapterv1.NewMarketplaceAdapterServiceClient(l.Conn()), adapter: ref.Adapter}, nil
}

// open leases a generation and opens the store's secrets for it. The caller releases it.
func (f *Facade) open(ctx context.Context, ref store.Ref) (*session, error) {
	s, err := f.lease(ctx, ref)
	if err != nil {
		return nil, err
	}
	access, err := f.vault.Access(ctx, ref, EnvironmentKeys(s.lease.Description()))
	if err != nil {
		s.release()
		return nil, err
	}
	s.use(access, f.rate)
	return s, nil
}

func (s *session) use(a store.Access, r Rate) {
	s.ref = a.Ref
	s.store = &adapterv1.StoreContext{
		StoreId: a.StoreID, AccountId: a.AccountID, Credentials: a.Credentials, Environment: a.Environment, State: a.State,
		RateBudget: share(r.budget(s.lease.Description(), a.Environment), s.lease.Share()),
	}
}

// budget returns the rate that an adapter is given. What it declares is the real marketplace's: it counts where every address is
// one of those.
func (r Rate) budget(d *adapterv1.DescribeResponse, environment map[string]string) *adapterv1.RateBudget {
	if r.PerSecond > 0 {
		return &adapterv1.RateBudget{RequestsPerSecond: r.PerSecond, Burst: int32(max(1, r.Burst))} //nolint:gosec // configuration bounds it
	}
	for _, k := range d.GetEnvironmentKeys() {
		if environment[k.GetKey()] != k.GetProductionUrl() {
			return nil
		}
	}
	return d.GetRateBudget()
}

// share is a part of a budget. Of a burst one request is always left: with none nothing could be asked at all.
func share(b *adapterv1.RateBudget, part float64) *adapterv1.RateBudget {
	if b == nil || part >= 1 {
		return b
	}
	return &adapterv1.RateBudget{
		RequestsPerSecond: b.GetRequestsPerSecond() * part, Burst: max(1, int32(float64(b.GetBurst())*part)),
	}
}

func (s *session) release() { s.lease.Release() }

// maxState is the size of adapter state that the protocol allows.
const maxState = 64 << 10

// keep seals and stores new adapter state. State is a cache of tokens: failing to keep it costs one token, so it only warns.
func (f *Facade) keep(ctx context.Context, s *session, u *adapterv1.StateUpdate) {
	if u == nil {
		return
	}
	log := f.log.With("store", s.ref.StoreID, "adapter", s.adapter)
	if len(u.GetState()) > maxState {
		log.WarnContext(ctx, "adapter state over 64 KiB not kept", "bytes", len(u.GetState()))
		return
	}
	if err := f.vault.SaveState(ctx, s.ref, u.GetState()); err != nil {
		log.WarnContext(ctx, "adapter state not kept", "error", err)
	}
}

// AdapterInfo describes the release of an adapter that the store's calls go to.
func (f *Facade) AdapterInfo(ctx context.Context, ref store.Ref) (store.AdapterInfo, error) {
	s, err := f.lease(ctx, ref)
	if err != nil {
		return store.AdapterInfo{}, err
	}
	defer s.release()
	d := s.lease.Description()
	info := store.AdapterInfo{Marketplace: d.GetMarketplace(), EnvironmentKeys: EnvironmentKeys(d)}
	for _, c := range d.GetCredentialFields() {
		info.Credentials = append(info.Credentials, store.CredentialField{Key: c.GetKey(), Optional: c.GetOptional()})
	}
	return info, nil
}

// EnvironmentKeys returns the marketplace addresses that an adapter needs.
func EnvironmentKeys(d *adapterv1.DescribeResponse) []store.EnvironmentKey {
	var keys []store.EnvironmentKey
	for _, k := range d.GetEnvironmentKeys() {
		keys = append(keys, store.EnvironmentKey{
			Key: k.GetKey(), Description: k.GetDescription(), ProductionURL: k.GetProductionUrl(), SandboxPath: k.GetSandboxPath(),
		})
	}
	return keys
}

// accountKey is what an adapter may name an account by.
var accountKey = regexp.MustCompile(`^[a-z][a-z0-9_-]*:\S.{0,199}$`)

// CheckConnection asks the marketplace whose credentials these are.
func (f *Facade) CheckConnection(ctx context.Context, a store.Access) (account store.Account, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	err = f.repeat(ctx, func() error {
		s, err := f.lease(ctx, a.Ref)
		if err != nil {
			return err
		}
		defer s.release()
		s.use(a, f.rate)
		account, err = f.checkConnection(ctx, s)
		return s.lost(err)
	})
	return account, err
}

func (f *Facade) checkConnection(ctx context.Context, s *session) (store.Account, error) {
	answer, err := s.client.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: s.store})
	if err != nil {
		return store.Account{}, s.problem(ctx, err)
	}
	if answer.GetAccountId() == "" {
		return store.Account{}, s.malformed("CheckConnection answered without an account id")
	}
	account := store.Account{ID: answer.GetAccountId(), ShopName: answer.GetShopName(), Keys: answer.GetAccountKeys()}
	for _, k := range account.Keys {
		if !accountKey.MatchString(k) {
			return store.Account{}, s.malformed("CheckConnection answered with an account key that is not of the form kind:value")
		}
	}
	switch answer.GetAcceptanceMode() {
	case adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL:
		account.Acceptance = store.AcceptedBySeller
	case adapterv1.AcceptanceMode_ACCEPTANCE_MODE_AUTOMATIC:
		account.Acceptance = store.AcceptedByMarketplace
	}
	if u := answer.GetStateUpdate(); u != nil && len(u.GetState()) <= maxState {
		account.State = u.GetState()
	}
	return account, nil
}

// malformed is the problem of an adapter that does not keep to its protocol.
func (s *session) malformed(what string) error {
	return problem.New(problem.Internal, problem.ReasonMalformedAnswer,
		"adapter %s broke its protocol: %s; this is a defect of the adapter", s.adapter, what)
}
