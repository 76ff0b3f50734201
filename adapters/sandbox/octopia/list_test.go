package octopia_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// at is an instant so many minutes after the start.
func at(minutes int) *time.Time { return new(start.Add(time.Duration(minutes) * time.Minute)) }

// filtered is a sandbox with orders that differ in what filters look at.
func filtered(t *testing.T) *shop {
	x := open(t, 0)
	for _, spec := range []world.Spec{
		{Number: "waiting", State: world.WaitingForSellerAcceptation, Created: at(-10), Modified: at(-10)},
		{Number: "ready", State: world.WaitingForShipmentAcceptation, Created: at(-20), Modified: at(-15), PartnerRef: "P-1"},
		{Number: "ours", State: world.WaitingForShipmentAcceptation, Created: at(-30), Modified: at(-5), Fulfilment: world.ByMarketplace},
		{Number: "gone", State: world.Shipped, Created: at(-40), Modified: at(-12), Country: "BE"},
		{Number: "other", State: world.RefusedBySeller, Created: at(-50), NoModified: true, Channel: "CASIFR", BillTo: &world.Address{Company: "ESSAI"}},
	} {
		x.create(spec)
	}
	return x
}

func TestFilters(t *testing.T) {
	t.Parallel()
	x := filtered(t)
	instant := func(minutes int) string { return at(minutes).Format(time.RFC3339) }
	for _, tc := range []struct {
		query string
		want  string // numbers, newest first
	}{
		{"", "waiting ready ours gone other"},
		{"limit=1", "waiting ready ours gone other"},
		{"status=InPreparation", "ready ours"},
		{"status=WaitingAcceptance,Refused", "waiting other"},
		{"supplyMode=Seller", "waiting ready gone other"},
		{"supplyMode=Fulfillment", "ours"},
		{"supplyMode=Xdock", ""},
		{"reference=P-1", "ready"},
		{"reference=ready", ""},
		{"salesChannelId=CDISFR", "waiting ready ours gone"},
		{"salesChannelId=CASIFR", "other"},
		{"shippingCountry=BE", "gone"},
		{"businessOrder=true", "other"},
		{"businessOrder=false&status=Shipped,Refused", "gone"},
		{"createdAtMin=" + instant(-30), "waiting ready ours"},
		{"createdAtMax=" + instant(-30), "ours gone other"},
		{"createdAtMin=" + instant(-40) + "&createdAtMax=" + instant(-30), "ours gone"},
		{"updatedAtMin=" + instant(-10), "waiting ours"},
		{"updatedAtMax=" + instant(-50), "other"},
		{"shippedAtMin=" + instant(-60), "gone"},
		{"shippedAtMax=" + instant(-13), ""},
		{"createdAtMin=" + url.QueryEscape("2026-02-20T09:40:00+01:00"), "waiting ready"},
		{"createdAtMin=2026-02-20T08:40:00", "waiting ready"}, // no zone: UTC
		{"createdAtMin=2026-02-21", ""},
	} {
		var page pageView
		x.get("/orders?"+tc.query, &page)
		if diff := cmp.Diff(tc.want, strings.Join(page.numbers(), " ")); diff != "" || page.ItemsPerPage != len(page.Items) {
			t.Errorf("%s: itemsPerPage %d of %d (-want +got):\n%s", tc.query, page.ItemsPerPage, len(page.Items), diff)
		}
		var count int
		if x.get("/orders/count?"+tc.query, &count); count != len(page.Items) {
			t.Errorf("%s: count %d, listed %d", tc.query, count, len(page.Items))
		}
	}
}

