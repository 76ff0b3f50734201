package octopia_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// shop is a marketplace with a set of orders that moves while it is read.
type shop struct {
	t *testing.T

	mu     sync.Mutex // guards the fields below
	orders []object   // in the order of the pages
	// move is called before each page, with the number of the page request from 1; may be nil.
	move func(s *shop, n int)
	// size is the page size that the shop really uses; zero means what was asked for.
	size  int
	pages int
}

// serve answers lists and counts; filters by date are applied, inclusive.
func (s *shop) serve(w http.ResponseWriter, r received, _ int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := url.ParseQuery(r.Query)
	if err != nil {
		s.t.Errorf("query %q: %v", r.Query, err)
	}
	if strings.HasSuffix(r.Path, "/count") {
		write(w, http.StatusOK, strconv.Itoa(len(s.match(q))))
		return
	}
	s.pages++
	if s.move != nil {
		s.move(s, s.pages)
	}
	found := s.match(q)
	size, _ := strconv.Atoi(q.Get("pageSize"))
	if s.size > 0 {
		size = s.size
	}
	index, _ := strconv.Atoi(q.Get("pageIndex"))
	from := min((index-1)*size, len(found))
	write(w, http.StatusOK, page(found[from:min(from+size, len(found))]...))
}

func (s *shop) match(q url.Values) []object {
	within := func(o object, field string) bool {
		date := o[field].(string)
		return (q.Get(field+"Min") == "" || date >= q.Get(field+"Min")) && (q.Get(field+"Max") == "" || date <= q.Get(field+"Max"))
	}
	var found []object
	for _, o := range s.orders {
		if within(o, "createdAt") && within(o, "updatedAt") {
			found = append(found, o)
		}
	}
	return found
}

// newShop returns a shop with orders made a second apart, and its fake.
func newShop(t *testing.T, orders int) (*shop, *fake) {
	s := &shop{t: t}
	f := newFake(t, s.serve)
	plain := homeOrder("").without("lines", "serviceFees", "billingAddress", "purchasedAt")
	for i := range orders {
		o := plain.with("orderId", fmt.Sprintf("N%04d", i), "lines", []any{})
		o["createdAt"] = at("2026-09-01T00:00:00Z").Add(time.Duration(i) * time.Second).Format(time.RFC3339)
		o["updatedAt"] = o["createdAt"]
		s.orders = append(s.orders, o)
	}
	return s, f
}

