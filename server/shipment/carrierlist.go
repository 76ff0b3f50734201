package shipment

import (
	"context"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

const (
	// carrierListAge is the age at which a cached carrier list is read anew.
	carrierListAge = 24 * time.Hour
	// carrierListNew is the age up to which a list is believed even when it does not have a carrier: a batch of a thousand
	// shipments with a carrier of its own must not ask a thousand times.
	carrierListNew = 10 * time.Minute
	// carrierListRetry is how long nothing is asked after a list could not be read. It is shorter than carrierListNew: a failure
	// that is remembered never hides a list that was read since.
	carrierListRetry = 5 * time.Minute
	// carrierListFirstRetry is the same while no list was ever read: without one no shipment is taken.
	carrierListFirstRetry = 10 * time.Second
	// carrierListTimeout bounds the read of a list. Nobody waits that long for it.
	carrierListTimeout = 30 * time.Second
	// carrierListPatience is how long those who need a list wait for a read of it, all of them together.
	carrierListPatience = 2 * time.Second
)

// Stop begins no reads any more, ends those under way and waits for them, or until ctx ends. What is cached stays usable.
func (b *CarrierBook) Stop(ctx context.Context) error {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("carrier lists still being read at the end of the shutdown time: %w", ctx.Err())
	}
}

// read reads the marketplace's list now and keeps it.
func (b *CarrierBook) read(ctx context.Context, ref store.Ref) (CarrierList, error) {
	carriers, err := b.cfg.Marketplace.ListCarriers(ctx, ref)
	if err != nil {
		if b.ctx.Err() == nil { // else the end of the server cut it, which says nothing of the store
			b.cfg.Stores.Report(context.WithoutCancel(ctx), ref, err) // though the time for the read may be over
		}
		return CarrierList{}, err
	}
	list := CarrierList{Carriers: carriers, ReadTime: b.cfg.Now().UTC()}
	if err := b.cfg.Repository.SaveCarriers(ctx, ref, list); err != nil {
		return CarrierList{}, fmt.Errorf("keep carriers: %w", err)
	}
	return list, nil
}

// listRead is a read of a list in the background.
type listRead struct {
	retry    time.Time       // when it may be repeated, should it fail
	patience context.Context // ends when nobody is to wait any longer
	done     chan struct{}   // closed when the fields below are set
	list     CarrierList
	err      error
}

// renew reads a list anew in the background, unless that is under way, failed a short while ago, or would be of no use now.
func (b *CarrierBook) renew(ctx context.Context, ref store.Ref) {
	if _, err := b.begin(ctx, ref, carrierListRetry); err != nil {
		b.cfg.Log.DebugContext(ctx, "old carrier list not read anew", "store", ref.StoreID, "adapter", ref.Adapter, "error", err)
	}
}

// fresh returns a list that is read now. It waits a short while only; the read goes on, for those who come later. Should it fail, it
// is not repeated before retry.
func (b *CarrierBook) fresh(ctx context.Context, ref store.Ref, retry time.Duration) (CarrierList, error) {
	r, err := b.begin(ctx, ref, retry)
	if err != nil {
		return CarrierList{}, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return CarrierList{}, ctx.Err()
	case <-r.patience.Done():
	}
	select {
	case <-r.done: // also when nobody is to wait for it
		err = r.err
	default:
		err = problem.New(problem.Unavailable, problem.ReasonMarketplaceDown, "the marketplace has not told its carriers yet; repeat the call")
	}
	switch {
	case b.ctx.Err() != nil:
		return CarrierList{}, stopping()
	case err != nil:
		return CarrierList{}, err
	}
	return r.list, nil
}

func stopping() error {
	return problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; call again when it is back")
}

// begin begins to read a list, or returns the read that is under way or failed a short while ago. Errors: SERVER_STOPPING,
// MARKETPLACE_CREDENTIALS_REJECTED while the credentials do not work: whoever tries them again is the prober.
func (b *CarrierBook) begin(ctx context.Context, ref store.Ref, retry time.Duration) (*listRead, error) {
	if r := b.known(ref); r != nil {
		return r, nil
	}
	switch usable, err := b.cfg.Stores.Usable(ctx, ref); {
	case err != nil:
		return nil, err
	case !usable:
		return nil, problem.New(problem.Precondition, problem.ReasonCredentialsRejected,
			"the marketplace does not take the credentials of store %q now; GetStore tells more", ref.StoreID)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.knownLocked(ref); r != nil { // another caller was faster
		return r, nil
	}
	if b.stopped {
		return nil, stopping()
	}
	patience, impatient := context.WithTimeout(b.ctx, carrierListPatience)
	r := &listRead{retry: b.cfg.Now().Add(retry), patience: patience, done: make(chan struct{})}
	b.reads[ref] = r
	b.running.Go(func() {
		defer impatient()
		ctx, cancel := context.WithTimeout(b.ctx, carrierListTimeout)
		defer cancel()
		r.list, r.err = b.read(ctx, ref)
		if r.err == nil {
			b.mu.Lock()
			delete(b.reads, ref)
			b.mu.Unlock()
		} else if b.ctx.Err() == nil {
			b.cfg.Log.InfoContext(ctx, "carrier list not read", "store", ref.StoreID, "adapter", ref.Adapter, "error", r.err)
		}
		close(r.done)
	})
	return r, nil
}

// known returns the read of a list that is under way or failed a short while ago; nil when there is none.
func (b *CarrierBook) known(ref store.Ref) *listRead {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.knownLocked(ref)
}

func (b *CarrierBook) knownLocked(ref store.Ref) *listRead {
	r := b.reads[ref]
	if r == nil {
		return nil
	}
	select {
	case <-r.done: // it failed
		if !b.cfg.Now().Before(r.retry) {
			return nil
		}
	default:
	}
	return r
}
