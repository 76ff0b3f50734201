package carrier_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/relaishq/relais/server/carrier"
)

func TestTrackingURL(t *testing.T) {
	t.Parallel()
	const colissimo, dpd = "https://www.laposte.fr/outils/suivre-vos-envois?code=", "https://trace.dpd.fr/fr/trace/"
	tests := []struct {
		name            string
		carrier, number string
		want            string // empty: none
	}{
		{"in a query", "Colissimo", "6A12345678901", colissimo + "6A12345678901"},
		{"in a path", "DPD", "250012345678901", dpd + "250012345678901"},
		{"signs of a query", "Colissimo", "6A&b=1#c+d", colissimo + "6A%26b%3D1%23c%2Bd"},
		{"blank", "Colissimo", "6A 12", colissimo + "6A%2012"},
		{"signs of a path", "DPD", "../a?b%2f;c", dpd + "..%2Fa%3Fb%252f%3Bc"},
		{"other letters", "DPD", "é\"<", dpd + "%C3%A9%22%3C"},
		{"the mark itself", "DPD", "{n}1", dpd + "%7Bn%7D1"},
		{"step up in a path", "DPD", "..", ""},
		{"no number", "Colissimo", "", ""},
		{"blank number", "Colissimo", "  ", ""},
		{"any word of the carrier", "dhl express", "1", "https://www.dhl.com/fr-fr/home/tracking.html?tracking-id=1"},
		{"carrier without a page", "GEODIS", "1", ""},
		{"unknown carrier", "Véloce", "1", ""},
		{"no carrier", "", "1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := carrier.Default().TrackingURL(tt.carrier, tt.number)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("TrackingURL(%q, %q) = %q, %v; want %q", tt.carrier, tt.number, got, ok, tt.want)
			}
		})
	}
}

// FuzzTrackingURL: whatever the number is, the page stays on the carrier's site and the number comes back out of it.
func FuzzTrackingURL(f *testing.F) {
	for _, number := range []string{"6A12345678901", "a b+c&d=e#f?g/h%2f", "../../x", "@evil.example.com/1", "é中\x00\xff1", "{n}"} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		for name, page := range map[string]string{"DPD": "https://trace.dpd.fr/fr/trace/", "Colissimo": "https://www.laposte.fr/outils/suivre-vos-envois?code="} {
			got, ok := carrier.Default().TrackingURL(name, number)
			if !ok {
				if carrier.Fold(number) != "" {
					t.Errorf("no page for %q", number)
				}
				continue
			}
			rest, found := strings.CutPrefix(got, page)
			back, err := url.PathUnescape(rest)
			if _, parse := url.Parse(got); !found || err != nil || parse != nil || back != number || strings.ContainsAny(rest, "/?#&=+ ") {
				t.Errorf("number %q: page %q, number of it %q, errors %v, %v", number, got, back, err, parse)
			}
		}
	})
}
