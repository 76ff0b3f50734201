package adapter_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/testing/protocmp"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// mortal is an adapter whose process ends under its first calls.
type mortal struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	die func()

	mu    sync.Mutex // guards the fields below
	lives int        // calls that end the process
	calls int
}

// called ends the process while it has lives to lose.
func (m *mortal) called(ctx context.Context) {
	m.mu.Lock()
	m.calls++
	dies := m.lives > 0
	m.lives--
	m.mu.Unlock()
	if dies {
		m.die()
		<-ctx.Done()
	}
}

func (m *mortal) GetOrders(ctx context.Context, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
	if req.GetOrderNumbers()[0] != "N000" { // the first of several calls goes well
		m.called(ctx)
	}
	var found []*adapterv1.Order
	for _, n := range req.GetOrderNumbers() {
		found = append(found, small(n))
	}
	return &adapterv1.GetOrdersResponse{Orders: found}, nil
}

func (m *mortal) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	m.called(ctx)
	return &adapterv1.GetProductsResponse{Products: []*adapterv1.Product{{Ean: req.GetEans()[0]}}}, nil
}

func (m *mortal) ListCarriers(ctx context.Context, _ *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
	m.called(ctx)
	return &adapterv1.ListCarriersResponse{Carriers: []*adapterv1.Carrier{{Name: "Colissimo"}}}, nil
}

func (m *mortal) CheckConnection(ctx context.Context, _ *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
	m.called(ctx)
	return &adapterv1.CheckConnectionResponse{AccountId: "7"}, nil
}

func (m *mortal) PreviewShipment(ctx context.Context, _ *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	m.called(ctx)
	return &adapterv1.PreviewShipmentResponse{}, nil
}

// TestSilenceOfASuspectProcess: a process that does not answer says nothing of the marketplace.
func TestSilenceOfASuspectProcess(t *testing.T) {
	t.Parallel()
	for suspect, want := range map[bool]string{true: problem.ReasonAdapterDown, false: problem.ReasonMarketplaceDown} {
		f := overRaw(t, &mortal{lives: 10, die: func() {}})
		f.suspect = suspect
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := f.GetOrders(ctx, fakeRef, []string{"N001"})
		cancel()
		wantProblem(t, err, problem.Unavailable, want)
	}
}

// TestReadsAreRepeatedOnce: a call that changes nothing is made once more when its process ends under it, and no oftener.
func TestReadsAreRepeatedOnce(t *testing.T) {
	t.Parallel()
	reads := map[string]func(ctx context.Context, f *fixture) error{
		"GetOrders": func(ctx context.Context, f *fixture) error {
			// Two calls: the one that went well is not made again.
			var numbers []string
			for i := range 11 {
				numbers = append(numbers, fmt.Sprintf("N%03d", i))
			}
			found, err := f.GetOrders(ctx, fakeRef, numbers)
			if err == nil && len(found.Orders) != len(numbers) {
				err = fmt.Errorf("%d orders for %d numbers", len(found.Orders), len(numbers))
			}
			return err
		},
		"GetProducts": func(ctx context.Context, f *fixture) error {
			products, supported, err := f.GetProducts(ctx, fakeRef, []string{"0000000000017"})
			if err == nil && (len(products) != 1 || !supported) {
				err = fmt.Errorf("products %v, supported %v", products, supported)
			}
			return err
		},
		"ListCarriers": func(ctx context.Context, f *fixture) error {
			carriers, err := f.ListCarriers(ctx, fakeRef)
			if err == nil && len(carriers) != 1 {
				err = fmt.Errorf("carriers %v", carriers)
			}
			return err
		},
		"CheckConnection": func(ctx context.Context, f *fixture) error {
			account, err := f.CheckConnection(ctx, f.vault.access)
			if err == nil && account.ID != "7" {
				err = fmt.Errorf("account %v", account)
			}
			return err
		},
		"PreviewShipment": func(ctx context.Context, f *fixture) error {
			p, err := f.PrepareShipment(ctx, fakeRef, shipment.Notification{Key: "k"})
			if err == nil {
				p.Close()
			}
			return err
		},
	}
	for name, read := range reads {
		for _, tt := range []struct {
			lives, calls int
			ok           bool
		}{{0, 1, true}, {1, 2, true}, {2, 2, false}} {
			t.Run(fmt.Sprintf("%s, process ends %d times", name, tt.lives), func(t *testing.T) {
				t.Parallel()
				m := &mortal{lives: tt.lives}
				f := overRaw(t, m)
				m.die = f.cut
				f.description.Capabilities.MaxProductsPerGet, f.description.Capabilities.Preview = 10, true
				if err := read(t.Context(), f); tt.ok && err != nil {
					t.Error(err)
				} else if !tt.ok {
					wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown, "ended during the call")
				}
				m.mu.Lock()
				defer m.mu.Unlock()
				if m.calls != tt.calls {
					t.Errorf("%d calls, want %d", m.calls, tt.calls)
				}
			})
		}
	}
}

