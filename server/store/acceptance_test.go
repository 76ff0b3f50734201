package store_test

import (
	"testing"

	"github.com/relaishq/relais/server/store"
)

func TestAcceptancePolicy(t *testing.T) {
	t.Parallel()
	euro := func(units int64, nanos int32) *store.Amount {
		return &store.Amount{Currency: "EUR", Units: units, Nanos: nanos}
	}
	listed := func(limit *store.Amount, skus ...string) store.AcceptancePolicy {
		return store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: skus, MaxTotal: limit}
	}
	for _, c := range []struct {
		name   string
		policy store.AcceptancePolicy
		offer  store.Offer
		rule   string
	}{
		{"no policy", store.AcceptancePolicy{}, store.Offer{SKUs: []string{"A"}}, ""},
		{"a person", store.AcceptancePolicy{Mode: store.AcceptManually}, store.Offer{SKUs: []string{"A"}}, ""},
		{"all", store.AcceptancePolicy{Mode: store.AcceptAll}, store.Offer{}, "every order is accepted"},
		{"a mode of a newer relais", store.AcceptancePolicy{Mode: "BY_MOON"}, store.Offer{SKUs: []string{"A"}}, ""},
		{"listed", listed(nil, "A", "B"), store.Offer{SKUs: []string{"B", "A"}}, "every article is in the list"},
		{"one article is not listed", listed(nil, "A"), store.Offer{SKUs: []string{"A", "C"}}, ""},
		{"an article without SKU", listed(nil, "A", ""), store.Offer{SKUs: []string{""}}, ""},
		{"no articles", listed(nil, "A"), store.Offer{}, ""},
		{"at the limit", listed(euro(10, 500_000_000), "A"), store.Offer{SKUs: []string{"A"}, Total: euro(10, 500_000_000)},
			"every article is in the list and the total is not above 10.5 EUR"},
		{"a hair above the limit", listed(euro(10, 500_000_000), "A"), store.Offer{SKUs: []string{"A"}, Total: euro(10, 500_000_001)}, ""},
		{"above the limit by units", listed(euro(10, 999_000_000), "A"), store.Offer{SKUs: []string{"A"}, Total: euro(11, 0)}, ""},
		{"another currency", listed(euro(10, 0), "A"), store.Offer{SKUs: []string{"A"}, Total: &store.Amount{Currency: "PLN", Units: 1}}, ""},
		{"no total", listed(euro(10, 0), "A"), store.Offer{SKUs: []string{"A"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.policy.Accepts(c.offer); got != c.rule {
				t.Errorf("accepted by %q, want %q", got, c.rule)
			}
		})
	}
}
