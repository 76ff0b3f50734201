package octopia_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestMapDestination: homes, points, and what is withheld.
func TestMapDestination(t *testing.T) {
	t.Parallel()
	o := mapped(t, pointOrder("N1"))
	want := parsed(t, `
		ship_to { civility: "Mme" first_name: "Jeanne" last_name: "Exemple" phone: "+33600000000" }
		pickup_point { network: PICKUP_NETWORK_MONDIAL_RELAY raw_id: "012345" id: "012345" name: "TABAC DE TEST"
			address { lines: "2 place de Test" postal_code: "33000" city: "Bordeaux" country_code: "FR" } }
		delivery_kind: DELIVERY_KIND_PICKUP native_delivery_mode: "MondialRelayPickupPoint"
	`)
	got := &adapterv1.Order{ShipTo: o.GetShipTo(), PickupPoint: o.GetPickupPoint(), DeliveryKind: o.GetDeliveryKind(), NativeDeliveryMode: o.GetNativeDeliveryMode()}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || len(o.GetUnrecognized()) != 0 {
		t.Errorf("marks %v (-want +got):\n%s", marks(o), diff)
	}
	for name, address := range map[string]any{
		"null": nil, "empty": object{}, "all null": object{"firstName": nil, "city": nil, "pickupId": nil}, "city only": object{"postalCode": "69001", "city": "Lyon", "countryCode": "FR"},
	} {
		o := mapped(t, homeOrder("N1").with("lines.0.shippingAddress", address, "billingAddress", address))
		if o.GetShipTo() != nil || o.GetBillTo() != nil || o.GetPickupPoint() != nil || len(o.GetUnrecognized()) != 0 {
			t.Errorf("%s: ship_to %v, bill_to %v, marks %v", name, o.GetShipTo() != nil, o.GetBillTo() != nil, marks(o))
		}
	}
}

