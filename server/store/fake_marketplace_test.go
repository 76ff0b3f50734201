package store_test

import (
	"context"
	"strings"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// AdapterInfo implements store.Marketplace.
func (m *marketplace) AdapterInfo(_ context.Context, ref store.Ref) (store.AdapterInfo, error) {
	m.mu.Lock()
	m.described = append(m.described, ref)
	m.mu.Unlock()
	info := store.AdapterInfo{Marketplace: "market", Credentials: []store.CredentialField{{Key: "token"}}}
	switch ref.Adapter {
	case "foreign":
		info.Marketplace = "elsewhere"
	case "alpha", "beta", "gamma":
	default:
		return info, problem.New(problem.NotFound, problem.ReasonAdapterNotFound, "adapter %q is not installed", ref.Adapter)
	}
	return info, nil
}

// CheckConnection implements store.Marketplace.
func (m *marketplace) CheckConnection(ctx context.Context, a store.Access) (store.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks = append(m.checks, strings.TrimSpace(a.Adapter+" "+a.AccountID))
	if deadline, ok := ctx.Deadline(); ok {
		m.within = append(m.within, time.Until(deadline))
	}
	return m.accounts[a.Adapter], m.errs[a.Adapter]
}

// addresses is a store.Environments that knows production only.
type addresses struct{}

func (addresses) Addresses(environment, _ string, _ []store.EnvironmentKey) (map[string]string, error) {
	if environment != "production" {
		return nil, problem.New(problem.NotFound, problem.ReasonEnvironmentNotFound, "environment %q does not exist", environment)
	}
	return map[string]string{}, nil
}

// glass is a sealer through which everything is seen.
type glass struct{}

func (glass) Seal(plain, _ []byte) (store.Sealed, error)         { return store.Sealed{Ciphertext: plain}, nil }
func (glass) Open(sealed store.Sealed, _ []byte) ([]byte, error) { return sealed.Ciphertext, nil }
