package broken

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/conformance/internal/example"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// dropping loses the orders of a list that it is told to.
func dropping(lost func(req *adapterv1.ListOrdersRequest, o *adapterv1.Order, started time.Time, given int) bool) func(h *hooks) {
	return func(h *hooks) {
		h.keep = func(req *adapterv1.ListOrdersRequest, o *adapterv1.Order, started time.Time, given int) bool {
			return !lost(req, o, started, given)
		}
	}
}

func listVariants() []Variant {
	type request = adapterv1.ListOrdersRequest
	type order = adapterv1.Order
	return []Variant{
		{"leaves out the begin of a window", "list-created-window", dropping(func(req *request, o *order, _ time.Time, _ int) bool {
			return req.GetCreatedSince() != nil && o.GetPurchaseTime().AsTime().Equal(req.GetCreatedSince().AsTime())
		})},
		{"counts seconds", "list-created-window", inSeconds},
		{"takes the purchase for the creation", "list-created-window", dropping(func(req *request, o *order, _ time.Time, _ int) bool {
			return o.GetPurchaseTime().AsTime().Before(req.GetCreatedSince().AsTime())
		})},
		{"leaves out orders without a modification date", "list-created-window", dropping(func(_ *request, o *order, _ time.Time, _ int) bool {
			return o.GetUpdateTime() == nil
		})},
		{"counts seconds of changes", "list-modified-window", inSeconds},
		{"asks for both dates", "list-modified-window", dropping(func(req *request, o *order, _ time.Time, _ int) bool {
			return req.GetModifiedSince() != nil && o.GetPurchaseTime().AsTime().Before(req.GetModifiedSince().AsTime())
		})},
		{"never asks for orders under control", "list-statuses", dropping(func(_ *request, o *order, _ time.Time, _ int) bool {
			return o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_PROCESSING
		})},
		{"reads two hundred orders at most", "list-paging", dropping(func(_ *request, _ *order, _ time.Time, given int) bool {
			return given >= 200
		})},
		{"sets its checkpoint first", "list-checkpoints", func(h *hooks) {
			h.ahead = func(req *request, out sdk.OrderSink) error {
				return out.Checkpoint(req.GetUntil().AsTime().Add(-time.Second))
			}
		}},
		{"refuses windows in the future", "list-future-window", func(h *hooks) {
			h.window = func(req *request) error {
				if req.GetCreatedSince().AsTime().After(time.Now()) {
					return sdk.InvalidRequest("since", "lies in the future")
				}
				return nil
			}
		}},
		{"invents an order", "list-empty-window", func(h *hooks) {
			h.ahead = func(_ *request, out sdk.OrderSink) error { return out.Send(&adapterv1.Order{OrderNumber: "ORDER0"}) }
		}},
		{"signs its contexts", "list-repeatable", func(h *hooks) {
			h.order = func(o *order) { o.AdapterContext = []byte(rand.Text()) }
		}},
		{"takes a failure for the end", "list-broken-off", func(h *hooks) {
			h.fail = func(error) error { return nil }
		}},
		{"loses orders that change meanwhile", "list-moving-orders", dropping(func(_ *request, o *order, started time.Time, _ int) bool {
			return o.GetUpdateTime().AsTime().After(started)
		})},
		{"counts pages of what can move", "list-moving-orders", byPlace},
	}
}

func readVariants() []Variant {
	return []Variant{
		{"counts one too many", "count-agrees", func(h *hooks) {
			h.count = func(r *adapterv1.CountOrdersResponse) { r.Count++ }
		}},
		{"fails when one number is unknown", "get-orders", func(h *hooks) {
			h.get = func(ctx context.Context, a *example.Adapter, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				resp, err := a.GetOrders(ctx, req)
				if err == nil && len(resp.GetOrders()) < len(req.GetOrderNumbers()) {
					return nil, sdk.MarketplaceRefused("an order is unknown")
				}
				return resp, err
			}
		}},
		{"mends numbers", "get-strange-numbers", func(h *hooks) {
			odd := regexp.MustCompile(`[^A-Za-z0-9-].*`)
			h.get = func(ctx context.Context, a *example.Adapter, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				for i, n := range req.GetOrderNumbers() {
					req.OrderNumbers[i] = odd.ReplaceAllString(n, "")
				}
				return a.GetOrders(ctx, req)
			}
		}},
		{"pads the carriers' names", "carriers-listed", func(h *hooks) {
			h.carriers = func(r *adapterv1.ListCarriersResponse) {
				for _, c := range r.GetCarriers() {
					c.Name += " "
				}
			}
		}},
		{"leaves out unknown products", "products-answered", func(h *hooks) {
			h.products = func(ctx context.Context, a *example.Adapter, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
				resp, err := a.GetProducts(ctx, req)
				var known []*adapterv1.Product
				for _, p := range resp.GetProducts() {
					if p.GetFound() {
						known = append(known, p)
					}
				}
				return &adapterv1.GetProductsResponse{Products: known}, err
			}
		}},
	}
}

