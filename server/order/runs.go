package order

import (
	"context"
	"errors"

	"github.com/relaishq/relais/server/problem"
)

// run is one import under way in this process.
type run struct {
	storeID string
	ctx     context.Context
	cancel  context.CancelCauseFunc
	changed chan struct{} // closed and replaced at each change; guarded by Importer.mu
}

// errDisconnected is the cause of a run that ends because its store was disconnected.
var errDisconnected = errors.New("the store was disconnected")

// register notes a run of this process. It is false when the server stops.
func (im *Importer) register(planned Import) (*run, bool) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.stopped {
		return nil, false
	}
	r := &run{storeID: planned.StoreID, changed: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancelCause(im.ctx)
	im.runs[planned.ID] = r
	im.working.Add(1)
	return r, true
}

// turnsIn returns the turns of a lane, which runs take to read.
func (im *Importer) turnsIn(lane string) chan struct{} {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.turns[lane] == nil {
		im.turns[lane] = make(chan struct{}, im.cfg.Workers)
	}
	return im.turns[lane]
}

// stopping reports whether no run is begun any more.
func (im *Importer) stopping() bool {
	im.mu.Lock()
	defer im.mu.Unlock()
	return im.stopped
}

// nextChange returns what is closed at the next change of a run; nil when this process does not work on it.
func (im *Importer) nextChange(id string) chan struct{} {
	im.mu.Lock()
	defer im.mu.Unlock()
	if r, ok := im.runs[id]; ok {
		return r.changed
	}
	return nil
}

func (im *Importer) changed(id string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if r, ok := im.runs[id]; ok {
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

// forget undoes register.
func (im *Importer) forget(id string) {
	im.mu.Lock()
	r := im.runs[id]
	delete(im.runs, id)
	im.mu.Unlock()
	r.cancel(nil)
	close(r.changed)
	im.working.Done()
}

// wait waits until this process no longer works on a run.
func (im *Importer) wait(id string) {
	for {
		next := im.nextChange(id)
		if next == nil {
			return
		}
		<-next
	}
}

// Abort ends the running import of a store as INTERRUPTED: its credentials are gone.
func (im *Importer) Abort(storeID string) {
	im.mu.Lock()
	defer im.mu.Unlock()
	for _, r := range im.runs {
		if r.storeID == storeID {
			r.cancel(errDisconnected)
		}
	}
}

// Watch calls send with the import now and after its changes, and returns after the end of the import was sent. A slow
// receiver gets the latest state, not each one.
func (im *Importer) Watch(ctx context.Context, storeID, id string, send func(Import) error) error {
	for {
		next := im.nextChange(id) // before the read: a change between the two is seen by the next turn
		run, err := im.Get(ctx, storeID, id)
		if err != nil {
			return err
		}
		if err := send(run); err != nil {
			return err
		}
		switch {
		case run.State != Running:
			return nil
		case next == nil: // nobody runs it: its end could not be written, a restart of the server ends it
			return problem.New(problem.Unavailable, problem.ReasonServerStopping,
				"import %q is no longer worked on; the server's log tells why", id)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
