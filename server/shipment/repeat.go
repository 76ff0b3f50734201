package shipment

import (
	"cmp"
	"slices"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
)

// repeated answers a request whose id is known: with its shipment, unless it says something else than that one, or, without an id of
// its caller's, something that will not come true.
func repeated(found, stated Shipment) (Shipment, error) {
	about := func(p *problem.Problem) *problem.Problem { return p.With("shipment", nameOf(found.StoreID, found.ID)) }
	if string(found.RequestDigest) != string(stated.RequestDigest) {
		return Shipment{}, about(problem.New(problem.Exists, problem.ReasonRequestIDReused,
			"request_id was used before for another shipment: %s; give each shipment its own", found.ID))
	}
	if !stated.derivedID() {
		return found, nil
	}
	switch field := differs(found.Request, stated.Request); {
	case found.State == delivery.Cancelled:
		return Shipment{}, about(problem.New(problem.Precondition, problem.ReasonShipmentCancelled,
			"shipment %s with this carrier and tracking number was cancelled; to ship the order with them after all, give a request_id", found.ID))
	case found.State == delivery.Superseded:
		return Shipment{}, about(problem.New(problem.Precondition, problem.ReasonShipmentSuperseded,
			"shipment %s with this carrier and tracking number was replaced by %s; to ship the order with them after all, name that one as replaces, or give a request_id if it was cancelled",
			found.ID, found.ReplacedBy)).With("replaced_by", nameOf(found.StoreID, found.ReplacedBy))
	case field != "":
		return Shipment{}, about(problem.New(problem.Exists, problem.ReasonShipmentDiffers,
			"shipment %s says the same carrier and tracking number with another %s; correct it with replaces, or repeat it as it was", found.ID, field)).
			With("field", field)
	}
	return found, nil
}

// derivedID reports whether the request id was made of what the request says: it is its own digest then.
func (s Shipment) derivedID() bool { return s.RequestID == string(s.RequestDigest) }

// differs returns the first field, as the API calls it, in which two requests under one derived id say something else; empty when
// there is none. When the parcel left does not count: unset, it is another time with each call.
func differs(a, b Request) string {
	switch {
	case a.TrackingURL != b.TrackingURL:
		return "tracking_url"
	case a.Service != b.Service:
		return "service"
	case (a.CarrierFee == nil) != (b.CarrierFee == nil), a.CarrierFee != nil && *a.CarrierFee != *b.CarrierFee:
		return "carrier_fee"
	case !slices.Equal(inOrder(a.Items), inOrder(b.Items)):
		return "items"
	}
	return ""
}

// inOrder returns items in one order, whatever order they were stated in.
func inOrder(items []Item) []Item {
	return slices.SortedFunc(slices.Values(items), func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.LineID, b.LineID), cmp.Compare(a.Quantity, b.Quantity))
	})
}
