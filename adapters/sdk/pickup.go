package sdk

import (
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// pointDigits is how many digits the label systems of a network expect in a point's id; zero when no rule is sure.
func pointDigits(network adapterv1.PickupNetwork) int {
	switch network {
	case adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY, adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO:
		return 6
	}
	return 0
}

// PickupPointID returns a pickup point's id as its network writes it, for PickupPoint.id: leading zeros are restored, which are
// lost wherever an id went through a number. Anything but a short run of digits is only trimmed. The rule is the network's, so
// every marketplace's adapter gives the same id.
func PickupPointID(network adapterv1.PickupNetwork, raw string) string {
	id := strings.TrimSpace(raw)
	digits := pointDigits(network)
	if id == "" || len(id) >= digits || strings.Trim(id, "0123456789") != "" {
		return id
	}
	return strings.Repeat("0", digits-len(id)) + id
}
