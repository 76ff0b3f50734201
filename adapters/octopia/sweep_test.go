package octopia_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestMovingPages: orders that change while the pages are read make others slip; every order that was there all along is found.
func TestMovingPages(t *testing.T) {
	t.Parallel()
	// leaves moves an order out of the window, as a change does in a read by modification date.
	leaves := func(s *shop, number string) {
		i := slices.IndexFunc(s.orders, func(o object) bool { return o["orderId"] == number })
		o := s.orders[i].with("updatedAt", "2026-09-20T00:00:00Z")
		s.orders = append(slices.Delete(s.orders, i, i+1), o)
	}
	// last moves an order to the end of the window's pages.
	last := func(s *shop, number string) {
		i := slices.IndexFunc(s.orders, func(o object) bool { return o["orderId"] == number })
		o := s.orders[i].with("updatedAt", "2026-09-02T00:00:00Z")
		s.orders = append(slices.Delete(s.orders, i, i+1), o)
	}
	// first moves an order to the front of the pages.
	first := func(s *shop, number string) {
		i := slices.IndexFunc(s.orders, func(o object) bool { return o["orderId"] == number })
		o := s.orders[i]
		s.orders = slices.Insert(slices.Delete(s.orders, i, i+1), 0, o)
	}
	for _, tt := range []struct {
		name   string
		orders int
		move   func(s *shop, n int)
		gone   []string // left the window before they could be read
	}{
		{"nothing moves", 350, nil, nil},
		{"exactly full pages", 300, nil, nil},
		{"one leaves after the first page", 350, func(s *shop, n int) {
			if n == 2 {
				leaves(s, "N0003")
			}
		}, nil},
		{"one leaves before every page of the first two sweeps", 450, func(s *shop, n int) {
			if n > 1 && n <= 10 {
				leaves(s, fmt.Sprintf("N%04d", n))
			}
		}, nil},
		{"orders go to the end", 350, func(s *shop, n int) {
			if n > 1 && n <= 8 {
				last(s, fmt.Sprintf("N%04d", 2*n))
			}
		}, nil},
		{"orders come to the front", 350, func(s *shop, n int) {
			if n > 1 && n <= 8 {
				first(s, fmt.Sprintf("N%04d", 340-n))
			}
		}, nil},
		{"one leaves and one comes: the count stays", 250, func(s *shop, n int) {
			if n == 2 {
				leaves(s, "N0000")
				s.orders = append(s.orders, s.orders[0].with("orderId", "NEW", "createdAt", "2026-09-01T12:00:00Z"))
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, f := newShop(t, tt.orders)
			s.move = tt.move
			out := &sink{}
			req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-10T00:00:00Z"))
			req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: req.GetCreatedSince()}
			if err := octopia.New().ListOrders(short(t), req, out); err != nil {
				t.Fatal(err)
			}
			got := numbers(out)
			for _, o := range s.orders {
				number := o["orderId"].(string)
				if _, found := slices.BinarySearch(got, number); !found && o["updatedAt"].(string) < "2026-09-10" {
					t.Errorf("order %s is missing", number)
				}
			}
			if len(out.checkpoints) != 1 {
				t.Errorf("%d checkpoints", len(out.checkpoints))
			}
			if tt.move == nil && len(out.orders) != tt.orders {
				t.Errorf("%d orders handed over, want %d", len(out.orders), tt.orders)
			}
		})
	}
}

// TestChangedOrdersComeAgain: an order that a second sweep finds changed is handed over in its new form.
func TestChangedOrdersComeAgain(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 150)
	s.move = func(s *shop, n int) {
		if n == 3 { // first page of the second sweep
			s.orders[0] = s.orders[0].with("updatedAt", "2026-09-01T12:00:00Z", "status", "Shipped")
		}
	}
	out := &sink{}
	if err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out); err != nil {
		t.Fatal(err)
	}
	if n := len(out.orders); n != 151 || out.orders[n-1].GetNativeStatus() != "Shipped" || out.orders[n-1].GetOrderNumber() != "N0000" {
		t.Errorf("%d orders, the last is %s", n, out.orders[n-1].GetNativeStatus())
	}
}

// TestCrowdedWindowsAreNarrowed: what holds too many orders is not read as one.
func TestCrowdedWindowsAreNarrowed(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 900)
	out := &sink{}
	a := octopia.New(octopia.WithCrowd(100), octopia.WithMinSubWindow(time.Second))
	if err := a.ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out); err != nil {
		t.Fatal(err)
	}
	if got := numbers(out); len(got) != 900 || len(out.checkpoints) < 9 || !slices.IsSortedFunc(out.checkpoints, time.Time.Compare) {
		t.Errorf("%d orders, checkpoints %v", len(got), out.checkpoints)
	}
	if s.pages > 60 || len(f.seen()) > 150 {
		t.Errorf("%d pages, %d requests", s.pages, len(f.seen()))
	}
	// A crowd in one instant cannot be narrowed, and is read all the same.
	for i := range s.orders {
		s.orders[i] = s.orders[i].with("createdAt", "2026-09-01T00:00:30Z")
	}
	out = &sink{}
	if err := a.ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-01T00:01:00Z")), out); err != nil || len(numbers(out)) != 900 {
		t.Errorf("%d orders at one instant, %v", len(numbers(out)), err)
	}
}

