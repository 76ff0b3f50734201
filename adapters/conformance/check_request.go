package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func requestChecks() []check {
	return []check{
		{Info: Info{
			ID: "request-credentials", Title: "asks for each credential that it declares",
			Proves: "A call without one of the required credentials is INVALID_REQUEST and names it: store.credentials.<key>.",
		}, run: requestCredentials},
		{Info: Info{
			ID: "request-environment", Title: "asks for each address that it declares",
			Proves: "A call without one of the addresses, or with one that is none, is INVALID_REQUEST and names it: store.environment.<key>.",
		}, run: requestEnvironment},
		{Info: Info{
			ID: "request-window", Title: "refuses windows that are none",
			Proves: "A list or count without a begin, an end or a status is INVALID_REQUEST; one that ends before it begins is that, or empty.",
		}, run: requestWindow},
		{Info: Info{
			ID: "request-batch-limits", Title: "keeps its own limits",
			Proves: "A batch that is larger than the declared limit is INVALID_REQUEST and sends nothing.",
		}, run: requestBatchLimits},
		{Info: Info{
			ID: "request-unknown-fields", Title: "ignores fields of a newer host", Sandbox: true,
			Proves: "Requests with fields that this version does not know are answered as without them.",
		}, run: requestUnknownFields},
	}
}

// nowhere is a store whose marketplace is not there, for calls that must fail before they get that far.
func (s *suite) nowhere() *adapterv1.StoreContext {
	store := &adapterv1.StoreContext{
		StoreId: s.name("nowhere"), Credentials: map[string]string{}, Environment: map[string]string{},
	}
	for _, f := range s.description.GetCredentialFields() {
		store.Credentials[f.GetKey()] = "10001" // looks right for an id, a login and a password alike
	}
	for _, k := range s.description.GetEnvironmentKeys() {
		store.Environment[k.GetKey()] = "http://127.0.0.1:9" + k.GetSandboxPath()
	}
	return store
}

// anyWindow is a window that every adapter takes.
func anyWindow() window {
	now := time.Now().Truncate(time.Second)
	return window{since: now.Add(-48 * time.Hour), until: now.Add(-24 * time.Hour)}
}

// everyCall makes each declared call that needs credentials, with a store, and gives its error to look.
func (s *suite) everyCall(ctx context.Context, p *process, store *adapterv1.StoreContext, look func(name string, err error)) {
	q := question{window: anyWindow(), numbers: []string{"2603190957AAAAA"}, eans: []string{"3760000000017"}}
	for _, r := range s.reads() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := r.call(call, p, store, q)
		cancel()
		look(r.name, err)
	}
	for _, w := range s.writes() {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := w.call(call, p, store, nil)
		cancel()
		if err != nil { // with nothing to write, nothing may be looked at
			look(w.name, err)
		}
	}
}

// writes returns the writes that the adapter declares.
func (s *suite) writes() []write {
	return slices.DeleteFunc(allWrites(), func(w write) bool { return w.area == "decide" && !s.capabilities().GetAcceptance() })
}

// namesField says what is wrong when err is not INVALID_REQUEST about that field.
func namesField(what string, err error, field string) error {
	t, wrong := expectReason(what, err, invalidRequest)
	if wrong != nil {
		return wrong
	}
	if !slices.Contains(t.fields, field) {
		return fmt.Errorf("%s: names the field %s instead of %s", what, some(t.fields), field)
	}
	return nil
}

func requestCredentials(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, field := range s.description.GetCredentialFields() {
		if field.GetOptional() {
			continue
		}
		store := s.nowhere()
		delete(store.GetCredentials(), field.GetKey())
		s.everyCall(ctx, p, store, func(name string, err error) {
			f.add(namesField(name+" without "+field.GetKey(), err, "store.credentials."+field.GetKey()))
		})
	}
	return f.err()
}

func requestEnvironment(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	for _, key := range s.description.GetEnvironmentKeys() {
		for what, address := range map[string]string{"without": "", "with a path as": "/somewhere", "with a file as": "file:///etc/hostname"} {
			store := s.nowhere()
			store.Environment[key.GetKey()] = address
			s.everyCall(ctx, p, store, func(name string, err error) {
				f.add(namesField(fmt.Sprintf("%s %s %s", name, what, key.GetKey()), err, "store.environment."+key.GetKey()))
			})
		}
	}
	return f.err()
}

