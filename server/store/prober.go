package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/relaishq/relais/server/due"
	"github.com/relaishq/relais/server/problem"
)

// ProberConfig is what a prober needs. All fields are required.
type ProberConfig struct {
	Repository Repository
	Stores     *Service
	// Pause is the wait before credentials are tried again of which the database did not take how they stand. It is no short one:
	// trying refused credentials often may lock the account.
	Pause time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Prober tries refused credentials again, each when its row says so, so that a store heals by itself: of a mistake of the
// marketplace, and of credentials that were put right there. Success wakes what was held back.
type Prober struct {
	stores *Service
	loop   *due.Loop[Ref, Ref]
}

// proberWorkers is how many credentials for one adapter are tried at once. A probe is one small call.
const proberWorkers = 4

// NewProber returns a prober that has not started.
func NewProber(cfg ProberConfig) *Prober {
	p := &Prober{stores: cfg.Stores}
	p.loop = due.New(due.Config[Ref, Ref]{
		Lanes: cfg.Repository.Adapters,
		Due: func(ctx context.Context, l due.Look[Ref]) ([]Ref, error) {
			return cfg.Repository.DueProbes(ctx, l.Lane, l.Now, l.Limit)
		},
		Next: cfg.Repository.NextProbe,
		ID:   func(r Ref) string { return r.StoreID + "/" + r.Adapter }, Work: p.stores.tryAgain,
		Workers: proberWorkers, Pause: cfg.Pause, Now: cfg.Now, Log: cfg.Log,
	})
	return p
}

// Start begins to look for refused credentials in the background. It is called once.
func (p *Prober) Start() { p.loop.Start() }

// Stop begins nothing new and waits for the probes under way, or until ctx ends.
func (p *Prober) Stop(ctx context.Context) error { return p.loop.Stop(ctx) }

// Wake tells the prober that credentials were refused. It never blocks.
func (p *Prober) Wake() { p.loop.Wake() }

// tryAgain asks the marketplace whether refused credentials work now, and notes what it says. An error means that nothing could be
// noted.
func (s *Service) tryAgain(ctx context.Context, ref Ref) error {
	account, err := s.answer(ctx, ref)
	switch {
	case problem.HasReason(err, problem.ReasonStoreNotFound), problem.HasReason(err, problem.ReasonStoreDisconnected):
		return nil // meanwhile: nobody asks for its probes any more
	case err != nil:
		err = s.report(ctx, ref, err)
	default:
		s.keepState(ctx, ref, account.State)
		_, err = s.checked(ctx, ref, account)
	}
	if err != nil {
		s.log.ErrorContext(ctx, "probe of credentials not noted", "store", ref.StoreID, "adapter", ref.Adapter, "error", err)
	}
	return err
}
