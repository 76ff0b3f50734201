// Package fault injects failures into the sandbox's API faces: rules say which calls fail, how, and how often. Matching is
// deterministic: rules are tried in the order in which they were added, and every hit is recorded.
//
// The package decides; the face that serves the call carries the decision out.
package fault

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Params are what some kinds can be told.
type Params struct {
	Milliseconds int    `json:"ms,omitempty"`
	Apply        bool   `json:"apply,omitempty"`
	Status       int    `json:"status,omitempty"`
	Body         string `json:"body,omitempty"`
	Code         string `json:"code,omitempty"`
	Text         string `json:"text,omitempty"`
	Seconds      int    `json:"seconds,omitempty"`
	// Pieces is into how many pieces SlowDrip cuts the body; zero means ten.
	Pieces int `json:"pieces,omitempty"`
	// Fraction is how much of the body is sent by Truncated and CutMid: above 0 and below 1; zero means half.
	Fraction float64 `json:"fraction,omitempty"`
}

// Rule says which calls fail and how.
type Rule struct {
	ID int64 `json:"id"` // given by Add
	// Operation is the exact name of an operation, or Any. On, in its place, is what the call is for on whichever face, or Any.
	// Exactly one of them is given.
	Operation string `json:"operation,omitempty"`
	On        Action `json:"on,omitempty"`
	API       string `json:"api,omitempty"`    // only calls of this face; empty means all
	Kind      Kind   `json:"kind"`             //
	Times     int    `json:"times"`            // how many calls fail; zero means until the rule is removed
	After     int    `json:"after_calls"`      // how many matching calls pass before
	Seller    string `json:"seller,omitempty"` // only calls of this account; empty means all
	Order     string `json:"order,omitempty"`  // only calls that name this order; empty means all
	Params    Params `json:"params"`
	Seen      int    `json:"seen"` // matching calls so far
	Hits      int    `json:"hits"` // failed calls so far
}

// Call is what a rule can look at.
type Call struct {
	API       string // name of the face
	Operation string
	Action    Action   // what it is for; empty when it is none of the known
	Seller    string   // account; empty when unknown
	Orders    []string // order numbers that the call names
}

// Hit is one failed call.
type Hit struct {
	Rule      int64     `json:"rule"`
	Kind      Kind      `json:"kind"`
	API       string    `json:"api"`
	Operation string    `json:"operation"`
	Action    Action    `json:"action,omitempty"`
	Seller    string    `json:"seller,omitempty"`
	WallTime  time.Time `json:"wall_time"`
}

// Decision is what is to happen to a call. The zero Decision lets it pass.
type Decision struct {
	Before time.Duration // wait this long before carrying the call out
	After  time.Duration // wait this long before answering
	Kind   Kind          // other than Latency; empty means none
	Params Params        // of Kind
}

// Pause is how long Params says to wait.
func (p Params) Pause() time.Duration { return time.Duration(p.Milliseconds) * time.Millisecond }

// Replaces reports whether something else is answered than what the call gives.
func (d Decision) Replaces() bool { return d.Kind.Replaces() }

// Set is the rules in force. It is safe for concurrent use.
type Set struct {
	apis []API
	wall func() time.Time

	mu    sync.Mutex // guards the fields below
	rules []*Rule
	next  int64
	hits  []Hit
}

// NewSet makes an empty set for faces. wall is the wall clock.
func NewSet(wall func() time.Time, apis ...API) *Set {
	return &Set{wall: wall, apis: slices.Clone(apis)}
}

// Add puts a rule into force behind those that are there and returns it with its ID. It fails on an unknown operation or
// kind, on numbers out of range, and on a kind that the operation cannot show.
func (s *Set) Add(r Rule) (Rule, error) {
	if err := s.check(r); err != nil {
		return Rule{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	r.ID, r.Seen, r.Hits = s.next, 0, 0
	kept := r
	s.rules = append(s.rules, &kept)
	return r, nil
}

func (s *Set) check(r Rule) error {
	if err := s.checkSelection(r); err != nil {
		return err
	}
	switch {
	case r.Kind == Hostile && !slices.Contains(HostileCodes(), r.Params.Code):
		return fmt.Errorf("hostile needs params.code, one of %v", HostileCodes())
	case r.Kind == Refusal && r.Params.Text == "":
		return fmt.Errorf("refusal needs params.text")
	case r.Kind == Refusal && r.Params.Status != 0 && r.Params.Status < 400:
		return fmt.Errorf("the params.status of a refusal must be 400 or more")
	case r.Params.Seconds < 0:
		return fmt.Errorf("params.seconds must not be negative")
	case r.Times < 0 || r.After < 0:
		return fmt.Errorf("times and after_calls must not be negative")
	case (r.Kind == Latency || r.Kind == SlowDrip || r.Kind == ApplyLate) && r.Params.Milliseconds <= 0:
		return fmt.Errorf("%s needs params.ms above zero", r.Kind)
	case r.Params.Pieces < 0:
		return fmt.Errorf("params.pieces must not be negative")
	case r.Params.Fraction < 0 || r.Params.Fraction >= 1:
		return fmt.Errorf("params.fraction must lie between 0 and 1")
	case r.Params.Status != 0 && (r.Params.Status < 200 || r.Params.Status > 599):
		return fmt.Errorf("params.status must lie between 200 and 599")
	default:
		return nil
	}
}

// Decide says what happens to a call and counts it. Latency adds up over the rules; the first other rule that is due wins,
// and rules behind it do not see the call.
func (s *Set) Decide(c Call) Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d Decision
	for _, r := range s.rules {
		if !s.matches(r, c) {
			continue
		}
		r.Seen++
		if r.Seen <= r.After || r.Times > 0 && r.Hits >= r.Times {
			continue
		}
		r.Hits++
		s.hits = append(s.hits, Hit{
			Rule: r.ID, Kind: r.Kind, API: c.API, Operation: c.Operation, Action: c.Action, Seller: c.Seller, WallTime: s.wall().UTC(),
		})
		if r.Kind != Latency {
			d.Kind, d.Params = r.Kind, r.Params
			break
		}
		wait := r.Params.Pause()
		if r.Params.Apply {
			d.After += wait
		} else {
			d.Before += wait
		}
	}
	return d
}

// Rules returns the rules in force, with their counters, in the order of matching.
func (s *Set) Rules() []Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Rule, 0, len(s.rules))
	for _, r := range s.rules {
		out = append(out, *r)
	}
	return out
}

// Hits returns every failed call, in order, also of rules that were removed.
func (s *Set) Hits() []Hit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hits)
}

// Remove takes one rule out of force and reports whether it was there.
func (s *Set) Remove(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.rules)
	s.rules = slices.DeleteFunc(s.rules, func(r *Rule) bool { return r.ID == id })
	return len(s.rules) < before
}

// Clear takes all rules out of force and returns how many there were.
func (s *Set) Clear() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.rules)
	s.rules = nil
	return n
}
