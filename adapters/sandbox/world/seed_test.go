package world_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestSameSeedSameWorld(t *testing.T) {
	t.Parallel()
	one, two, other := newWorld(t, 300, 4), newWorld(t, 300, 4), newWorld(t, 300, 5)
	first := everything(t, one, "demo")
	if diff := cmp.Diff(first, everything(t, two, "demo")); diff != "" {
		t.Errorf("the same seed gave other orders:\n%s", diff)
	}
	if diff := cmp.Diff(first, everything(t, one, "demo")); diff != "" {
		t.Errorf("reading twice gave other orders:\n%s", diff)
	}
	if cmp.Equal(first, everything(t, other, "demo")) {
		t.Error("another seed gave the same orders")
	}
	if len(one.Find("demo2", all)) != 300 || cmp.Equal(first, everything(t, one, "demo2")) {
		t.Error("the second seller has no orders of its own")
	}
	if one.Find("nobody", all) != nil {
		t.Error("an unknown seller has orders")
	}
}

func TestSmallWorldHasEveryVariety(t *testing.T) {
	t.Parallel()
	missing := map[world.Variety]bool{}
	for _, v := range world.Varieties() {
		missing[v] = true
	}
	for _, o := range everything(t, newWorld(t, 26, 1), "demo") {
		delete(missing, o.Variety)
		if age := start.Sub(o.Created); age > 20*24*time.Hour {
			t.Errorf("%s is %s old", o.Variety, age)
		}
	}
	if len(missing) > 0 {
		t.Errorf("26 orders lack %v", missing)
	}
	// The most important ones are among the first fifteen.
	var first []world.Variety
	for _, o := range everything(t, newWorld(t, 15, 1), "demo") {
		first = append(first, o.Variety)
	}
	for _, v := range []world.Variety{
		world.MondialRelayFee, world.HomeTracked, world.Colissimo, world.HomeStandard, world.HomeRegistered, world.MarketplaceFulfilled,
		world.WaitingAcceptance, world.PaymentRunning, world.ShippedOrder, world.CancelledOrder, world.RefusedOrder, world.MultiLine,
	} {
		if !slices.Contains(first, v) {
			t.Errorf("fifteen orders lack %s", v)
		}
	}
}

func TestSeededOrdersAreRealistic(t *testing.T) {
	t.Parallel()
	orders := everything(t, newWorld(t, 5000, 2), "demo")
	number := regexp.MustCompile(`^[0-9]{10}[0-9A-Z]{5}$`)
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	toShip, undated, several, fees, zeros := 0, 0, 0, 0, 0
	for i, o := range orders {
		if seen[o.Number] || !number.MatchString(o.Number) || o.Number[:10] != o.Created.In(paris).Format("0601021504") {
			t.Fatalf("number %q of an order created %s", o.Number, o.Created)
		}
		seen[o.Number] = true
		if i > 0 && o.Created.After(orders[i-1].Created) {
			t.Fatal("not newest first")
		}
		if age := start.Sub(o.Created); age < 3*time.Minute || age > 45*24*time.Hour || o.Modified.After(start) || o.LastChange().Before(o.Created) {
			t.Errorf("%s: created %s, modified %s", o.Variety, o.Created, o.Modified)
		}
		if (o.Pickup != nil) != slices.Contains([]string{"REL", "SO1", "RCO"}, o.Delivery) {
			t.Errorf("%s: delivery %s with pickup point %v", o.Variety, o.Delivery, o.Pickup)
		}
		if o.Pickup != nil && strings.HasPrefix(o.Pickup.ID, "0") {
			zeros++
		}
		if o.State == world.WaitingForShipmentAcceptation {
			toShip++
		}
		if o.Modified.IsZero() {
			undated++
		}
		if len(o.Lines) > 1 || o.Lines[0].Quantity > 1 {
			several++
		}
		if len(o.Fees) > 0 {
			fees++
		}
	}
	for name, c := range map[string]struct{ n, low, high int }{
		"to ship": {toShip, 2000, 2700}, "without modification date": {undated, 50, 300}, "several pieces or lines": {several, 1000, 3500},
		"with fees": {fees, 300, 1500}, "pickup ids with leading zeros": {zeros, 300, 1500},
	} {
		if c.n < c.low || c.n > c.high {
			t.Errorf("%d of 5000 orders %s, want %d to %d", c.n, name, c.low, c.high)
		}
	}
	if newest := start.Sub(orders[0].Created); newest > 5*time.Minute {
		t.Errorf("the newest order is %s old", newest)
	}
}
