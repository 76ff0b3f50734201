package cdiscount

import (
	"slices"
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// deliveryMode is what a ShippingCode means.
type deliveryMode struct {
	kind    adapterv1.DeliveryKind
	network adapterv1.PickupNetwork // with DELIVERY_KIND_PICKUP
	known   bool                    // false when the contract does not name the code
	// contradicted is true when the code means a delivery home and the address has a relay.
	contradicted bool
}

// deliveryModeOf reads a ShippingCode (cdiscount-soap.md 10). A code that the contract does not name is a pickup when the
// address has a relay: the rule of section 10 for unknown codes. A code of home delivery beside a relay contradicts 6.4; it
// counts as a pickup of an unknown network too, since the street is the point's then, where nobody would look for the buyer.
func deliveryModeOf(code string, hasRelay bool) deliveryMode {
	mode := namedMode(code)
	if hasRelay && mode.kind != adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP {
		mode.contradicted = mode.kind != adapterv1.DeliveryKind_DELIVERY_KIND_UNSPECIFIED
		mode.kind = adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP
	}
	return mode
}

// namedMode is the table of section 10.
func namedMode(code string) deliveryMode {
	switch strings.ToUpper(code) {
	case "STD", "COL", "STANDARD":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_STANDARD, known: true}
	case "TRK":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_TRACKED, known: true}
	case "REG":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_REGISTERED, known: true}
	case "EXP", "FST":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_EXPRESS, known: true}
	case "LV1", "LV2", "LV3":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_BIG_PARCEL, known: true}
	case "REL":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY)
	case "SO1":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO)
	case "RCO":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS)
	case "RIM", "MAG":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_SHOP)
	}
	// Whether TNT delivers to a point is not known.
	return deliveryMode{known: strings.EqualFold(code, "TNT")}
}

func pickup(network adapterv1.PickupNetwork) deliveryMode {
	return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP, network: network, known: true}
}

// fulfillmentOf tells who ships, from IsCLogistiqueOrder and ModGesLog (cdiscount-soap.md 6.2); known is false when one of
// them is not understood. The seller ships only when nothing says otherwise.
func fulfillmentOf(isCLogistique, modGesLog string) (f adapterv1.Fulfillment, known bool) {
	logistics, readable := parseBool(isCLogistique)
	switch {
	case logistics, slices.Contains([]string{"MKPFBC", "EXTFBC"}, modGesLog):
		return adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE, true
	case readable && (modGesLog == "MKPCDS" || modGesLog == ""):
		return adapterv1.Fulfillment_FULFILLMENT_SELLER, true
	}
	return adapterv1.Fulfillment_FULFILLMENT_UNSPECIFIED, false
}
