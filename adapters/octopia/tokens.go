package octopia

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// tokenCache holds the tokens of this process. It only saves round trips: every token is also in the state that the host
// keeps, so a new process starts with the old one's tokens.
type tokenCache struct {
	mu      sync.Mutex // guards entries and guards
	entries map[[sha256.Size]byte]*tokenEntry
	guards  map[[sha256.Size]byte]*tokenGuard
}

// sweepAbove is how many clients the cache may hold before it forgets those without a token.
const sweepAbove = 4096

// entry returns the entry of a client and secret.
func (c *tokenCache) entry(id identity, rate tokenRate) *tokenEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[[sha256.Size]byte]*tokenEntry)
		c.guards = make(map[[sha256.Size]byte]*tokenGuard)
	}
	e := c.entries[id.key()]
	if e == nil {
		if len(c.entries) >= sweepAbove {
			c.sweep()
		}
		e = &tokenEntry{guard: c.guard(id.client(), rate)}
		c.entries[id.key()] = e
	}
	return e
}

// guard returns the guard of a client, whatever its secret. Callers hold mu.
func (c *tokenCache) guard(client [sha256.Size]byte, r tokenRate) *tokenGuard {
	g := c.guards[client]
	if g == nil {
		g = &tokenGuard{limiter: rate.NewLimiter(rate.Limit(r.perHour/3600), r.burst)}
		c.guards[client] = g
	}
	return g
}

// sweep forgets clients that hold no token: mistyped and rotated credentials. Guards go when nothing counts by them any more.
// Callers hold mu.
func (c *tokenCache) sweep() {
	for key, e := range c.entries {
		if e.idle() {
			delete(c.entries, key)
		}
	}
	used := make(map[*tokenGuard]bool, len(c.entries))
	for _, e := range c.entries {
		used[e.guard] = true
	}
	for key, g := range c.guards {
		if !used[g] {
			delete(c.guards, key)
		}
	}
}

// tokenGuard keeps one client within the hourly quota of the token service (octopia-rest.md 1): a fault that makes every call
// ask for a token must not use it up, since all sellers of the client live on it.
type tokenGuard struct {
	limiter *rate.Limiter

	mu    sync.Mutex // guards until
	until time.Time  // the token service asked to wait until then
}

// take spends one request for a token. The error is a *sdk.Error THROTTLED with the delay.
func (g *tokenGuard) take(now time.Time) error {
	g.mu.Lock()
	wait := g.until.Sub(now)
	g.mu.Unlock()
	if wait > 0 {
		return sdk.Throttled(wait, "%s: it asked to wait", routeToken)
	}
	reservation := g.limiter.ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return sdk.Throttled(wait, "the client's tokens of this hour are used up; the adapter keeps a reserve")
	}
	return nil
}

// hold remembers that the token service asked to wait.
func (g *tokenGuard) hold(err error, now time.Time) {
	e := sdk.AsError(err)
	if e == nil || e.Reason != adapterv1.ErrorReason_ERROR_REASON_THROTTLED || e.RetryAfter <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = now.Add(e.RetryAfter)
}

// tokenEntry is the token of one client and secret. At most one request for a new one is under way, in a goroutine that lives
// as long as somebody waits for it: a caller whose time is over leaves without taking the others' token away.
type tokenEntry struct {
	guard *tokenGuard

	mu      sync.Mutex // guards the fields below; never held across I/O
	current token
	// rejected is the last token that the API refused; older ones are not tried again.
	rejected token
	// refusal is what the token service said of the credentials at refusedAt, nil when it took them.
	refusal   error
	refusedAt time.Time
	flight    *flight // nil when no request is under way
	// turnedAway is when a route of a seller last refused even a token that had just been issued.
	turnedAway map[routeOfSeller]time.Time
}

// routeOfSeller is what a token can be refused for without being at fault itself.
type routeOfSeller struct{ seller, route string }

// maxTurnedAway bounds tokenEntry.turnedAway.
const maxTurnedAway = 10_000

