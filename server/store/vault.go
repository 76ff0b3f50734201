package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/relaishq/relais/server/problem"
)

// Sealer turns secrets into ciphertext and back. The associated data binds a ciphertext to its row.
type Sealer interface {
	Seal(plaintext, associatedData []byte) (Sealed, error)
	Open(sealed Sealed, associatedData []byte) ([]byte, error)
}

// EnvironmentKey is one marketplace address that an adapter needs, as the adapter declares it.
type EnvironmentKey struct {
	Key           string
	Description   string
	ProductionURL string
	SandboxPath   string
}

// Environments knows the operator's marketplace addresses.
type Environments interface {
	// Addresses returns the addresses of an adapter in an environment. Its errors are problems.
	Addresses(environment, adapter string, keys []EnvironmentKey) (map[string]string, error)
}

// Vault opens what a call to an adapter needs, and keeps what the adapter returns.
type Vault struct {
	repository   Repository
	sealer       Sealer
	environments Environments
}

// NewVault returns a vault over these collaborators.
func NewVault(r Repository, s Sealer, e Environments) *Vault {
	return &Vault{repository: r, sealer: s, environments: e}
}

// Access returns everything that a call for the store through the adapter needs.
// Errors: problems STORE_NOT_FOUND, STORE_DISCONNECTED, ADAPTER_NOT_CONNECTED, ENVIRONMENT_NOT_FOUND.
func (v *Vault) Access(ctx context.Context, ref Ref, keys []EnvironmentKey) (Access, error) {
	s, err := v.repository.GetStore(ctx, ref.StoreID)
	if err != nil {
		return Access{}, asProblem(err, ref.StoreID)
	}
	sealed, err := v.repository.Credentials(ctx, ref)
	if errors.Is(err, ErrNoCredentials) && s.Connected() {
		return Access{}, NotConnected(ref)
	}
	if err != nil {
		return Access{}, asProblem(err, ref.StoreID)
	}
	a := Access{Ref: ref}
	if a.AccountID, err = v.repository.AccountID(ctx, ref); err != nil {
		return Access{}, asProblem(err, ref.StoreID)
	}
	plain, err := v.sealer.Open(sealed, associatedData("credentials", ref))
	if err != nil {
		return Access{}, &problem.Problem{
			Kind: problem.Precondition, Reason: problem.ReasonCredentialsUnreadable, Cause: err,
			Message: "the stored credentials of store " + ref.StoreID + " cannot be opened: the key file was lost or replaced; restore it, or rotate the store's credentials",
		}
	}
	if err := json.Unmarshal(plain, &a.Credentials); err != nil {
		return Access{}, fmt.Errorf("decode credentials of store %s", ref.StoreID) // the cause could quote a secret
	}
	if a.Environment, err = v.environments.Addresses(s.Environment, ref.Adapter, keys); err != nil {
		return Access{}, err
	}
	state, err := v.repository.AdapterState(ctx, ref)
	if err != nil {
		return Access{}, fmt.Errorf("read adapter state of store %s: %w", ref.StoreID, err)
	}
	if len(state.Ciphertext) > 0 {
		// State is only a cache (tokens): one that cannot be opened is done without.
		if a.State, err = v.sealer.Open(state, associatedData("state", ref)); err != nil {
			a.State = nil
		}
	}
	return a, nil
}

// SaveState seals and keeps what the adapter returned.
func (v *Vault) SaveState(ctx context.Context, ref Ref, state []byte) error {
	sealed, err := v.sealer.Seal(state, associatedData("state", ref))
	if err != nil {
		return fmt.Errorf("seal adapter state of store %s: %w", ref.StoreID, err)
	}
	if err := v.repository.SaveAdapterState(ctx, ref, sealed); err != nil {
		return fmt.Errorf("save adapter state of store %s: %w", ref.StoreID, err)
	}
	return nil
}

// sealCredentials returns the credentials as they are stored.
func (v *Vault) sealCredentials(ref Ref, credentials map[string]string) (Sealed, error) {
	plain, err := json.Marshal(credentials)
	if err != nil {
		return Sealed{}, fmt.Errorf("encode credentials of store %s", ref.StoreID)
	}
	sealed, err := v.sealer.Seal(plain, associatedData("credentials", ref))
	if err != nil {
		return Sealed{}, fmt.Errorf("seal credentials of store %s: %w", ref.StoreID, err)
	}
	return sealed, nil
}

// associatedData binds a ciphertext to its kind, store and adapter, so that rows cannot be swapped.
func associatedData(kind string, ref Ref) []byte {
	return []byte("relais/" + kind + "/" + ref.StoreID + "/" + ref.Adapter)
}

// asProblem turns the repository's errors into problems that name the store.
func asProblem(err error, storeID string) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return problem.New(problem.NotFound, problem.ReasonStoreNotFound,
			"store %q does not exist; ListStores shows the stores there are", storeID)
	case errors.Is(err, ErrNoMigration):
		return problem.New(problem.NotFound, problem.ReasonMigrationNotFound,
			"store %q was never moved to another adapter; MigrateStore moves it", storeID)
	case errors.Is(err, ErrNoCredentials):
		return Disconnected(storeID)
	case errors.Is(err, ErrShipmentsOpen):
		return problem.New(problem.Precondition, problem.ReasonShipmentsOpen,
			"store %q has shipments or decisions that the marketplace has not confirmed; wait for them, or force: they then end as NEEDS_ATTENTION", storeID)
	}
	return err
}

// NotConnected is the problem of a connected store that holds no credentials for an adapter.
func NotConnected(ref Ref) error {
	return problem.New(problem.Precondition, problem.ReasonAdapterNotConnected,
		"store %q holds no credentials for adapter %s (any more); what was left there is for a person to finish in the seller portal",
		ref.StoreID, ref.Adapter)
}

// Disconnected is the problem of a store that holds no credentials.
func Disconnected(storeID string) error {
	return problem.New(problem.Precondition, problem.ReasonStoreDisconnected,
		"store %q is disconnected; connect the account again with ConnectStore", storeID)
}
