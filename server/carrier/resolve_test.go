package carrier_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/carrier"
)

// TestResolve holds the rules and their order on the real lists.
func TestResolve(t *testing.T) {
	t.Parallel()
	const name, code, alias = carrier.RuleName, carrier.RuleCode, carrier.RuleAlias
	tests := []struct {
		name    string
		list    []carrier.Listed
		written string
		want    string // name of the row
		rule    carrier.Rule
		carrier string // canonical
	}{
		{"to the letter", octopia(), "Colis Privé", "Colis Privé", name, "Colis Privé"},
		{"case and accents", octopia(), "COLIS PRIVE", "Colis Privé", name, "Colis Privé"},
		{"accent as a mark of its own", octopia(), "colis prive\u0301", "Colis Privé", name, "Colis Privé"},
		{"punctuation", octopia(), "mondial-relay", "Mondial Relay", name, "Mondial Relay"},
		{"blanks left out", octopia(), "mondialrelay", "Mondial Relay", name, "Mondial Relay"},
		{"blanks around, and one that does not break", octopia(), " \tMondial\u00a0Relay\r\n", "Mondial Relay", name, "Mondial Relay"},
		{"full width letters", octopia(), "ＤＰＤ", "DPD", name, "DPD"},
		{"invisible characters", octopia(), "\ufeffD\u200bPD\u200f", "DPD", name, "DPD"},
		{"sign in the name", octopia(), "kuehne nagel", "Kuehne + Nagel", name, ""},
		{"name before code: gls is both", octopia(), "gls", "GLS", name, "GLS"},
		{"name with a trailing blank in the list", cdiscount(), "asendia hk", "Asendia HK ", name, ""},
		{"name that the table knows by a spelling", cdiscount(), "la poste courrier", "La Poste - Courrier", name, "La Poste"},
		{"row of any other carrier, by name", octopia(), "Autre", "autre", name, ""},

		{"code", octopia(), "mre", "Mondial Relay", code, "Mondial Relay"},
		{"code in another case", octopia(), "CLOGISTICS", "CLOG", code, ""},
		{"code with a sign", octopia(), "j&t", "AFS", code, ""},
		{"number as code", cdiscount(), " 14 ", "Colissimo", code, "Colissimo"},
		{"row of any other carrier, by code", octopia(), "default", "autre", code, ""},

		{"alias", octopia(), "chrono13", "Chronopost", alias, "Chronopost"},
		{"alias, folded", octopia(), "Chronopost Shop2Shop", "Chronopost", alias, "Chronopost"},
		{"alias that holds another carrier's name", octopia(), "laposte_colissimo", "Colissimo", alias, "Colissimo"},
		{"canonical name, spelled otherwise in the list", cdiscount(), "laposte", "La Poste - Courrier", alias, "La Poste"},
		{"alias, spelled otherwise in the list", cdiscount(), "lettre suivie", "La Poste - Courrier", alias, "La Poste"},
		{"spelling of one marketplace on the other", octopia(), "La Poste - Courrier", "La Poste", alias, "La Poste"},
		{"another spelling of one on the other", octopia(), "DHL Express", "DHL", alias, "DHL"},
		{"canonical name, and others that begin so", cdiscount(), "DHL", "DHL Express", alias, "DHL"},
		{"spelling of the SOAP list", octopia(), "China EMS (ePacket)", "China EMS", alias, "China EMS"},
		{"mail brand", octopia(), "DHL Deutsche Post", "Deutsche Post", alias, "Deutsche Post"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := carrier.Default().Resolve(tt.written, tt.list)
			if err != nil {
				t.Fatal(err)
			}
			if got.Listed.Name != tt.want || got.Rule != tt.rule || got.Carrier != tt.carrier {
				t.Errorf("Resolve(%q) = %q by %s, carrier %q; want %q by %s, carrier %q",
					tt.written, got.Listed.Name, got.Rule, got.Carrier, tt.want, tt.rule, tt.carrier)
			}
			if other := tt.want == "autre"; got.AnyOther != other {
				t.Errorf("AnyOther %v, want %v", got.AnyOther, other)
			}
		})
	}
}