// numbers returns the order numbers of a sink, each once, sorted.
func numbers(out *sink) []string {
	var list []string
	for _, o := range out.orders {
		list = append(list, o.GetOrderNumber())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestListOrdersRequests: sub-windows one after the other, each counted and read from its first page on, widened by a second, with
// its checkpoint.
func TestListOrdersRequests(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 3)
	out := &sink{}
	req := createdWindow(f.store(), at("2026-08-25T10:00:00.7Z"), at("2026-09-05T10:00:00.2Z"))
	if err := octopia.New(octopia.WithSubWindow(7*24*time.Hour)).ListOrders(short(t), req, out); err != nil {
		t.Fatal(err)
	}
	if len(out.orders) != 3 || s.pages != 2 {
		t.Errorf("%d orders from %d pages", len(out.orders), s.pages)
	}
	var sent []string
	for _, r := range f.seen() {
		q, _ := url.ParseQuery(r.Query)
		sent = append(sent, r.line()+" "+q.Encode())
	}
	if diff := cmp.Diff([]string{
		"GET /orders/count createdAtMax=2026-09-01T10%3A00%3A02Z&createdAtMin=2026-08-25T09%3A59%3A59Z",
		"GET /orders createdAtMax=2026-09-01T10%3A00%3A02Z&createdAtMin=2026-08-25T09%3A59%3A59Z&pageIndex=1&pageSize=100&sort=createdAt",
		"GET /orders/count createdAtMax=2026-09-05T10%3A00%3A02Z&createdAtMin=2026-09-01T09%3A59%3A59Z",
		"GET /orders createdAtMax=2026-09-05T10%3A00%3A02Z&createdAtMin=2026-09-01T09%3A59%3A59Z&pageIndex=1&pageSize=100&sort=createdAt",
	}, sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := []time.Time{at("2026-09-01T10:00:00.7Z"), at("2026-09-05T10:00:00.2Z")}; !slices.EqualFunc(want, out.checkpoints, time.Time.Equal) {
		t.Errorf("checkpoints %v, want %v", out.checkpoints, want)
	}
	if len(out.states) != 1 {
		t.Errorf("%d new states, want 1", len(out.states))
	}
}

// TestListOrdersByModification: the other date, and only that.
func TestListOrdersByModification(t *testing.T) {
	t.Parallel()
	_, f := newShop(t, 1)
	req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z"))
	req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(at("2026-09-01T00:00:00Z"))}
	out := &sink{}
	if err := octopia.New().ListOrders(short(t), req, out); err != nil || len(out.orders) != 1 {
		t.Fatalf("%d orders, %v", len(out.orders), err)
	}
	for _, r := range f.seen() {
		q, _ := url.ParseQuery(r.Query)
		if q.Get("updatedAtMin") != "2026-08-31T23:59:59Z" || q.Get("updatedAtMax") != "2026-09-02T00:00:01Z" || q.Has("createdAtMin") || q.Has("createdAtMax") {
			t.Errorf("query %s", r.Query)
		}
		if s := q.Get("sort"); s != "" && s != "updatedAt" {
			t.Errorf("sort %q", s)
		}
	}
}

// TestStatusFilter: words by name, as many as can hold an order of the statuses; none when every order may be one.
func TestStatusFilter(t *testing.T) {
	t.Parallel()
	status := func(names ...string) (list []adapterv1.OrderStatus) {
		for _, n := range names {
			list = append(list, adapterv1.OrderStatus(adapterv1.OrderStatus_value["ORDER_STATUS_"+n]))
		}
		return list
	}
	for _, tt := range []struct {
		statuses []adapterv1.OrderStatus
		list     string
		count    string
	}{
		{status("READY_TO_SHIP"), "InPreparation", "InPreparation"},
		{status("PENDING_ACCEPTANCE"), "WaitingAcceptance", "WaitingAcceptance"},
		{status("PROCESSING"), "Processing,Accepted,InPreparation", "Processing,Accepted"},
		{status("CANCELLED"), "Processing,WaitingAcceptance,Accepted,InPreparation,Cancelled,Rejected", "Cancelled,Rejected"},
		{status("SHIPPED"), "Processing,WaitingAcceptance,Accepted,InPreparation,Shipped", "Shipped"},
		{status("REFUSED"), "Processing,WaitingAcceptance,Refused,Accepted,InPreparation", "Refused"},
		{status("UNRECOGNIZED"), "", ""},
		{status("READY_TO_SHIP", "UNRECOGNIZED"), "", ""},
		{status("PENDING_ACCEPTANCE", "PROCESSING", "READY_TO_SHIP", "SHIPPED", "DELIVERED", "CANCELLED", "REFUSED"), "", ""},
	} {
		_, f := newShop(t, 0)
		a := octopia.New()
		req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z"))
		req.Statuses = tt.statuses
		if err := a.ListOrders(short(t), req, &sink{}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.CountOrders(short(t), &adapterv1.CountOrdersRequest{
			Store: f.store(), Since: &adapterv1.CountOrdersRequest_CreatedSince{CreatedSince: req.GetCreatedSince()}, Until: req.GetUntil(), Statuses: tt.statuses,
		}); err != nil {
			t.Fatal(err)
		}
		seen := f.seen()
		for i, want := range []string{tt.list, tt.list, tt.count} {
			if q, _ := url.ParseQuery(seen[i].Query); q.Get("status") != want || q.Has("status") != (want != "") {
				t.Errorf("%v: %s asks for %q, want %q", tt.statuses, seen[i].line(), q.Get("status"), want)
			}
		}
	}
}

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

// TestWrongCounts: the count is a hint. One that is too small or too large makes no list shorter and fails no read.
func TestWrongCounts(t *testing.T) {
	t.Parallel()
	for _, count := range []string{"0", "1", "149", "500", "1000"} {
		s, f := newShop(t, 150)
		f.answer = func(w http.ResponseWriter, r received, n int) {
			if strings.HasSuffix(r.Path, "/count") {
				write(w, http.StatusOK, count)
				return
			}
			s.serve(w, r, n)
		}
		out := &sink{}
		if err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out); err != nil || len(numbers(out)) != 150 {
			t.Errorf("count %s: %d orders, %v", count, len(numbers(out)), err)
		}
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
	if err := octopia.New().ListOrders(short(t), req, out); reason(err) != "MARKETPLACE_DOWN" || len(out.checkpoints) != 0 {
		t.Errorf("%v, %d checkpoints", err, len(out.checkpoints))
	}
}

// TestSortSpellings: whichever spelling the API takes, or none, is found out once and kept.
func TestSortSpellings(t *testing.T) {
	t.Parallel()
	for _, taken := range []string{"createdAt", "asc:createdAt", ""} {
		s, f := newShop(t, 5)
		refusals := 0
		f.answer = func(w http.ResponseWriter, r received, n int) {
			if q, _ := url.ParseQuery(r.Query); q.Has("sort") && q.Get("sort") != taken {
				refusals++
				write(w, http.StatusBadRequest, `{"title":"Validation Failed","status":400,"errors":{"sort":["not valid"]}}`)
				return
			}
			s.serve(w, r, n)
		}
		a := octopia.New()
		for range 2 {
			out := &sink{}
			if err := a.ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), out); err != nil || len(out.orders) != 5 {
				t.Errorf("sort %q: %d orders, %v", taken, len(out.orders), err)
			}
		}
		if want := map[string]int{"createdAt": 0, "asc:createdAt": 1, "": 2}[taken]; refusals != want {
			t.Errorf("sort %q: refused %d times, want %d", taken, refusals, want)
		}
	}
	// A 400 for another reason stays one.
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if strings.HasSuffix(r.Path, "/count") {
			write(w, http.StatusOK, "1")
			return
		}
		write(w, http.StatusBadRequest, `{"title":"Validation Failed","errors":{"status":["not valid"]}}`)
	})
	err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z")), &sink{})
	if reason(err) != "MARKETPLACE_REFUSED" || len(f.seen()) != 4 {
		t.Errorf("%v after %d requests", err, len(f.seen()))
	}
}

