package sdk_test

import (
	"testing"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func TestPickupPointID(t *testing.T) {
	t.Parallel()
	const (
		none         = adapterv1.PickupNetwork_PICKUP_NETWORK_UNSPECIFIED
		colissimo    = adapterv1.PickupNetwork_PICKUP_NETWORK_COLISSIMO
		mondialRelay = adapterv1.PickupNetwork_PICKUP_NETWORK_MONDIAL_RELAY
		relaisColis  = adapterv1.PickupNetwork_PICKUP_NETWORK_RELAIS_COLIS
	)
	for _, c := range []struct {
		name    string
		network adapterv1.PickupNetwork
		raw     string
		want    string
	}{
		{"whole", mondialRelay, "000417", "000417"},
		{"zeros lost", mondialRelay, "417", "000417"},
		{"zeros lost, Colissimo", colissimo, "97400", "097400"},
		{"blanks around", colissimo, " 417\t", "000417"},
		{"longer than the network's", mondialRelay, "0000417", "0000417"},
		{"letters stay", mondialRelay, "A417", "A417"},
		{"a sign is no digit", mondialRelay, "-417", "-417"},
		{"empty", mondialRelay, "  ", ""},
		{"a network without a sure rule", relaisColis, "417", "417"},
		{"no network", none, "417", "417"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := sdk.PickupPointID(c.network, c.raw); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