// inSeconds cuts a window to full seconds, at both ends.
func inSeconds(h *hooks) {
	h.window = func(req *adapterv1.ListOrdersRequest) error {
		for _, at := range []*timestamppb.Timestamp{req.GetCreatedSince(), req.GetModifiedSince(), req.GetUntil()} {
			if at != nil {
				at.Nanos = 0
			}
		}
		return nil
	}
}

// bare takes everything out of an order that the protocol does not ask for.
func bare(o *adapterv1.Order) {
	o.NativeStatus, o.Customer, o.ShipTo, o.BillTo, o.Total, o.Shipping, o.Fees, o.UpdateTime = "", nil, nil, nil, nil, nil, nil, nil
	for _, l := range o.GetLines() {
		l.NativeStatus, l.Sku, l.Ean, l.Title, l.UnitPrice, l.TotalPrice, l.ShippingPrice = "", "", "", "", nil, nil, nil
	}
}

// changing changes every order.
func changing(change func(*adapterv1.Order)) func(h *hooks) {
	return func(h *hooks) { h.order = change }
}

func orderVariants() []Variant {
	type order = adapterv1.Order
	return []Variant{
		{"gives lines no keys", "order-complete", changing(func(o *order) {
			for _, l := range o.GetLines() {
				l.LineId = ""
			}
		})},
		{"takes collected for sent", "order-status", changing(func(o *order) {
			if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_DELIVERED {
				o.Status = adapterv1.OrderStatus_ORDER_STATUS_SHIPPED
			}
		})},
		{"ships what it does not understand", "order-unknown-status", changing(func(o *order) {
			if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED {
				o.Status = adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP
			}
		})},
		{"forgets the marketplace's word", "order-unknown-status", changing(func(o *order) {
			if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED {
				o.NativeStatus, o.Unrecognized = "unknown", nil
			}
		})},
		{"overlooks that a buyer asks to cancel", "order-cancel-request", changing(func(o *order) { o.CancelRequested = false })},
		{"ships to the payer", "order-withheld-address", changing(func(o *order) {
			if o.GetShipTo() == nil {
				o.ShipTo = &adapterv1.Address{City: "Paris"}
			}
		})},
		{"takes the ids of points for numbers", "order-pickup-point", changing(func(o *order) {
			if p := o.GetPickupPoint(); p != nil {
				p.RawId = strings.TrimLeft(p.GetRawId(), "0")
			}
		})},
		{"takes everything for the seller's", "order-fulfillment", changing(func(o *order) {
			o.Fulfillment = adapterv1.Fulfillment_FULFILLMENT_SELLER
		})},
		{"computes with floats", "order-money", changing(func(o *order) {
			for _, l := range o.GetLines() {
				inexact(l.GetTotalPrice())
			}
		})},
		{"takes UTC for the time of Paris", "order-times", changing(func(o *order) {
			at := o.GetPurchaseTime().AsTime()
			_, offset := at.In(paris()).Zone()
			o.PurchaseTime = timestamppb.New(at.Add(-time.Duration(offset) * time.Second))
		})},
		{"reads a repeated hour as the later one", "order-clock-change", changing(func(o *order) {
			at := o.GetPurchaseTime().AsTime()
			if later := at.Add(time.Hour); at.In(paris()).Format(time.DateTime) == later.In(paris()).Format(time.DateTime) {
				o.PurchaseTime = timestamppb.New(later)
			}
		})},
	}
}

// paris is the time zone of the marketplaces that broken adapters think of. Package serve brings the zones with it.
func paris() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(fmt.Errorf("load the zone of Paris: %w", err))
	}
	return zone
}

// inexact sends an amount through a float of 32 bits.
func inexact(m *adapterv1.Money) {
	value, err := strconv.ParseFloat(fmt.Sprintf("%d.%09d", m.GetUnits(), m.GetNanos()), 32)
	if err != nil {
		panic(errors.New("an amount is no number"))
	}
	m.Units = int64(value)
	m.Nanos = int32((value - float64(m.GetUnits())) * 1e9)
}
