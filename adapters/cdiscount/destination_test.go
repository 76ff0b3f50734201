package cdiscount_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestMapDestination is the table of delivery modes and addresses (cdiscount-soap.md 6.4, 10).
func TestMapDestination(t *testing.T) {
	t.Parallel()
	withheld := fields{"City": "LYON", "Civility": "MRS", "County": "N/A", "FirstName": "nil", "LastName": "nil", "RelayId": "nil", "Street": "nil", "ZipCode": "69003"}
	type expect struct {
		kind, network string
		rawID, id     string
		person        string // first name of ship_to
		place         string // first line of the destination
		unknown       int
	}
	for _, tc := range []struct {
		name    string
		code    string
		address fields
		buyer   fields
		want    expect
	}{
		{name: "home", code: "STD", address: homeAddress(), want: expect{kind: "STANDARD", person: "ALICE", place: "12 RUE DES TESTS"}},
		{name: "COL means STD", code: "COL", address: homeAddress(), want: expect{kind: "STANDARD", person: "ALICE", place: "12 RUE DES TESTS"}},
		{name: "signed", code: "REG", address: homeAddress(), want: expect{kind: "REGISTERED", person: "ALICE", place: "12 RUE DES TESTS"}},
		{name: "express", code: "EXP", address: homeAddress(), want: expect{kind: "EXPRESS", person: "ALICE", place: "12 RUE DES TESTS"}},
		{name: "bulky", code: "LV2", address: homeAddress(), want: expect{kind: "BIG_PARCEL", person: "ALICE", place: "12 RUE DES TESTS"}},
		{
			name: "home without a name", code: "TRK", address: homeAddress().with("FirstName", "nil", "LastName", "nil"),
			want: expect{kind: "TRACKED", person: "BOB", place: "12 RUE DES TESTS"},
		},
		{name: "Mondial Relay", code: "REL", address: pointAddress(), want: expect{kind: "PICKUP", network: "MONDIAL_RELAY", rawID: "012345", id: "012345", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "Mondial Relay, zeros lost", code: "REL", address: pointAddress().with("RelayId", "1234"), want: expect{kind: "PICKUP", network: "MONDIAL_RELAY", rawID: "1234", id: "001234", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "Mondial Relay, padded with blanks", code: "rel", address: pointAddress().with("RelayId", " 1234 "), want: expect{kind: "PICKUP", network: "MONDIAL_RELAY", rawID: " 1234 ", id: "001234", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "Mondial Relay, not digits", code: "REL", address: pointAddress().with("RelayId", "FR-1"), want: expect{kind: "PICKUP", network: "MONDIAL_RELAY", rawID: "FR-1", id: "FR-1", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "Colissimo", code: "SO1", address: pointAddress().with("RelayId", "4567"), want: expect{kind: "PICKUP", network: "COLISSIMO", rawID: "4567", id: "004567", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "Relais Colis", code: "RCO", address: pointAddress().with("RelayId", "A12"), want: expect{kind: "PICKUP", network: "RELAIS_COLIS", rawID: "A12", id: "A12", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "shop", code: "MAG", address: pointAddress().with("RelayId", "nil"), want: expect{kind: "PICKUP", network: "SHOP", person: "BOB", place: "3 PLACE INVENTEE"}},
		{name: "point without an id", code: "REL", address: pointAddress().with("RelayId", "nil"), want: expect{kind: "PICKUP", network: "MONDIAL_RELAY", person: "BOB", place: "3 PLACE INVENTEE", unknown: 1}},
		{name: "unknown code with a relay", code: "QQ9", address: pointAddress(), want: expect{kind: "PICKUP", network: "UNSPECIFIED", rawID: "012345", id: "012345", person: "BOB", place: "3 PLACE INVENTEE", unknown: 1}},
		{name: "unknown code without a relay", code: "QQ9", address: homeAddress(), want: expect{kind: "UNSPECIFIED", person: "ALICE", place: "12 RUE DES TESTS", unknown: 1}},
		{name: "no code", code: "nil", address: homeAddress(), want: expect{kind: "UNSPECIFIED", person: "ALICE", place: "12 RUE DES TESTS"}},
		{
			name: "point, no shipping names", code: "REL", address: pointAddress(),
			buyer: buyer().with("ShippingFirstName", "nil", "ShippingLastName", ""),
			want:  expect{kind: "PICKUP", network: "MONDIAL_RELAY", rawID: "012345", id: "012345", person: "ALICE", place: "3 PLACE INVENTEE"},
		},
		{name: "withheld", code: "TRK", address: withheld, want: expect{kind: "TRACKED"}},
		{name: "withheld point", code: "REL", address: withheld, want: expect{kind: "PICKUP"}},
		{name: "unknown country", code: "TRK", address: homeAddress().with("Country", "France"), want: expect{kind: "TRACKED", person: "ALICE", place: "12 RUE DES TESTS", unknown: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc := homeOrder("N1").with("ShippingCode", tc.code, "ShippingAddress", tc.address.inner())
			if tc.buyer != nil {
				doc["Customer"] = tc.buyer.inner()
			}
			o := readOne(t, doc)
			p := o.GetPickupPoint()
			got := expect{
				kind:  strings.TrimPrefix(o.GetDeliveryKind().String(), "DELIVERY_KIND_"),
				rawID: p.GetRawId(), id: p.GetId(), person: o.GetShipTo().GetFirstName(), unknown: len(o.GetUnrecognized()),
			}
			place := o.GetShipTo()
			if p != nil {
				got.network, place = strings.TrimPrefix(p.GetNetwork().String(), "PICKUP_NETWORK_"), p.GetAddress()
				if len(o.GetShipTo().GetLines()) != 0 || p.GetAddress().GetFirstName() != "" || p.GetName() != "TABAC DU COIN" {
					t.Errorf("point and person are mixed: %d lines at the receiver, point %q", len(o.GetShipTo().GetLines()), p.GetName())
				}
			}
			if len(place.GetLines()) > 0 {
				got.place = place.GetLines()[0]
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(expect{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if tc.want.place == "" && o.GetShipTo() != nil {
				t.Error("a withheld address gives a ship_to")
			}
		})
	}
}

// TestMapAddressDetails: what stands for nothing is dropped, what is there is kept.
func TestMapAddressDetails(t *testing.T) {
	t.Parallel()
	address := homeAddress().with("County", "Rhone", "Civility", "None", "Country", "be", "Address1", "HAMEAU", "CompanyName", "ACME",
		"PlaceName", "12 RUE DES TESTS")
	o := readOne(t, homeOrder("N1").with("ShippingAddress", address.inner(),
		"Customer", buyer().with("MobilePhone", "", "Phone", "0100000000", "Email", "buyer@example.com").inner()))
	want := &adapterv1.Address{
		FirstName: "ALICE", LastName: "EXEMPLE", Company: "ACME", Lines: []string{"12 RUE DES TESTS", "Bat B", "Apt 4", "HAMEAU"},
		PostalCode: "69003", City: "LYON", Region: "Rhone", CountryCode: "BE", Phone: "0100000000", Instructions: "Code 12A",
	}
	if diff := cmp.Diff(want, o.GetShipTo(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := o.GetCustomer().GetEmail(); got != "buyer@example.com" {
		t.Errorf("mail address %q", got)
	}
}
