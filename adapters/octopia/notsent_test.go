package octopia_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestPreviewRefuses: what would not be sent is not shown.
func TestPreviewRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	n := notification("N1")
	n.TrackingNumber = ""
	_, err := octopia.New().PreviewShipment(short(t), &adapterv1.PreviewShipmentRequest{Store: f.store(), Notification: n})
	if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != "notification" {
		t.Errorf("error %v", err)
	}
	_, err = octopia.New().PreviewShipment(short(t), &adapterv1.PreviewShipmentRequest{Notification: notification("N1")})
	if reason(err) != "INVALID_REQUEST" {
		t.Errorf("error %v", err)
	}
}

// TestShipmentsNotSent: what cannot be right is refused before anything is sent, and without a token.
func TestShipmentsNotSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, message string
		change        func(*adapterv1.ShipmentNotification)
	}{
		{"no order", "order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = "" }},
		{"dots", "order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = ".." }},
		{"a route", "order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = "Count" }},
		{"no carrier", "mandatory", func(n *adapterv1.ShipmentNotification) { n.Carrier = "" }},
		{"no number", "mandatory", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "" }},
		{"long number", "longer than 50", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = strings.Repeat("é", 51) }},
		{"white space", "white space", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "6A 1" }},
		{"tab", "white space", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "6A\t1" }},
		{"control", "control", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "6A\x001" }},
		{"long address", "longer than 255", func(n *adapterv1.ShipmentNotification) {
			n.TrackingUrl = "https://x.example/" + strings.Repeat("a", 240)
		}},
		{"no scheme", "absolute", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "tracking.example.com/1" }},
		{"another scheme", "absolute", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "javascript://x" }},
		{"no host", "absolute", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "https:///x" }},
		{"part of the order", "leaves out a line", func(n *adapterv1.ShipmentNotification) { n.Lines = n.Lines[:1] }},
		{"no context", "read again", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = nil }},
		{"context of another adapter", "read again", func(n *adapterv1.ShipmentNotification) {
			n.AdapterContext = []byte(`{"v":1,"l":[{"i":"A","s":"A"}]}`)
		}},
		{"context of another version", "read again", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte(`{"v":2,"l":["1"]}`) }},
		{"no line left", "no line left", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte(`{"v":1,"l":[]}`) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(http.StatusCreated, ""))
			n := notification("N1")
			tt.change(n)
			r := ship(t, octopia.New(), f.store(), n)
			if r.GetOutcome() != rejected || !strings.Contains(r.GetMessage(), tt.message) || len(f.seen()) != 0 || f.tokens() != 0 {
				t.Errorf("%s %q, %d requests, %d tokens", r.GetOutcome(), r.GetMessage(), len(f.seen()), f.tokens())
			}
		})
	}
}

// TestTrackingLimits: the longest that is declared is sent.
func TestTrackingLimits(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	a := octopia.New(octopia.WithTrackingLimits(5, 20))
	rules := a.Describe().GetCapabilities().GetTrackingRules()
	n := notification("N1")
	n.TrackingNumber, n.TrackingUrl = strings.Repeat("é", int(rules.GetMaxNumberLength())), "https://x.example/12"
	if r := ship(t, a, f.store(), n); r.GetOutcome() != applied || len(n.GetTrackingUrl()) != int(rules.GetMaxUrlLength()) {
		t.Errorf("%s %s", r.GetOutcome(), r.GetMessage())
	}
	n.TrackingNumber += "é"
	if r := ship(t, a, f.store(), n); r.GetOutcome() != rejected {
		t.Errorf("one more: %s", r.GetOutcome())
	}
}
