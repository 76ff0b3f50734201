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

// TestStatuses: the API is asked for all orders of the window, since a filter by name would leave out words that nobody here
// knows; what was not asked for is left out here, by what its lines make of it.
func TestStatuses(t *testing.T) {
	t.Parallel()
	words := []string{"Processing", "WaitingAcceptance", "Refused", "Accepted", "InPreparation", "Shipped", "Delivered", "Cancelled", "Rejected", "New2027"}
	for name, want := range map[string]string{
		"READY_TO_SHIP": "InPreparation New2027", "PENDING_ACCEPTANCE": "WaitingAcceptance New2027", "PROCESSING": "Processing Accepted New2027",
		"SHIPPED": "Shipped New2027", "DELIVERED": "Delivered New2027", "REFUSED": "Refused New2027", "UNRECOGNIZED": "New2027",
		"CANCELLED": "Cancelled Rejected Ended New2027",
	} {
		s, f := newShop(t, 0)
		for _, w := range append(words, "Ended") {
			o := homeOrder(w).with("status", w, "createdAt", "2026-09-01T12:00:00Z", "updatedAt", "2026-09-01T12:00:00Z")
			if w == "Ended" { // all lines cancelled
				o = o.with("status", "InPreparation", "lines.0.status", "Cancelled")
			}
			s.orders = append(s.orders, o)
		}
		req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z"))
		req.Statuses = []adapterv1.OrderStatus{adapterv1.OrderStatus(adapterv1.OrderStatus_value["ORDER_STATUS_"+name])}
		out := &sink{}
		if err := octopia.New().ListOrders(short(t), req, out); err != nil {
			t.Fatal(err)
		}
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if diff := cmp.Diff(wanted, numbers(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, r := range f.seen() {
			if q, _ := url.ParseQuery(r.Query); q.Has("status") {
				t.Errorf("%s: query %s", name, r.Query)
			}
		}
	}
}

// TestCountedStatuses: counting goes by an order's own word; every word, and UNRECOGNIZED, need no filter.
func TestCountedStatuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ names, want string }{
		{"READY_TO_SHIP", "InPreparation"},
		{"PROCESSING", "Processing,Accepted"},
		{"CANCELLED SHIPPED", "Shipped,Cancelled,Rejected"},
		{"UNRECOGNIZED", ""},
		{"READY_TO_SHIP UNRECOGNIZED", ""},
		{"PENDING_ACCEPTANCE PROCESSING READY_TO_SHIP SHIPPED DELIVERED CANCELLED REFUSED", ""},
	} {
		f := newFake(t, always(http.StatusOK, "1"))
		var statuses []adapterv1.OrderStatus
		for _, n := range strings.Fields(tt.names) {
			statuses = append(statuses, adapterv1.OrderStatus(adapterv1.OrderStatus_value["ORDER_STATUS_"+n]))
		}
		if _, err := octopia.New().CountOrders(short(t), &adapterv1.CountOrdersRequest{
			Store: f.store(), Since: &adapterv1.CountOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(at("2026-09-01T00:00:00Z"))},
			Until: timestamppb.New(at("2026-09-02T00:00:00Z")), Statuses: statuses,
		}); err != nil {
			t.Fatal(err)
		}
		if q, _ := url.ParseQuery(f.seen()[0].Query); q.Get("status") != tt.want || q.Has("status") != (tt.want != "") {
			t.Errorf("%s asks for %q, want %q", tt.names, q.Get("status"), tt.want)
		}
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
	f.answer = func(w http.ResponseWriter, r received, n int) {
		if strings.Contains(r.Query, "Min=2026-09-01T11") {
			write(w, http.StatusServiceUnavailable, "")
			return
		}
		s.serve(w, r, n)
	}
	failed := errors.New("the host hung up")
	req := createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-02T00:00:00Z"))
	if err := octopia.New().ListOrders(short(t), req, &sink{sendErr: failed}); !errors.Is(err, failed) {
		t.Errorf("error %v, want the host's", err)
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