func requestWindow(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	store, good := s.nowhere(), anyWindow()
	for _, bad := range []struct {
		name  string
		spoil func(*adapterv1.ListOrdersRequest)
	}{
		{"without a begin", func(r *adapterv1.ListOrdersRequest) { r.Since = nil }},
		{"without an end", func(r *adapterv1.ListOrdersRequest) { r.Until = nil }},
		{"without statuses", func(r *adapterv1.ListOrdersRequest) { r.Statuses = nil }},
	} {
		req := good.request(store)
		bad.spoil(req)
		_, err := expectReason("ListOrders "+bad.name, p.drain(ctx, req), invalidRequest)
		f.add(err)
	}
	backwards := window{since: good.until, until: good.since}
	if err := p.drain(ctx, backwards.request(store)); err != nil {
		_, err = expectReason("ListOrders with an end before its begin", err, invalidRequest)
		f.add(err)
	}
	if s.capabilities().GetCount() {
		for _, bad := range []struct {
			name  string
			spoil func(*adapterv1.CountOrdersRequest)
		}{
			{"without a begin", func(r *adapterv1.CountOrdersRequest) { r.Since = nil }},
			{"without an end", func(r *adapterv1.CountOrdersRequest) { r.Until = nil }},
			{"without statuses", func(r *adapterv1.CountOrdersRequest) { r.Statuses = nil }},
		} {
			req := good.countRequest(store)
			bad.spoil(req)
			call, cancel := context.WithTimeout(ctx, callTimeout)
			_, err := p.CountOrders(call, req)
			cancel()
			_, err = expectReason("CountOrders "+bad.name, err, invalidRequest)
			f.add(err)
		}
	}
	return f.err()
}

// drain reads a list to its end and forgets it.
func (p *process) drain(ctx context.Context, req *adapterv1.ListOrdersRequest) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stream, err := p.ListOrders(ctx, req)
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if len(m.GetOrders()) > 0 && !req.GetUntil().AsTime().After(sinceOf(req)) {
			return status.Error(codes.DataLoss, "orders came for a window that holds no time")
		}
	}
}

// sinceOf is the begin of a list's window.
func sinceOf(req *adapterv1.ListOrdersRequest) time.Time {
	var since *timestamppb.Timestamp
	if since = req.GetCreatedSince(); since == nil {
		since = req.GetModifiedSince()
	}
	return since.AsTime()
}

func requestBatchLimits(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	var f findings
	store, c := s.nowhere(), s.capabilities()
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tooMany := func(limit int32, format string) []string {
		texts := make([]string, limit+1)
		for i := range texts {
			texts[i] = fmt.Sprintf(format, i)
		}
		return texts
	}
	_, err = p.get(call, store, tooMany(c.GetMaxOrdersPerGet(), "ORDER%06d")...)
	_, err = expectReason("GetOrders of one more than max_orders_per_get", err, invalidRequest)
	f.add(err)
	if limit := c.GetMaxProductsPerGet(); limit > 0 {
		_, err = p.GetProducts(call, &adapterv1.GetProductsRequest{Store: store, Eans: tooMany(limit, "376%010d")})
		_, err = expectReason("GetProducts of one more than max_products_per_get", err, invalidRequest)
		f.add(err)
	}
	for _, w := range s.writes() {
		var items []item
		for _, number := range tooMany(w.limit(c), "ORDER%06d") {
			o := &adapterv1.Order{OrderNumber: number, Lines: []*adapterv1.OrderLine{{LineId: "1", Sku: "A", Quantity: 1}}}
			items = append(items, item{key: number, order: o, carrier: "Colissimo", tracking: "T" + number})
		}
		_, err := w.call(call, p, store, items)
		_, err = expectReason(w.name+" with one more than its limit", err, invalidRequest)
		f.add(err)
	}
	return f.err()
}

func requestUnknownFields(ctx context.Context, s *subject) error {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return err
	}
	number, err := sh.order(ctx, map[string]any{"variety": varietyPlain})
	if err != nil {
		return err
	}
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	_, state, err := p.account(ctx, sh.store)
	if err != nil {
		return failed("CheckConnection", err)
	}
	// Field 4095 of no message of this version: a text.
	extra := protowire.AppendString(protowire.AppendTag(nil, 4095, protowire.BytesType), "from the future")
	store := sh.context(state)
	store.ProtoReflect().SetUnknown(extra)
	var f findings
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	with := func(m proto.Message) { m.ProtoReflect().SetUnknown(extra) }
	check := &adapterv1.CheckConnectionRequest{Store: store}
	with(check)
	if _, err := p.CheckConnection(call, check); err != nil {
		f.add(failed("CheckConnection with an unknown field", err))
	}
	get := &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{number}}
	with(get)
	if resp, err := p.GetOrders(call, get); err != nil || len(resp.GetOrders()) != 1 {
		f.addf("GetOrders with an unknown field: %d orders, error %v", len(resp.GetOrders()), err)
	}
	carriers := &adapterv1.ListCarriersRequest{Store: store}
	with(carriers)
	if _, err := p.ListCarriers(call, carriers); err != nil {
		f.add(failed("ListCarriers with an unknown field", err))
	}
	return f.err()
}
