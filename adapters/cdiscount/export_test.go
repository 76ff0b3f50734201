package cdiscount

import (
	"net/http"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// WireOrder is what is read of an order before it is mapped.
type WireOrder = wireOrder

// Parts of WireOrder.
type (
	WireLine     = wireLine
	WireParcel   = wireParcel
	WireAddress  = wireAddress
	WireCustomer = wireCustomer
)

// MapOrder maps an order.
func MapOrder(w *WireOrder) (*adapterv1.Order, error) { return mapOrder(w) }

// ParseDate reads a date of an answer.
func ParseDate(text string) (time.Time, bool) { return parseDate(text) }

// FilterBegin and FilterEnd write the dates of a filter.
func FilterBegin(t time.Time) string { return filterBegin(t) }

// FilterEnd writes the end of a filter.
func FilterEnd(t time.Time) string { return filterEnd(t) }

// ParseAmount reads an amount.
func ParseAmount(text string) (*adapterv1.Money, error) { return parseAmount(text) }

// PieceOf divides a total.
func PieceOf(total *adapterv1.Money, quantity int32) (*adapterv1.Money, error) {
	return pieceOf(total, quantity)
}

// ShippingOf adds up the charges of a line.
func ShippingOf(first, further *adapterv1.Money, quantity int32) (*adapterv1.Money, error) {
	return shippingOf(first, further, quantity)
}

// ReplaceTransports replaces what carries reads and writes. wrap gets the adapter's own.
func ReplaceTransports(a *Adapter, wrap func(own *http.Transport, write bool) http.RoundTripper) {
	a.port.reads.Transport = wrap(a.port.reads.Transport.(*http.Transport), false)
	a.port.writes.Transport = wrap(a.port.writes.Transport.(*http.Transport), true)
}
