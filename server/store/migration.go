package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// Migration is the move of a store from one adapter of its marketplace to another. A store speaks through both until no open
// order is left on the one that it leaves.
type Migration struct {
	StoreID string
	Source  string // the adapter that the store leaves
	Target  string // the adapter that it goes to
	// Cutover is the instant from which orders bought belong to the target, and Undone the one from which they belong to the
	// source again; zero unless undone.
	Cutover, Undone time.Time
	// Completed is when the adapter that is left was no longer needed and its credentials were erased; zero before. Abandoned is
	// true when the store was disconnected before.
	Completed time.Time
	Abandoned bool
	Match     AccountMatch

	// Open orders of each side. Storage counts them when it reads the migration.
	SourceOpen, TargetOpen int
}

// AccountMatch is how the account of the new credentials was recognised. Storage keeps these words.
type AccountMatch string

// The ways to recognise an account.
const (
	MatchVerified AccountMatch = "VERIFIED" // the marketplace gives both the same name
	MatchStated   AccountMatch = "STATED"   // the caller said so
)

// Leaving is the adapter that the store leaves: the source, or, undone, the target.
func (m Migration) Leaving() string {
	if m.Undone.IsZero() {
		return m.Source
	}
	return m.Target
}

// turned is when the last turn was made.
func (m Migration) turned() time.Time {
	if m.Undone.IsZero() {
		return m.Cutover
	}
	return m.Undone
}

// MigrationRepository is what migrations ask of a database. Every method is one transaction.
type MigrationRepository interface {
	// Bindings returns which adapters a store speaks through. ErrNotFound.
	Bindings(ctx context.Context, id string) (Bindings, error)
	// Migration returns the last migration of a store. ErrNotFound, ErrNoMigration.
	Migration(ctx context.Context, id string) (Migration, error)
	// StartMigration stores a migration, the credentials and account of its target, and binds new orders to the target. s is
	// the store as it is afterwards. A migration of the store that is not complete must be an undone one of the same pair: it
	// is ended, the new one takes its place. ErrNotMoving otherwise, or when the store is not bound to the source, or holds no
	// credentials for it. Names that a disconnected store has go to this one. ErrAccountTaken when a connected one has them;
	// ErrNotFound.
	StartMigration(ctx context.Context, m Migration, s Store, keys AccountKeys, credentials Sealed) error
	// UndoMigration binds new orders to the source again, and makes the store healthy until the next exchange; the source's credentials
	// are tried now if they were refused. ErrNoMigration; ErrNotMoving when it is complete or undone.
	UndoMigration(ctx context.Context, id string, now time.Time) error
	// CompleteMigration erases the credentials of the adapter that the store leaves, and a health that tells of nothing but its
	// failures. It returns false and changes nothing while an import of the store runs, or while an open order, shipment or
	// decision still belongs to the adapter. Given up, the adapter does not come back: what is left on it does not count, and its
	// open shipments and decisions end as NEEDS_ATTENTION. The names that a target told which is left again are forgotten.
	// ErrNoMigration; ErrNotMoving when it is complete.
	CompleteMigration(ctx context.Context, id, leaving string, now time.Time, givenUp bool) (bool, error)
}

// MigrateRequest is what MigrateStore is given.
type MigrateRequest struct {
	StoreID     string
	Target      string // adapter
	Credentials map[string]string
	SameAccount bool // the caller states that both accounts are one
}

