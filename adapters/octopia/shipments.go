package octopia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// shipmentParcel is what a shipment says (octopia-rest.md 6.2). Its member orderLineIds is left out: the API takes that for all
// lines, which is all that Cdiscount allows, and a line that the buyer cancelled since the order was read cannot make the call fail.
type shipmentParcel struct {
	ParcelNumber string `json:"parcelNumber"`
	CarrierName  string `json:"carrierName"`
	TrackingURL  string `json:"trackingUrl,omitempty"`
}

// NotifyShipments implements sdk.Adapter, with the rules of writeOrders.
func (a *Adapter) NotifyShipments(
	ctx context.Context, req *adapterv1.NotifyShipmentsRequest,
) (*adapterv1.NotifyShipmentsResponse, error) {
	items := make([]plannedWrite, 0, len(req.GetNotifications()))
	for _, n := range req.GetNotifications() {
		items = append(items, a.planShipment(n))
	}
	if err := checkKeys("notifications", maxShipmentsPerCall, items); err != nil {
		return nil, err
	}
	results, state, err := a.writeOrders(ctx, req.GetStore(), routeShipments, items)
	if err != nil {
		return nil, err
	}
	return &adapterv1.NotifyShipmentsResponse{Results: results, StateUpdate: state}, nil
}

// planShipment checks a notification and writes its request, before anything is sent. plannedWrite.refused says what is wrong, for
// people.
func (a *Adapter) planShipment(n *adapterv1.ShipmentNotification) plannedWrite {
	item := plannedWrite{key: n.GetKey()}
	path, err := target(n.GetOrderNumber(), n.GetNativeId(), "/shipments")
	if err == nil {
		err = a.checkShipment(n)
	}
	if err != nil {
		item.refused = err
		return item
	}
	item.path = path
	// A bare array with one parcel, whatever the number of lines.
	item.body = encode([]shipmentParcel{{
		ParcelNumber: n.GetTrackingNumber(), CarrierName: n.GetCarrier(), TrackingURL: n.GetTrackingUrl(),
	}})
	return item
}

// checkShipment reports what keeps a notification from being sent.
func (a *Adapter) checkShipment(n *adapterv1.ShipmentNotification) error {
	if n.GetCarrier() == "" || n.GetTrackingNumber() == "" {
		return errors.New("carrier and tracking number are mandatory at Cdiscount")
	}
	if err := a.tracking.check(n.GetTrackingNumber(), n.GetTrackingUrl()); err != nil {
		return err
	}
	lines, err := contextLines(n.GetAdapterContext())
	if err != nil || len(n.GetLines()) == 0 {
		return err
	}
	named := make(map[string]bool, len(n.GetLines()))
	for _, l := range n.GetLines() {
		named[l.GetLineId()] = true
	}
	for _, id := range lines {
		if !named[id] {
			return errors.New("the shipment leaves out a line: Cdiscount takes whole orders only")
		}
	}
	return nil
}

// check holds the rules that Capabilities declare. The contract has none but an absolute URL (octopia-rest.md 7); white space and
// control characters are in no tracking number.
func (limits trackingLimits) check(number, address string) error {
	switch {
	case utf8.RuneCountInString(number) > limits.number:
		return fmt.Errorf("the tracking number is longer than %d characters", limits.number)
	case strings.ContainsFunc(number, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return errors.New("the tracking number holds white space or a control character")
	case utf8.RuneCountInString(address) > limits.url:
		return fmt.Errorf("the tracking address is longer than %d characters", limits.url)
	case address != "" && !absolute(address):
		return errors.New("the tracking address is not an absolute http or https address")
	}
	return nil
}

// absolute reports whether an address has a scheme and a host. One without scheme was sent by a client and never seen accepted.
func absolute(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// encode returns the JSON of a request. Characters of HTML are left as they are: an address with & is one.
func encode(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("octopia: strings always encode: " + err.Error())
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
