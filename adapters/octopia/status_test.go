package octopia_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/octopia"
)

// TestLineStatusTable holds the table of status.go, word by word.
func TestLineStatusTable(t *testing.T) {
	t.Parallel()
	columns := []string{"WaitingAcceptance", "Accepted", "InPreparation", "Shipped", "Delivered", "Cancelled", "Refused", "Processing", "Rejected", "New2027"}
	const (
		p, o, r, s, d, c, f, u = "PENDING_ACCEPTANCE", "PROCESSING", "READY_TO_SHIP", "SHIPPED", "DELIVERED", "CANCELLED", "REFUSED", "UNRECOGNIZED"
	)
	for word, row := range map[string][]string{
		"Processing":        {p, o, o, s, d, c, f, o, c, u},
		"WaitingAcceptance": {p, o, o, s, d, c, f, o, c, u},
		"Accepted":          {p, o, r, s, d, c, f, o, c, u},
		"InPreparation":     {p, o, r, s, d, c, f, o, c, u},
		"CancelRequest":     {p, o, r, s, d, c, f, o, c, u},
		"Shipped":           {s, s, s, s, d, s, s, s, s, s},
		"Delivered":         {d, d, d, d, d, d, d, d, d, d},
		"Refused":           {f, f, f, f, f, f, f, f, f, f},
		"Cancelled":         {c, c, c, c, c, c, c, c, c, c},
		"Rejected":          {c, c, c, c, c, c, c, c, c, c},
		"inpreparation":     {u, u, u, u, u, u, u, u, u, u},
		"OnHold":            {u, u, u, u, u, u, u, u, u, u},
		"":                  {u, u, u, u, u, u, u, u, u, u},
	} {
		for i, order := range columns {
			got, asked := octopia.LineStatus(word, octopia.StatusOf(order), true)
			if name := strings.TrimPrefix(got.String(), "ORDER_STATUS_"); name != row[i] || asked != (word == "CancelRequest") {
				t.Errorf("line %q of order %s: %s, asked to cancel: %v; want %s", word, order, name, asked, row[i])
			}
			// In a warehouse of the marketplace nothing is the seller's to ship.
			want := row[i]
			if want == r {
				want = o
			}
			if got, _ := octopia.LineStatus(word, octopia.StatusOf(order), false); strings.TrimPrefix(got.String(), "ORDER_STATUS_") != want {
				t.Errorf("warehouse: line %q of order %s: %s, want %s", word, order, got, want)
			}
		}
	}
}

// TestMapStatus: the status of an order from its own word and those of its lines.
func TestMapStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		order string
		lines string
		want  string
		asked bool
	}{
		{"InPreparation", "InPreparation", "READY_TO_SHIP", false},
		{"InPreparation", "Accepted", "READY_TO_SHIP", false},
		{"InPreparation", "InPreparation Cancelled", "READY_TO_SHIP", false},
		{"InPreparation", "InPreparation CancelRequest", "READY_TO_SHIP", true},
		{"InPreparation", "CancelRequest", "READY_TO_SHIP", true},
		{"InPreparation", "Processing", "PROCESSING", false},
		{"InPreparation", "Processing InPreparation", "READY_TO_SHIP", false},
		{"InPreparation", "", "PROCESSING", false},
		{"InPreparation", "OnHold", "UNRECOGNIZED", false},
		{"InPreparation", "InPreparation OnHold", "UNRECOGNIZED", false},
		{"InPreparation", "Cancelled Cancelled", "CANCELLED", false},
		{"InPreparation", "Cancelled Refused", "CANCELLED", false},
		{"InPreparation", "Refused Refused", "REFUSED", false},
		{"InPreparation", "Shipped Cancelled", "SHIPPED", false},
		{"InPreparation", "Shipped Delivered", "SHIPPED", false},
		{"InPreparation", "Delivered Cancelled", "DELIVERED", false},
		{"InPreparation", "Shipped InPreparation", "READY_TO_SHIP", false},
		{"Accepted", "InPreparation", "PROCESSING", false},
		{"Accepted", "Accepted", "PROCESSING", false},
		{"Processing", "Processing", "PROCESSING", false},
		{"WaitingAcceptance", "WaitingAcceptance", "PENDING_ACCEPTANCE", false},
		{"WaitingAcceptance", "CancelRequest", "PENDING_ACCEPTANCE", true},
		{"WaitingAcceptance", "Cancelled", "CANCELLED", false},
		{"Shipped", "Shipped", "SHIPPED", false},
		{"Shipped", "InPreparation", "SHIPPED", false},
		{"Shipped", "Cancelled", "SHIPPED", false},
		{"Delivered", "Delivered", "DELIVERED", false},
		{"Cancelled", "Cancelled", "CANCELLED", false},
		{"Refused", "Refused", "REFUSED", false},
		{"Rejected", "Rejected", "CANCELLED", false},
		{"New2027", "InPreparation", "UNRECOGNIZED", false},
		{"", "InPreparation", "UNRECOGNIZED", false},
		{"inPreparation", "InPreparation", "UNRECOGNIZED", false},
	} {
		lines := []any{}
		for i, word := range strings.Fields(tt.lines) {
			lines = append(lines, goodsLine(fmt.Sprint(i)).with("status", word))
		}
		o := mapped(t, homeOrder("N1").with("status", tt.order, "lines", lines))
		if got := strings.TrimPrefix(o.GetStatus().String(), "ORDER_STATUS_"); got != tt.want || o.GetCancelRequested() != tt.asked || o.GetNativeStatus() != tt.order {
			t.Errorf("order %q with lines %q: %s, asked to cancel: %v; want %s", tt.order, tt.lines, got, o.GetCancelRequested(), tt.want)
		}
		if m := marks(o); (m["status"] != "" || strings.Contains(fmt.Sprint(m), "OnHold")) != (tt.want == "UNRECOGNIZED" && tt.order != "") {
			t.Errorf("order %q with lines %q: marks %v", tt.order, tt.lines, m)
		}
	}
}

