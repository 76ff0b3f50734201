package world

import (
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
	// OrderListWarning is sent as ErrorMessage next to good orders; a non-empty one does not mean failure (cdiscount-soap.md
	// 4.1).
	OrderListWarning string `json:"order_list_warning"`
}

// DefaultSettings is how the marketplace behaves unless told otherwise.
func DefaultSettings() Settings {
	return Settings{
		ParcelsVisible:     true,
		PaymentStartsAfter: Duration(time.Minute),
		PaymentTakes:       Duration(5 * time.Minute),
		TokenLifetime:      Duration(48 * time.Hour),
		LoginFailure:       Failure401,
	}
}

// Settings returns the settings.
func (w *World) Settings() Settings {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settings
}

// SetSettings replaces the settings. They act on what happens from now on. It fails on an unknown LoginFailure.
func (w *World) SetSettings(s Settings) error {
	switch s.LoginFailure {
	case Failure401, Failure403, FailureHTML, FailureEmpty:
	default:
		return fmt.Errorf("login_failure %q is none of 401, 403, html, empty", s.LoginFailure)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settings = s
	return nil
}
