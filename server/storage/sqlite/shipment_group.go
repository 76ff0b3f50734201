package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/relaishq/relais/server/shipment"
)

// groupSize is how many shipments one transaction of several callers stores. Others wait for the writer as long as that takes,
// some ten milliseconds.
const groupSize = 200

// errUnfinished is what callers get whose transaction broke off without an error.
var errUnfinished = errors.New("the transaction was not finished")

// creation is what one caller wants stored, and what became of it.
type creation struct {
	rows    []newRow
	created []shipment.Created // one for each row
	err     error              // for all of them
	done    chan struct{}      // closed when created and err are final
}

// end gives the caller its results.
func (c *creation) end(err error) {
	if c.err = err; err != nil {
		c.created = nil
	}
	close(c.done)
}

// creations lets callers share transactions: a commit waits for the disk, and takes as long with one shipment as with many. There
// is no goroutine of its own: of the callers that wait, one leads, for itself and all others.
type creations struct {
	lead    chan struct{} // holds one value while somebody leads
	mu      sync.Mutex    // guards waiting
	waiting []*creation   // that no transaction has taken yet, the oldest first
}

func newCreations() *creations { return &creations{lead: make(chan struct{}, 1)} }

// run stores a creation, in a transaction that it leads or that another caller leads, and returns its error. together runs one
// transaction: it takes creations when it begins, and ends each; its error means that it took none. When ctx ends before the
// creation is taken, nothing was stored.
func (g *creations) run(ctx context.Context, c *creation, together func(ctx context.Context, take func() []*creation) error) error {
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	g.mu.Unlock()
	for {
		select {
		case <-c.done:
			return c.err
		case g.lead <- struct{}{}:
			if err := g.leadOnce(ctx, c, together); err != nil && g.leave(c) {
				return err
			}
		case <-ctx.Done():
			if g.leave(c) {
				return fmt.Errorf("wait to create shipments: %w", ctx.Err())
			}
			<-c.done // the transaction has begun: only its end tells what is stored
			return c.err
		}
	}
}

// leadOnce runs one transaction, unless that of the leader before had room for this creation, and makes way for the next leader.
func (g *creations) leadOnce(ctx context.Context, c *creation, together func(ctx context.Context, take func() []*creation) error) error {
	defer func() { <-g.lead }()
	select {
	case <-c.done:
		return nil
	default:
		return together(ctx, g.take)
	}
}

// take removes the oldest creations that fit into one transaction, at least one, and returns them.
func (g *creations) take() []*creation {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, size := 0, 0
	for _, c := range g.waiting {
		if size += len(c.rows); n > 0 && size > groupSize {
			break
		}
		n++
	}
	taken := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	return taken
}

// leave removes a creation and reports whether it was still waiting.
func (g *creations) leave(c *creation) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, c)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}
