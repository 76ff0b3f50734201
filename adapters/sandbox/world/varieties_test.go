package world_test

import (
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestOrdersOfSomeVarietiesOnly(t *testing.T) {
	t.Parallel()
	only := []world.Variety{world.MondialRelay, world.SparseOrder}
	w, err := world.New(world.Config{Orders: 2000, Seed: 1, Start: start, Frozen: true, Varieties: only})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[world.Variety]int{}
	w.Scan("demo", func(h *world.Head, seed int) {
		counts[h.Variety]++
		if seed != 2000-counts[world.MondialRelay]-counts[world.SparseOrder] {
			t.Fatalf("seed %d at %v", seed, counts)
		}
	})
	if len(counts) != 2 || counts[world.SparseOrder] == 0 || counts[world.MondialRelay] < 1900 {
		t.Errorf("drawn %v", counts)
	}
	if _, err := world.New(world.Config{Varieties: []world.Variety{"blue"}}); err == nil || !strings.Contains(err.Error(), `variety "blue" is none of`) {
		t.Errorf("an unknown variety: %v", err)
	}
}

func TestScanTellsWhatWasTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30, 1)
	touched := w.Find("demo", func(h world.Head) bool { return h.Variety == world.Company })[0]
	claim := true
	if err := w.Update(touched, world.Patch{Claim: &claim}); err != nil {
		t.Fatal(err)
	}
	made, err := w.Create(world.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	w.Scan("demo", func(h *world.Head, seed int) {
		n++
		if want := h.Number == touched || h.Number == made[0]; (seed == world.Touched) != want {
			t.Errorf("order %s (%s) has the seed %d", h.Number, h.Variety, seed)
		}
	})
	w.Scan("nobody", func(*world.Head, int) { t.Error("an order of nobody") })
	if n != 31 {
		t.Errorf("%d orders", n)
	}
}