// TestListOrdersEndsEarly: an error of the host or of a later sub-window leaves the checkpoints of what was finished.
func TestListOrdersEndsEarly(t *testing.T) {
	t.Parallel()
	s, f := newShop(t, 3)
	failed := errors.New("the host hung up")
	req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z"))
	if err := octopia.New().ListOrders(short(t), req, &sink{sendErr: failed}); !errors.Is(err, failed) {
		t.Errorf("error %v, want the host's", err)
	}
	f.answer = func(w http.ResponseWriter, r received, n int) {
		if strings.Contains(r.Query, "Min=2026-09-01T11") {
			write(w, http.StatusServiceUnavailable, "")
			return
		}
		s.serve(w, r, n)
	}
	out := &sink{}
	err := octopia.New(octopia.WithSubWindow(12*time.Hour)).ListOrders(short(t), req, out)
	if reason(err) != "MARKETPLACE_DOWN" || len(out.checkpoints) != 1 || len(out.orders) != 3 {
		t.Errorf("%v, %d checkpoints, %d orders", err, len(out.checkpoints), len(out.orders))
	}
}

// TestInvalidWindows: they are named, before anything is sent.
func TestInvalidWindows(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, "0"))
	for field, change := range map[string]func(*adapterv1.ListOrdersRequest){
		"since":    func(r *adapterv1.ListOrdersRequest) { r.Since = nil },
		"until":    func(r *adapterv1.ListOrdersRequest) { r.Until = nil },
		"until ":   func(r *adapterv1.ListOrdersRequest) { r.Until = timestamppb.New(at("2026-08-01T00:00:00Z")) },
		"statuses": func(r *adapterv1.ListOrdersRequest) { r.Statuses = nil },
		"statuses ": func(r *adapterv1.ListOrdersRequest) {
			r.Statuses = []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_UNSPECIFIED, 99}
		},
	} {
		req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z"))
		change(req)
		err := octopia.New().ListOrders(short(t), req, &sink{})
		if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != strings.TrimSpace(field) || len(f.seen()) != 0 {
			t.Errorf("%s: %v", field, err)
		}
	}
	out := &sink{}
	if err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-01T00:00:00Z")), out); err != nil || len(f.seen()) != 0 {
		t.Errorf("an empty window: %v, %d requests", err, len(f.seen()))
	}
}

