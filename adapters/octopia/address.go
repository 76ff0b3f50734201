package octopia

import (
	"slices"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// clean trims a value. The marketplace pads some of them (octopia-rest.md 7).
func clean(t text) string { return strings.TrimSpace(string(t)) }

// withheld reports whether the marketplace keeps the address back, as it does before InPreparation: null, or without a street,
// a name or a point (octopia-rest.md 5.2).
func (a *wireAddress) withheld() bool {
	return len(a.lines()) == 0 && clean(a.FirstName) == "" && clean(a.LastName) == "" && clean(a.CompanyName) == "" &&
		clean(a.PickupID) == ""
}

// lines returns the street and its complements, each once.
func (a *wireAddress) lines() []string {
	var lines []string
	for _, l := range [...]text{a.AddressLine1, a.AddressLine2, a.AddressLine3} {
		if l := clean(l); l != "" && !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// place returns where the address is, without who lives there.
func (a *wireAddress) place(m *mapper, name string) *adapterv1.Address {
	return &adapterv1.Address{
		Lines:       a.lines(),
		PostalCode:  clean(a.PostalCode),
		City:        clean(a.City),
		Region:      region(clean(a.StateOrRegion)),
		CountryCode: m.country(name, a.CountryCode),
	}
}

// person returns who the address names, without where.
func (a *wireAddress) person() *adapterv1.Address {
	return &adapterv1.Address{
		Civility:  civility(clean(a.Civility)),
		FirstName: clean(a.FirstName),
		LastName:  clean(a.LastName),
		Phone:     clean(a.Phone),
	}
}

// home returns the address with the person and company that it names.
func (a *wireAddress) home(m *mapper, name string) *adapterv1.Address {
	address, person := a.place(m, name), a.person()
	address.Civility, address.FirstName, address.LastName = person.GetCivility(), person.GetFirstName(), person.GetLastName()
	address.Phone, address.Company = person.GetPhone(), clean(a.CompanyName)
	return address
}

// region drops what stands for "none" in the marketplace's older API.
func region(s string) string {
	if strings.EqualFold(s, "N/A") {
		return ""
	}
	return s
}

// civility drops what stands for "none" in the marketplace's older API.
func civility(s string) string {
	if s == "None" {
		return ""
	}
	return s
}

// shippingAddress returns the delivery address of an order: that of the first line that still counts and has one, else of any
// line, else the order's own (octopia-rest.md 5.3). All lines were the same in what was recorded; an order whose lines differ is
// marked, without saying how. nil while the address is withheld.
func (m *mapper) shippingAddress(w *wireOrder, lines []*adapterv1.OrderLine) *wireAddress {
	var first *wireAddress
	counts := false
	for i := range w.Lines {
		a := &w.Lines[i].ShippingAddress
		lineCounts := !over(lines[i].GetStatus())
		switch {
		case a.withheld():
		case first == nil, lineCounts && !counts:
			first, counts = a, lineCounts
		case *a != *first && (lineCounts || !counts):
			m.note("lines[].shippingAddress", "")
		}
	}
	if first == nil && !w.ShippingAddress.withheld() {
		first = &w.ShippingAddress
	}
	return first
}

// goesTo tells what an address says of where the order goes; nil is one that is withheld.
func (a *wireAddress) goesTo() destinationPlace {
	switch {
	case a == nil:
		return placeWithheld
	case clean(a.PickupID) != "":
		return placePoint
	}
	return placeHome
}

// destination maps the delivery address to where the parcel goes: the receiver's home, or a pickup point and its receiver. In a
// pickup order the street is the point's, the names are the receiver's (octopia-rest.md 8). Both results are nil while the address
// is withheld.
func (m *mapper) destination(a *wireAddress, mode deliveryMode) (shipTo *adapterv1.Address, point *adapterv1.PickupPoint) {
	const name = "shippingAddress"
	switch a.goesTo() {
	case placeWithheld:
		return nil, nil
	case placeHome:
		return a.home(m, name), nil
	}
	shipTo = a.person()
	shipTo.Company = clean(a.CompanyName)
	return shipTo, &adapterv1.PickupPoint{
		Network: mode.network,
		RawId:   string(a.PickupID),
		Id:      sdk.PickupPointID(mode.network, string(a.PickupID)),
		Name:    clean(a.PickupName),
		Address: a.place(m, name),
	}
}
