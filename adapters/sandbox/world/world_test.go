package world_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

var start = time.Date(2026, 3, 19, 9, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, orders int, seed uint64) *world.World {
	t.Helper()
	w, err := world.New(world.Config{Orders: orders, Sellers: 2, Seed: seed, Start: start, Frozen: true})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func all(world.Head) bool { return true }

// everything reads all orders of a seller.
func everything(t *testing.T, w *world.World, account string) []world.Order {
	t.Helper()
	var out []world.Order
	for _, n := range w.Find(account, all) {
		o, ok := w.Read(n)
		if !ok {
			t.Fatalf("order %s is found but cannot be read", n)
		}
		out = append(out, o)
	}
	return out
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []world.Config{{Orders: -1}, {Sellers: -1}} {
		if _, err := world.New(cfg); err == nil {
			t.Errorf("%+v started", cfg)
		}
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, 1)
	for _, tc := range []struct {
		name string
		spec world.Spec
		want string // in the error; empty means it works
	}{
		{"nothing given", world.Spec{}, ""},
		{"many", world.Spec{Count: 5, Variety: world.Colissimo}, ""},
		{"given number", world.Spec{Number: "MINE-1"}, ""},
		{"unknown variety", world.Spec{Variety: "blue"}, `variety "blue"`},
		{"unknown seller", world.Spec{Seller: "nobody"}, "no such seller: nobody"},
		{"two with one number", world.Spec{Count: 2, Number: "MINE-2"}, "count"},
		{"negative count", world.Spec{Count: -1}, "count"},
		{"state with blanks", world.Spec{State: "a b"}, "state must be"},
		{"unknown fulfilment", world.Spec{Fulfilment: "me"}, `fulfilment "me"`},
		{"unknown address view", world.Spec{Addresses: "some"}, `addresses "some"`},
	} {
		numbers, err := w.Create(tc.spec)
		if tc.want == "" {
			if err != nil || len(numbers) != max(tc.spec.Count, 1) {
				t.Errorf("%s: %v, %v", tc.name, numbers, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want …%s…", tc.name, err, tc.want)
		}
	}
	if _, err := w.Create(world.Spec{Number: "MINE-1"}); err == nil {
		t.Error("one number was given twice")
	}
	if n := len(w.Find("demo", all)); n != 3+1+5+1 {
		t.Errorf("%d orders", n)
	}
}

func TestUpdateAndRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30, 1)
	number := w.Find("demo", func(h world.Head) bool { return h.Variety == world.MultiLine })[0]
	before, _ := w.Read(number)
	state, view := world.CancelledByCustomer, world.AddressFull
	later := start.Add(time.Hour)
	if err := w.Clock().Set(later); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name  string
		patch world.Patch
		check func(o world.Order) bool
	}{
		{"cancel request", world.Patch{CancelRequested: &before.Lines[1].SKU}, func(o world.Order) bool {
			return o.Lines[1].State == world.LineCancelRequested && o.Lines[0].State == world.LineAccepted && o.Modified.Equal(later)
		}},
		{"keeping the date", world.Patch{Addresses: &view, KeepModified: true}, func(o world.Order) bool { return o.Addresses == view && o.Modified.Equal(later) }},
		{"state takes the lines along", world.Patch{State: &state, Modified: &start, LineStates: map[string]world.LineState{before.Lines[2].SKU: world.LineCancelledAfterPayment}}, func(o world.Order) bool {
			return o.State == state && o.Lines[0].State == world.LineCancelledBeforePayment && o.Lines[2].State == world.LineCancelledAfterPayment && o.Modified.Equal(start)
		}},
		{"no date", world.Patch{NoModified: true}, func(o world.Order) bool { return o.Modified.IsZero() && o.LastChange().Equal(o.Created) }},
	}
	for _, s := range steps {
		if err := w.Update(number, s.patch); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if o, _ := w.Read(number); !s.check(o) {
			t.Errorf("%s: %+v", s.name, o)
		}
	}
	if err := w.Update("nobody", world.Patch{}); !errors.Is(err, world.ErrNoOrder) {
		t.Errorf("updating an unknown order: %v", err)
	}
	ghost := "GHOST"
	if err := w.Update(number, world.Patch{CancelRequested: &ghost}); err == nil {
		t.Error("a line that is not there was changed")
	}
	if err := w.Remove(number); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Read(number); ok || slices.Contains(w.Find("demo", all), number) {
		t.Error("the removed order is still there")
	}
	if err := w.Remove(number); !errors.Is(err, world.ErrNoOrder) {
		t.Errorf("removing twice: %v", err)
	}
}

func TestWhatIsReadIsACopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, 1)
	numbers, err := w.Create(world.Spec{Variety: world.MondialRelayFee})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := w.Read(numbers[0])
	o.Lines[0].State, o.Fees[0].Code, o.Pickup.ID = "changed", "changed", "changed"
	again, _ := w.Read(numbers[0])
	if again.Lines[0].State == "changed" || again.Fees[0].Code == "changed" || again.Pickup.ID == "changed" {
		t.Error("a reader changed the world")
	}
}

func TestSellers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, 1)
	if _, err := w.PutSeller(world.SellerPatch{}); err == nil {
		t.Error("a seller without account was taken")
	}
	taken, broken := "demo-api", world.SellerState("Asleep")
	if _, err := w.PutSeller(world.SellerPatch{Account: "third", Login: &taken}); err == nil {
		t.Error("two sellers have one login")
	}
	if _, err := w.PutSeller(world.SellerPatch{Account: "third", State: &broken}); err == nil {
		t.Error("an unknown state was taken")
	}
	if len(w.Sellers()) != 2 {
		t.Errorf("a refused seller stayed: %+v", w.Sellers())
	}
	password := "new"
	if _, err := w.PutSeller(world.SellerPatch{Account: "demo", Password: &password}); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Login("demo-api", world.DefaultPassword); ok {
		t.Error("the old password works")
	}
	if s, ok := w.Login("demo-api", "new"); !ok || s.Account != "demo" || s.State != world.Activated {
		t.Errorf("login gave %+v, %v", s, ok)
	}
}

