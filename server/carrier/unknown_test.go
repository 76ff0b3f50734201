package carrier_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/carrier"
)

// TestUnknown holds what a carrier is answered with that is not in the list.
func TestUnknown(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 200)
	tests := []struct {
		name    string
		list    []carrier.Listed
		written string
		want    carrier.UnknownError
		text    string
	}{
		{
			"typing error", octopia(), "Colisimmo", carrier.UnknownError{Written: "Colisimmo", Near: []string{"Colissimo"}},
			`carrier "Colisimmo" is not one of the marketplace's carriers; near: Colissimo`,
		},
		{
			"letters swapped in a short name", octopia(), "USP", carrier.UnknownError{Written: "USP", Near: []string{"UPS"}},
			`carrier "USP" is not one of the marketplace's carriers; near: UPS`,
		},
		{
			"near an alias only", octopia(), "Calbersson", carrier.UnknownError{Written: "Calbersson", Near: []string{"GEODIS"}},
			`carrier "Calbersson" is not one of the marketplace's carriers; near: GEODIS`,
		},
		{
			"name inside a longer text, the longer name first", octopia(), "La Poste Colissimo Expert",
			carrier.UnknownError{Written: "La Poste Colissimo Expert", Near: []string{"Colissimo", "La Poste"}},
			`carrier "La Poste Colissimo Expert" is not one of the marketplace's carriers; near: Colissimo, La Poste`,
		},
		{
			"no more than five", cdiscount(), "post",
			carrier.UnknownError{Written: "post", Near: []string{"Bpost", "PostNL", "WishPost", "China Post", "Chronopost"}},
			`carrier "post" is not one of the marketplace's carriers; near: Bpost, PostNL, WishPost, China Post, Chronopost`,
		},
		{
			"end of an alias", octopia(), "shop2shop", carrier.UnknownError{Written: "shop2shop", Near: []string{"Chronopost"}},
			`carrier "shop2shop" is not one of the marketplace's carriers; near: Chronopost`,
		},
		{
			"code of several carriers", octopia(), "pcc",
			carrier.UnknownError{Written: "pcc", Ambiguous: true, Near: []string{"La Poste", "Colissimo", "Chronopost", "Chronofresh"}},
			`carrier "pcc" fits several of the marketplace's carriers; near: La Poste, Colissimo, Chronopost, Chronofresh`,
		},
		{
			"code of two carriers, in another case", octopia(), "DHLDP",
			carrier.UnknownError{Written: "DHLDP", Ambiguous: true, Near: []string{"DHL", "Deutsche Post"}},
			`carrier "DHLDP" fits several of the marketplace's carriers; near: DHL, Deutsche Post`,
		},
		{
			"alias of a carrier that is not listed", []carrier.Listed{{"1", "GLS"}, {"2", "DPD"}}, "schenker",
			carrier.UnknownError{Written: "schenker", Carrier: "DB Schenker"},
			`carrier "schenker" is DB Schenker, which is not one of the marketplace's carriers`,
		},
		{
			"names that differ in an accent", []carrier.Listed{{"1", "Privé"}, {"2", "Prive "}, {"prive", "UPS"}}, "PRIVE",
			carrier.UnknownError{Written: "PRIVE", Ambiguous: true, Near: []string{"Privé", "Prive"}},
			`carrier "PRIVE" fits several of the marketplace's carriers; near: Privé, Prive`,
		},
		{
			"one slip in three letters", octopia(), "txt", carrier.UnknownError{Written: "txt", Near: []string{"TNT"}},
			`carrier "txt" is not one of the marketplace's carriers; near: TNT`,
		},
		{
			"two slips in three letters are too many", []carrier.Listed{{"1", "TNT"}}, "txx", carrier.UnknownError{Written: "txx"},
			`carrier "txx" is not one of the marketplace's carriers`,
		},
		{
			"the group, where one of its companies is listed", cdiscount(), "Asendia", carrier.UnknownError{Written: "Asendia", Near: []string{"Asendia HK"}},
			`carrier "Asendia" is not one of the marketplace's carriers; near: Asendia HK`,
		},
		{
			"the nearest word of a carrier counts", []carrier.Listed{{"1", "Geodis Calberson Paris Sud-Ouest"}, {"2", "GEODIS"}}, "geodis calberson paris",
			carrier.UnknownError{Written: "geodis calberson paris", Near: []string{"GEODIS", "Geodis Calberson Paris Sud-Ouest"}},
			`carrier "geodis calberson paris" is not one of the marketplace's carriers; near: GEODIS, Geodis Calberson Paris Sud-Ouest`,
		},
		{
			"a slip is nearer than a longer form", []carrier.Listed{{"1", "Colis"}, {"2", "Colissimo"}}, "colissim0",
			carrier.UnknownError{Written: "colissim0", Near: []string{"Colissimo", "Colis"}},
			`carrier "colissim0" is not one of the marketplace's carriers; near: Colissimo, Colis`,
		},
		{"three letters inside a word mean nothing", octopia(), "Unigelado", carrier.UnknownError{Written: "Unigelado"},
			`carrier "Unigelado" is not one of the marketplace's carriers`},
		{"nothing like it", octopia(), "zzzzzz", carrier.UnknownError{Written: "zzzzzz"}, `carrier "zzzzzz" is not one of the marketplace's carriers`},
		{"blank, and so is a name of the list", []carrier.Listed{{"1", " "}}, " ", carrier.UnknownError{}, "no carrier is named"},
		{"empty", octopia(), "", carrier.UnknownError{}, "no carrier is named"},
		{"blank", octopia(), " \t\u00a0", carrier.UnknownError{}, "no carrier is named"},
		{"signs", octopia(), "--", carrier.UnknownError{Written: "--"}, `carrier "--" is not one of the marketplace's carriers`},
		{"line break is quoted", octopia(), "zz\nzz", carrier.UnknownError{Written: "zz\nzz"}, `carrier "zz\nzz" is not one of the marketplace's carriers`},
		{
			"very long", octopia(), long, carrier.UnknownError{Written: strings.Repeat("é", 40) + "…"},
			`carrier "` + strings.Repeat("é", 40) + `…" is not one of the marketplace's carriers`,
		},
		{
			"very long, and a name but for its signs", octopia(), "DPD" + strings.Repeat("-", 300),
			carrier.UnknownError{Written: "DPD" + strings.Repeat("-", 37) + "…"},
			`carrier "DPD` + strings.Repeat("-", 37) + `…" is not one of the marketplace's carriers`,
		},
		{
			"very long, with a carrier in it", octopia(), strings.Repeat("x", 300) + "colissimo",
			carrier.UnknownError{Written: strings.Repeat("x", 40) + "…"},
			`carrier "` + strings.Repeat("x", 40) + `…" is not one of the marketplace's carriers`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := carrier.Default().Resolve(tt.written, tt.list)
			var got *carrier.UnknownError
			if !errors.As(err, &got) {
				t.Fatalf("Resolve(%q) = %+v, %v; want an unknown carrier", tt.written, m, err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			if err.Error() != tt.text {
				t.Errorf("text\n%s, want\n%s", err, tt.text)
			}
		})
	}
}
