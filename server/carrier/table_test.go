package carrier_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/order"
)

// TestDefault holds the embedded data against the table of the contract, carriers.md, each word as it stands there.
func TestDefault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		words   string // with commas between
		network order.PickupNetwork
		page    string
	}{
		{"Colissimo", "so colissimo,colissimo access,la poste colissimo,laposte_colissimo", order.Colissimo, "https://www.laposte.fr/outils/suivre-vos-envois?code={n}"},
		{"La Poste", "La Poste - Courrier,laposte,la poste,lettre suivie,courrier", "", "https://www.laposte.fr/outils/suivre-vos-envois?code={n}"},
		{"Chronopost", "chrono,chrono13,chronopost_shop2shop", "", "https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT={n}"},
		{"Mondial Relay", "mondialrelay,mr,inpost fr", order.MondialRelay, "https://www.mondialrelay.fr/suivi-de-colis?numeroExpedition={n}"},
		{"Relais Colis", "relaiscolis", order.RelaisColis, "https://www.relaiscolis.com/suivi-de-colis/index/tracking/?valeur={n}"},
		{"Colis Privé", "colisprive,colis prive", "", "https://colisprive.com/moncolis/pages/detailColis.aspx?numColis={n}"},
		{"DPD", "dpd france,exapaq", "", "https://trace.dpd.fr/fr/trace/{n}"},
		{"GLS", "gls france", "", "https://gls-group.com/FR/fr/suivi-colis/?match={n}"},
		{"UPS", "united parcel service", "", "https://www.ups.com/track?tracknum={n}"},
		{"DHL", "DHL Express,dhl express,dhl parcel", "", "https://www.dhl.com/fr-fr/home/tracking.html?tracking-id={n}"},
		{"FedEx", "fed ex,federal express", "", "https://www.fedex.com/fedextrack/?trknbr={n}"},
		{"TNT", "tnt express", "", "https://www.tnt.com/express/fr_fr/site/outils-expedition/suivi.html?searchType=con&cons={n}"},
		{"GEODIS", "geodis calberson,calberson,france express", "", ""},
		{"Heppner", "", "", ""},
		{"DB Schenker", "schenker", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table := carrier.Default()
			for _, list := range [][]carrier.Listed{octopia(), {{Code: "0", Name: tt.name}}} {
				for word := range strings.SplitSeq(tt.name+","+tt.words, ",") {
					if word == "" {
						continue
					}
					if m, err := table.Resolve(word, list); err != nil || m.Carrier != tt.name || m.Listed.Name != tt.name {
						t.Errorf("Resolve(%q) = %+v, %v", word, m, err)
					}
				}
			}
			got, _ := table.TrackingURL(tt.name, "N1")
			if want := strings.Replace(tt.page, "{n}", "N1", 1); got != want {
				t.Errorf("tracking page %q, want %q", got, want)
			}
			for _, network := range []order.PickupNetwork{order.Colissimo, order.MondialRelay, order.RelaisColis} {
				known, serves := table.Serves(tt.name, string(network))
				if !known || serves != (network == tt.network) {
					t.Errorf("serves %s: known %v, %v; want %v", network, known, serves, network == tt.network)
				}
			}
		})
	}
}

// TestServesNotKnown: nothing is said against a carrier or network that the table does not know.
func TestServesNotKnown(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, carrier, network string }{
		{"pickup at a shop", "DHL", string(order.Shop)},
		{"network of an order that has none", "DHL", ""},
		{"network that is new", "DHL", "LOCKERS"},
		{"the word for none", "DHL", carrier.None},
		{"carrier that is new", "Véloce", string(order.Colissimo)},
		{"carrier of which it is not known", "Deutsche Post", string(order.Colissimo)},
		{"no carrier", "", string(order.Colissimo)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if known, serves := carrier.Default().Serves(tt.carrier, tt.network); known || serves {
				t.Errorf("Serves(%q, %q) = %v, %v; want not known", tt.carrier, tt.network, known, serves)
			}
		})
	}
}

