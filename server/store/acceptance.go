package store

import (
	"fmt"
	"strings"
	"time"

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
	// SKUs and MaxTotal count with AcceptListed only.
	SKUs     []string `json:"skus,omitempty"`
	MaxTotal *Amount  `json:"max_total,omitempty"`
}

// Amount is an exact decimal amount: units and billionths of a unit, neither negative.
type Amount struct {
	Currency string `json:"c"`
	Units    int64  `json:"u,omitempty"`
	Nanos    int32  `json:"n,omitempty"`
}

// String writes an amount exactly, without trailing zeros, for example "10.5 EUR".
func (a Amount) String() string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%09d", a.Units, a.Nanos), "0"), ".") + " " + a.Currency
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

// PlannedImport returns when the store is imported by itself next, past when that is due; zero while it will not be: it is paused,
// disconnected or without a schedule, or its credentials are refused and are only tried now and then.
func (s Store) PlannedImport() time.Time {
	switch {
	case !s.Connected(), s.Paused, s.Settings.ImportSchedule.Disabled, !s.NextProbe.IsZero():
		return time.Time{}
	case s.NextImport.IsZero():
		return s.UpdateTime // it is due since it was connected, or its schedule changed
	}
	return s.NextImport
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
	if p.Mode == AcceptListed && len(p.SKUs) == 0 {
		return problem.InvalidField(prefix+".skus", "is empty: nothing would ever be accepted")
	}
	if len(p.SKUs) > maxPolicySKUs {
		return problem.InvalidField(prefix+".skus", "has %d entries, at most %d are allowed", len(p.SKUs), maxPolicySKUs)
	}
	for i, sku := range p.SKUs {
		if strings.TrimSpace(sku) == "" || len(sku) > maxSKU {
			return problem.InvalidField(fmt.Sprintf("%s.skus[%d]", prefix, i), "must have 1 to %d characters", maxSKU)
		}
	}
	switch t := p.MaxTotal; {
	case t == nil:
	case !IsCurrency(t.Currency):
		return problem.InvalidField(prefix+".max_total.currency_code", "must be an ISO 4217 code such as EUR")
	case t.Units < 0:
		return problem.InvalidField(prefix+".max_total.units", "is %d; a limit is not negative", t.Units)
	case t.Nanos < 0 || t.Nanos > 999_999_999:
		return problem.InvalidField(prefix+".max_total.nanos", "is %d; 0 to 999999999 billionths are allowed", t.Nanos)
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