// TestCountOrders: a bare integer, whole seconds, nothing widened.
func TestCountOrders(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int64{"0": 0, "3": 3, " 42\n": 42, `"7"`: 7} {
		f := newFake(t, always(http.StatusOK, body))
		resp, err := octopia.New().CountOrders(short(t), &adapterv1.CountOrdersRequest{
			Store: f.store(), Since: &adapterv1.CountOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(at("2026-09-01T00:00:00.5Z"))},
			Until: timestamppb.New(at("2026-09-02T00:00:00Z")), Statuses: allStatuses(),
		})
		if err != nil || resp.GetCount() != want || resp.GetStateUpdate() == nil {
			t.Errorf("%q: %d, %v", body, resp.GetCount(), err)
		}
		if q, _ := url.ParseQuery(f.seen()[0].Query); q.Encode() != "updatedAtMax=2026-09-02T00%3A00%3A00Z&updatedAtMin=2026-09-01T00%3A00%3A00Z" {
			t.Errorf("query %s", q.Encode())
		}
	}
	for _, body := range []string{"", "-1", "1.5", "null", "true", "[]", `{"count":1}`, "1 2", "99999999999999999999"} {
		if n, err := octopia.ReadCount(body); err == nil {
			t.Errorf("%q reads as %d", body, n)
		}
	}
}

// TestGetOrders: one by one, a few at a time; unknown numbers are left out, and no number turns into another route.
func TestGetOrders(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	running, most := 0, 0
	var f *fake
	f = newFake(t, func(w http.ResponseWriter, r received, _ int) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		q, _ := url.ParseQuery(r.Query)
		number, _ := url.PathUnescape(strings.TrimPrefix(r.Path, "/orders/"))
		switch {
		case r.Path == "/orders" && q.Get("reference") == "LEGACY":
			write(w, http.StatusOK, page(homeOrder("OTHER").with("reference", "LEGACY2"), homeOrder("REAL").with("reference", "LEGACY")))
		case r.Path == "/orders":
			write(w, http.StatusOK, page(homeOrder("ANY")))
		case strings.HasPrefix(number, "N"):
			write(w, http.StatusOK, homeOrder(number).json())
		default:
			write(w, http.StatusNotFound, `{"title":"Not Found","status":404}`)
		}
	})
	ask := []string{"N1", "LEGACY", "N1", " N2 ", "gone", "..", ".", "count", "N/../3?x=1#y", "N4", "N5", "N6", "N7", "N8"}
	resp, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: ask})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range resp.GetOrders() {
		got = append(got, o.GetOrderNumber())
	}
	if diff := cmp.Diff([]string{"N1", "REAL", "N2", "N/../3?x=1#y", "N4", "N5", "N6", "N7", "N8"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if most > 4 {
		t.Errorf("%d at a time", most)
	}
	if lines := f.lines(); !slices.Contains(lines, "GET /orders/N%2F..%2F3%3Fx=1%23y") || slices.Contains(lines, "GET /orders/count") {
		t.Errorf("requests %q", lines)
	}
	if resp.GetStateUpdate() == nil {
		t.Error("no new state")
	}
}

// TestGetOrdersFailures: one failure is the call's.
func TestGetOrdersFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"another order", 200, homeOrder("OTHER").json(), "MALFORMED_ANSWER"},
		{"a list", 200, page(homeOrder("N1")), "MALFORMED_ANSWER"},
		{"null", 200, "null", "MALFORMED_ANSWER"},
		{"no body", 200, "", "MALFORMED_ANSWER"},
		{"a 404 of the gateway: the route, not the order", 404, `{"statusCode":404,"message":"Resource not found"}`, "MARKETPLACE_REFUSED"},
		{"a 404 page", 404, "<html></html>", "MARKETPLACE_REFUSED"},
		{"503", 503, "", "MARKETPLACE_DOWN"},
	} {
		f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
			if strings.HasSuffix(r.Path, "N1") {
				write(w, tt.status, tt.body)
				return
			}
			write(w, http.StatusOK, homeOrder("N2").json())
		})
		resp, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: []string{"N2", "N1"}})
		if reason(err) != tt.want {
			t.Errorf("%s: %d orders, %v", tt.name, len(resp.GetOrders()), err)
		}
	}
	f := newFake(t, always(http.StatusOK, ""))
	for field, list := range map[string][]string{"order_numbers": make([]string, 21), "order_numbers[1]": {"N1", " "}} {
		_, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: list})
		if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if resp, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store()}); err != nil || len(resp.GetOrders()) != 0 || f.tokens() != 0 {
		t.Errorf("no numbers: %v, %d tokens", err, f.tokens())
	}
}