// TestResolveOddLists holds the rules on lists that no marketplace has sent yet.
func TestResolveOddLists(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		list    []carrier.Listed
		written string
		want    carrier.Listed
		rule    carrier.Rule // empty: unknown
	}{
		{"name of one row, code of another", []carrier.Listed{{"dpd", "GLS"}, {"gls", "DPD"}}, "dpd", carrier.Listed{"gls", "DPD"}, carrier.RuleName},
		{"code of one row, alias of another", []carrier.Listed{{"1", "Chronopost"}, {"chrono", "Fast"}}, "chrono", carrier.Listed{"chrono", "Fast"}, carrier.RuleCode},
		{"shared code that is an alias", []carrier.Listed{{"mr", "A"}, {"mr", "B"}, {"x", "Mondial Relay"}}, "mr", carrier.Listed{"x", "Mondial Relay"}, carrier.RuleAlias},
		{"alias of the table that the list has as a name", []carrier.Listed{{"1", "GEODIS"}, {"2", "Calberson"}}, "calberson", carrier.Listed{"2", "Calberson"}, carrier.RuleName},
		{"two spellings in the list, the canonical name wins", []carrier.Listed{{"1", "DHL Express"}, {"2", "DHL"}}, "dhl parcel", carrier.Listed{"2", "DHL"}, carrier.RuleAlias},
		{"one name on two rows", []carrier.Listed{{"a", "Colissimo"}, {"b", "Colissimo "}}, "COLISSIMO", carrier.Listed{"a", "Colissimo"}, carrier.RuleName},
		{"one code on two rows of one name", []carrier.Listed{{"a", "Colissimo"}, {"a", "Colissimo "}}, "a", carrier.Listed{"a", "Colissimo"}, carrier.RuleCode},
		{"names that differ in an accent, to the letter", []carrier.Listed{{"1", "Privé"}, {"2", "Prive"}}, "Prive", carrier.Listed{"2", "Prive"}, carrier.RuleName},
		{"names that differ in an accent, otherwise", []carrier.Listed{{"1", "Privé"}, {"2", "Prive"}}, "PRIVE", carrier.Listed{}, ""},
		{"number of a spreadsheet is not another code", []carrier.Listed{{"1", "A"}, {"10", "B"}}, "1.0", carrier.Listed{}, ""},
		{"row without letters, to the letter", []carrier.Listed{{"1", "***"}}, "***", carrier.Listed{"1", "***"}, carrier.RuleName},
		{"signs are not each other", []carrier.Listed{{"1", "***"}}, "---", carrier.Listed{}, ""},
		{"another script", []carrier.Listed{{"1", "中通快递"}}, "中通 快递", carrier.Listed{"1", "中通快递"}, carrier.RuleName},
		{"letters that only look alike", []carrier.Listed{{"1", "DPD"}}, "DРD", carrier.Listed{}, ""}, // the middle one is Cyrillic
		{"rows without a name or code", []carrier.Listed{{"", ""}, {"x", " "}, {"", "UPS"}}, "ups", carrier.Listed{"", "UPS"}, carrier.RuleName},
		{"code of a row without a name", []carrier.Listed{{"x", " "}}, "x", carrier.Listed{}, ""},
		{"very long name of the list", []carrier.Listed{{"1", strings.Repeat("long ", 100)}}, strings.Repeat("long ", 100), carrier.Listed{"1", strings.Repeat("long ", 100)}, carrier.RuleName},
		{"no list", nil, "dpd", carrier.Listed{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := carrier.Default().Resolve(tt.written, tt.list)
			var unknown *carrier.UnknownError
			if tt.rule == "" && !errors.As(err, &unknown) {
				t.Fatalf("Resolve(%q) = %+v, %v; want an unknown carrier", tt.written, got, err)
			}
			if got.Listed != tt.want || got.Rule != tt.rule {
				t.Errorf("Resolve(%q) = %v by %s, want %v by %s", tt.written, got.Listed, got.Rule, tt.want, tt.rule)
			}
		})
	}
}

// TestListResolvesToItself: what ListCarriers shows is taken, as the row that it is.
func TestListResolvesToItself(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]carrier.Listed{"octopia": octopia(), "cdiscount": cdiscount()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, row := range list {
				for _, written := range []string{row.Name, strings.TrimSpace(row.Name), strings.ToUpper(row.Name), " " + row.Name + " "} {
					got, err := carrier.Default().Resolve(written, list)
					if err != nil || got.Listed != row || got.Rule != carrier.RuleName {
						t.Errorf("Resolve(%q) = %+v, %v; want %v by NAME", written, got, err, row)
					}
				}
			}
		})
	}
}

