package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/relaishq/relais/server/problem"
)

// AcceptanceMode says who decides about orders that wait for the seller. Storage keeps these words.
type AcceptanceMode string

// The modes; empty means that a person decides.
const (
	AcceptManually AcceptanceMode = "MANUAL"
	AcceptAll      AcceptanceMode = "ALL"
	AcceptListed   AcceptanceMode = "LISTED"
)

// AcceptancePolicy says which orders relais accepts for the seller. It never refuses one.
type AcceptancePolicy struct {
	Mode AcceptanceMode `json:"mode,omitempty"`
	// SKUs and MaxTotal are set with AcceptListed only.
	SKUs     []string `json:"skus,omitempty"`
	MaxTotal *Amount  `json:"max_total,omitempty"`
}

// WithMode returns the policy with another mode. Only AcceptListed keeps list and limit: what does not count now must not come back
// unseen later.
func (p AcceptancePolicy) WithMode(mode AcceptanceMode) AcceptancePolicy {
	if mode != AcceptListed {
		return AcceptancePolicy{Mode: mode}
	}
	p.Mode = mode
	return p
}

// Accepts reports whether any order is accepted by it.
func (p AcceptancePolicy) Accepts() bool { return p.Mode == AcceptAll || p.Mode == AcceptListed }

// same reports whether two policies accept the same orders for all that their fields say.
func (p AcceptancePolicy) same(other AcceptancePolicy) bool {
	limit := p.MaxTotal == other.MaxTotal || p.MaxTotal != nil && other.MaxTotal != nil && *p.MaxTotal == *other.MaxTotal
	return limit && p.Mode == other.Mode && slices.Equal(p.SKUs, other.SKUs)
}

// Amount is an exact decimal amount: units and billionths of a unit, neither negative.
type Amount struct {
	Currency string `json:"c"`
	Units    int64  `json:"u,omitempty"`
	Nanos    int32  `json:"n,omitempty"`
}

// String writes an amount exactly, with two decimals at least, for example "10.50 EUR".
func (a Amount) String() string {
	decimals := fmt.Sprintf("%09d", a.Nanos)
	return fmt.Sprintf("%d.%s%s %s", a.Units, decimals[:2], strings.TrimRight(decimals[2:], "0"), a.Currency)
}

// Above reports whether an amount is greater than a limit of the same currency, exactly.
func (a Amount) Above(limit Amount) bool {
	return a.Units > limit.Units || a.Units == limit.Units && a.Nanos > limit.Nanos
}

// IsCurrency reports whether a code has the form of ISO 4217, for example "EUR".
func IsCurrency(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// ImportSchedule says when a store's orders are imported by themselves.
type ImportSchedule struct {
	Disabled bool          `json:"disabled,omitempty"`
	Interval time.Duration `json:"interval,omitempty"` // zero means the server's default
}

// Every returns the time between the starts of two imports, where the server's default is used when the store has none of its own.
// Zero means that nothing is imported by itself.
func (s ImportSchedule) Every(fallback time.Duration) time.Duration {
	switch {
	case s.Disabled:
		return 0
	case s.Interval > 0:
		return s.Interval
	}
	return fallback
}

// PlannedImport returns when a store is imported by itself next, past when that is due; zero while it will not be: it is paused,
// disconnected or without a schedule, or its credentials are refused and are only tried now and then.
func (s *Service) PlannedImport(st Store) time.Time {
	switch {
	case !st.Connected(), st.Paused, st.Settings.ImportSchedule.Every(s.importInterval) == 0, !st.NextProbe.IsZero():
		return time.Time{}
	case st.NextImport.IsZero():
		return st.UpdateTime // it is due since it was connected
	}
	return st.NextImport
}

// Limits of policy and schedule.
const (
	maxPolicySKUs       = 10_000
	maxSKU              = 200
	minScheduleInterval = time.Minute
	maxScheduleInterval = 24 * time.Hour
)

func (p AcceptancePolicy) validate(prefix string) error {
	switch p.Mode {
	case "", AcceptManually, AcceptAll, AcceptListed:
	default:
		return problem.InvalidField(prefix+".mode", "is none of MANUAL, ALL and LISTED")
	}
	listed := p.Mode == AcceptListed
	switch {
	case listed && len(p.SKUs) == 0:
		return problem.InvalidField(prefix+".skus", "is empty: nothing would ever be accepted")
	case !listed && len(p.SKUs) > 0:
		return problem.InvalidField(prefix+".skus", "counts with mode LISTED only")
	case !listed && p.MaxTotal != nil:
		return problem.InvalidField(prefix+".max_total", "counts with mode LISTED only: with any other the limit would be ignored")
	case len(p.SKUs) > maxPolicySKUs:
		return problem.InvalidField(prefix+".skus", "has %d entries, at most %d are allowed", len(p.SKUs), maxPolicySKUs)
	}
	for i, sku := range p.SKUs {
		field := fmt.Sprintf("%s.skus[%d]", prefix, i)
		switch {
		case sku == "" || utf8.RuneCountInString(sku) > maxSKU:
			return problem.InvalidField(field, "must have 1 to %d characters", maxSKU)
		case strings.TrimSpace(sku) != sku:
			return problem.InvalidField(field, "must not begin or end with a blank")
		}
	}
	return p.MaxTotal.validate(prefix + ".max_total")
}

// validate checks a limit; nil is none.
func (a *Amount) validate(prefix string) error {
	switch {
	case a == nil:
	case !IsCurrency(a.Currency):
		return problem.InvalidField(prefix+".currency_code", "must be an ISO 4217 code such as EUR")
	case a.Units < 0:
		return problem.InvalidField(prefix+".units", "is %d; a limit is not negative", a.Units)
	case a.Nanos < 0 || a.Nanos > 999_999_999:
		return problem.InvalidField(prefix+".nanos", "is %d; 0 to 999999999 billionths are allowed", a.Nanos)
	case a.Units == 0 && a.Nanos == 0:
		return problem.InvalidField(prefix, "is zero: nothing would ever be accepted; leave it unset for no limit")
	}
	return nil
}

func (s ImportSchedule) validate(prefix string) error {
	if s.Interval != 0 && (s.Interval < minScheduleInterval || s.Interval > maxScheduleInterval) {
		return problem.InvalidField(prefix+".interval", "is %s; %s to %s are allowed, none means the server's default",
			s.Interval, minScheduleInterval, maxScheduleInterval)
	}
	return nil
}