// TestShortPages: a server that makes pages smaller than asked for gives every order all the same.
func TestShortPages(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 95)
	s.size = 20
	out := &sink{}
	if err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out); err != nil || len(numbers(out)) != 95 {
		t.Errorf("%d orders, %v", len(numbers(out)), err)
	}
}

// TestWrongCounts: a count that is too small makes no list shorter; one that stays too large fails the read, since an order may be
// missing.
func TestWrongCounts(t *testing.T) {
	t.Parallel()
	for count, want := range map[string]string{"0": "", "1": "", "149": "", "151": "MALFORMED_ANSWER", "1000": "MALFORMED_ANSWER"} {
		s, f := newShop(t, 150)
		f.answer = func(w http.ResponseWriter, r received, n int) {
			if strings.HasSuffix(r.Path, "/count") {
				write(w, http.StatusOK, count)
				return
			}
			s.serve(w, r, n)
		}
		out := &sink{}
		a := octopia.New(octopia.WithMinSubWindow(24 * time.Hour))
		err := a.ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out)
		if reason(err) != want || len(numbers(out)) != 150 || (len(out.checkpoints) == 1) != (want == "") {
			t.Errorf("count %s: %d orders, %d checkpoints, %v", count, len(numbers(out)), len(out.checkpoints), err)
		}
	}
}

// TestEmptyPages: orders that are counted and not listed are not no orders; those that appear late are found.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	for _, empty := range []int{1, 3, 1000} {
		s, f := newShop(t, 5)
		pages := 0
		f.answer = func(w http.ResponseWriter, r received, n int) {
			if strings.HasSuffix(r.Path, "/count") {
				write(w, http.StatusOK, "5")
				return
			}
			if pages++; pages <= empty {
				write(w, http.StatusOK, page())
				return
			}
			s.serve(w, r, n)
		}
		out := &sink{}
		a := octopia.New(octopia.WithMinSubWindow(24 * time.Hour))
		err := a.ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out)
		if found := empty < 6; found && (err != nil || len(out.orders) != 5) || !found && (reason(err) != "MALFORMED_ANSWER" || len(out.checkpoints) != 0) {
			t.Errorf("%d empty pages: %d orders, %d checkpoints, %v", empty, len(out.orders), len(out.checkpoints), err)
		}
	}
}

// TestOrdersLeaveAfterTheCount: what was counted and has left since is not waited for.
func TestOrdersLeaveAfterTheCount(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 5)
	s.move = func(s *shop, n int) {
		if n == 1 {
			s.orders = s.orders[:4]
		}
	}
	out := &sink{}
	if err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out); err != nil || len(numbers(out)) != 4 || len(out.checkpoints) != 1 {
		t.Errorf("%d orders, %v", len(numbers(out)), err)
	}
}

// TestPagesWithoutEnd: a server that does not look at pageIndex, or makes orders up, ends the read with an error.
func TestPagesWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, number := range map[string]func(n, i int) string{
		"the same page": func(_, i int) string { return fmt.Sprint("N", i) },
		"new orders":    func(n, i int) string { return fmt.Sprint("N", n, "-", i) },
	} {
		f := newFake(t, func(w http.ResponseWriter, r received, n int) {
			if strings.HasSuffix(r.Path, "/count") {
				write(w, http.StatusOK, "100")
				return
			}
			var orders []object
			for i := range 100 {
				orders = append(orders, object{"orderId": number(n, i), "status": "Shipped", "createdAt": "2026-09-01T00:00:00Z", "lines": []any{}})
			}
			write(w, http.StatusOK, page(orders...))
		})
		out := &sink{}
		err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out)
		if reason(err) != "MALFORMED_ANSWER" || len(out.checkpoints) != 0 || len(f.seen()) > 500 {
			t.Errorf("%s: %v, %d checkpoints, %d requests", name, err, len(out.checkpoints), len(f.seen()))
		}
	}
}

// TestNeverSettles: an instant whose orders are others in every sweep is not called complete.
func TestNeverSettles(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 150)
	s.move = func(s *shop, n int) {
		s.orders = append(s.orders, s.orders[0].with("orderId", fmt.Sprint("NEW", n)))
	}
	out := &sink{}
	req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-01T00:01:00Z"))
	for i := range s.orders {
		s.orders[i] = s.orders[i].with("createdAt", "2026-09-01T00:00:30Z", "updatedAt", "2026-09-01T00:00:30Z")
	}
	if err := octopia.New().ListOrders(short(t), req, out); reason(err) != "MALFORMED_ANSWER" || len(out.checkpoints) != 0 {
		t.Errorf("%v, %d checkpoints", err, len(out.checkpoints))
	}
}
