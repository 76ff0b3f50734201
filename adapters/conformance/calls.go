package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// callTimeout bounds every call that a check does not bound otherwise.
const callTimeout = 30 * time.Second

// question is what a read asks for.
type question struct {
	window  window
	numbers []string
	eans    []string
}

// read is a call of the protocol that changes nothing at the marketplace.
type read struct {
	name   string
	action string // what the sandbox's faults call it
	// offered reports whether an adapter with these capabilities answers it.
	offered func(*adapterv1.Capabilities) bool
	// call asks. It answers a message that is equal for equal answers: without state, and without an order of its parts.
	call func(ctx context.Context, p *process, store *adapterv1.StoreContext, q question) (proto.Message, error)
}

func always(*adapterv1.Capabilities) bool { return true }

// reads returns the reads that the adapter declares.
func (s *suite) reads() []read {
	return slices.DeleteFunc(allReads(), func(r read) bool { return !r.offered(s.capabilities()) })
}

// allReads are the protocol's reads.
func allReads() []read {
	return []read{
		{"CheckConnection", "account", always, readAccount},
		{"ListOrders", "list", always, readList},
		{"GetOrders", "get", always, readOrders},
		{"CountOrders", "count", (*adapterv1.Capabilities).GetCount, readCount},
		{"ListCarriers", "carriers", always, readCarriers},
		{"GetProducts", "products", func(c *adapterv1.Capabilities) bool { return c.GetMaxProductsPerGet() > 0 }, readProducts},
	}
}

func readAccount(ctx context.Context, p *process, store *adapterv1.StoreContext, _ question) (proto.Message, error) {
	resp, err := p.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil {
		return nil, err
	}
	resp.StateUpdate = nil
	slices.Sort(resp.AccountKeys)
	return resp, nil
}

func readList(ctx context.Context, p *process, store *adapterv1.StoreContext, q question) (proto.Message, error) {
	l, err := p.list(ctx, store, q.window)
	if err != nil {
		return nil, err
	}
	return &adapterv1.GetOrdersResponse{Orders: l.byNumber()}, nil
}

func readOrders(ctx context.Context, p *process, store *adapterv1.StoreContext, q question) (proto.Message, error) {
	orders, err := p.get(ctx, store, q.numbers...)
	if err != nil {
		return nil, err
	}
	return &adapterv1.GetOrdersResponse{Orders: sorted(orders)}, nil
}

func readCount(ctx context.Context, p *process, store *adapterv1.StoreContext, q question) (proto.Message, error) {
	n, err := p.count(ctx, store, q.window)
	if err != nil {
		return nil, err
	}
	return &adapterv1.CountOrdersResponse{Count: n}, nil
}

func readCarriers(ctx context.Context, p *process, store *adapterv1.StoreContext, _ question) (proto.Message, error) {
	resp, err := p.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: store})
	if err != nil {
		return nil, err
	}
	resp.StateUpdate = nil
	return resp, nil
}

func readProducts(ctx context.Context, p *process, store *adapterv1.StoreContext, q question) (proto.Message, error) {
	resp, err := p.GetProducts(ctx, &adapterv1.GetProductsRequest{Store: store, Eans: q.eans})
	if err != nil {
		return nil, err
	}
	resp.StateUpdate = nil
	slices.SortFunc(resp.Products, func(a, b *adapterv1.Product) int { return strings.Compare(a.GetEan(), b.GetEan()) })
	return resp, nil
}

// window is what a list or a count asks for.
type window struct {
	since, until time.Time
	modified     bool // since is a modification date
	statuses     []adapterv1.OrderStatus
}

// allStatuses are all normalised statuses.
func allStatuses() []adapterv1.OrderStatus {
	var all []adapterv1.OrderStatus
	for n := adapterv1.OrderStatus(1); adapterv1.OrderStatus_name[int32(n)] != ""; n++ {
		all = append(all, n)
	}
	return all
}

// request is the ListOrders request of the window.
func (w window) request(store *adapterv1.StoreContext) *adapterv1.ListOrdersRequest {
	req := &adapterv1.ListOrdersRequest{Store: store, Until: timestamppb.New(w.until), Statuses: w.statuses}
	if req.Statuses == nil {
		req.Statuses = allStatuses()
	}
	if w.modified {
		req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(w.since)}
	} else {
		req.Since = &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(w.since)}
	}
	return req
}

// countRequest is the CountOrders request of the window.
func (w window) countRequest(store *adapterv1.StoreContext) *adapterv1.CountOrdersRequest {
	req := &adapterv1.CountOrdersRequest{Store: store, Until: timestamppb.New(w.until), Statuses: w.statuses}
	if req.Statuses == nil {
		req.Statuses = allStatuses()
	}
	if w.modified {
		req.Since = &adapterv1.CountOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(w.since)}
	} else {
		req.Since = &adapterv1.CountOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(w.since)}
	}
	return req
}

