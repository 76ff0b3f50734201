package world

import (
	"errors"
	"fmt"
	"time"
)

// Duration is a time.Duration that reads and writes itself as "1m30s".
type Duration time.Duration

// MarshalText writes the duration as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads; negative durations are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration %q is not of the form 1m30s", text)
	}
	if parsed < 0 {
		return fmt.Errorf("duration %q is negative", text)
	}
	*d = Duration(parsed)
	return nil
}

// LoginFailure is how the token service answers wrong credentials. The real answer was never recorded (cdiscount-soap.md
// 12.1), so a client has to stand all of these.
type LoginFailure string

// The ways to answer wrong credentials.
const (
	Failure401   LoginFailure = "401"   // HTTP 401
	Failure403   LoginFailure = "403"   // HTTP 403
	FailureHTML  LoginFailure = "html"  // HTTP 200 with a page
	FailureEmpty LoginFailure = "empty" // HTTP 200 without a body
)

// Settings are the marketplace's habits. Delays run in world time.
type Settings struct {
	// ParcelsVisible tells whether reads ever show parcels. Some recorded shipped orders had none.
	ParcelsVisible bool `json:"parcels_visible"`
	// ShipVisibleAfter is how long after an applied shipment reads still show the order as it was before.
	ShipVisibleAfter Duration `json:"ship_visible_after"`
	// ParcelVisibleAfter is how long after an applied shipment reads show no parcel of it.
	ParcelVisibleAfter Duration `json:"parcel_visible_after"`
	// PaymentStartsAfter is how long an order stays AcceptedBySeller after its acceptance.
	PaymentStartsAfter Duration `json:"payment_starts_after"`
	// PaymentTakes is how long it then stays PaymentInProgress.
	PaymentTakes Duration `json:"payment_takes"`
	// TokenLifetime is how long new tokens live; 48 hours by the FAQ (cdiscount-soap.md 2).
	TokenLifetime Duration `json:"token_lifetime"`
	// LoginFailure is how wrong credentials are answered.
	LoginFailure LoginFailure `json:"login_failure"`
	// StateUnknownFor is how long after the creation of a new order reads tell neither its state nor its addresses, unless
	// its Spec says otherwise.
	StateUnknownFor Duration `json:"state_unknown_for"`
	// AddressesLateBy is how long an order that became paid still shows no street and no names.
	AddressesLateBy Duration `json:"addresses_late_by"`
	// DatePairsRequired makes a date filter without its other end count for nothing, as one client found (cdiscount-soap.md
	// 12.5).
	DatePairsRequired bool `json:"date_pairs_required"`
	// UndatedNeverModified hides an order without LastUpdatedDate from every filter by modification date, however wide. By
	// default it counts with its creation date. The contract does not say which; a client that always sends all four dates
	// never sees such an order if it is like this.
	UndatedNeverModified bool `json:"undated_never_modified"`
	// SlowListOver is the number of orders above which an order list takes SlowListBy longer, in wall time; zero means none
	// does. Too wide filters were seen to time out (cdiscount-soap.md 11).
	SlowListOver int      `json:"slow_list_over"`
	SlowListBy   Duration `json:"slow_list_by"`
	// SecondShipAccepted is the permissive mode: a ship request for a shipped order is accepted once more.
	SecondShipAccepted bool `json:"second_ship_accepted"`
	// EveryLineRequired refuses a decision that leaves out a line, also one that has already ended. The contract asks for
	// every line of the order (cdiscount-soap.md 8.2) and does not say whether ended ones count.
	EveryLineRequired bool `json:"every_line_required"`
	// ProductErrors lets every product look-up answer with an error for the product.
	ProductErrors bool `json:"product_errors"`
	// OrderListWarning is sent as ErrorMessage next to good orders; a non-empty one does not mean failure (cdiscount-soap.md
	// 4.1).
	OrderListWarning string `json:"order_list_warning"`

	RESTSettings
}

// DefaultSettings is how the marketplace behaves unless told otherwise.
func DefaultSettings() Settings {
	return Settings{
		ParcelsVisible:     true,
		PaymentStartsAfter: Duration(time.Minute),
		PaymentTakes:       Duration(5 * time.Minute),
		TokenLifetime:      Duration(48 * time.Hour),
		LoginFailure:       Failure401,
		RESTSettings:       defaultRESTSettings(),
	}
}

// Settings returns the settings.
func (w *World) Settings() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings
}

// SetSettings replaces the settings. They act on what happens from now on. It fails on an unknown word
// and on a number out of range.
func (w *World) SetSettings(s Settings) error {
	switch s.LoginFailure {
	case Failure401, Failure403, FailureHTML, FailureEmpty:
	default:
		return fmt.Errorf("login_failure %q is none of 401, 403, html, empty", s.LoginFailure)
	}
	if s.SlowListOver < 0 {
		return errors.New("slow_list_over must not be negative")
	}
	if err := s.check(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settings = s
	return nil
}
