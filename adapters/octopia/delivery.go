package octopia

import (
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// deliveryMode is what a delivery mode means.
type deliveryMode struct {
	kind    adapterv1.DeliveryKind
	network adapterv1.PickupNetwork // with DELIVERY_KIND_PICKUP
	known   bool                    // false when no table here has the label
}

// destinationPlace is what an order's address says of where it goes.
type destinationPlace int

const (
	placeWithheld destinationPlace = iota // there is no address yet
	placeHome                             // an address without a pickup id
	placePoint                            // an address with one
)

// deliveryModeOf reads a delivery mode beside what the address says. A pickup order is one with a pickup id, whatever its mode
// (octopia-rest.md 8): the label then tells the network at most, and one that means a delivery home tells none. An address without a
// pickup id is a home, whatever its mode: a label of a relay tells no kind then. consistent is false when label and address contradict
// each other. As long as the address is withheld the label is all there is.
func deliveryModeOf(label string, place destinationPlace) (mode deliveryMode, consistent bool) {
	mode = namedMode(label)
	pickupLabel := mode.kind == adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP
	switch {
	case place == placePoint && !pickupLabel:
		consistent = mode.kind == adapterv1.DeliveryKind_DELIVERY_KIND_UNSPECIFIED
		mode.kind = adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP
	case place == placeHome && pickupLabel:
		mode.kind, mode.network = adapterv1.DeliveryKind_DELIVERY_KIND_UNSPECIFIED, adapterv1.PickupNetwork_PICKUP_NETWORK_UNSPECIFIED
	default:
		consistent = true
	}
	return mode, consistent
}

// namedMode returns what a label means. Orders carry the label; the code that offers use, and the legacy three letters that a
// deprecated route still answers with, are read as well (octopia-rest.md 8).
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
	}
	return relayMode(label)
}

// relayMode is the table of relay labels. It is this adapter's ASSUMPTION: no label of a relay order was ever seen (octopia-rest.md 8,
// 13.7). The first three are built like the labels of section 8 and are what the relais sandbox sends, the others are the legacy
// codes. They are compared whole: a label that is not here names no network, and the point goes to a person with everything
// that was sent.
func relayMode(label string) deliveryMode {
	switch strings.ToUpper(label) {
	case "MONDIALRELAYPICKUPPOINT", "REL":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY)
	case "COLISSIMOPICKUPPOINT", "SO1":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO)
	case "RELAISCOLISPICKUPPOINT", "RCO":
		return pickup(adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS)
	}
	return deliveryMode{}
}

func pickup(network adapterv1.PickupNetwork) deliveryMode {
	return deliveryMode{kind: adapterv1.DeliveryKind_DELIVERY_KIND_PICKUP, network: network, known: true}
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