func TestFilterSettings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, query string
		change      func(s *world.Settings)
		want        string
	}{
		{"bounds do not count", "createdAtMin=" + at(-40).Format(time.RFC3339) + "&createdAtMax=" + at(-20).Format(time.RFC3339), func(s *world.Settings) { s.DateBounds = "exclusive" }, "ours"},
		{"the number is the reference", "reference=ready", func(s *world.Settings) { s.ReferenceIs = "number" }, "ready"},
		{"no references", "reference=P-1", func(s *world.Settings) { s.ReferenceIs = "null" }, ""},
		{"oldest first", "", func(s *world.Settings) { s.DefaultSort = "asc:createdAt" }, "other gone ours ready waiting"},
		{"last changed first", "", func(s *world.Settings) { s.DefaultSort = "desc:updatedAt" }, "ours waiting gone ready other"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := filtered(t)
			x.settle(tc.change)
			var page pageView
			x.get("/orders?"+tc.query, &page)
			if diff := cmp.Diff(tc.want, strings.Join(page.numbers(), " ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusedParameters(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.settle(func(s *world.Settings) { s.PageSizeOver = "reject" })
	for query, field := range map[string]string{
		"status=Nothing": "status", "status=InPreparation,Nothing": "status", "status=inpreparation": "status",
		"supplyMode=Mine": "supplyMode", "businessOrder=maybe": "businessOrder", "shippingCountry=FRA": "shippingCountry",
		"createdAtMin=yesterday": "createdAtMin", "updatedAtMax=2026-13-01T00:00:00Z": "updatedAtMax", "shippedAtMin=1": "shippedAtMin",
		"pageIndex=0": "pageIndex", "pageIndex=x": "pageIndex", "pageSize=0": "pageSize", "pageSize=101": "pageSize",
		"sort=price": "sort", "sort=up:createdAt": "sort",
	} {
		wantProblem(t, x.call(http.MethodGet, "/orders?"+query, ""), http.StatusBadRequest, field, "is not valid")
		if strings.HasPrefix(query, "page") || strings.HasPrefix(query, "sort") {
			continue
		}
		wantProblem(t, x.call(http.MethodGet, "/orders/count?"+query, ""), http.StatusBadRequest, field, "is not valid")
	}
}

func TestSorting(t *testing.T) {
	t.Parallel()
	x := filtered(t)
	const (
		byCreation = "other gone ours ready waiting"
		byUpdate   = "other ready gone waiting ours"
	)
	reversed := func(s string) string {
		words := strings.Fields(s)
		slices.Reverse(words)
		return strings.Join(words, " ")
	}
	for _, tc := range []struct{ query, spelling, want string }{ // no want: refused
		{"sort=createdAt", "both", byCreation},
		{"sort=createdAt&desc=true", "both", reversed(byCreation)},
		{"sort=createdAt&desc=false", "both", byCreation},
		{"sort=updatedAt", "field", byUpdate},
		{"sort=asc:updatedAt", "both", byUpdate},
		{"sort=desc:updatedAt", "prefixed", reversed(byUpdate)},
		{"sort=desc:shippedAt&status=Shipped", "both", "gone"},
		{"sort=asc:updatedAt", "field", ""},
		{"sort=updatedAt", "prefixed", ""},
	} {
		x.settle(func(s *world.Settings) { s.SortSpelling = tc.spelling })
		r := x.call(http.MethodGet, "/orders?"+tc.query, "")
		if tc.want == "" {
			wantProblem(t, r, http.StatusBadRequest, "sort", "is not valid")
			continue
		}
		var page pageView
		r.decode(t, &page)
		if diff := cmp.Diff(tc.want, strings.Join(page.numbers(), " ")); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", tc.query, tc.spelling, diff)
		}
	}
}

// sweep reads pages of that size until one is not full, and returns the numbers in the order in which they came.
func (x *shop) sweep(query string, size int) []string {
	x.t.Helper()
	var numbers []string
	for index := 1; ; index++ {
		var page pageView
		x.get(fmt.Sprintf("/orders?%s&pageSize=%d&pageIndex=%d", query, size, index), &page)
		numbers = append(numbers, page.numbers()...)
		if len(page.Items) < size {
			return numbers
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	x := open(t, 250)
	whole := x.s.World().Find("demo", func(world.Head) bool { return true })
	for _, size := range []int{100, 50, 33} {
		if diff := cmp.Diff(whole, x.sweep("", size)); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
	var page pageView
	if x.get("/orders?pageSize=1000", &page); len(page.Items) != 100 {
		t.Errorf("a page of 1000 holds %d", len(page.Items))
	}
	if x.get("/orders", &page); len(page.Items) != 100 {
		t.Errorf("a page without a size holds %d", len(page.Items))
	}
	if r := x.call(http.MethodGet, "/orders?pageIndex=4", ""); r.body != `{"itemsPerPage":0,"items":[]}` {
		t.Errorf("a page behind the end: %.200s", r.body)
	}
}

// TestPagesShift shows the loss that a client must guard against: orders that change while pages are read move the others.
func TestPagesShift(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"sort=asc:updatedAt",
		"updatedAtMax=" + start.Add(-time.Second).Format(time.RFC3339),
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			x := open(t, 100)
			x.settle(func(s *world.Settings) { s.DefaultSort = "asc:updatedAt" })
			var all pageView
			x.get("/orders?"+query, &all)
			x.settle(func(s *world.Settings) { s.ShiftPages = 2 })
			x.advance(time.Second)
			seen := map[string]bool{}
			for _, n := range x.sweep(query, 10) {
				seen[n] = true
			}
			if len(seen) >= len(all.Items) {
				t.Errorf("all %d orders were seen although pages shifted", len(seen))
			}
		})
	}
}

func TestSellersAreApart(t *testing.T) {
	t.Parallel()
	x := open(t, 5)
	theirs := x.s.World().Find("demo2", func(world.Head) bool { return true })[0]
	wantProblem(t, x.call(http.MethodGet, "/orders/"+theirs, ""), http.StatusNotFound, "", "Not Found")
	wantProblem(t, x.call(http.MethodGet, "/orders/nothing", ""), http.StatusNotFound, "", "Not Found")
	for _, n := range x.sweep("", 100) {
		if n == theirs {
			t.Errorf("order %s of another seller is listed", n)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	x := open(t, 30)
	req := x.request(http.MethodGet, "/orders", "")
	req.Header.Set("Accept-Encoding", "gzip")
	r, err := do(req)
	if err != nil || r.header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(r.body, "\x1f\x8b") {
		t.Errorf("%v, encoding %q", err, r.header.Get("Content-Encoding"))
	}
	req = x.request(http.MethodGet, "/orders", "")
	req.Header.Set("Accept-Encoding", "identity")
	if r, err := do(req); err != nil || r.header.Get("Content-Encoding") != "" || !strings.HasPrefix(r.body, `{"itemsPerPage":30,`) {
		t.Errorf("%v, encoding %q: %.100s", err, r.header.Get("Content-Encoding"), r.body)
	}
}

func TestSlowLists(t *testing.T) {
	t.Parallel()
	x := open(t, 30)
	x.settle(func(s *world.Settings) { s.SlowListOver, s.SlowListBy = 29, world.Duration(30*time.Millisecond) })
	began := time.Now()
	if x.call(http.MethodGet, "/orders", ""); time.Since(began) < 30*time.Millisecond {
		t.Error("a list of many orders came at once")
	}
}

func TestListFaults(t *testing.T) {
	t.Parallel()
	x := open(t, 3)
	x.fault(fault.Rule{On: fault.Get, API: "octopia", Kind: fault.Quota, Order: "one"})
	x.create(world.Spec{Number: "one"})
	x.create(world.Spec{Number: "two"})
	if r := x.call(http.MethodGet, "/orders/one", ""); r.status != http.StatusForbidden {
		t.Errorf("the named order: HTTP %d", r.status)
	}
	if r := x.call(http.MethodGet, "/orders/two", ""); r.status != http.StatusOK {
		t.Errorf("another order: HTTP %d", r.status)
	}
}

// BenchmarkListOrders reads one page of a hundred thousand orders.
func BenchmarkListOrders(b *testing.B) {
	for name, query := range map[string]string{
		"by creation": "/orders?createdAtMin=2026-02-19T00:00:00Z", "by update, sorted": "/orders?updatedAtMin=2026-01-01T00:00:00Z&sort=asc:updatedAt",
		"count": "/orders/count?status=InPreparation",
	} {
		b.Run(name, func(b *testing.B) { benchmarkCall(b, query) })
	}
}
