package octopia

import (
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/face"
)

// carrier is one row of the list of carriers. The code is not unique (octopia-rest.md 7).
type carrier struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}

// carriers is the list as measured on 2 Sep 2026, with a trailing blank on one label: which one had it was not recorded.
func carriers() []carrier {
	return []carrier{
		{"dpd", "DPD"}, {"pnl", "PostNL"}, {"fex", "FedEx"}, {"med", "Med Africa"}, {"tnt", "TNT"}, {"mre", "Mondial Relay"},
		{"brt", "BRT"}, {"mal", "Malaysia Post"}, {"fwl", "FastWL"}, {"cub", "CUBYN"}, {"dac", "Dachser"}, {"cne", "CNE Express"},
		{"ems", "China EMS"}, {"yun", "Yun Express"}, {"ara", "Aramex"}, {"hep", "Heppner"}, {"default", "autre"}, {"roy", "Royal Mail"},
		{"hmr", "Hermes"}, {"gls", "GLS"}, {"asd", "Asendia "}, {"sfe", "SF Express"}, {"sfc", "SFC Service"}, {"ups", "UPS"},
		{"cpr", "Colis Privé"}, {"cnp", "China Post"}, {"4px", "4PX"}, {"maz", "Mazet"}, {"rlc", "Relais Colis"}, {"dbs", "DB Schenker"},
		{"bps", "Bpost"}, {"wip", "WishPost"}, {"wan", "WanbExpress"}, {"gef", "Gefco"}, {"ser", "Seur"}, {"CLogistics", "CLOG"},
		{"khn", "Kuehne + Nagel"}, {"pcc", "La Poste"}, {"pcc", "Colissimo"}, {"pcc", "Chronopost"}, {"pcc", "Chronofresh"},
		{"geo", "GEODIS"}, {"dhldp", "DHL"}, {"dhldp", "Deutsche Post"}, {"yan", "Yanwen"}, {"vir", "VIR"}, {"tgt", "TONGTUEXPRESS"},
		{"j&t", "AFS"}, {"cdr", "Coordinadora"}, {"sue", "SwissUniversalExpress"}, {"dsv", "DSV dpd"}, {"clogp30", "CChezVous"},
		{"trk", "Trusk"}, {"agd", "Agediss"}, {"gofo", "GofoAfs"}, {"gel", "Gel"}, {"erd", "Eurodis"}, {"jsp", "Jersey Post"},
		{"syp", "Sunyou Post"}, {"ams", "Amazon Shipping"}, {"vcv", "VertChezVous"}, {"can", "Cainiao"}, {"jcex", "JCEX"}, {"ydh", "YDH"},
		{"war", "Warning"}, {"landmark-global", "Landmark"},
	}
}

// listed reports whether a carrier has that label, blanks around it aside.
func listed(label string) bool {
	for _, c := range carriers() {
		if strings.TrimSpace(c.Label) == strings.TrimSpace(label) {
			return true
		}
	}
	return false
}

// listCarriers answers with a bare array.
func (f *Face) listCarriers(*call) face.Answer { return ok(carriers()) }
