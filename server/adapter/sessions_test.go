package adapter_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// reader answers reads in as many calls as it takes, and tells of each before it answers.
type reader struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	called func(ctx context.Context, size int)
	sizes  []int
}

func (r *reader) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	r.called(ctx, len(req.GetOrderNumbers()))
	answer := &adapterv1.GetOrdersResponse{}
	for _, n := range req.GetOrderNumbers() {
		answer.Orders = append(answer.Orders, small(n))
	}
	return answer, ctx.Err()
}

func (r *reader) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	r.called(ctx, len(req.GetEans()))
	answer := &adapterv1.GetProductsResponse{}
	for _, ean := range req.GetEans() {
		answer.Products = append(answer.Products, &adapterv1.Product{Ean: ean})
	}
	return answer, ctx.Err()
}

func (r *reader) NotifyShipments(ctx context.Context, _ *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	r.called(ctx, 1)
	return &adapterv1.NotifyShipmentsResponse{}, nil
}

// keys are so many numbers of orders, or of products.
func keys(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("N%03d", i))
	}
	return all
}

// TestLaterCallsGoToTheProcessThatServes: of a read in several calls, those after a swap are made on the new process, by its rules.
func TestLaterCallsGoToTheProcessThatServes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		next *adapterv1.Capabilities // of the process that serves from the second call on
		read func(f *fixture) (string, error)
		want string
		size []int
	}{
		{"orders", &adapterv1.Capabilities{MaxOrdersPerGet: 5}, readOrders, "23 orders by next@feed", []int{10, 5, 5, 3}},
		{"products", &adapterv1.Capabilities{MaxProductsPerGet: 7}, readProducts, "23 products, supported true", []int{10, 7, 6}},
		{"products of one that reads none", &adapterv1.Capabilities{}, readProducts, "0 products, supported false", []int{10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &reader{}
			f := overRaw(t, r)
			f.description.Capabilities = &adapterv1.Capabilities{MaxOrdersPerGet: 10, MaxProductsPerGet: 10}
			next := proto.CloneOf(f.description)
			next.Version, next.Capabilities = "next", tt.next
			r.called = func(_ context.Context, size int) { r.sizes, f.description = append(r.sizes, size), next }
			got, err := tt.read(f)
			if err != nil || got != tt.want {
				t.Errorf("read %s, %v; want %s", got, err, tt.want)
			}
			if diff := cmp.Diff(tt.size, r.sizes); diff != "" {
				t.Errorf("sizes of the calls (-want +got)\n%s", diff)
			}
		})
	}
}

// TestEachCallIsRepeatedByItself: a process that ends under every other call holds nobody up.
func TestEachCallIsRepeatedByItself(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(f *fixture) (string, error){
		"23 orders by 1.0.0@feed": readOrders, "23 products, supported true": readProducts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &reader{}
			f := overRaw(t, r)
			f.description.Version = "1.0.0"
			f.description.Capabilities = &adapterv1.Capabilities{MaxOrdersPerGet: 10, MaxProductsPerGet: 10}
			var mu sync.Mutex // a call whose process ended may be under way still
			r.called = func(ctx context.Context, size int) {
				mu.Lock()
				r.sizes = append(r.sizes, size)
				ends := len(r.sizes)%2 == 1
				mu.Unlock()
				if ends {
					f.cut()
					<-ctx.Done()
				}
			}
			got, err := read(f)
			if err != nil || got != name {
				t.Errorf("read %s, %v", got, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff([]int{10, 10, 10, 10, 3, 3}, r.sizes); diff != "" {
				t.Errorf("sizes of the calls (-want +got)\n%s", diff)
			}
		})
	}
}

func readOrders(f *fixture) (string, error) {
	found, err := f.GetOrders(context.Background(), fakeRef, keys(23))
	return fmt.Sprintf("%d orders by %s", len(found.Orders), found.Release), err
}

func readProducts(f *fixture) (string, error) {
	products, supported, err := f.GetProducts(context.Background(), fakeRef, keys(23))
	return fmt.Sprintf("%d products, supported %v", len(products), supported), err
}

// TestNothingIsSentToAProcessThatEnded: a process that ends between the preview and the notification leaves nothing to find out.
func TestNothingIsSentToAProcessThatEnded(t *testing.T) {
	t.Parallel()
	r := &reader{called: func(context.Context, int) { t.Error("it was sent") }}
	f := overRaw(t, r)
	p, err := f.PrepareShipment(t.Context(), fakeRef, shipment.Notification{Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f.cut()
	result, err := p.Send(t.Context())
	wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown)
	if result.Outcome != "" {
		t.Errorf("outcome %v of what was not sent", result.Outcome)
	}
}

// TestStreamBeginsAnewForALargerShare: on the same process, which is no interruption.
func TestStreamBeginsAnewForALargerShare(t *testing.T) {
	t.Parallel()
	for name, same := range map[string]bool{"the same process": true, "another process": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lister{hours: 6}
			f := overRaw(t, l)
			f.sameProcess, f.retiring = same, make(chan struct{})
			first, pages, resumed := f.retiring, 0, 0
			err := f.ListOrders(t.Context(), fakeRef, window(), func(p order.Page) error {
				if pages++; pages == 1 {
					f.retiring = make(chan struct{}) // of the next lease
					close(first)
				}
				if p.Resumed {
					resumed++
				}
				return nil
			})
			if err != nil || pages != 24 {
				t.Errorf("%d pages, %v; want 24", pages, err)
			}
			if want := map[bool]int{true: 0, false: 1}[same]; resumed != want {
				t.Errorf("%d pages say that another process went on, want %d", resumed, want)
			}
			if diff := cmp.Diff([]int{0, 6}, l.sinces()); diff != "" {
				t.Errorf("requests begin at (-want +got)\n%s", diff)
			}
		})
	}
}