// Migrate verifies credentials for another adapter of the store's marketplace and binds orders bought from now on to it.
// Nothing changes when it fails. For the adapter that the store is moving to already it returns the migration as it is.
func (s *Service) Migrate(ctx context.Context, r MigrateRequest) (Migration, error) {
	st, err := s.connected(ctx, r.StoreID)
	if err != nil {
		return Migration{}, err
	}
	last, err := s.repository.Migration(ctx, st.ID)
	switch known := err == nil; {
	case err != nil && !errors.Is(err, ErrNoMigration):
		return Migration{}, asProblem(err, st.ID)
	case st.Adapter == r.Target && known && last.Target == r.Target && last.Undone.IsZero():
		return last, nil
	case st.Adapter == r.Target:
		return Migration{}, problem.New(problem.Precondition, problem.ReasonAdapterUnchanged,
			"new orders of store %q belong to adapter %s already; RotateCredentials changes its credentials", st.ID, r.Target)
	case known && last.Completed.IsZero() && last.Undone.IsZero() && last.Source == r.Target:
		return Migration{}, problem.New(problem.Precondition, problem.ReasonMigrationUnderWay,
			"store %q is moving away from adapter %s; UndoMigration takes that back", st.ID, r.Target)
	case known && last.Completed.IsZero() && last.Leaving() != r.Target:
		return Migration{}, problem.New(problem.Precondition, problem.ReasonMigrationUnderWay,
			"store %q still has open orders on adapter %s; it can move to a third one when they have ended", st.ID, last.Leaving())
	}
	ref := Ref{StoreID: st.ID, Adapter: r.Target}
	info, err := s.marketplace.AdapterInfo(ctx, ref)
	if err != nil {
		return Migration{}, err
	}
	if info.Marketplace != st.Marketplace {
		return Migration{}, problem.New(problem.Precondition, problem.ReasonMarketplaceMismatch,
			"adapter %s speaks to marketplace %s, store %q sells on %s; connect that account as a store of its own",
			r.Target, info.Marketplace, st.ID, st.Marketplace)
	}
	account, err := s.verify(ctx, ref, st.Environment, "", info, r.Credentials)
	if err != nil {
		return Migration{}, err
	}
	keys := accountKeys(r.Target, account)
	match, err := s.match(ctx, st, keys, r.SameAccount)
	if err != nil {
		return Migration{}, err
	}
	sealed, err := s.vault.sealCredentials(ref, r.Credentials)
	if err != nil {
		return Migration{}, err
	}
	now := s.now().UTC()
	m := Migration{StoreID: st.ID, Source: st.Adapter, Target: r.Target, Cutover: now, Match: match}
	st.Adapter, st.AccountID, st.Acceptance, st.UpdateTime = r.Target, account.ID, account.Acceptance, now
	st.Health = Health{State: Healthy, Since: now}
	if account.ShopName != "" {
		st.ShopName = account.ShopName
	}
	err = s.repository.StartMigration(ctx, m, st, keys, sealed)
	switch {
	case errors.Is(err, ErrAccountTaken):
		return Migration{}, accountTaken("", "is connected as another store; disconnect that one first")
	case errors.Is(err, ErrNotMoving):
		return Migration{}, problem.New(problem.Precondition, problem.ReasonMigrationUnderWay,
			"store %q was moved, undone or disconnected by another call meanwhile; look at it and call again", st.ID)
	case err != nil:
		return Migration{}, asProblem(err, st.ID)
	}
	s.keepState(ctx, ref, account.State)
	s.log.InfoContext(ctx, "store moves to another adapter", "store", st.ID, "source", m.Source, "target", m.Target)
	return s.Migration(ctx, st.ID)
}

// match tells how the new account is known to be the store's. The names that the store has are those of earlier checks; when
// they do not tell, the marketplace is asked again through the old adapter, which may be down.
func (s *Service) match(ctx context.Context, st Store, keys AccountKeys, stated bool) (AccountMatch, error) {
	known, err := s.repository.FindStore(ctx, st.Marketplace, keys)
	switch {
	case err == nil && known.ID != st.ID && known.Connected():
		return "", accountTaken(known.ID, "belongs to store "+known.ID+"; disconnect that one first")
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", fmt.Errorf("find store of account: %w", err)
	}
	told, err := s.repository.AccountKeys(ctx, Ref{StoreID: st.ID, Adapter: st.Adapter})
	if err != nil {
		return "", fmt.Errorf("read names of account: %w", err)
	}
	if told.share(keys) {
		return MatchVerified, nil
	}
	if old, err := s.account(ctx, st, st.Adapter); err == nil && accountKeys(st.Adapter, old).share(keys) {
		return MatchVerified, nil
	}
	if stated {
		return MatchStated, nil
	}
	return "", problem.New(problem.Precondition, problem.ReasonAccountMismatch,
		"the marketplace does not show that these credentials belong to the account of store %q; if you know that they do, "+
			"say so with same_account, else connect that account as a store of its own", st.ID)
}

