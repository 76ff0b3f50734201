package api

import (
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// orderToProto converts an order, with the decision about it where there is one, else with what the store's policy has against it.
func orderToProto(o order.Stored, decisions map[string]decision.Decision, policy store.AcceptancePolicy) *marketplacev1.Order {
	reasons := o.NotShippable()
	out := &marketplacev1.Order{
		Name: orderName(o.StoreID, o.Number), OrderNumber: o.Number, Reference: o.Reference, Adapter: adapterName(o.Adapter),
		Status: statusToProto(o.Status), NativeStatus: o.NativeStatus,
		Shippable: len(reasons) == 0, CancelRequested: o.CancelRequested,
		Fulfillment:  marketplacev1.Fulfillment(marketplacev1.Fulfillment_value["FULFILLMENT_"+string(o.Fulfillment)]),
		SalesChannel: o.SalesChannel,
		PurchaseTime: timestamp(o.PurchaseTime), MarketplaceUpdateTime: timestamp(o.UpdateTime), ShipByTime: timestamp(o.ShipBy),
		DeliverFromTime: timestamp(o.DeliverFrom), DeliverByTime: timestamp(o.DeliverBy),
		Customer: &marketplacev1.Customer{
			CustomerId: o.Customer.ID, FirstName: o.Customer.FirstName, LastName: o.Customer.LastName,
			Email: o.Customer.Email, Phone: o.Customer.Phone, MobilePhone: o.Customer.MobilePhone,
		},
		ShipTo: addressToProto(o.ShipTo), BillTo: addressToProto(o.BillTo), PickupPoint: pickupPointToProto(o.PickupPoint),
		DeliveryMode: &marketplacev1.DeliveryMode{
			Kind:       marketplacev1.DeliveryMode_Kind(marketplacev1.DeliveryMode_Kind_value["KIND_"+string(o.DeliveryKind)]),
			NativeCode: o.NativeDelivery,
		},
		Totals:     &marketplacev1.OrderTotals{Total: moneyToProto(o.Total), Shipping: moneyToProto(o.Shipping), Commission: moneyToProto(o.Commission)},
		CreateTime: timestamp(o.CreateTime), UpdateTime: timestamp(o.ChangeTime),
	}
	if o.Status == order.PendingAcceptance {
		out.AcceptanceDeadlineTime = timestamp(o.AcceptBy)
	}
	d, decided := decisions[o.Number]
	if decided {
		out.Decision = decisionToProto(d)
	}
	if undecided := !decided || d.LeftToPerson(); undecided && (o.Status == order.PendingAcceptance || o.Status == order.Unrecognized) {
		out.NotAccepted = notAcceptedToProto(policy, o.Order)
	}
	for _, r := range reasons {
		out.NotShippable = append(out.NotShippable, notShippableToProto(o.Order, r))
	}
	for _, l := range o.Lines {
		out.Lines = append(out.Lines, lineToProto(l))
	}
	for _, f := range o.Fees {
		out.Fees = append(out.Fees, &marketplacev1.Fee{Code: f.Code, Label: f.Label, Amount: moneyToProto(f.Amount)})
	}
	for _, p := range o.Parcels {
		out.Parcels = append(out.Parcels, &marketplacev1.Parcel{
			TrackingNumber: p.TrackingNumber, Carrier: p.Carrier, TrackingUrl: p.TrackingURL, NativeStatus: p.NativeStatus,
		})
	}
	for _, u := range o.Unrecognized {
		out.Unrecognized = append(out.Unrecognized, &marketplacev1.UnrecognizedValue{Field: u.Field, Value: u.Value})
	}
	return out
}

// notShippableToProto says a reason in a sentence.
func notShippableToProto(o order.Order, r order.Reason) *marketplacev1.NotShippable {
	message := map[order.Reason]string{
		order.ReasonStatus:                 "the status is " + string(o.Status) + ", only READY_TO_SHIP orders are shipped",
		order.ReasonNoShipToAddress:        "the marketplace gives no complete Ship To address",
		order.ReasonFulfilledByMarketplace: "the marketplace ships this order itself",
		order.ReasonNoGoods:                "the order has no goods line",
		order.ReasonCancelRequested:        "the buyer asks to cancel; answer the request in the seller portal",
	}[r]
	return &marketplacev1.NotShippable{
		Reason:  marketplacev1.NotShippable_Reason(marketplacev1.NotShippable_Reason_value["REASON_"+string(r)]),
		Message: message,
	}
}

// notAcceptedToProto tells what a policy has against an order.
func notAcceptedToProto(p store.AcceptancePolicy, o order.Order) []*marketplacev1.NotAccepted {
	var out []*marketplacev1.NotAccepted
	_, against := decision.Judge(p, o)
	for _, a := range against {
		out = append(out, &marketplacev1.NotAccepted{
			Reason: marketplacev1.NotAccepted_Reason(marketplacev1.NotAccepted_Reason_value["REASON_"+string(a.Reason)]),
			LineId: a.LineID, Message: a.Message,
		})
	}
	return out
}

func lineToProto(l order.Line) *marketplacev1.OrderLine {
	out := &marketplacev1.OrderLine{
		LineId: l.ID, Sku: l.SKU, ProductId: l.ProductID, Ean: l.EAN, Title: l.Title, Quantity: l.Quantity,
		UnitPrice: moneyToProto(l.UnitPrice), TotalPrice: moneyToProto(l.TotalPrice), ShippingPrice: moneyToProto(l.ShippingPrice),
		Status: statusToProto(l.Status), NativeStatus: l.NativeStatus, CancelRequested: l.CancelRequested, Condition: l.Condition,
		ShipByTime: timestamp(l.ShipBy), DeliverFromTime: timestamp(l.DeliverFrom), DeliverByTime: timestamp(l.DeliverBy),
	}
	out.OptionLookup = marketplacev1.OrderLine_OptionLookup(marketplacev1.OrderLine_OptionLookup_value["OPTION_LOOKUP_"+string(l.OptionLookup)])
	for _, option := range l.Options {
		out.Options = append(out.Options, &marketplacev1.ItemOption{Name: option.Name, Value: option.Value})
	}
	return out
}

func addressToProto(a *order.Address) *marketplacev1.Address {
	if a == nil {
		return nil
	}
	return &marketplacev1.Address{
		Civility: a.Civility, FirstName: a.FirstName, LastName: a.LastName, Company: a.Company, Lines: a.Lines,
		PostalCode: a.PostalCode, City: a.City, Region: a.Region, CountryCode: a.CountryCode,
		Phone: a.Phone, Email: a.Email, Instructions: a.Instructions,
	}
}

func pickupPointToProto(p *order.PickupPoint) *marketplacev1.PickupPoint {
	if p == nil {
		return nil
	}
	return &marketplacev1.PickupPoint{
		Network: marketplacev1.PickupNetwork(marketplacev1.PickupNetwork_value["PICKUP_NETWORK_"+string(p.Network)]),
		RawId:   p.RawID, Id: p.ID, Name: p.Name, Address: addressToProto(&p.Address),
	}
}

func moneyToProto(m *order.Money) *marketplacev1.Money {
	if m == nil {
		return nil
	}
	return &marketplacev1.Money{CurrencyCode: m.Currency, Units: m.Units, Nanos: m.Nanos}
}

func moneyFromProto(m *marketplacev1.Money) *order.Money {
	if m == nil {
		return nil
	}
	return &order.Money{Currency: m.GetCurrencyCode(), Units: m.GetUnits(), Nanos: m.GetNanos()}
}

func statusToProto(s order.Status) marketplacev1.OrderStatus {
	return marketplacev1.OrderStatus(marketplacev1.OrderStatus_value["ORDER_STATUS_"+string(s)])
}
