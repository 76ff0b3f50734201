package octopia

import (
	"slices"
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// shipment is one parcel of a request (octopia-rest.md 6.2). Members that the contract does not know are ignored.
type shipment struct {
	ParcelNumber string   `json:"parcelNumber"`
	CarrierName  string   `json:"carrierName"`
	TrackingURL  string   `json:"trackingUrl"`
	OrderLineIDs []string `json:"orderLineIds"` // nil means all lines
}

// readParcels reads the body, which must be an array.
func (c *call) readParcels() ([]shipment, *problem) {
	var parcels []shipment
	if p := c.readJSON(&parcels); p != nil {
		return nil, p
	}
	return parcels, nil
}

// describeShipment tells the log what a shipment asks for; the lines by the seller's references, as far as they are known.
func (f *Face) describeShipment(c *call) world.Write {
	w := c.entry()
	w.RequestedState, w.Action = shipped, world.Ship
	parcels, _ := c.readParcels()
	if len(parcels) == 0 {
		return w
	}
	p := parcels[0]
	w.Carrier, w.TrackingNumber, w.TrackingURL = p.CarrierName, p.ParcelNumber, p.TrackingURL
	o, known := f.World.Read(w.Order)
	if !known || o.Seller != w.Seller {
		return w
	}
	for i, l := range o.Lines {
		if p.OrderLineIDs == nil && l.State.Open() || slices.Contains(p.OrderLineIDs, lineID(i)) {
			w.Lines = append(w.Lines, world.WriteLine{SKU: l.SKU, State: shipped})
		}
	}
	return w
}

// ship declares the parcel of an order.
func (f *Face) ship(c *call) face.Answer {
	parcels, p := c.readParcels()
	settings := f.World.Settings()
	if p == nil {
		p = checkParcels(parcels, settings.StrictCarriers)
	}
	if p != nil {
		return f.refuse(c, p)
	}
	return f.perform(c, func(o world.Order) (world.Change, *problem) {
		status := orderStatus(&o.Head, f.World.Clock().Now())
		again := status == shipped && settings.SecondShipAccepted
		if status != inPreparation && !again || supplyMode(&o.Head) != "Seller" {
			p := invalid("status", "Cannot switch to shipped status")
			p.Detail = "Cannot switch to shipped status from the current one"
			return world.Change{}, p
		}
		return judgeParcel(&o, parcels[0], again)
	})
}

// checkParcels checks what does not depend on the order. One parcel holds a complete order of Cdiscount (octopia-rest.md 6.2);
// what other channels take is not known, so all have the same rule here.
func checkParcels(parcels []shipment, strict bool) *problem {
	switch {
	case len(parcels) == 0:
		return invalid("parcels", "At least one parcel is required.")
	case len(parcels) > 1:
		return invalid("parcels", "Cdiscount only enables one parcel per complete order.")
	case strings.TrimSpace(parcels[0].ParcelNumber) == "":
		return invalid("parcelNumber", "The ParcelNumber field is required.")
	case strings.TrimSpace(parcels[0].CarrierName) == "":
		return invalid("carrierName", "The CarrierName field is required.")
	case strict && !listed(parcels[0].CarrierName):
		return invalid("carrierName", "unknown carrier")
	default:
		return nil
	}
}

// judgeParcel checks that a parcel holds every line that is to be shipped, and no other. A line whose cancellation the buyer
// asks for may be in it or not. again is a second shipment in permissive mode.
func judgeParcel(o *world.Order, p shipment, again bool) (world.Change, *problem) {
	open := func(s world.LineState) bool { return s.Open() || again && s == world.LineShipped }
	ids := make([]string, len(o.Lines))
	for i := range ids {
		ids[i] = lineID(i)
	}
	for _, id := range p.OrderLineIDs {
		if at := slices.Index(ids, id); at < 0 || !open(o.Lines[at].State) {
			return world.Change{}, invalid("orderLineIds", "The line '"+id+"' cannot be shipped.")
		}
	}
	parcel := &world.Parcel{TrackingNumber: p.ParcelNumber, Carrier: strings.TrimSpace(p.CarrierName), TrackingURL: p.TrackingURL}
	change := world.Change{Action: world.Ship, LineStates: make([]world.LineState, len(o.Lines)), Parcel: parcel}
	for i, l := range o.Lines {
		change.LineStates[i] = l.State
		switch in := p.OrderLineIDs == nil || slices.Contains(p.OrderLineIDs, ids[i]); {
		case !open(l.State):
		case in:
			change.LineStates[i] = world.LineShipped
			parcel.SKUs = append(parcel.SKUs, l.SKU)
		case l.State != world.LineCancelRequested:
			return world.Change{}, invalid("orderLineIds", "Cdiscount only enables one parcel per complete order: line '"+ids[i]+"' is missing.")
		}
	}
	if len(parcel.SKUs) == 0 {
		return world.Change{}, invalid("orderLineIds", "No line is to be shipped.")
	}
	return change, nil
}