// Migration returns the last migration of a store.
func (s *Service) Migration(ctx context.Context, id string) (Migration, error) {
	m, err := s.repository.Migration(ctx, id)
	if err != nil {
		return Migration{}, asProblem(err, id)
	}
	return m, nil
}

// UndoMigration binds orders bought from now on to the source again. Undone already, it returns the migration as it is.
func (s *Service) UndoMigration(ctx context.Context, id string) (Migration, error) {
	m, err := s.Migration(ctx, id)
	switch {
	case err != nil:
		return Migration{}, err
	case !m.Undone.IsZero():
		return m, nil
	}
	err = s.repository.UndoMigration(ctx, id, s.now().UTC())
	if errors.Is(err, ErrNotMoving) {
		if now, err := s.Migration(ctx, id); err == nil && !now.Undone.IsZero() { // another call undid it
			return now, nil
		}
		return Migration{}, problem.New(problem.Precondition, problem.ReasonMigrationComplete,
			"the move of store %q to adapter %s is complete and the credentials of %s are erased; move it back with MigrateStore",
			id, m.Target, m.Source)
	}
	if err != nil {
		return Migration{}, asProblem(err, id)
	}
	s.standingChanged(false) // credentials of the source may be due for a probe
	s.log.InfoContext(ctx, "migration undone", "store", id, "source", m.Source, "target", m.Target)
	return s.Migration(ctx, id)
}

// MigrationPolicy says when an adapter that a store leaves is given up.
type MigrationPolicy struct {
	// Keep is how long both adapters are kept at least, so that a move can be undone.
	Keep time.Duration
	// Patience is how long the adapter that a store leaves may fail before the orders that are left on it go to the other one.
	Patience time.Duration
}

// Conclude completes the migration of a store when nothing is left on the adapter that it leaves. It is called after imports.
func (s *Service) Conclude(ctx context.Context, id string, p MigrationPolicy) error {
	m, err := s.repository.Migration(ctx, id)
	switch {
	case errors.Is(err, ErrNoMigration):
		return nil
	case err != nil:
		return fmt.Errorf("read migration of store %s: %w", id, err)
	case !m.Completed.IsZero():
		return nil
	}
	b, err := s.repository.Bindings(ctx, id)
	if err != nil {
		return fmt.Errorf("read bindings of store %s: %w", id, err)
	}
	now := s.now().UTC()
	// It is given up by a run that read everything through the adapter of new orders, and not before: what that one shows of the
	// orders left was taken over then.
	givenUp := b.GivenUp(m.Leaving(), b.importStart(b.Current), p)
	if now.Sub(m.turned()) < p.Keep || !givenUp && !b.readSince(m.Leaving(), m.turned()) {
		return nil
	}
	done, err := s.repository.CompleteMigration(ctx, id, m.Leaving(), now, givenUp)
	switch {
	case errors.Is(err, ErrNotMoving), errors.Is(err, ErrNoMigration): // another call was faster
		return nil
	case err != nil:
		return fmt.Errorf("complete migration of store %s: %w", id, err)
	case done:
		s.log.InfoContext(ctx, "migration complete", "store", id, "left", m.Leaving(), "given_up", givenUp)
	}
	return nil
}

// readSince reports whether an import that began at the instant or later read everything through the adapter: then every order
// of it is known.
func (b Bindings) readSince(adapter string, at time.Time) bool {
	return !b.Speaks(adapter) || !b.importStart(adapter).Before(at)
}

// importStart is the start of the last import that read everything through an adapter; zero when there was none.
func (b Bindings) importStart(adapter string) time.Time {
	for _, x := range b.Adapters {
		if x.Adapter == adapter {
			return x.ImportStart
		}
	}
	return time.Time{}
}
