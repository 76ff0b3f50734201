package api_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/store"
)

// changed is when every order of these tests changed: the number alone tells their order.
var changed = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// fakeCore is the repositories behind the lists. What a list does not need panics.
type fakeCore struct {
	order.Repository
	orders []order.Stored // by number

	mu     sync.Mutex // guards limits
	limits []int      // that ListOrders was asked for
}

func (c *fakeCore) ListOrders(_ context.Context, q order.ListQuery) ([]order.Stored, error) {
	c.mu.Lock()
	c.limits = append(c.limits, q.Limit)
	c.mu.Unlock()
	orders := slices.Clone(c.orders)
	if q.After != nil {
		orders = slices.DeleteFunc(orders, func(o order.Stored) bool {
			return cmp.Or(o.ChangeTime.Compare(q.After.ChangeTime), cmp.Compare(o.Number, q.After.Number)) <= 0
		})
	}
	return orders[:min(len(orders), q.Limit)], nil
}

// lastLimit is what the last list asked for.
func (c *fakeCore) lastLimit() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits[len(c.limits)-1]
}

func (c *fakeCore) ListImports(_ context.Context, storeID, _ string, limit int) ([]order.Import, error) {
	runs := []order.Import{{ID: "c", StoreID: storeID}, {ID: "b", StoreID: storeID}, {ID: "a", StoreID: storeID}}
	return runs[:min(len(runs), limit)], nil
}

// fakeStores is a store repository in which every store exists.
type fakeStores struct{ store.Repository }

func (fakeStores) GetStore(_ context.Context, id string) (store.Store, error) {
	return store.Store{ID: id}, nil
}

func (fakeStores) ListStores(_ context.Context, q store.ListQuery) ([]store.Store, error) {
	stores := []store.Store{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	return stores[:min(len(stores), q.Limit)], nil
}

// fakeDecisions is a decision repository without decisions.
type fakeDecisions struct{ decision.Repository }

func (fakeDecisions) Decisions(context.Context, string, []string) (map[string]decision.Decision, error) {
	return nil, nil
}

// fakeShipments is a shipment repository with a few shipments.
type fakeShipments struct{ shipment.Repository }

func (fakeShipments) ListShipments(_ context.Context, q shipment.ListQuery) ([]shipment.Shipment, error) {
	shipments := []shipment.Shipment{{ID: "c"}, {ID: "b"}, {ID: "a"}}
	return shipments[:min(len(shipments), q.Limit)], nil
}

// lists is a server whose lists show what the core holds.
func lists(t *testing.T, core *fakeCore) *running {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	stores := store.NewService(store.Config{Repository: fakeStores{}, Now: time.Now, Log: log})
	importer := order.NewImporter(order.ImporterConfig{Repository: core, Stores: stores, Workers: 1, Now: time.Now, Log: log})
	t.Cleanup(func() { _ = importer.Stop(context.Background()) })
	decisions := decision.NewService(decision.Config{Repository: fakeDecisions{}, Stores: stores, Workers: 1, Now: time.Now, Log: log})
	shipments := shipment.NewService(shipment.ServiceConfig{Repository: fakeShipments{}, Stores: stores, Now: time.Now, Log: log})
	return serve(t, api.NewMarketplace(stores, core, importer, decisions, shipments, func() {}, log))
}

// sized is orders with titles of these sizes.
func sized(sizes ...int) []order.Stored {
	var orders []order.Stored
	for i, size := range sizes {
		orders = append(orders, order.Stored{
			Order:   order.Order{Number: fmt.Sprintf("N%04d", i), Lines: []order.Line{{ID: "1", Title: strings.Repeat("x", size)}}},
			StoreID: "demo", ChangeTime: changed,
		})
	}
	return orders
}

// TestPageBytes: a page ends at 3 MiB, whatever its size in orders, and no order is lost or shown twice by that. A gRPC client
// takes 4 MiB unless it is told otherwise; the one order above that needs such a client.
func TestPageBytes(t *testing.T) {
	t.Parallel()
	const kib, mib = 1 << 10, 1 << 20
	tests := []struct {
		name  string
		sizes []int
		size  int32 // asked for
		pages []int // orders on each
	}{
		{name: "no orders", pages: []int{0}},
		{name: "all on one page", sizes: slices.Repeat([]int{kib}, 50), pages: []int{50}},
		{name: "by number", sizes: slices.Repeat([]int{kib}, 50), size: 20, pages: []int{20, 20, 10}},
		{name: "by bytes", sizes: slices.Repeat([]int{1000 * kib}, 7), size: 500, pages: []int{3, 3, 1}},
		{name: "the last order does not fit", sizes: []int{mib, mib, mib}, pages: []int{2, 1}},
		{name: "both at once", sizes: slices.Repeat([]int{1000 * kib}, 4), size: 3, pages: []int{3, 1}},
		{name: "one order is more than a page", sizes: []int{kib, 5 * mib, kib, kib}, pages: []int{1, 1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := lists(t, &fakeCore{orders: sized(tt.sizes...)})
			req := &marketplacev1.ListOrdersRequest{Parent: "stores/demo", PageSize: tt.size}
			var pages []int
			var numbers []string
			for range len(tt.sizes) + 1 { // an end for a list without one
				page, err := r.client.ListOrders(t.Context(), req, grpc.MaxCallRecvMsgSize(16*mib))
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, len(page.GetOrders()))
				for _, o := range page.GetOrders() {
					numbers = append(numbers, o.GetOrderNumber())
				}
				if bytes := proto.Size(page); bytes > 3*mib+kib && len(page.GetOrders()) > 1 {
					t.Errorf("a page of %d orders takes %d bytes", len(page.GetOrders()), bytes)
				}
				if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			if diff := gocmp.Diff(tt.pages, pages); diff != "" {
				t.Errorf("orders per page (-want +got)\n%s", diff)
			}
			var want []string
			for i := range tt.sizes {
				want = append(want, fmt.Sprintf("N%04d", i))
			}
			if diff := gocmp.Diff(want, numbers); diff != "" {
				t.Errorf("orders (-want +got)\n%s", diff)
			}
		})
	}
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	core := &fakeCore{}
	r := lists(t, core)
	for _, tt := range []struct{ asked, want int32 }{{0, 50}, {1, 1}, {500, 500}, {501, 500}, {1 << 30, 500}} {
		if _, err := r.client.ListOrders(t.Context(), &marketplacev1.ListOrdersRequest{Parent: "stores/demo", PageSize: tt.asked}); err != nil {
			t.Fatal(err)
		}
		if got := core.lastLimit(); got != int(tt.want)+1 { // one more tells whether there is another page
			t.Errorf("page size %d asks the database for %d, want %d", tt.asked, got, tt.want+1)
		}
	}
	_, err := r.client.ListOrders(t.Context(), &marketplacev1.ListOrdersRequest{Parent: "stores/demo", PageSize: -1})
	wantField(t, err, "page_size")
}

// wantField fails the test unless err says that this field is wrong.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	d := detailsOf(err)
	if status.Code(err) != codes.InvalidArgument || d.info.GetReason() != problem.ReasonInvalidField ||
		len(d.bad.GetFieldViolations()) != 1 || d.bad.GetFieldViolations()[0].GetField() != field {
		t.Errorf("error %v, want INVALID_ARGUMENT for %s", err, field)
	}
}

