package octopia

import (
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// address is a postal address; everything but the country may be null (octopia-rest.md 5.3).
type address struct {
	Civility         *string `json:"civility"`
	FirstName        *string `json:"firstName"`
	LastName         *string `json:"lastName"`
	CompanyName      *string `json:"companyName"`
	CompanyVatNumber *string `json:"companyVatNumber"`
	AddressLine1     *string `json:"addressLine1"`
	AddressLine2     *string `json:"addressLine2"`
	AddressLine3     *string `json:"addressLine3"`
	PostalCode       *string `json:"postalCode"`
	City             *string `json:"city"`
	StateOrRegion    *string `json:"stateOrRegion"`
	CountryCode      string  `json:"countryCode"`
}

// shippingAddress is where a line goes: to a person at home, or to a person at a pickup point.
type shippingAddress struct {
	address
	PickupID   *string `json:"pickupId"`
	PickupName *string `json:"pickupName"`
	Phone      *string `json:"phone"`
	Email      *string `json:"email"`
}

// newAddress folds the parts of an address into three lines: the street; building, apartment and place name; instructions
// (octopia-rest.md 12.1).
func newAddress(a world.Address, country string) address {
	if a.Country != "" {
		country = a.Country
	}
	var inside []string
	for _, part := range []string{a.Building, a.Apartment, a.PlaceName} {
		if part != "" {
			inside = append(inside, part)
		}
	}
	return address{
		Civility: textOrNull(civility(a.Civility)), FirstName: textOrNull(a.FirstName), LastName: textOrNull(a.LastName),
		CompanyName: textOrNull(a.Company), AddressLine1: textOrNull(a.Street), AddressLine2: textOrNull(strings.Join(inside, ", ")),
		AddressLine3: textOrNull(a.Instructions), PostalCode: textOrNull(a.ZipCode), City: textOrNull(a.City), CountryCode: country,
	}
}

// civility writes the form of address as the contract's examples do.
func civility(word string) string {
	switch word {
	case "MR":
		return "M."
	case "MRS":
		return "Mme"
	case "MISS":
		return "Mlle"
	default:
		return word
	}
}

// billingAddress is the buyer's address; nil when the marketplace does not tell it. Unlike the older API, this one is not said
// to keep it back before payment.
func billingAddress(o *world.Order) *address {
	if o.Sparse || o.Addresses == world.AddressNone {
		return nil
	}
	a := newAddress(o.BillTo, o.Country)
	return &a
}

// shippingAddress is where the order goes; nil before InPreparation, and as long as the world keeps it back (octopia-rest.md
// 5.2, 5.3). For a pickup order it names the person at the point's street.
func (w writer) shippingAddress(o *world.Order) *shippingAddress {
	if o.Sparse || o.AddressView(w.now) != world.AddressFull {
		return nil
	}
	to := o.ShipTo
	out := &shippingAddress{Phone: textOrNull(o.Customer.MobilePhone), Email: textOrNull(o.Customer.RelayMail)}
	if out.Phone == nil {
		out.Phone = textOrNull(o.Customer.Phone)
	}
	if p := o.Pickup; p != nil {
		to.Company, to.Building, to.Apartment, to.PlaceName, to.Instructions = "", "", "", "", ""
		to.Street, to.ZipCode, to.City, to.Country = p.Street, p.ZipCode, p.City, o.Country
		out.PickupID, out.PickupName = textOrNull(p.ID), textOrNull(p.Name)
	}
	out.address = newAddress(to, o.Country)
	return out
}
