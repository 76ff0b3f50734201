package cdiscount

import (
	"time"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// part is one text of an address: shown, even when empty, or null.
type part struct {
	text  string
	known bool
}

func shown(s string) part { return part{text: s, known: true} }

func (d *document) part(name string, p part) {
	if p.known {
		d.text(name, p.text)
	} else {
		d.null(name)
	}
}

// addressParts are the fields of an Address; parts that are not set are null. Civility is not nullable.
type addressParts struct {
	address1, apartment, building, city               part
	civility                                          string
	company, country, county, firstName, instructions part
	lastName, placeName, relayID, street, zipCode     part
}

// address writes an Address (cdiscount-soap.md 6.4).
func (d *document) address(name string, a addressParts) {
	if a.civility == "" {
		a.civility = "None"
	}
	d.open(name)
	d.part("Address1", a.address1)
	d.null("Address2")
	d.part("ApartmentNumber", a.apartment)
	d.part("Building", a.building)
	d.part("City", a.city)
	d.text("Civility", a.civility)
	d.part("CompanyName", a.company)
	d.part("Country", a.country)
	d.part("County", a.county)
	d.part("FirstName", a.firstName)
	d.part("Instructions", a.instructions)
	d.part("LastName", a.lastName)
	d.part("PlaceName", a.placeName)
	d.part("RelayId", a.relayID)
	d.part("Street", a.street)
	d.part("ZipCode", a.zipCode)
	d.close(name)
}

// partial is what is left of an address before payment: city, postal code, civility and county.
func partial(a world.Address) addressParts {
	return addressParts{civility: a.Civility, city: shown(a.City), county: shown("N/A"), zipCode: shown(a.ZipCode)}
}

func full(a world.Address) addressParts {
	return addressParts{
		apartment: shown(a.Apartment), building: shown(a.Building), city: shown(a.City), civility: a.Civility,
		company: shown(a.Company), country: shown(a.Country), county: shown("N/A"), firstName: shown(a.FirstName),
		instructions: shown(a.Instructions), lastName: shown(a.LastName), placeName: shown(a.PlaceName), street: shown(a.Street),
		zipCode: shown(a.ZipCode),
	}
}

func (d *document) billingAddress(o *world.Order, view world.AddressView) {
	switch {
	case o.Sparse || view == world.AddressNone:
		d.null("BillingAddress")
	case view == world.AddressPartial:
		d.address("BillingAddress", partial(o.BillTo))
	default:
		d.address("BillingAddress", full(o.BillTo))
	}
}

// shippingAddress writes the receiver's address or, for a pickup order, the point's, with its name as FirstName.
func (d *document) shippingAddress(o *world.Order, view world.AddressView) {
	switch {
	case o.Sparse || view == world.AddressNone:
		d.null("ShippingAddress")
	case view == world.AddressPartial:
		d.address("ShippingAddress", partial(o.ShipTo))
	case o.Pickup != nil:
		p := o.Pickup
		a := full(world.Address{
			Civility: o.ShipTo.Civility, FirstName: p.Name, Street: p.Street, ZipCode: p.ZipCode, City: p.City, Country: o.Country,
		})
		a.relayID = shown(p.ID)
		d.address("ShippingAddress", a)
	default:
		d.address("ShippingAddress", full(o.ShipTo))
	}
}

// relayMailFor is how long after a shipment the buyer's relay mailbox is still given (cdiscount-soap.md 6.4).
const relayMailFor = 4 * 7 * 24 * time.Hour

// customer writes the buyer. Names and phones are withheld as long as the addresses are.
func (d *document) customer(o *world.Order, view world.AddressView, now time.Time) {
	if o.Sparse {
		d.null("Customer")
		return
	}
	c := o.Customer
	named := view == world.AddressFull
	pick := func(s string) part { return part{text: s, known: named} }
	d.open("Customer")
	d.textOrNull("Civility", c.Civility)
	d.text("CustomerId", c.ID)
	d.null("Email")
	mail := c.RelayMail
	if o.State == world.Shipped && now.Sub(o.LastChange()) > relayMailFor {
		mail = ""
	}
	d.textOrNull("EncryptedEmail", mail)
	d.part("FirstName", pick(c.FirstName))
	d.part("LastName", pick(c.LastName))
	d.part("MobilePhone", pick(c.MobilePhone))
	d.part("Phone", pick(c.Phone))
	d.part("ShippingFirstName", pick(o.ShipTo.FirstName))
	d.part("ShippingLastName", pick(o.ShipTo.LastName))
	d.close("Customer")
}

// corporation writes the selling site. Only Cdiscount's own values were recorded.
func (d *document) corporation(o *world.Order) {
	if o.Sparse {
		d.null("Corporation")
		return
	}
	id, name := 1, "Cdiscount"
	if o.Channel != "CDSB2C" {
		id, name = 2, o.Channel
	}
	d.open("Corporation")
	d.integer("BusinessUnitId", id)
	d.text("CorporationCode", o.Channel)
	d.integer("CorporationId", id)
	d.text("CorporationName", name)
	d.boolean("IsMarketPlaceActive", true)
	d.close("Corporation")
}