// TestOrderTokens: a token goes on with the list that it came from, and with no other.
func TestOrderTokens(t *testing.T) {
	t.Parallel()
	r := lists(t, &fakeCore{orders: sized(1, 1, 1)})
	ask := func(change func(*marketplacev1.ListOrdersRequest)) *marketplacev1.ListOrdersRequest {
		req := &marketplacev1.ListOrdersRequest{
			Parent: "stores/demo", PageSize: 1, UpdatedSince: timestamppb.New(changed.Add(-time.Hour)), ShippableOnly: true,
			Statuses: []marketplacev1.OrderStatus{marketplacev1.OrderStatus_ORDER_STATUS_SHIPPED, marketplacev1.OrderStatus_ORDER_STATUS_DELIVERED},
		}
		change(req)
		return req
	}
	first, err := r.client.ListOrders(t.Context(), ask(func(*marketplacev1.ListOrdersRequest) {}))
	if err != nil || first.GetNextPageToken() == "" {
		t.Fatalf("first page: token %q, %v", first.GetNextPageToken(), err)
	}
	token := first.GetNextPageToken()
	tests := []struct {
		name   string
		change func(*marketplacev1.ListOrdersRequest)
		ok     bool
	}{
		{"nothing else", func(*marketplacev1.ListOrdersRequest) {}, true},
		{"another page size", func(q *marketplacev1.ListOrdersRequest) { q.PageSize = 2 }, true},
		{"the same statuses in another order", func(q *marketplacev1.ListOrdersRequest) {
			slices.Reverse(q.Statuses)
			q.Statuses = append(q.Statuses, q.GetStatuses()[0])
		}, true},
		{"another store", func(q *marketplacev1.ListOrdersRequest) { q.Parent = "stores/other" }, false},
		{"another time", func(q *marketplacev1.ListOrdersRequest) { q.UpdatedSince = timestamppb.New(changed) }, false},
		{"no time", func(q *marketplacev1.ListOrdersRequest) { q.UpdatedSince = nil }, false},
		{"one status less", func(q *marketplacev1.ListOrdersRequest) { q.Statuses = q.GetStatuses()[:1] }, false},
		{"no statuses", func(q *marketplacev1.ListOrdersRequest) { q.Statuses = nil }, false},
		{"not only shippable ones", func(q *marketplacev1.ListOrdersRequest) { q.ShippableOnly = false }, false},
		{"a token cut short", func(q *marketplacev1.ListOrdersRequest) { q.PageToken = token[:len(token)-4] }, false},
		{"no token at all", func(q *marketplacev1.ListOrdersRequest) { q.PageToken = "next" }, false},
		{"JSON that is no token", func(q *marketplacev1.ListOrdersRequest) { q.PageToken = "e30" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			page, err := r.client.ListOrders(t.Context(), ask(func(q *marketplacev1.ListOrdersRequest) {
				q.PageToken = token
				tt.change(q)
			}))
			if !tt.ok {
				wantField(t, err, "page_token")
			} else if err != nil || len(page.GetOrders()) == 0 || page.GetOrders()[0].GetOrderNumber() != "N0001" {
				t.Errorf("%d orders, %v, want those after the first", len(page.GetOrders()), err)
			}
		})
	}
}

