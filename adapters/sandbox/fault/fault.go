// Package fault injects failures into the sandbox's API faces: rules say which calls fail, how, and how often. Matching is
// deterministic: rules are tried in the order in which they were added, and every hit is recorded.
//
// The package decides; the face that serves the call carries the decision out.
package fault

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is a way to fail.
type Kind string

// The kinds. Those marked "replaces" answer something else; with Params.Apply the call is carried out all the same, so that
// only its answer is lost.
const (
	Latency        Kind = "latency"         // waits Params.Milliseconds before the call is carried out; with Apply, after it
	HTTP500        Kind = "http_500"        // replaces: HTTP 500 with Params.Body, empty by default
	HTTP503        Kind = "http_503"        // replaces: HTTP 503 with Params.Body
	SOAPFault      Kind = "soap_fault"      // replaces: HTTP 500 with a fault of Params.Code and Params.Text, default InternalServiceFault
	HTML           Kind = "html"            // replaces: a page, with HTTP Params.Status, 200 by default
	Malformed      Kind = "malformed"       // replaces: HTTP 200 of the right content type whose body is not XML
	Quota          Kind = "quota"           // replaces: OperationSuccess false with ErrorType Quota
	SellerDisabled Kind = "seller_disabled" // replaces: "Vendeur désactivé"
	TokenExpired   Kind = "token_expired"   // forgets the token of the call before it is checked: it "does not exist"
	TokenLapsed    Kind = "token_lapsed"    // ends the token's life before it is checked: it "has expired"
	ErrorMessage   Kind = "error_message"   // carries the call out and sets ErrorMessage, Params.Text, next to a good result
	Truncated      Kind = "truncated"       // ends the body early, and the HTTP answer properly
	CutBefore      Kind = "cut_before"      // closes the connection; nothing is carried out
	CutAfter       Kind = "cut_after"       // carries the call out and closes the connection without an answer
	CutMid         Kind = "cut_mid"         // resets the connection in the middle of the body
	SlowDrip       Kind = "slow_drip"       // sends the body in Params.Pieces pieces, Params.Milliseconds apart
	ApplyLate      Kind = "apply_late"      // closes the connection without an answer; a write is carried out Params.Milliseconds of world time later
)

// STS is the operation name of the token service. Any stands for all operations in a rule.
const (
	STS = "STS"
	Any = "*"
)

// Params are what some kinds can be told.
type Params struct {
	Milliseconds int    `json:"ms,omitempty"`
	Apply        bool   `json:"apply,omitempty"`
	Status       int    `json:"status,omitempty"`
	Body         string `json:"body,omitempty"`
	Code         string `json:"code,omitempty"`
	Text         string `json:"text,omitempty"`
	// Pieces is into how many pieces SlowDrip cuts the body; zero means ten.
	Pieces int `json:"pieces,omitempty"`
	// Fraction is how much of the body is sent by Truncated and CutMid: above 0 and below 1; zero means half.
	Fraction float64 `json:"fraction,omitempty"`
}

// Rule says which calls fail and how.
type Rule struct {
	ID        int64  `json:"id"`               // given by Add
	Operation string `json:"operation"`        // "STS", the name of an operation, or "*"
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
	Operation string
	Seller    string   // account; empty when unknown
	Orders    []string // order numbers that the call names
}

// Hit is one failed call.
type Hit struct {
	Rule      int64     `json:"rule"`
	Kind      Kind      `json:"kind"`
	Operation string    `json:"operation"`
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
func (d Decision) Replaces() bool {
	switch d.Kind {
	case HTTP500, HTTP503, SOAPFault, HTML, Malformed, Quota, SellerDisabled:
		return true
	default:
		return false
	}
}

// Set is the rules in force. It is safe for concurrent use.
type Set struct {
	operations []string
	wall       func() time.Time

	mu    sync.Mutex // guards the fields below
	rules []*Rule
	next  int64
	hits  []Hit
}

// NewSet makes an empty set. operations are the names that rules may use beside Any; wall is the wall clock.
func NewSet(wall func() time.Time, operations ...string) *Set {
	return &Set{wall: wall, operations: slices.Clone(operations)}
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

func kinds() []Kind {
	return []Kind{
		Latency, HTTP500, HTTP503, SOAPFault, HTML, Malformed, Quota, SellerDisabled, TokenExpired, TokenLapsed, ErrorMessage,
		Truncated, CutBefore, CutAfter, CutMid, SlowDrip, ApplyLate,
	}
}

// needsToken reports whether only a call with a token can show the kind.
func (k Kind) needsToken() bool {
	switch k {
	case SOAPFault, Quota, SellerDisabled, TokenExpired, TokenLapsed, ErrorMessage, ApplyLate:
		return true
	default:
		return false
	}
}

func (s *Set) check(r Rule) error {
	switch {
	case r.Operation != Any && !slices.Contains(s.operations, r.Operation):
		return fmt.Errorf("operation %q is none of *, %s", r.Operation, strings.Join(s.operations, ", "))
	case !slices.Contains(kinds(), r.Kind):
		return fmt.Errorf("kind %q is none of %v", r.Kind, kinds())
	case r.Operation == STS && r.Kind.needsToken():
		return fmt.Errorf("the token service cannot answer with %s", r.Kind)
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
		if !r.matches(c) {
			continue
		}
		r.Seen++
		if r.Seen <= r.After || r.Times > 0 && r.Hits >= r.Times {
			continue
		}
		r.Hits++
		s.hits = append(s.hits, Hit{Rule: r.ID, Kind: r.Kind, Operation: c.Operation, Seller: c.Seller, WallTime: s.wall().UTC()})
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

func (r *Rule) matches(c Call) bool {
	return (r.Operation == Any || r.Operation == c.Operation) &&
		(c.Operation != STS || !r.Kind.needsToken()) &&
		(r.Seller == "" || r.Seller == c.Seller) &&
		(r.Order == "" || slices.Contains(c.Orders, r.Order))
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
