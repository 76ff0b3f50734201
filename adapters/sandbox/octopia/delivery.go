package octopia

// deliveryMode is the label of a delivery mode by the code that the older API has for it (octopia-rest.md 8). The labels of
// relay modes were never seen: these are invented, one for each network, or one for all when the settings ask for an unknown
// one (octopia-rest.md 13.7). COL means standard delivery on orders that the seller ships. A code that is not listed gets an
// invented label too.
func deliveryMode(code, relayLabel string) string {
	relay := map[string]string{
		"REL": "MondialRelayPickupPoint", "MRL": "MondialRelayPickupPoint", "RCO": "RelaisColisPickupPoint", "SO1": "ColissimoPickupPoint",
	}
	if label, isRelay := relay[code]; isRelay {
		if relayLabel == "unknown" {
			return "RelayPointDelivery-LABEL-UNKNOWN"
		}
		return label
	}
	home := map[string]string{
		"STD": "NotTrackedHomeDelivery", "COL": "NotTrackedHomeDelivery", "TRK": "TrackedHomeDelivery", "REG": "SignedHomeDelivery",
		"EXP": "ExpressHomeDelivery", "LV1": "FixedDateHomeDelivery", "LV2": "SpecificRoomHomeDelivery", "LV3": "WithSetupHomeDelivery",
		"RIM": "ImmediateVendorPickup",
	}
	if label, isHome := home[code]; isHome {
		return label
	}
	return "Delivery-" + code
}
