package adapter

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/order"
)

// maxAdapterContext is the size of Order.adapter_context that the protocol allows.
const maxAdapterContext = 16 << 10

// orders converts and checks the orders of one message. One bad order fails the message: leaving it out would lose it.
func (s *session) orders(in []*adapterv1.Order) ([]order.Order, error) {
	out := make([]order.Order, 0, len(in))
	for _, o := range in {
		c, err := convertOrder(o)
		if err != nil {
			return nil, s.malformed(err.Error())
		}
		out = append(out, c)
	}
	return out, nil
}

// convertOrder converts an order and refuses what would break the core: no key, no date, lines that cannot be told apart.
func convertOrder(o *adapterv1.Order) (order.Order, error) {
	number := o.GetOrderNumber()
	switch {
	case number == "":
		return order.Order{}, fmt.Errorf("an order has no number")
	case len(number) > 100 || strings.ContainsFunc(number, func(r rune) bool { return r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) }):
		return order.Order{}, fmt.Errorf("an order number is longer than 100 bytes or holds a slash, blank or control character")
	case o.GetPurchaseTime() == nil || !o.GetPurchaseTime().IsValid():
		return order.Order{}, fmt.Errorf("order %s has no purchase time", number)
	case len(o.GetAdapterContext()) > maxAdapterContext:
		return order.Order{}, fmt.Errorf("order %s has an adapter context over 16 KiB", number)
	}
	if err := checkValues(o); err != nil {
		return order.Order{}, err
	}
	lines, err := convertLines(number, o.GetLines())
	if err != nil {
		return order.Order{}, err
	}
	c := order.Order{
		Number: number, NativeID: o.GetNativeId(), Reference: o.GetReference(),
		Status: convertStatus(o.GetStatus()), NativeStatus: o.GetNativeStatus(), CancelRequested: o.GetCancelRequested(),
		Fulfillment: fulfillments[o.GetFulfillment()], SalesChannel: o.GetSalesChannel(),
		PurchaseTime: instant(o.GetPurchaseTime()), UpdateTime: instant(o.GetUpdateTime()), AcceptBy: instant(o.GetAcceptanceDeadlineTime()),
		ShipBy: instant(o.GetShipByTime()), DeliverFrom: instant(o.GetDeliverFromTime()), DeliverBy: instant(o.GetDeliverByTime()),
		Customer: convertCustomer(o.GetCustomer()), ShipTo: convertAddress(o.GetShipTo()), BillTo: convertAddress(o.GetBillTo()),
		PickupPoint:  convertPickupPoint(o.GetPickupPoint()),
		DeliveryKind: deliveryKinds[o.GetDeliveryKind()], NativeDelivery: o.GetNativeDeliveryMode(),
		Lines: lines, Total: convertMoney(o.GetTotal()), Shipping: convertMoney(o.GetShipping()), Commission: convertMoney(o.GetCommission()),
		AdapterContext: o.GetAdapterContext(),
	}
	for _, f := range o.GetFees() {
		c.Fees = append(c.Fees, order.Fee{Code: f.GetCode(), Label: f.GetLabel(), Amount: convertMoney(f.GetAmount())})
	}
	for _, p := range o.GetParcels() {
		c.Parcels = append(c.Parcels, order.Parcel{
			TrackingNumber: p.GetTrackingNumber(), Carrier: p.GetCarrier(), TrackingURL: p.GetTrackingUrl(), NativeStatus: p.GetNativeStatus(),
		})
	}
	for _, u := range o.GetUnrecognized() {
		c.Unrecognized = append(c.Unrecognized, order.UnrecognizedValue{Field: u.GetField(), Value: u.GetValue()})
	}
	return c, nil
}