// listing is what one ListOrders stream brought.
type listing struct {
	messages []*adapterv1.ListOrdersResponse
	state    []byte // the last one
}

// errIncomplete says that a stream ended as if all was well, and is short.
var errIncomplete = errors.New("the stream ended without an error and without a checkpoint that says complete")

// list reads a window to its end. It returns what came before a failure as well; a stream without a complete checkpoint is one.
func (p *process) list(ctx context.Context, store *adapterv1.StoreContext, w window) (*listing, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	l := &listing{}
	stream, err := p.ListOrders(ctx, w.request(store))
	if err != nil {
		return l, err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return l, err
		}
		l.messages = append(l.messages, m)
		if m.GetStateUpdate() != nil {
			l.state = m.GetStateUpdate().GetState()
		}
	}
	if n := len(l.messages); n == 0 || !l.messages[n-1].GetCheckpoint().GetComplete() {
		return l, errIncomplete
	}
	return l, nil
}

// orders returns every order as it came, also those that came twice.
func (l *listing) orders() []*adapterv1.Order {
	var all []*adapterv1.Order
	for _, m := range l.messages {
		all = append(all, m.GetOrders()...)
	}
	return all
}

// byNumber returns each order once, by number; of one that came twice, the last.
func (l *listing) byNumber() []*adapterv1.Order {
	last := map[string]*adapterv1.Order{}
	for _, o := range l.orders() {
		last[o.GetOrderNumber()] = o
	}
	var out []*adapterv1.Order
	for _, o := range last {
		out = append(out, o)
	}
	return sorted(out)
}

// is reports whether an order is the one that the sandbox knows by that number. A marketplace may have renamed it: its reference is
// the number then.
func is(o *adapterv1.Order, number string) bool {
	return o.GetOrderNumber() == number || o.GetReference() == number
}

// has reports whether an order came.
func (l *listing) has(number string) bool {
	return slices.ContainsFunc(l.messages, func(m *adapterv1.ListOrdersResponse) bool {
		return slices.ContainsFunc(m.GetOrders(), func(o *adapterv1.Order) bool { return is(o, number) })
	})
}

// finished is the last checkpoint; zero when there was none.
func (l *listing) finished() time.Time {
	for _, m := range slices.Backward(l.messages) {
		if at := m.GetCheckpoint().GetFinishedUntil(); at != nil {
			return at.AsTime()
		}
	}
	return time.Time{}
}

// missing returns which of the numbers did not come.
func (l *listing) missing(numbers []string) []string {
	come := map[string]bool{}
	for _, o := range l.orders() {
		come[o.GetOrderNumber()], come[o.GetReference()] = true, true
	}
	return slices.DeleteFunc(slices.Clone(numbers), func(number string) bool { return come[number] })
}

// sorted returns orders by number.
func sorted(orders []*adapterv1.Order) []*adapterv1.Order {
	out := slices.Clone(orders)
	slices.SortFunc(out, func(a, b *adapterv1.Order) int { return strings.Compare(a.GetOrderNumber(), b.GetOrderNumber()) })
	return out
}

// get reads orders by number.
func (p *process) get(ctx context.Context, store *adapterv1.StoreContext, numbers ...string) ([]*adapterv1.Order, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := p.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: numbers})
	return resp.GetOrders(), err
}

// one reads one order that is there.
func (p *process) one(ctx context.Context, store *adapterv1.StoreContext, number string) (*adapterv1.Order, error) {
	orders, err := p.get(ctx, store, number)
	if err != nil {
		return nil, failed("GetOrders of order "+number, err)
	}
	if len(orders) != 1 || !is(orders[0], number) {
		return nil, fmt.Errorf("GetOrders of order %s answers %s", number, numbersOf(orders))
	}
	return orders[0], nil
}

// count counts the orders of a window.
func (p *process) count(ctx context.Context, store *adapterv1.StoreContext, w window) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := p.CountOrders(ctx, w.countRequest(store))
	return resp.GetCount(), err
}

// account checks the connection and returns what it says, and the state that the host would keep.
func (p *process) account(ctx context.Context, store *adapterv1.StoreContext) (*adapterv1.CheckConnectionResponse, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := p.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil {
		return nil, nil, err
	}
	state := store.GetState()
	if resp.GetStateUpdate() != nil {
		state = resp.GetStateUpdate().GetState()
	}
	return resp, state, nil
}

// numbersOf tells orders by number, for people.
func numbersOf(orders []*adapterv1.Order) string {
	if len(orders) == 0 {
		return "no order"
	}
	var names []string
	for _, o := range orders {
		names = append(names, o.GetOrderNumber())
	}
	slices.Sort(names)
	return some(names)
}

// some tells a list in a few words.
func some(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
