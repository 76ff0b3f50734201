package market

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// order writes an order in the words of a version.
func (f *Face) order(v version, o world.Order) map[string]any {
	out := map[string]any{
		"number": o.Number, "state": stateWord(o.State), "shipper": string(o.Fulfilment), "mode": o.Delivery,
		"bought": v.instant(o.PurchasedAt()), "changed": v.instant(o.Modified), "ship_by": v.instant(o.ShipBy),
		"buyer": map[string]any{"id": o.Customer.ID, "first_name": o.Customer.FirstName, "last_name": o.Customer.LastName, "mail": o.Customer.RelayMail, "phone": o.Customer.Phone},
	}
	if v.next {
		out["number"], out["former_number"] = renamed+o.Number, o.Number
	}
	if o.AddressView(f.World.Clock().Now()) == world.AddressFull {
		out["receiver"] = address(o.ShipTo)
		out["payer"] = address(o.BillTo)
	}
	if p := o.Pickup; p != nil {
		out["point"] = map[string]any{
			"network": network(o.Delivery), "id": p.ID, "name": p.Name,
			"address": map[string]any{"streets": []string{p.Street}, "zip": p.ZipCode, "city": p.City, "country": "FR"},
		}
	}
	lines, total := []map[string]any{}, world.Amount{}
	for i, l := range o.Lines {
		total = total.Add(l.Total).Add(l.Shipping())
		lines = append(lines, map[string]any{
			"id": strconv.Itoa(i + 1), "sku": l.SKU, "ean": l.EAN, "title": l.Title, "pieces": l.Quantity, "state": lineWord(l.State),
			"price": v.amount(l.Total), "shipping": v.amount(l.Shipping()),
		})
	}
	fees := []map[string]any{}
	for _, fee := range o.Fees {
		total = total.Add(fee.Amount)
		fees = append(fees, map[string]any{"code": fee.Code, "label": fee.Label, "amount": v.amount(fee.Amount)})
	}
	parcels := []map[string]any{}
	for _, p := range o.Parcels {
		parcels = append(parcels, map[string]any{"number": p.TrackingNumber, "carrier": p.Carrier, "url": p.TrackingURL})
	}
	out["lines"], out["fees"], out["parcels"], out["total"] = lines, fees, parcels, v.amount(total)
	return out
}

// instant writes an instant: RFC 3339, or milliseconds in the second version; null for none.
func (v version) instant(t time.Time) any {
	switch {
	case t.IsZero():
		return nil
	case v.next:
		return t.UnixMilli()
	default:
		return t.UTC().Format(time.RFC3339Nano)
	}
}

// amount writes an amount: a text, or a number in the second version.
func (v version) amount(a world.Amount) any {
	if v.next {
		return json.Number(a.String())
	}
	return a.String()
}

func address(a world.Address) map[string]any {
	streets := []string{}
	for _, s := range []string{a.Street, a.Building, a.Apartment, a.PlaceName} {
		if strings.TrimSpace(s) != "" {
			streets = append(streets, s)
		}
	}
	return map[string]any{
		"civility": a.Civility, "first_name": a.FirstName, "last_name": a.LastName, "company": a.Company, "streets": streets, "zip": a.ZipCode,
		"city": a.City, "country": a.Country,
	}
}

// network is who runs the point of a delivery mode.
func network(delivery string) string {
	switch delivery {
	case "REL":
		return "mondial-relay"
	case "SO1":
		return "colissimo"
	case "RCO":
		return "relais-colis"
	default:
		return delivery
	}
}