// TestMapUnshippable: what is not known of an open line keeps the order from being shipped; of an ended one it does not matter.
func TestMapUnshippable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path  string
		value any
		mark  string
	}{
		"no quantity":       {"quantity", nil, "lines[0].quantity"},
		"quantity 0":        {"quantity", 0, "lines[0].quantity"},
		"negative quantity": {"quantity", -1, "lines[0].quantity"},
		"half a piece":      {"quantity", 0.5, "lines[0].quantity"},
		"no SKU":            {"offer.sellerProductId", nil, "lines[0].offer.sellerProductId"},
		"blank SKU":         {"offer.sellerProductId", "  ", "lines[0].offer.sellerProductId"},
	} {
		o := mapped(t, homeOrder("N1").with("lines.0."+tt.path, tt.value))
		if _, marked := marks(o)[tt.mark]; o.GetStatus().String() != "ORDER_STATUS_UNRECOGNIZED" || !marked {
			t.Errorf("%s: %s, marks %v", name, o.GetStatus(), marks(o))
		}
	}
	o := mapped(t, homeOrder("N1").with("status", "Shipped", "lines.0.status", "Shipped", "lines.0.quantity", 0, "lines.0.offer.sellerProductId", nil))
	if o.GetStatus().String() != "ORDER_STATUS_SHIPPED" || len(o.GetUnrecognized()) != 0 {
		t.Errorf("ended: %s, marks %v", o.GetStatus(), marks(o))
	}
}

// TestMapFulfillment: who ships, from all lines that count.
func TestMapFulfillment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		modes, words string
		want         string
		status       string
		mark         string
	}{
		{"Seller Seller", "InPreparation InPreparation", "SELLER", "READY_TO_SHIP", ""},
		{"Fulfillment", "InPreparation", "MARKETPLACE", "PROCESSING", ""},
		{"Xdock Fulfillment", "InPreparation InPreparation", "MARKETPLACE", "PROCESSING", ""},
		{"Seller Fulfillment", "InPreparation InPreparation", "UNSPECIFIED", "READY_TO_SHIP", "lines[].offer.supplyMode"},
		{"Seller Fulfillment", "InPreparation Cancelled", "SELLER", "READY_TO_SHIP", ""},
		{"Seller Fulfillment", "Cancelled Cancelled", "UNSPECIFIED", "CANCELLED", "lines[].offer.supplyMode"},
		{"Drone", "InPreparation", "UNSPECIFIED", "PROCESSING", "lines[0].offer.supplyMode"},
		{"-", "InPreparation", "UNSPECIFIED", "PROCESSING", "lines[0].offer.supplyMode"},
	} {
		words := strings.Fields(tt.words)
		lines := []any{}
		for i, mode := range strings.Fields(tt.modes) {
			lines = append(lines, goodsLine(fmt.Sprint(i)).with("status", words[i], "offer.supplyMode", strings.Trim(mode, "-")))
		}
		o := mapped(t, homeOrder("N1").with("lines", lines))
		_, marked := marks(o)[tt.mark]
		if o.GetFulfillment().String() != "FULFILLMENT_"+tt.want || o.GetStatus().String() != "ORDER_STATUS_"+tt.status || marked != (tt.mark != "") {
			t.Errorf("%s in %s: %s, %s, marks %v", tt.modes, tt.words, o.GetFulfillment(), o.GetStatus(), marks(o))
		}
	}
}
