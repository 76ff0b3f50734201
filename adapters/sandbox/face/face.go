// Package face is what the sandbox's API faces have in common: what a face is, how a call is carried out under the faults in
// force, and how an answer is sent, whole or broken. It knows no marketplace.
package face

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// Face is one marketplace API over the world. Its name, which is also the first segment of all its paths, and what the other
// methods return never change.
type Face interface {
	// API is the face's name, its operations with what they are for, and the kinds of faults that only it can show.
	API() fault.API
	// Credentials are a seller's credentials by the key that the face's adapter calls them.
	Credentials(s world.Seller) map[string]string
	// Addresses are the face's paths, by the title that a person reads.
	Addresses() []Address
	// Register adds the face's paths to mux. It is called once, before the sandbox serves.
	Register(mux *http.ServeMux, s Sandbox)
}

// Address is one path of a face.
type Address struct{ Title, Path string }

// Prerenderer is a Face that can write the orders that the world starts with once, before it serves, so that serving them
// costs next to nothing. Prerender is called after Register.
type Prerenderer interface{ Prerender() }

// Sandbox is what a face works on.
type Sandbox struct {
	World  *world.World
	Faults *fault.Set
	Log    *slog.Logger
	// Done ends waits that faults ask for; it is closed when the sandbox stops.
	Done <-chan struct{}
}

// Exchange is one call, as its face sees it.
type Exchange struct {
	Call fault.Call
	// Lost is called in place of Carry when a fault keeps the call from being carried out; nil when there is nothing to do.
	Lost func(d fault.Decision)
	// Carry carries the call out and returns what it gives. It does what d asks about the token and about the time at which
	// writes are carried out.
	Carry func(d fault.Decision) Answer
	// Replace is what the face answers for a decision that replaces the answer. Kinds that read alike on every face are not
	// asked for: see Replacement.
	Replace func(d fault.Decision) Answer
}

// Serve counts a call, lets the faults decide about it, and carries it out as they have it.
func (s Sandbox) Serve(w http.ResponseWriter, r *http.Request, x Exchange) {
	c := x.Call
	s.World.CountCall(world.CallKey{API: c.API, Operation: c.Operation, Action: string(c.Action)})
	d := s.Faults.Decide(c)
	s.Log.LogAttrs(r.Context(), slog.LevelDebug, "call", slog.String("api", c.API), slog.String("operation", c.Operation),
		slog.String("seller", c.Seller), slog.String("fault", string(d.Kind)))
	if !s.Wait(d.Before) {
		HangUp(w)
		return
	}
	carried := d.Kind != fault.CutBefore && (!d.Replaces() || d.Params.Apply)
	var a Answer
	switch {
	case carried:
		a = x.Carry(d)
	case x.Lost != nil:
		x.Lost(d)
	}
	if d.Kind == fault.CutBefore {
		HangUp(w)
		return
	}
	if d.Replaces() {
		a = x.replacement(d)
	}
	if !s.Wait(d.After) {
		HangUp(w)
		return
	}
	s.Deliver(w, r, a, d)
}

// replacement is what is answered instead.
func (x Exchange) replacement(d fault.Decision) Answer {
	switch d.Kind {
	case fault.HTTP500:
		return Text(http.StatusInternalServerError, HTMLContent, d.Params.Body)
	case fault.HTTP503:
		return Text(http.StatusServiceUnavailable, HTMLContent, d.Params.Body)
	default:
		return x.Replace(d)
	}
}

// Wait waits and reports whether the sandbox is still running. A client that gives up meanwhile does not end it: a real
// service would not notice either.
func (s Sandbox) Wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.Done:
		return false
	}
}