func convertLines(number string, in []*adapterv1.OrderLine) ([]order.Line, error) {
	lines := make([]order.Line, 0, len(in))
	seen := make(map[string]bool, len(in))
	for _, l := range in {
		id := l.GetLineId()
		switch {
		case id == "":
			return nil, fmt.Errorf("a line of order %s has no id", number)
		case seen[id]:
			return nil, fmt.Errorf("two lines of order %s have the same id", number)
		case l.GetQuantity() < 0:
			return nil, fmt.Errorf("a line of order %s has a negative quantity", number)
		}
		seen[id] = true
		line := order.Line{
			ID: id, SKU: l.GetSku(), ProductID: l.GetProductId(), EAN: l.GetEan(), Title: l.GetTitle(), Quantity: l.GetQuantity(),
			UnitPrice: convertMoney(l.GetUnitPrice()), TotalPrice: convertMoney(l.GetTotalPrice()), ShippingPrice: convertMoney(l.GetShippingPrice()),
			Status: convertStatus(l.GetStatus()), NativeStatus: l.GetNativeStatus(), CancelRequested: l.GetCancelRequested(),
			Condition: l.GetCondition(), ShipBy: instant(l.GetShipByTime()),
			DeliverFrom: instant(l.GetDeliverFromTime()), DeliverBy: instant(l.GetDeliverByTime()),
		}
		for _, option := range l.GetOptions() {
			line.Options = append(line.Options, order.ItemOption{Name: option.GetName(), Value: option.GetValue()})
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func convertCustomer(c *adapterv1.Customer) order.Customer {
	return order.Customer{
		ID: c.GetCustomerId(), FirstName: c.GetFirstName(), LastName: c.GetLastName(),
		Email: c.GetEmail(), Phone: c.GetPhone(), MobilePhone: c.GetMobilePhone(),
	}
}

func convertAddress(a *adapterv1.Address) *order.Address {
	if a == nil {
		return nil
	}
	return &order.Address{
		Civility: a.GetCivility(), FirstName: a.GetFirstName(), LastName: a.GetLastName(), Company: a.GetCompany(),
		Lines: a.GetLines(), PostalCode: a.GetPostalCode(), City: a.GetCity(), Region: a.GetRegion(), CountryCode: a.GetCountryCode(),
		Phone: a.GetPhone(), Email: a.GetEmail(), Instructions: a.GetInstructions(),
	}
}

func convertPickupPoint(p *adapterv1.PickupPoint) *order.PickupPoint {
	if p == nil {
		return nil
	}
	point := &order.PickupPoint{Network: networks[p.GetNetwork()], RawID: p.GetRawId(), ID: p.GetId(), Name: p.GetName()}
	if a := convertAddress(p.GetAddress()); a != nil {
		point.Address = *a
	}
	return point
}

func convertMoney(m *adapterv1.Money) *order.Money {
	if m == nil {
		return nil
	}
	return &order.Money{Currency: m.GetCurrencyCode(), Units: m.GetUnits(), Nanos: m.GetNanos()}
}

func moneyToProto(m *order.Money) *adapterv1.Money {
	if m == nil {
		return nil
	}
	return &adapterv1.Money{CurrencyCode: m.Currency, Units: m.Units, Nanos: m.Nanos}
}

// instant converts a time; unset stays the zero time.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

var statuses = map[adapterv1.OrderStatus]order.Status{
	adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE: order.PendingAcceptance,
	adapterv1.OrderStatus_ORDER_STATUS_PROCESSING:         order.Processing,
	adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP:      order.ReadyToShip,
	adapterv1.OrderStatus_ORDER_STATUS_SHIPPED:            order.Shipped,
	adapterv1.OrderStatus_ORDER_STATUS_DELIVERED:          order.Delivered,
	adapterv1.OrderStatus_ORDER_STATUS_CANCELLED:          order.Cancelled,
	adapterv1.OrderStatus_ORDER_STATUS_REFUSED:            order.Refused,
	adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED:       order.Unrecognized,
}

// convertStatus fails closed: what this server does not know is UNRECOGNIZED.
func convertStatus(s adapterv1.OrderStatus) order.Status {
	if known, ok := statuses[s]; ok {
		return known
	}
	return order.Unrecognized
}

func statusToProto(s order.Status) adapterv1.OrderStatus {
	return adapterv1.OrderStatus(adapterv1.OrderStatus_value["ORDER_STATUS_"+string(s)])
}

var fulfillments = map[adapterv1.Fulfillment]order.Fulfillment{
	adapterv1.Fulfillment_FULFILLMENT_SELLER:      order.FulfilledBySeller,
	adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE: order.FulfilledByMarketplace,
}

var networks = map[adapterv1.PickupNetwork]order.PickupNetwork{
	adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO:     order.Colissimo,
	adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY: order.MondialRelay,
	adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS:  order.RelaisColis,
	adapterv1.PickupNetwork_PICKUP_NETWORK_SHOP:          order.Shop,
}

var deliveryKinds = map[adapterv1.DeliveryKind]order.DeliveryKind{
	adapterv1.DeliveryKind_DELIVERY_KIND_STANDARD:   order.DeliveryStandard,
	adapterv1.DeliveryKind_DELIVERY_KIND_TRACKED:    order.DeliveryTracked,
	adapterv1.DeliveryKind_DELIVERY_KIND_REGISTERED: order.DeliveryRegistered,
	adapterv1.DeliveryKind_DELIVERY_KIND_EXPRESS:    order.DeliveryExpress,
	adapterv1.DeliveryKind_DELIVERY_KIND_BIG_PARCEL: order.DeliveryBigParcel,
	adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP:     order.DeliveryPickup,
}