// TestExtend shows what an operator's configuration can do, and that the table which is extended stays as it was.
func TestExtend(t *testing.T) {
	t.Parallel()
	base := carrier.Default()
	table, err := base.Extend([]carrier.Entry{
		{Name: "colissimo", Aliases: []string{"colo", "So Colissimo"}, TrackingPage: "https://tracking.example.com/{n}/fr"},
		{Name: "Chronopost", Spellings: []string{"Chronopost FR"}, Serves: []string{"COLISSIMO"}},
		{Name: "Véloce", Aliases: []string{"vlc"}, TrackingPage: "https://veloce.example.com?{n}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	list := []carrier.Listed{{"1", "Colissimo"}, {"2", "Chronopost FR"}, {"3", "VELOCE"}}

	var got []string
	for _, word := range []string{"colo", "so colissimo", "chrono", "vlc"} {
		m, err := table.Resolve(word, list)
		if err != nil || m.Rule != carrier.RuleAlias {
			t.Errorf("Resolve(%q) = %+v, %v", word, m, err)
		}
		page, _ := table.TrackingURL(m.Carrier, "N 1")
		known, serves := table.Serves(m.Carrier, "COLISSIMO")
		got = append(got, strings.Join([]string{m.Listed.Name, m.Carrier, page, yes(known), yes(serves)}, " | "))
		if m, err := base.Resolve(word, list); err == nil && word != "so colissimo" {
			t.Errorf("the default table has changed: Resolve(%q) = %+v", word, m)
		}
	}
	want := []string{
		"Colissimo | Colissimo | https://tracking.example.com/N%201/fr | yes | yes",
		"Colissimo | Colissimo | https://tracking.example.com/N%201/fr | yes | yes",
		"Chronopost FR | Chronopost | https://www.chronopost.fr/tracking-no-cms/suivi-page?listeNumerosLT=N%201 | yes | yes",
		"VELOCE | Véloce | https://veloce.example.com?N%201 | no | no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if known, serves := base.Serves("Chronopost", "COLISSIMO"); !known || serves {
		t.Errorf("the default table has changed: Chronopost serves COLISSIMO: known %v, %v", known, serves)
	}
	if page, _ := base.TrackingURL("Colissimo", "1"); !strings.HasPrefix(page, "https://www.laposte.fr/") {
		t.Errorf("the default table has changed: %s", page)
	}
	if m, ok := table.Other("unheard of", octopia()); !ok {
		t.Errorf("the row for other carriers is lost: %+v", m)
	}
}

// TestExtendKeepsNoCallerMemory: what the caller does with its entries afterwards changes nothing.
func TestExtendKeepsNoCallerMemory(t *testing.T) {
	t.Parallel()
	e := carrier.Entry{Name: "Véloce", Aliases: []string{"vlc"}, Serves: []string{"COLISSIMO"}}
	table, err := carrier.Default().Extend([]carrier.Entry{e})
	if err != nil {
		t.Fatal(err)
	}
	e.Aliases[0], e.Serves[0] = "other", "RELAIS_COLIS"
	if got := table.Aliases([]carrier.Listed{{"1", "Véloce"}}); !cmp.Equal(got, [][]string{{"vlc"}}) {
		t.Errorf("aliases %q", got)
	}
	if _, serves := table.Serves("Véloce", "COLISSIMO"); !serves {
		t.Error("does not serve COLISSIMO any more")
	}
}

// TestExtendRefuses: a wrong entry is told by its name, and all of them at once.
func TestExtendRefuses(t *testing.T) {
	t.Parallel()
	page := func(page string) []carrier.Entry { return []carrier.Entry{{Name: "Véloce", TrackingPage: page}} }
	tests := []struct {
		name string
		more []carrier.Entry
		want []string // one line each
	}{
		{"no name", []carrier.Entry{{Name: "A"}, {Name: " - "}}, []string{`entry 2: the name " - " has no letter or digit`}},
		{"name twice", []carrier.Entry{{Name: "Véloce"}, {Name: "VELOCE"}}, []string{`carrier "VELOCE": there are two entries of this name`}},
		{"name that is an alias", []carrier.Entry{{Name: "Chrono"}}, []string{`carrier "Chrono": is another word for "Chronopost": write that name`}},
		{"name that is a spelling", []carrier.Entry{{Name: "DHL Express"}}, []string{`carrier "DHL Express": is another word for "DHL": write that name`}},
		{"alias that is a carrier's name", []carrier.Entry{{Name: "Véloce", Aliases: []string{"d.p.d."}}}, []string{`carrier "Véloce": "d.p.d." means "DPD" already`}},
		{"alias of another carrier", []carrier.Entry{{Name: "UPS", Aliases: []string{"Courrier"}}}, []string{`carrier "UPS": "Courrier" means "La Poste" already`}},
		{"alias of two entries", []carrier.Entry{{Name: "A", Aliases: []string{"x"}}, {Name: "B", Spellings: []string{"X"}}}, []string{`carrier "B": "X" means "A" already`}},
		{"blank alias", []carrier.Entry{{Name: "DPD", Aliases: []string{" "}}}, []string{`carrier "DPD": the word " " has no letter or digit`}},
		{"network that is none", []carrier.Entry{{Name: "DPD", Serves: []string{"Colissimo"}}},
			[]string{`carrier "DPD": serves "Colissimo", which is not one of COLISSIMO, MONDIAL_RELAY, RELAIS_COLIS or NONE`}},
		{"none and others", []carrier.Entry{{Name: "DPD", Serves: []string{"COLISSIMO", "NONE"}}}, []string{`carrier "DPD": serves NONE and others`}},
		{"page without the number", page("https://a.example.com/"), []string{`carrier "Véloce": tracking page "https://a.example.com/": needs {n} once and no other braces`}},
		{"page with the number twice", page("https://a.example.com/{n}/{n}"), []string{`carrier "Véloce": tracking page "https://a.example.com/{n}/{n}": needs {n} once and no other braces`}},
		{"page with another brace", page("https://a.example.com/{n}{lang}"), []string{`carrier "Véloce": tracking page "https://a.example.com/{n}{lang}": needs {n} once and no other braces`}},
		{"page that is not https", page("http://a.example.com/{n}"), []string{`carrier "Véloce": tracking page "http://a.example.com/{n}": is not an absolute https URL`}},
		{"page that is a script", page("javascript:alert('{n}')"), []string{`carrier "Véloce": tracking page "javascript:alert('{n}')": is not an absolute https URL`}},
		{"page without a host", page("https:///{n}"), []string{`carrier "Véloce": tracking page "https:///{n}": is not an absolute https URL`}},
		{"page that is relative", page("/track/{n}"), []string{`carrier "Véloce": tracking page "/track/{n}": is not an absolute https URL`}},
		{"number in the host", page("https://a.example.com{n}/"), []string{`carrier "Véloce": tracking page "https://a.example.com{n}/": has {n} in the host`}},
		{"number before the host", page("https://{n}.example.com/"), []string{`carrier "Véloce": tracking page "https://{n}.example.com/": is not an absolute https URL`}},
		{"page with a user", page("https://u@a.example.com/{n}"), []string{`carrier "Véloce": tracking page "https://u@a.example.com/{n}": holds a user name`}},
		{"page with a blank", page("https://a.example.com/ {n}"), []string{`carrier "Véloce": tracking page "https://a.example.com/ {n}": holds a blank or a character that a URL does not; percent-encode it`}},
		{"page that does not parse", page("https://a.example.com/{n}%zz"), []string{`carrier "Véloce": tracking page "https://a.example.com/{n}%zz": is not a URL`}},
		{"all at once", []carrier.Entry{{Name: "A", Serves: []string{"X"}, Aliases: []string{"gls"}}, {Name: ""}}, []string{
			`carrier "A": "gls" means "GLS" already`,
			`carrier "A": serves "X", which is not one of COLISSIMO, MONDIAL_RELAY, RELAIS_COLIS or NONE`,
			`entry 2: the name "" has no letter or digit`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			table, err := carrier.Default().Extend(tt.more)
			if err == nil {
				t.Fatal("accepted")
			}
			if diff := cmp.Diff(tt.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			if _, ok := table.TrackingURL("DPD", "1"); ok {
				t.Error("a table comes with the error")
			}
		})
	}
}

// TestZeroTable: a table that knows nothing still finds names and codes.
func TestZeroTable(t *testing.T) {
	t.Parallel()
	var table carrier.Table
	if m, err := table.Resolve("mre", octopia()); err != nil || m.Listed.Name != "Mondial Relay" || m.Carrier != "" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := table.Resolve("chrono", octopia()); err == nil {
		t.Errorf("an alias matches without a table: %+v", m)
	}
	if m, ok := table.Other("unheard of", octopia()); ok {
		t.Errorf("a row for other carriers without a table: %+v", m)
	}
}

// TestPagesFit: a page with a number of usual length is no longer than the 255 characters that a marketplace may take.
func TestPagesFit(t *testing.T) {
	t.Parallel()
	for _, row := range append(octopia(), cdiscount()...) {
		page, ok := carrier.Default().TrackingURL(row.Name, strings.Repeat("9", 50))
		if u, err := url.Parse(page); ok && (err != nil || u.Scheme != "https" || len(page) > 255) {
			t.Errorf("%s: page %q, %v", row.Name, page, err)
		}
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