// TestRepetitionWaitsForTheEnd: whoever lends processes may learn of an end a moment after the call that met it, and lend the same
// process once more.
func TestRepetitionWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(f *fixture) error{
		"a call": func(f *fixture) error {
			_, err := f.ListCarriers(t.Context(), fakeRef)
			return err
		},
		"a stream": func(f *fixture) error {
			return f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := overRaw(t, &lister{hours: 24})
			next := f.conn
			var err error
			if f.conn, err = grpc.NewClient("passthrough:///nowhere", grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
				t.Fatal(err)
			}
			_ = f.conn.Close()
			var seen sync.WaitGroup
			f.gone = func() <-chan struct{} {
				gone := make(chan struct{})
				seen.Go(func() {
					<-time.After(50 * time.Millisecond)
					f.conn = next
					close(gone)
				})
				return gone
			}
			if err := read(f); err != nil {
				t.Error(err)
			}
			seen.Wait()
		})
	}
}

// lister answers ListOrders with one message for each hour of the window, each of which finishes a sub-window of so many hours.
type lister struct {
	adapterv1.UnimplementedMarketplaceAdapterServiceServer
	hours int
	// stepwise makes it wait before each message until the one before was taken.
	stepwise bool

	mu       sync.Mutex // guards the fields below
	requests []*adapterv1.ListOrdersRequest
	taken    chan struct{} // of the last request
}

// take lets the last request go on.
func (l *lister) take() {
	l.mu.Lock()
	taken := l.taken
	l.mu.Unlock()
	taken <- struct{}{}
}

