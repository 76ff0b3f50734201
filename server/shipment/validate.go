package shipment

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
)

// Limits that hold for every marketplace.
const (
	maxText      = 200
	maxURL       = 2000
	maxRequestID = 128
	// maxShipAhead is how far in the future a parcel may be said to have left: clocks differ, days do not.
	maxShipAhead = 48 * time.Hour
	// maxShipBefore is how long before its order was bought a parcel may be said to have left.
	maxShipBefore = 24 * time.Hour
	// maxItems is how many articles a parcel may list.
	maxItems = 1000
)

// validate holds a request for an order that was bought at an instant against what every marketplace needs and against the rules of
// this one.
func (r Request) validate(requestID string, rules Rules, bought, now time.Time) error {
	switch {
	case r.Carrier == "":
		return problem.InvalidField("shipment.carrier", "is required; ListCarriers shows the marketplace's carriers")
	case utf8.RuneCountInString(r.Carrier) > maxText:
		return problem.InvalidField("shipment.carrier", "is longer than %d characters", maxText)
	case utf8.RuneCountInString(r.Service) > maxText:
		return problem.InvalidField("shipment.service", "is longer than %d characters", maxText)
	case utf8.RuneCountInString(requestID) > maxRequestID:
		return problem.InvalidField("request_id", "is longer than %d characters", maxRequestID)
	case r.ShipTime.After(now.Add(maxShipAhead)):
		return problem.InvalidField("shipment.ship_time", "lies more than %s in the future", maxShipAhead)
	case !r.ShipTime.IsZero() && r.ShipTime.Before(bought.Add(-maxShipBefore)):
		return problem.InvalidField("shipment.ship_time", "lies more than %s before the order was bought, at %s", maxShipBefore, bought.UTC().Format(time.RFC3339))
	case len(r.Items) > maxItems:
		return problem.InvalidField("shipment.items", "has %d items; a shipment has %d at most", len(r.Items), maxItems)
	}
	if err := r.validateTracking(rules); err != nil {
		return err
	}
	if fee := r.CarrierFee; fee != nil {
		return validateMoney("shipment.carrier_fee", *fee)
	}
	return nil
}

func (r Request) validateTracking(rules Rules) error {
	const number, page = "shipment.tracking_number", "shipment.tracking_url"
	if r.TrackingNumber == "" {
		return problem.InvalidField(number, "is required")
	}
	limit := maxText
	if rules.MaxNumberLength > 0 {
		limit = rules.MaxNumberLength
	}
	if n := utf8.RuneCountInString(r.TrackingNumber); n > limit {
		return problem.InvalidField(number, "has %d characters, the marketplace takes at most %d", n, limit)
	}
	for _, c := range r.TrackingNumber {
		if strings.ContainsRune(rules.ForbiddenCharacters, c) || !unicode.IsPrint(c) {
			return problem.InvalidField(number, "holds the character %q, which the marketplace does not take", c)
		}
	}
	if r.TrackingURL == "" {
		return nil
	}
	limit = maxURL
	if rules.TakesTrackingURL && rules.MaxURLLength > 0 {
		limit = rules.MaxURLLength
	}
	if n := utf8.RuneCountInString(r.TrackingURL); n > limit {
		return problem.InvalidField(page, "has %d characters, the marketplace takes at most %d", n, limit)
	}
	u, err := url.Parse(r.TrackingURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return problem.InvalidField(page, "must be an absolute http or https URL")
	}
	return nil
}

func validateMoney(path string, m order.Money) error {
	switch {
	case len(m.Currency) != 3 || strings.ToUpper(m.Currency) != m.Currency:
		return problem.InvalidField(path+".currency_code", "must be an ISO 4217 code such as EUR")
	case m.Units < 0 || m.Nanos < 0:
		return problem.InvalidField(path, "must not be negative")
	case m.Nanos > 999_999_999:
		return problem.InvalidField(path+".nanos", "must be below 1,000,000,000")
	}
	return nil
}

// notSent lists the fields that were given and that the marketplace cannot take.
func (r Request) notSent(rules Rules) []string {
	var fields []string
	add := func(given, taken bool, field string) {
		if given && !taken {
			fields = append(fields, field)
		}
	}
	add(r.TrackingURL != "", rules.TakesTrackingURL, "tracking_url")
	add(r.Service != "", rules.TakesService, "service")
	add(r.CarrierFee != nil, rules.TakesCarrierFee, "carrier_fee")
	add(!r.ShipTime.IsZero(), rules.TakesShipTime, "ship_time")
	return fields
}

// checkOrder refuses orders that can never be shipped. One that is not ready yet is taken: the worker waits for it.
func checkOrder(o order.Order, opt Options) error {
	refuse := func(format string, args ...any) error {
		return problem.New(problem.Precondition, problem.ReasonOrderNotShippable, format, args...)
	}
	switch {
	case o.Status.Final():
		return refuse("order %s is %s on the marketplace (%s); nothing can be shipped any more", o.Number, o.Status, o.NativeStatus)
	case o.Fulfillment != order.FulfilledBySeller:
		return refuse("order %s is shipped by the marketplace itself", o.Number)
	case len(o.Lines) == 0:
		return refuse("order %s has no goods to ship", o.Number)
	case o.CancelRequested && !opt.OverCancel:
		return problem.New(problem.Precondition, problem.ReasonCancelRequested,
			"the buyer asks to cancel order %s; answer the request in the seller portal first, or force the shipment", o.Number)
	}
	return nil
}

// checkItems holds the items against the order's lines. Without items everything is shipped.
func checkItems(items []Item, o order.Order, rules Rules) error {
	shipped := make(map[string]int32, len(items))
	quantity := make(map[string]int32, len(o.Lines))
	for _, l := range o.Lines {
		quantity[l.ID] = l.Quantity
	}
	for i, item := range items {
		path := fmt.Sprintf("shipment.items[%d]", i)
		whole, known := quantity[item.LineID]
		switch {
		case !known:
			return problem.InvalidField(path+".line_id", "order %s has no such goods line; GetOrder shows its lines", o.Number)
		case item.Quantity < 0 || item.Quantity > whole:
			return problem.InvalidField(path+".quantity", "is %d; the line has %d pieces", item.Quantity, whole)
		}
		if _, twice := shipped[item.LineID]; twice {
			return problem.InvalidField(path+".line_id", "names a line for the second time")
		}
		shipped[item.LineID] = item.Quantity
		if item.Quantity == 0 {
			shipped[item.LineID] = whole
		}
	}
	if len(items) == 0 || rules.PartialShipment {
		return nil
	}
	for id, whole := range quantity {
		if shipped[id] != whole {
			return problem.New(problem.Precondition, problem.ReasonPartialUnsupported,
				"the marketplace takes no partial shipments: ship all lines of order %s with all their pieces, in one parcel, or leave items empty", o.Number)
		}
	}
	return nil
}