func TestParcelsCanStayInvisible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, 1)
	numbers, err := w.Create(world.Spec{Variety: world.ShippedOrder})
	if err != nil {
		t.Fatal(err)
	}
	s := w.Settings()
	s.ParcelsVisible = false
	if err := w.SetSettings(s); err != nil {
		t.Fatal(err)
	}
	o, _ := w.Read(numbers[0])
	truth, _ := w.Truth(numbers[0])
	if len(o.Parcels) != 0 || len(truth.Parcels) != 1 {
		t.Errorf("reads show %d parcels of %d", len(o.Parcels), len(truth.Parcels))
	}
	s.LoginFailure = "418"
	if err := w.SetSettings(s); err == nil {
		t.Error("an unknown login failure was taken")
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	wall := start
	w, err := world.New(world.Config{Start: start, Wall: func() time.Time { return wall }})
	if err != nil {
		t.Fatal(err)
	}
	c := w.Clock()
	check := func(step string, want time.Duration) {
		t.Helper()
		if got := c.Now().Sub(start); got != want {
			t.Errorf("%s: %s after the start, want %s", step, got, want)
		}
	}
	check("start", 0)
	wall = wall.Add(time.Second)
	check("runs with the wall clock", time.Second)
	if err := c.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	check("advanced", 61*time.Second)
	c.Freeze(true)
	wall = wall.Add(time.Hour)
	check("frozen", 61*time.Second)
	if !c.Frozen() || c.Advance(-1) == nil || c.Set(start) == nil {
		t.Error("time went back")
	}
	if err := c.Set(start.Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	check("set", 2*time.Minute)
	c.Freeze(false)
	wall = wall.Add(time.Second)
	check("runs again", 121*time.Second)
}

func TestAmount(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"1", "1"}, {"0.18", "0.18"}, {"85.00", "85.00"}, {"-3.5", "-3.5"}, {"0.0005", "0.0005"}, {"19.9000", "19.9000"}, {"10.05", "10.05"},
	} {
		a, err := world.ParseAmount(tc.in)
		if err != nil || a.String() != tc.want {
			t.Errorf("%s reads as %s, %v", tc.in, a, err)
		}
	}
	for _, bad := range []string{"", ".", "1.", ".5", "1,5", "1.23456", "1.-5", "+1", "--1", "1e3", "99999999999999999999"} {
		if a, err := world.ParseAmount(bad); err == nil {
			t.Errorf("%q reads as %s", bad, a)
		}
	}
	sum := world.Cents(3980).Add(world.Cents(490)).Add(world.Cents(99))
	if sum.String() != "45.69" || world.Cents(3980).String() != "39.8" || world.Cents(100).String() != "1" || world.Cents(1999).Percent(15).String() != "2.99" {
		t.Errorf("sum %s", sum)
	}
	if got := world.Cents(1990).WithScale(4).String(); got != "19.9000" {
		t.Errorf("with scale 4: %s", got)
	}
	var line world.Line
	if err := json.Unmarshal([]byte(`{"total": "12.50"}`), &line); err != nil || line.Total.String() != "12.50" {
		t.Errorf("from JSON: %s, %v", line.Total, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 50, 1)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 20 {
				numbers, err := w.Create(world.Spec{State: world.WaitingForSellerAcceptation})
				if err != nil {
					t.Error(err)
					return
				}
				w.Perform(world.Write{Seller: "demo", Order: numbers[0]}, func(o world.Order, _ bool) (world.Change, *world.Refusal) {
					return world.Change{Action: world.Accept, LineStates: make([]world.LineState, len(o.Lines))}, nil
				})
				w.AddToken("demo", fmt.Sprint(i, j))
				w.CountCall(world.CallKey{API: "x", Operation: "Read", Action: "list"})
				for _, n := range w.Find("demo", all)[:10] {
					w.Read(n)
				}
				if err := w.Clock().Advance(time.Second); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	writes := w.Writes()
	for i, x := range writes {
		if x.Sequence != int64(i+1) || !x.Applied {
			t.Fatalf("write %d: %+v", i, x)
		}
	}
	if len(writes) != 160 || w.Calls()["Read"] != 160 || w.ForgetTokens("demo") != 160 || len(w.Find("demo", all)) != 50+160 {
		t.Errorf("%d writes, calls %v", len(writes), w.Calls())
	}
}

func BenchmarkNew100000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := world.New(world.Config{Orders: 100_000, Seed: 1, Start: start}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestADecisionStopsThePaymentTimer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, 1)
	numbers, err := w.Create(world.Spec{State: world.WaitingForSellerAcceptation})
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []world.Action{world.Accept, world.RefuseShipment} {
		w.Perform(world.Write{Seller: "demo", Order: numbers[0]}, func(o world.Order, _ bool) (world.Change, *world.Refusal) {
			return world.Change{Action: action, LineStates: make([]world.LineState, len(o.Lines))}, nil
		})
	}
	if err := w.Clock().Advance(time.Hour); err != nil {
		t.Fatal(err)
	}
	if o, _ := w.Read(numbers[0]); o.State != world.ShipmentRefusedBySeller {
		t.Errorf("an ended order moved on to %s", o.State)
	}
}