// flight is a request for a token.
type flight struct {
	cancel  context.CancelFunc
	done    chan struct{} // closed when the request has ended
	err     error         // valid after done
	waiters int           // guarded by tokenEntry.mu
}

// issuer asks the token service for a token.
type issuer func(ctx context.Context) (token, error)

// idle reports whether forgetting the entry loses nothing.
func (e *tokenEntry) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current.value == "" && e.flight == nil
}

// offer lets the entry adopt a token that the host kept, when it is usable and newer than what is here and than what was
// refused.
func (e *tokenEntry) offer(t token, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.usable(now) && t.obtained.After(e.current.obtained) && t.obtained.After(e.rejected.obtained) {
		e.current = t
	}
}

// reject drops a token that the API refused, unless it has been replaced meanwhile.
func (e *tokenEntry) reject(t token) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current.value == t.value {
		e.rejected, e.current = e.current, token{}
	}
}

// turnAway remembers that a route of a seller refused a token that had just been issued.
func (e *tokenEntry) turnAway(r routeOfSeller, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.turnedAway == nil || len(e.turnedAway) >= maxTurnedAway {
		e.turnedAway = make(map[routeOfSeller]time.Time)
	}
	e.turnedAway[r] = now
}

// wasTurnedAway reports whether that happened less than memory ago.
func (e *tokenEntry) wasTurnedAway(r routeOfSeller, now time.Time, memory time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	at, ok := e.turnedAway[r]
	return ok && !at.After(now) && now.Sub(at) < memory
}

// refuse remembers that the token service refused the credentials: asking again and again helps nobody. Other failures are not
// remembered.
func (e *tokenEntry) refuse(err error, now time.Time) {
	refused := sdk.AsError(err)
	if refused == nil || refused.Reason != adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusal, e.refusedAt = err, now
}

// get returns a usable token, asking for one when there is none. memory is how long a refusal of the credentials is
// remembered. Errors are ctx's and those of issue.
func (e *tokenEntry) get(ctx context.Context, clock func() time.Time, memory time.Duration, issue issuer) (token, error) {
	for {
		now := clock()
		e.mu.Lock()
		switch {
		case e.current.usable(now):
			defer e.mu.Unlock()
			return e.current, nil
		case e.refusal != nil && !e.refusedAt.After(now) && now.Sub(e.refusedAt) < memory:
			defer e.mu.Unlock()
			return token{}, e.refusal
		}
		f := e.flight
		if f == nil {
			f = e.start(ctx, clock, issue)
		}
		f.waiters++
		e.mu.Unlock()
		if err := e.wait(ctx, f); err != nil {
			return token{}, err
		}
		// The token that came has been used up or refused meanwhile when the next round asks again.
		if err := ctx.Err(); err != nil {
			return token{}, err
		}
	}
}

// start sends a request for a token in its own goroutine. Callers hold mu.
func (e *tokenEntry) start(ctx context.Context, clock func() time.Time, issue issuer) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{cancel: cancel, done: make(chan struct{})}
	e.flight = f
	go func() {
		defer close(f.done)
		defer cancel()
		t, err := issue(ctx)
		now := clock()
		e.refuse(err, now)
		e.guard.hold(err, now)
		e.mu.Lock()
		defer e.mu.Unlock()
		f.err = err
		if err == nil {
			e.current, e.refusal = t, nil
		}
		if e.flight == f {
			e.flight = nil
		}
	}()
	return f
}

// wait waits for a request. Whoever leaves last ends it, and sees it ended.
func (e *tokenEntry) wait(ctx context.Context, f *flight) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	e.mu.Lock()
	f.waiters--
	last := f.waiters == 0
	if last && e.flight == f {
		e.flight = nil // who comes now starts another
	}
	e.mu.Unlock()
	if last {
		f.cancel()
		<-f.done
	}
	return fmt.Errorf("wait for the token: %w", ctx.Err())
}