func (l *lister) ListOrders(req *adapterv1.ListOrdersRequest, stream grpc.ServerStreamingServer[adapterv1.ListOrdersResponse]) error {
	taken := make(chan struct{})
	l.mu.Lock()
	l.requests, l.taken = append(l.requests, req), taken
	l.mu.Unlock()
	first := int(req.GetCreatedSince().AsTime().Sub(since).Hours())
	for hour := first + 1; hour <= 24; hour++ {
		m := &adapterv1.ListOrdersResponse{Orders: []*adapterv1.Order{small(fmt.Sprintf("hour-%02d", hour))}}
		if hour%l.hours == 0 {
			m.Checkpoint = checkpoint(hour, hour == 24)
		}
		if err := stream.Send(m); err != nil {
			return err
		}
		if l.stepwise && hour < 24 {
			select {
			case <-taken:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
	}
	return nil
}

// ListCarriers answers with one carrier.
func (l *lister) ListCarriers(context.Context, *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
	return &adapterv1.ListCarriersResponse{Carriers: []*adapterv1.Carrier{{Name: "Colissimo"}}}, nil
}

// sinces are the hours at which the requests began.
func (l *lister) sinces() (hours []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.requests {
		hours = append(hours, int(r.GetCreatedSince().AsTime().Sub(since).Hours()))
	}
	return hours
}

// TestStreamsGoOnElsewhere: reading stops at a finished sub-window of a process that retires, or goes back to one when it ends.
func TestStreamsGoOnElsewhere(t *testing.T) {
	t.Parallel()
	type event struct {
		after int    // the page at which it happens, by its hour
		what  string // "retires", "ends", or "is cut": it retires and its time is over
	}
	hours := func(from, to int) (all []int) {
		for h := from; h <= to; h++ {
			all = append(all, h)
		}
		return all
	}
	tests := []struct {
		name    string
		hours   int // of a sub-window
		events  []event
		sinces  []int
		pages   []int // hours that were delivered, in order
		resumed []int // hours of the pages that say so
		failed  bool
	}{
		{"nothing happens", 6, nil, []int{0}, hours(1, 24), nil, false},
		{"it retires between two sub-windows", 6, []event{{6, "retires"}}, []int{0, 6}, hours(1, 24), []int{7}, false},
		{"it retires within a sub-window", 6, []event{{8, "retires"}}, []int{0, 12}, hours(1, 24), []int{13}, false},
		{"it retires within the last one", 6, []event{{20, "retires"}}, []int{0}, hours(1, 24), nil, false},
		{"it retires again and again", 6, []event{{1, "retires"}, {7, "retires"}, {13, "retires"}}, []int{0, 6, 12, 18}, hours(1, 24), []int{7, 13, 19}, false},
		{"it is cut again and again while it retires", 24, []event{{8, "is cut"}, {16, "is cut"}, {20, "is cut"}}, []int{0, 0, 0, 0},
			append(append(append(hours(1, 8), hours(1, 16)...), hours(1, 20)...), hours(1, 24)...), []int{1, 1, 1}, false},
		{"it ends within a sub-window", 6, []event{{8, "ends"}}, []int{0, 6}, append(hours(1, 8), hours(7, 24)...), []int{7}, false},
		{"it ends again after it got further", 6, []event{{8, "ends"}, {14, "ends"}, {20, "ends"}}, []int{0, 6, 12, 18},
			append(append(append(hours(1, 8), hours(7, 14)...), hours(13, 20)...), hours(19, 24)...), []int{7, 13, 19}, false},
		{"it ends again without getting further", 24, []event{{8, "ends"}, {16, "ends"}}, []int{0, 0}, append(hours(1, 8), hours(1, 16)...), []int{1}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &lister{hours: tt.hours, stepwise: true}
			f := overRaw(t, l)
			f.retiring = make(chan struct{})
			events := tt.events
			var pages, resumed []int
			var finished time.Time
			err := f.ListOrders(t.Context(), fakeRef, window(), func(p order.Page) error {
				var hour int
				if _, err := fmt.Sscanf(p.Orders[0].Number, "hour-%d", &hour); err != nil {
					return err
				}
				pages = append(pages, hour)
				if p.Resumed {
					resumed = append(resumed, hour)
				}
				if !p.Finished.IsZero() {
					finished = p.Finished
				}
				if len(events) > 0 && events[0].after == hour {
					switch events[0].what {
					case "retires":
						close(f.retiring)
						f.retiring = make(chan struct{}) // of the next lease
					case "is cut":
						close(f.retiring)
						f.retiring = make(chan struct{}) // of the next lease
						f.cut()
						events = events[1:]
						return nil
					case "ends":
						f.cut()
						events = events[1:]
						return nil
					}
					events = events[1:]
				}
				if hour < 24 {
					l.take()
				}
				return nil
			})
			if tt.failed {
				wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown)
			} else if err != nil || !finished.Equal(until) {
				t.Errorf("finished until %v, %v", finished, err)
			}
			if diff := cmp.Diff(tt.sinces, l.sinces()); diff != "" {
				t.Errorf("requests begin at (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.resumed, resumed); diff != "" {
				t.Errorf("resumed at (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.pages, pages); diff != "" {
				t.Errorf("pages (-want +got)\n%s", diff)
			}
		})
	}
}

// TestOverlappingProcessesShareTheBudget: while two processes work for a store, neither gets the whole rate.
func TestOverlappingProcessesShareTheBudget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		share float64
		rate  adapter.Rate
		want  *adapterv1.RateBudget
	}{
		{"alone", 1, adapter.Rate{PerSecond: 4, Burst: 10}, &adapterv1.RateBudget{RequestsPerSecond: 4, Burst: 10}},
		{"two", 0.5, adapter.Rate{PerSecond: 4, Burst: 10}, &adapterv1.RateBudget{RequestsPerSecond: 2, Burst: 5}},
		{"a burst of one stays", 0.5, adapter.Rate{PerSecond: 4, Burst: 1}, &adapterv1.RateBudget{RequestsPerSecond: 2, Burst: 1}},
		{"what the adapter declares", 0.25, adapter.Rate{}, &adapterv1.RateBudget{RequestsPerSecond: 0.5, Burst: 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &lister{hours: 24}
			f := overRaw(t, l)
			f.share = tt.share
			f.description.RateBudget = &adapterv1.RateBudget{RequestsPerSecond: 2, Burst: 8}
			f.limit(tt.rate)
			if err := f.ListOrders(t.Context(), fakeRef, window(), func(order.Page) error { return nil }); err != nil {
				t.Fatal(err)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			if diff := cmp.Diff(tt.want, l.requests[0].GetStore().GetRateBudget(), protocmp.Transform()); diff != "" {
				t.Errorf("budget (-want +got)\n%s", diff)
			}
			if f.description.GetRateBudget().GetRequestsPerSecond() != 2 {
				t.Error("the shared description was changed")
			}
		})
	}
}
