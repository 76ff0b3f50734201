package octopia

import (
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// deliveryMode is what a delivery mode means.
type deliveryMode struct {
	kind    adapterv1.DeliveryKind
	network adapterv1.PickupNetwork // with DELIVERY_KIND_PICKUP
	known   bool                    // false when the contract does not name the mode
	// contradicted is true when the mode means a delivery home and the address has a pickup point.
	contradicted bool
}

// deliveryModeOf reads a delivery mode. A pickup order is one with a pickup id, whatever its mode says (octopia-rest.md 8): a
// mode of home delivery beside one counts as a pickup of an unknown network, since the street is the point's then.
func deliveryModeOf(label string, hasPoint bool) deliveryMode {
	mode := namedMode(label)
	if hasPoint && mode.kind != adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP {
		mode.contradicted = mode.kind != adapterv1.DeliveryKind_DELIVERY_KIND_UNSPECIFIED
		mode.kind = adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP
	}
	return mode
}

// namedMode is the table of section 8. Orders carry the label; the code that offers use, and the legacy three letters that a
// deprecated route still answers with, are read as well, since no label of a relay order was ever seen (13.7).
func namedMode(label string) deliveryMode {
	switch strings.ToUpper(label) {
	case "NOTTRACKEDHOMEDELIVERY", "NTHD", "STD":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_STANDARD, known: true}
	case "TRACKEDHOMEDELIVERY", "THD", "TRK":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_TRACKED, known: true}
	case "SIGNEDHOMEDELIVERY", "SHD", "REG":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_REGISTERED, known: true}
	case "EXPRESSHOMEDELIVERY", "EHD", "EXP":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_EXPRESS, known: true}
	case "FIXEDDATEHOMEDELIVERY", "FDHD", "LV1", "SPECIFICROOMHOMEDELIVERY", "SRHD", "LV2", "WITHSETUPHOMEDELIVERY", "WSHD", "LV3":
		return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_BIG_PARCEL, known: true}
	case "IMMEDIATEVENDORPICKUP", "RIM":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_SHOP)
	case "REL":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY)
	case "SO1":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO)
	case "RCO":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS)
	}
	return relayMode(label)
}

// relayMode reads a label that is in no table: one that names a pickup network is a pickup of it, by its word. Nothing else is
// guessed; without a network's name the point goes to a person, as section 8 asks.
func relayMode(label string) deliveryMode {
	letters := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, strings.ToLower(label))
	pickupWord := strings.Contains(letters, "pickup") || strings.Contains(letters, "relay") || strings.Contains(letters, "point") ||
		strings.Contains(letters, "relais")
	switch {
	case strings.Contains(letters, "mondialrelay"):
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY)
	case strings.Contains(letters, "relaiscolis"):
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS)
	case strings.Contains(letters, "colissimo") && pickupWord:
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO)
	}
	return deliveryMode{}
}

func pickup(network adapterv1.PickupNetwork) deliveryMode {
	return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP, network: network, known: true}
}

// pointDigits is how many digits the label systems of a network expect in a point's id; zero when no rule is sure.
func pointDigits(network adapterv1.PickupNetwork) int {
	switch network {
	case adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY, adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO:
		return 6
	}
	return 0
}

// pointID returns a point's id as its network writes it: leading zeros are restored, which are lost wherever an id went
// through a number. Anything but a short run of digits is left as it is.
func pointID(network adapterv1.PickupNetwork, raw string) string {
	id := strings.TrimSpace(raw)
	digits := pointDigits(network)
	if id == "" || len(id) >= digits || strings.Trim(id, "0123456789") != "" {
		return id
	}
	return strings.Repeat("0", digits-len(id)) + id
}

// fulfillmentOf tells who ships, from the supply modes of the lines of goods (octopia-rest.md 5.2). The seller ships only when
// every line says so; lines that differ leave it open.
func fulfillmentOf(modes []string) adapterv1.Fulfillment {
	ours, theirs := 0, 0
	for _, mode := range modes {
		switch mode {
		case "Seller":
			ours++
		case "Fulfillment", "Xdock":
			theirs++
		}
	}
	switch {
	case len(modes) == 0:
	case ours == len(modes):
		return adapterv1.Fulfillment_FULFILLMENT_SELLER
	case theirs == len(modes):
		return adapterv1.Fulfillment_FULFILLMENT_MARKETPLACE
	}
	return adapterv1.Fulfillment_FULFILLMENT_UNSPECIFIED
}

// unknownSupplyMode reports whether the contract does not name a supply mode.
func unknownSupplyMode(mode string) bool {
	return mode != "Seller" && mode != "Fulfillment" && mode != "Xdock"
}