// TestRandomListsResolveToThemselves holds the same for names that nobody has thought of: each is found as written, and by its
// own name whatever the codes and the other names are.
func TestRandomListsResolveToThemselves(t *testing.T) {
	t.Parallel()
	const seed = 20261123
	r := rand.New(rand.NewPCG(seed, seed))
	letters := []rune("aAeéÉœßzZİı09 \u00a0-_'&.+ﬁ中ＤΩс\u0301\u200b\ufffd")
	random := func() string {
		b := make([]rune, r.IntN(6))
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	for range 2000 {
		list := make([]carrier.Listed, 1+r.IntN(8))
		for i := range list {
			list[i] = carrier.Listed{Code: random(), Name: random()}
		}
		for _, row := range list {
			if strings.TrimSpace(row.Name) == "" {
				continue
			}
			got, err := carrier.Default().Resolve(row.Name, list)
			if err != nil || got.Rule != carrier.RuleName || strings.TrimSpace(got.Listed.Name) != strings.TrimSpace(row.Name) {
				t.Fatalf("seed %d, list %q: Resolve(%q) = %+v, %v; want itself", seed, list, row.Name, got, err)
			}
		}
	}
}

// TestOther: the row for any other carrier is taken for what the list does not have, and for nothing else.
func TestOther(t *testing.T) {
	t.Parallel()
	other := carrier.Listed{Code: "default", Name: "autre"}
	tests := []struct {
		name    string
		list    []carrier.Listed
		written string
		want    carrier.Match // zero: none
	}{
		{"carrier that nobody knows", octopia(), "Véloce Express", carrier.Match{Listed: other, Rule: carrier.RuleOther, AnyOther: true}},
		{"carrier of the table", []carrier.Listed{other}, "dhl express", carrier.Match{Listed: other, Rule: carrier.RuleOther, Carrier: "DHL", AnyOther: true}},
		{"marketplace without such a row", cdiscount(), "Véloce Express", carrier.Match{}},
		{"carrier of the list", octopia(), "chrono", carrier.Match{}},
		{"one of several carriers of the list", octopia(), "pcc", carrier.Match{}},
		{"nothing written", octopia(), " ", carrier.Match{}},
		{"signs written", octopia(), "--", carrier.Match{}},
		{"too long for a name", octopia(), strings.Repeat("x", 10_000), carrier.Match{}},
		{"carrier that only has the name", []carrier.Listed{{"17", "Autre"}}, "Véloce", carrier.Match{}},
		{"carrier that only has the code", []carrier.Listed{{"default", "Colissimo"}}, "Véloce", carrier.Match{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := carrier.Default().Other(tt.written, tt.list)
			if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want.Rule != "") {
				t.Errorf("Other(%q): %v, want -, got +\n%s", tt.written, ok, diff)
			}
		})
	}
}

// TestAliases: they depend on how the list spells the carrier, and each of them works.
func TestAliases(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		list []carrier.Listed
		want [][]string
	}{
		{"canonical spelling", []carrier.Listed{{"1", "La Poste"}}, [][]string{{"La Poste - Courrier", "lettre suivie", "courrier"}}},
		{"other spelling", []carrier.Listed{{"1", "La Poste - Courrier"}}, [][]string{{"La Poste", "lettre suivie", "courrier"}}},
		{"two rows of one carrier", []carrier.Listed{{"1", "DHL Express"}, {"2", "DHL"}}, [][]string{nil, {"dhl parcel"}}},
		{"alias that is another row's code", []carrier.Listed{{"courrier", "UPS"}, {"2", "La Poste"}},
			[][]string{{"united parcel service"}, {"La Poste - Courrier", "lettre suivie"}}},
		{"carrier that the table does not know", []carrier.Listed{{"1", "Véloce"}}, [][]string{nil}},
		{"no list", nil, [][]string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, carrier.Default().Aliases(tt.list)); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

func BenchmarkResolve(b *testing.B) {
	list := octopia()
	for _, bb := range []struct{ name, written string }{
		{"exact", "Landmark"}, {"name", "colis prive"}, {"code", "landmark-global"}, {"alias", "laposte_colissimo"}, {"unknown", "colisimmo"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			table := carrier.Default()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = table.Resolve(bb.written, list)
			}
		})
	}
}
