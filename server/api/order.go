package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// GetOrder returns an order.
func (m *Marketplace) GetOrder(ctx context.Context, req *marketplacev1.GetOrderRequest) (*marketplacev1.Order, error) {
	storeID, number, err := parseChild("name", req.GetName(), "orders")
	if err != nil {
		return nil, err
	}
	st, err := m.stores.Get(ctx, storeID)
	if err != nil {
		return nil, err
	}
	o, err := m.orders.GetOrder(ctx, storeID, number)
	if errors.Is(err, order.ErrNotFound) {
		return nil, order.NotFound(storeID, number)
	} else if err != nil {
		return nil, err
	}
	decisions, err := m.decisions.Of(ctx, storeID, []string{number})
	if err != nil {
		return nil, err
	}
	return orderToProto(o, decisions, st.Settings.AcceptancePolicy), nil
}

// ListOrders returns a page of orders.
func (m *Marketplace) ListOrders(ctx context.Context, req *marketplacev1.ListOrdersRequest) (*marketplacev1.ListOrdersResponse, error) {
	id, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	q, filters, err := orderQuery(id, req)
	if err != nil {
		return nil, err
	}
	st, err := m.stores.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	size := q.Limit
	q.Limit++
	orders, err := m.orders.ListOrders(ctx, q)
	if err != nil {
		return nil, err
	}
	orders, more := cut(orders, size)
	numbers := make([]string, len(orders))
	for i, o := range orders {
		numbers[i] = o.Number
	}
	decisions, err := m.decisions.Of(ctx, id, numbers)
	if err != nil {
		return nil, err
	}
	resp := &marketplacev1.ListOrdersResponse{}
	bytes := 0
	for _, o := range orders {
		out := orderToProto(o, decisions, st.Settings.AcceptancePolicy)
		if bytes += proto.Size(out); bytes > maxPageBytes && len(resp.GetOrders()) > 0 {
			more = true
			break
		}
		resp.Orders = append(resp.Orders, out)
	}
	if more {
		last := orders[len(resp.GetOrders())-1]
		resp.NextPageToken, err = encodeToken(order.Position{ChangeTime: last.ChangeTime, Number: last.Number}, filters...)
	}
	return resp, err
}

// orderQuery validates a list request. It also returns the filters that a page token is bound to.
func orderQuery(storeID string, req *marketplacev1.ListOrdersRequest) (order.ListQuery, []any, error) {
	q := order.ListQuery{StoreID: storeID, ShippableOnly: req.GetShippableOnly()}
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return q, nil, err
	}
	q.Limit = size
	for _, s := range req.GetStatuses() {
		status := order.Status(strings.TrimPrefix(s.String(), "ORDER_STATUS_"))
		if !slices.Contains(order.Statuses(), status) {
			return q, nil, problem.InvalidField("statuses", "holds %d, which is no order status", int32(s))
		}
		q.Statuses = append(q.Statuses, status)
	}
	slices.Sort(q.Statuses)
	q.Statuses = slices.Compact(q.Statuses)
	if t := req.GetUpdatedSince(); t != nil {
		if !t.IsValid() {
			return q, nil, problem.InvalidField("updated_since", "is not a valid time")
		}
		q.ChangedSince = t.AsTime()
	}
	filters := []any{"orders", storeID, q.Statuses, q.ShippableOnly, q.ChangedSince}
	q.After, err = decodeToken[order.Position](req.GetPageToken(), filters...)
	return q, filters, err
}

// timestamp converts a time; the zero time is unset.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
