package cdiscount

import (
	"slices"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Names of the addresses, in unrecognized values.
const (
	billing  = "BillingAddress"
	shipping = "ShippingAddress"
)

// clean trims a value. The marketplace pads some of them (cdiscount-soap.md 9.1).
func clean(s string) string { return strings.TrimSpace(s) }

// withheld reports whether the marketplace keeps the address back, as it does until payment: nil at first, then city and
// postal code without a street, a name or a relay.
func (a *wireAddress) withheld() bool {
	return len(a.lines()) == 0 && clean(a.FirstName) == "" && clean(a.LastName) == "" && clean(a.CompanyName) == "" &&
		clean(a.RelayID) == ""
}

// lines returns the street and its complements. Address1 and Address2 were never seen filled; when they are, they follow.
func (a *wireAddress) lines() []string {
	var lines []string
	for _, l := range [...]string{a.Street, a.Building, a.ApartmentNumber, a.PlaceName, a.Address1, a.Address2} {
		if l = clean(l); l != "" && !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// place returns the address without a person.
func (a *wireAddress) place(m *mapper, name string) *adapterv1.Address {
	return &adapterv1.Address{
		Company:      clean(a.CompanyName),
		Lines:        a.lines(),
		PostalCode:   clean(a.ZipCode),
		City:         clean(a.City),
		Region:       region(a.County),
		CountryCode:  m.country(name, a.Country),
		Instructions: clean(a.Instructions),
	}
}

// home returns the address with the person that it names.
func (a *wireAddress) home(m *mapper, name string) *adapterv1.Address {
	address := a.place(m, name)
	address.Civility = civility(a.Civility)
	address.FirstName = clean(a.FirstName)
	address.LastName = clean(a.LastName)
	return address
}

// region drops what stands for "none".
func region(county string) string {
	if county = clean(county); strings.EqualFold(county, "N/A") {
		return ""
	}
	return county
}

// civility drops the enum value that stands for "none".
func civility(s string) string {
	if s = clean(s); s == "None" {
		return ""
	}
	return s
}

// receiver returns the person whom the parcel is for: the shipping names where there are any, else the buyer's.
func (c *wireCustomer) receiver() (first, last string) {
	first, last = clean(c.ShippingFirstName), clean(c.ShippingLastName)
	if first == "" && last == "" {
		return clean(c.FirstName), clean(c.LastName)
	}
	return first, last
}

// phone returns the number under which the receiver can be reached. Addresses have none (cdiscount-soap.md 6.4).
func (c *wireCustomer) phone() string {
	if mobile := clean(c.MobilePhone); mobile != "" {
		return mobile
	}
	return clean(c.Phone)
}

// customer maps the buyer. The mail address is the relay mailbox unless the marketplace gives the real one.
func (c *wireCustomer) customer() *adapterv1.Customer {
	email := clean(c.Email)
	if email == "" {
		email = clean(c.EncryptedEmail)
	}
	return &adapterv1.Customer{
		CustomerId:  clean(c.CustomerID),
		FirstName:   clean(c.FirstName),
		LastName:    clean(c.LastName),
		Email:       email,
		Phone:       clean(c.Phone),
		MobilePhone: clean(c.MobilePhone),
	}
}

// destination maps the shipping address to where the parcel goes: the receiver's home, or a pickup point and its receiver.
// In a pickup order the address is the point's and its first name is the point's name; the receiver stands in the customer
// (cdiscount-soap.md 6.4). Both results are nil while the address is withheld.
func (m *mapper) destination(w *wireOrder, mode deliveryMode) (shipTo *adapterv1.Address, point *adapterv1.PickupPoint) {
	a := &w.ShippingAddress
	if a.withheld() {
		return nil, nil
	}
	if mode.kind != adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP {
		shipTo = a.home(m, shipping)
		if shipTo.GetFirstName() == "" && shipTo.GetLastName() == "" {
			shipTo.FirstName, shipTo.LastName = w.Customer.receiver()
		}
		shipTo.Phone = w.Customer.phone()
		return shipTo, nil
	}
	shipTo = &adapterv1.Address{Civility: civility(w.Customer.Civility), Phone: w.Customer.phone()}
	shipTo.FirstName, shipTo.LastName = w.Customer.receiver()
	point = &adapterv1.PickupPoint{
		Network: mode.network,
		RawId:   a.RelayID,
		Id:      sdk.PickupPointID(mode.network, a.RelayID),
		Name:    clean(a.FirstName),
		Address: a.place(m, shipping),
	}
	if mode.contradicted {
		m.unknown(shipping+".RelayId", a.RelayID)
	}
	if clean(a.RelayID) == "" && mode.network != adapterv1.PickupNetwork_PICKUP_NETWORK_SHOP {
		// A parcel cannot be addressed to a point without its id.
		m.unknown(shipping+".RelayId", a.RelayID)
	}
	return shipTo, point
}