// TestMapModes: the table of octopia-rest.md 8, and what is not in it.
func TestMapModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		label, point string
		kind         string
		network      string
		id           string
		mark         string // field that is marked
	}{
		{"NotTrackedHomeDelivery", "", "STANDARD", "", "", ""},
		{"TrackedHomeDelivery", "", "TRACKED", "", "", ""},
		{"SignedHomeDelivery", "", "REGISTERED", "", "", ""},
		{"ExpressHomeDelivery", "", "EXPRESS", "", "", ""},
		{"FixedDateHomeDelivery", "", "BIG_PARCEL", "", "", ""},
		{"SpecificRoomHomeDelivery", "", "BIG_PARCEL", "", "", ""},
		{"WithSetupHomeDelivery", "", "BIG_PARCEL", "", "", ""},
		{"trackedhomedelivery", "", "TRACKED", "", "", ""},
		{"THD", "", "TRACKED", "", "", ""},
		{"NTHD", "", "STANDARD", "", "", ""},
		{"TRK", "", "TRACKED", "", "", ""},
		{"ImmediateVendorPickup", "", "UNSPECIFIED", "", "", "shippingAddress.pickupId"},
		{"ImmediateVendorPickup", "SHOP-7", "PICKUP", "SHOP", "SHOP-7", ""},
		{"REL", "1234", "PICKUP", "MONDIAL_RELAY", "001234", ""},
		{"SO1", "12345", "PICKUP", "COLISSIMO", "012345", ""},
		{"RCO", "C1234", "PICKUP", "RELAIS_COLIS", "C1234", ""},
		{"RCO", "0123", "PICKUP", "RELAIS_COLIS", "0123", ""},
		{"mondialrelaypickuppoint", "1234567", "PICKUP", "MONDIAL_RELAY", "1234567", ""},
		{"ColissimoPickupPoint", "9", "PICKUP", "COLISSIMO", "000009", ""},
		{"RelaisColisPickupPoint", "X", "PICKUP", "RELAIS_COLIS", "X", ""},
		{"MondialRelay-Locker", "123456", "PICKUP", "UNSPECIFIED", "123456", "delivery.mode"},
		{"ColissimoHome", "", "UNSPECIFIED", "", "", "delivery.mode"},
		{"RelayPointDelivery-LABEL-UNKNOWN", "012345", "PICKUP", "UNSPECIFIED", "012345", "delivery.mode"},
		{"SomethingNew", "", "UNSPECIFIED", "", "", "delivery.mode"},
		{"", "012345", "PICKUP", "UNSPECIFIED", "012345", ""},
		{"", "", "UNSPECIFIED", "", "", ""},
		{"TrackedHomeDelivery", " 0123 ", "PICKUP", "UNSPECIFIED", "0123", "shippingAddress.pickupId"},
		{"MondialRelayPickupPoint", "", "UNSPECIFIED", "", "", "shippingAddress.pickupId"},
	} {
		o := mapped(t, pointOrder("N1").with("lines.0.delivery.mode", tt.label, "lines.0.shippingAddress.pickupId", tt.point))
		_, marked := marks(o)[tt.mark]
		if got := o.GetDeliveryKind().String(); got != "DELIVERY_KIND_"+tt.kind || marked != (tt.mark != "") || len(o.GetUnrecognized()) > 1 {
			t.Errorf("%q to %q: %s, marks %v", tt.label, tt.point, got, marks(o))
		}
		p := o.GetPickupPoint()
		if p == nil && len(o.GetShipTo().GetLines()) == 0 {
			t.Errorf("%q to %q: neither a point nor a street", tt.label, tt.point)
		}
		if (p != nil) != (tt.kind == "PICKUP") || p != nil && (p.GetNetwork().String() != "PICKUP_NETWORK_"+tt.network || p.GetId() != tt.id || p.GetRawId() != tt.point) {
			t.Errorf("%q to %q: point of %s, id %q", tt.label, tt.point, p.GetNetwork(), p.GetId())
		}
	}
	// While the address is withheld the label is all there is.
	o := mapped(t, pointOrder("N1").with("lines.0.shippingAddress", nil))
	if o.GetDeliveryKind() != adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP || o.GetPickupPoint() != nil || o.GetShipTo() != nil || len(o.GetUnrecognized()) != 0 {
		t.Errorf("withheld: %s, marks %v", o.GetDeliveryKind(), marks(o))
	}
	// Codes of the marketplace's own logistics are nobody's business.
	o = mapped(t, homeOrder("N1").with("lines.0.delivery.mode", "Warehouse30", "lines.0.offer.supplyMode", "Fulfillment"))
	if len(o.GetUnrecognized()) != 0 {
		t.Errorf("marks %v", marks(o))
	}
}

// TestMapAddressDetails: what stands for nothing, what comes twice, and what is no country.
func TestMapAddressDetails(t *testing.T) {
	t.Parallel()
	o := mapped(t, homeOrder("N1").with("lines.0.shippingAddress", homeAddress().with(
		"civility", "None", "stateOrRegion", "N/A", "addressLine2", "1 rue de Test", "addressLine3", " 3e étage ", "companyName", "ATELIER & FILS", "countryCode", "fr")))
	want := parsed(t, `ship_to { first_name: "Jeanne" last_name: "Exemple" company: "ATELIER & FILS" lines: "1 rue de Test" lines: "3e étage"
		postal_code: "69001" city: "Lyon" country_code: "FR" phone: "+33600000000" }`).GetShipTo()
	if diff := cmp.Diff(want, o.GetShipTo(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	o = mapped(t, homeOrder("N1").with("lines.0.shippingAddress.countryCode", "FRA", "billingAddress.countryCode", "F1"))
	if diff := cmp.Diff(map[string]string{"shippingAddress.countryCode": "FRA", "billingAddress.countryCode": "F1"}, marks(o)); diff != "" {
		t.Errorf("marks (-want +got):\n%s", diff)
	}
	// A raw value is bounded.
	o = mapped(t, homeOrder("N1").with("status", strings.Repeat("é", 500)))
	if raw := marks(o)["status"]; len(raw) == 0 || len(raw) > 256 {
		t.Errorf("%d bytes of a raw value", len(raw))
	}
}