// TestTokensOfOtherLists: each list takes its own tokens, for its own filters, and refuses those of every other list.
func TestTokensOfOtherLists(t *testing.T) {
	t.Parallel()
	r := lists(t, &fakeCore{orders: sized(1, 1, 1)})
	ctx := t.Context()
	all := []struct {
		name string
		list func(token string) (next string, err error)
	}{
		{"orders", func(token string) (string, error) {
			page, err := r.client.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: "stores/demo", PageSize: 1, PageToken: token})
			return page.GetNextPageToken(), err
		}},
		{"imports", func(token string) (string, error) {
			page, err := r.client.ListImports(ctx, &marketplacev1.ListImportsRequest{Parent: "stores/demo", PageSize: 1, PageToken: token})
			return page.GetNextPageToken(), err
		}},
		{"imports of another store", func(token string) (string, error) {
			page, err := r.client.ListImports(ctx, &marketplacev1.ListImportsRequest{Parent: "stores/other", PageSize: 1, PageToken: token})
			return page.GetNextPageToken(), err
		}},
		{"shipments", func(token string) (string, error) {
			page, err := r.client.ListShipments(ctx, &marketplacev1.ListShipmentsRequest{Parent: "stores/demo", PageSize: 1, PageToken: token})
			return page.GetNextPageToken(), err
		}},
		{"shipments of one order", func(token string) (string, error) {
			page, err := r.client.ListShipments(ctx, &marketplacev1.ListShipmentsRequest{
				Parent: "stores/demo", Order: "stores/demo/orders/N1", PageSize: 1, PageToken: token,
			})
			return page.GetNextPageToken(), err
		}},
		{"shipments in one state", func(token string) (string, error) {
			page, err := r.client.ListShipments(ctx, &marketplacev1.ListShipmentsRequest{
				Parent: "stores/demo", States: []marketplacev1.Shipment_State{marketplacev1.Shipment_STATE_QUEUED}, PageSize: 1, PageToken: token,
			})
			return page.GetNextPageToken(), err
		}},
		{"stores", func(token string) (string, error) {
			page, err := r.client.ListStores(ctx, &marketplacev1.ListStoresRequest{PageSize: 1, PageToken: token})
			return page.GetNextPageToken(), err
		}},
		{"stores, disconnected ones too", func(token string) (string, error) {
			page, err := r.client.ListStores(ctx, &marketplacev1.ListStoresRequest{PageSize: 1, ShowDisconnected: true, PageToken: token})
			return page.GetNextPageToken(), err
		}},
	}
	for _, from := range all {
		token, err := from.list("")
		if err != nil || token == "" {
			t.Fatalf("%s: token %q, %v", from.name, token, err)
		}
		for _, to := range all {
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				if _, err := to.list(token); from.name != to.name {
					wantField(t, err, "page_token")
					if !strings.Contains(err.Error(), "belongs to another list") {
						t.Errorf("error %v does not say what is wrong with the token", err)
					}
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}
