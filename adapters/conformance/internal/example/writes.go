package example

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// planned is one write before it is sent.
type planned struct {
	key, id string
	body    []byte
	// refused says why it is not sent; empty when it is.
	refused string
}

// orderContext is Order.adapter_context: whose it is, and the lines that must all leave together.
type orderContext struct {
	Order string   `json:"order"`
	Lines []string `json:"lines"`
}

// NotifyShipments implements sdk.Adapter.
func (a *Adapter) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	var list []planned
	for _, n := range req.GetNotifications() {
		list = append(list, plan(n))
	}
	results, update, err := a.write(ctx, req.GetStore(), "notifications", "ship", list)
	if err != nil {
		return nil, err
	}
	return &adapterv1.NotifyShipmentsResponse{Results: results, StateUpdate: update}, nil
}

// plan is a shipment as it is sent.
func plan(n *adapterv1.ShipmentNotification) planned {
	body, _ := json.Marshal(struct { // texts always encode
		Carrier string `json:"carrier"`
		Parcel  string `json:"parcel"`
		URL     string `json:"url,omitempty"`
	}{n.GetCarrier(), n.GetTrackingNumber(), n.GetTrackingUrl()})
	p := planned{key: n.GetKey(), id: identity(n.GetNativeId(), n.GetOrderNumber()), body: body}
	p.refused = breaks(n, p.id)
	return p
}

// breaks says which of the declared rules a shipment breaks; empty for none.
func breaks(n *adapterv1.ShipmentNotification, id string) string {
	var c orderContext
	shipped := map[string]bool{}
	for _, l := range n.GetLines() {
		shipped[l.GetLineId()] = true
	}
	switch {
	case !number.MatchString(id):
		return "not the number of an order"
	case utf8.RuneCountInString(n.GetTrackingNumber()) > maxTracking || strings.ContainsAny(n.GetTrackingNumber(), noTracking):
		return "not a tracking number of the bazaar"
	case utf8.RuneCountInString(n.GetTrackingUrl()) > maxTrackingURL:
		return "the tracking address is too long"
	case json.Unmarshal(n.GetAdapterContext(), &c) != nil || c.Order != id || len(c.Lines) == 0:
		return "the context is not the order's: read the order again"
	case slices.ContainsFunc(c.Lines, func(line string) bool { return !shipped[line] }):
		return "a line is left out: the bazaar takes whole orders"
	}
	return ""
}

// identity is the bazaar's own name of an order.
func identity(nativeID, number string) string {
	if nativeID != "" {
		return nativeID
	}
	return number
}

// AcceptOrders implements sdk.Decider.
func (a *Adapter) AcceptOrders(ctx context.Context, req *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
	results, update, err := a.write(ctx, req.GetStore(), "orders", "accept", decisions(req.GetOrders()))
	if err != nil {
		return nil, err
	}
	return &adapterv1.AcceptOrdersResponse{Results: results, StateUpdate: update}, nil
}

// RefuseOrders implements sdk.Decider.
func (a *Adapter) RefuseOrders(ctx context.Context, req *adapterv1.RefuseOrdersRequest) (*adapterv1.RefuseOrdersResponse, error) {
	results, update, err := a.write(ctx, req.GetStore(), "orders", "refuse", decisions(req.GetOrders()))
	if err != nil {
		return nil, err
	}
	return &adapterv1.RefuseOrdersResponse{Results: results, StateUpdate: update}, nil
}

func decisions(orders []*adapterv1.DecidedOrder) []planned {
	var list []planned
	for _, o := range orders {
		p := planned{key: o.GetKey(), id: identity(o.GetNativeId(), o.GetOrderNumber()), body: []byte("{}")}
		if !number.MatchString(p.id) {
			p.refused = "not the number of an order"
		}
		list = append(list, p)
	}
	return list
}

// write sends writes one by one. An error means that none was sent.
func (a *Adapter) write(
	ctx context.Context, store *adapterv1.StoreContext, field, verb string, list []planned,
) ([]*adapterv1.WriteResult, *adapterv1.StateUpdate, error) {
	var keys []string
	for _, p := range list {
		keys = append(keys, p.key)
	}
	if len(list) > maxBatch || !distinct(keys) {
		return nil, nil, sdk.InvalidRequest(field, "holds more than %d items, or keys that are empty or the same", maxBatch)
	}
	s, err := a.open(store)
	if err != nil {
		return nil, nil, err
	}
	if err := s.login(ctx); err != nil {
		return nil, nil, err
	}
	var results []*adapterv1.WriteResult
	for _, p := range list {
		r := s.send(ctx, verb, p)
		r.Key = p.key
		results = append(results, r)
	}
	return results, s.update(), nil
}

// send sends one write, once, and says what became of it.
func (s *session) send(ctx context.Context, verb string, p planned) *adapterv1.WriteResult {
	if p.refused != "" {
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_REJECTED, Message: p.refused}
	}
	if ctx.Err() != nil {
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_RETRY, Message: "not sent: the time is over"}
	}
	var done struct{ Done, Order string }
	err := s.call(ctx, http.MethodPost, "/"+s.api.orders+"/"+p.id+"/"+verb, p.body, &done)
	var no *refusedError
	switch {
	case err == nil && done.Done == verb && done.Order == p.id:
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_APPLIED}
	case err == nil:
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_UNKNOWN, Message: "the answer speaks of something else"}
	case errors.Is(err, errNotSent), errors.Is(err, errToken):
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_RETRY, Message: err.Error()}
	case errors.As(err, &no) && no.status == http.StatusTooManyRequests:
		r := &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_RETRY, NativeReason: no.code, Message: no.Error()}
		if no.retryAfter > 0 {
			r.RetryAfter = durationpb.New(no.retryAfter)
		}
		return r
	case errors.As(err, &no):
		return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_REJECTED, NativeReason: no.code, Message: no.Error()}
	}
	return &adapterv1.WriteResult{Outcome: adapterv1.Outcome_OUTCOME_UNKNOWN, Message: err.Error()}
}

// PreviewShipment implements sdk.Previewer with the request that send would make.
func (a *Adapter) PreviewShipment(ctx context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	p := plan(req.GetNotification())
	base := req.GetStore().GetEnvironment()[keyURL]
	switch {
	case p.refused != "":
		return nil, sdk.InvalidRequest("notification", "is not sent: %s", p.refused)
	case base == "":
		return nil, sdk.InvalidRequest("store.environment."+keyURL, "is missing")
	}
	const masked = "***"
	s := &session{shop: masked, holder: state{Token: masked}}
	built, err := s.request(ctx, http.MethodPost, base+"/"+a.api.orders+"/"+p.id+"/ship", p.body)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(built.Body)
	if err != nil {
		return nil, sdk.Internal("read the request: %w", err)
	}
	shown := &adapterv1.HttpRequest{Method: built.Method, Url: built.URL.String(), Headers: map[string]string{}, Body: string(body)}
	for name := range built.Header {
		shown.Headers[name] = built.Header.Get(name)
	}
	return &adapterv1.PreviewShipmentResponse{Requests: []*adapterv1.HttpRequest{shown}}, nil
}
