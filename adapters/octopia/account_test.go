package octopia_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func sellerAnswer() object {
	return object{
		"seller_id": 98979, "login": " Demo-Shop ", "shop_name": " Demo shop ", "shop_url": "demo-shop", "seller_state": "Activated",
		"seller_sub_state": "ActiveSeller", "subscription_step": "Finished", "auto_accept_order": true, "language": "fr-FR",
	}
}

// TestCheckConnection: the account and its names, and which accounts cannot be connected (octopia-rest.md 4, 11).
func TestCheckConnection(t *testing.T) {
	t.Parallel()
	const automatic, manual, silent = adapterv1.AcceptanceMode_ACCEPTANCE_MODE_AUTOMATIC, adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL,
		adapterv1.AcceptanceMode_ACCEPTANCE_MODE_UNSPECIFIED
	both, one := []string{"seller:98979", "login:demo-shop"}, []string{"seller:98979"}
	for _, tt := range []struct {
		name   string
		answer string
		want   string // reason; empty for a connection
		text   string
		keys   []string
		mode   adapterv1.AcceptanceMode
	}{
		{"active", sellerAnswer().json(), "", "", both, automatic},
		{"accepts by hand", sellerAnswer().with("auto_accept_order", false).json(), "", "", both, manual},
		{"does not say", sellerAnswer().without("auto_accept_order").json(), "", "", both, silent},
		{"id as text", sellerAnswer().with("seller_id", "98979").json(), "", "", both, automatic},
		{"no login", sellerAnswer().without("login").json(), "", "", one, automatic},
		{"on notice", sellerAnswer().with("seller_state", "PutOnNotice").json(), "", "", both, automatic},
		{"on holidays", sellerAnswer().with("seller_sub_state", "Holidays").json(), "", "", both, automatic},
		{"sub state nobody knows", sellerAnswer().with("seller_sub_state", "Moving").json(), "", "", both, automatic},
		{"another seller", sellerAnswer().with("seller_id", 98980).json(), "SELLER_NOT_AUTHORIZED", "another seller", nil, silent},
		{"deactivated", sellerAnswer().with("seller_state", "Deactivated").json(), "SELLER_INACTIVE", "deactivated", nil, silent},
		{"banned", sellerAnswer().with("seller_sub_state", "BannedSeller").json(), "SELLER_INACTIVE", "banned", nil, silent},
		{"state nobody knows", sellerAnswer().with("seller_state", "Archived").json(), "SELLER_INACTIVE", "does not know", nil, silent},
		{"no state", sellerAnswer().without("seller_state").json(), "MALFORMED_ANSWER", "active", nil, silent},
		{"no id", sellerAnswer().without("seller_id").json(), "MALFORMED_ANSWER", "names no seller", nil, silent},
		{"null", "null", "MALFORMED_ANSWER", "", nil, silent},
		{"a list", "[" + sellerAnswer().json() + "]", "MALFORMED_ANSWER", "", nil, silent},
		{"wrong type", sellerAnswer().with("auto_accept_order", "yes").json(), "MALFORMED_ANSWER", "the seller.auto_accept_order", nil, silent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(http.StatusOK, tt.answer))
			resp, err := octopia.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
			if reason(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			if err != nil {
				return
			}
			if resp.GetAccountId() != "98979" || resp.GetShopName() != "Demo shop" || resp.GetAcceptanceMode() != tt.mode || resp.GetStateUpdate() == nil {
				t.Errorf("account %q, shop %q, %s", resp.GetAccountId(), resp.GetShopName(), resp.GetAcceptanceMode())
			}
			if diff := cmp.Diff(tt.keys, resp.GetAccountKeys()); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"GET /sellers"}, f.lines()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSellerIDsAreNumbers: leading zeros and blanks of a configured id do not make it another seller's.
func TestSellerIDsAreNumbers(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, sellerAnswer().json()))
	store := f.store()
	store.Credentials["seller_id"] = " 098979 "
	resp, err := octopia.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil || resp.GetAccountId() != "98979" || f.seen()[0].Header.Get("SellerId") != "098979" {
		t.Errorf("account %q, %v", resp.GetAccountId(), err)
	}
}

// TestDescribe: what the host relies on.
func TestDescribe(t *testing.T) {
	t.Parallel()
	d := octopia.New().Describe()
	c := d.GetCapabilities()
	if d.GetAdapter() != "octopia" || d.GetMarketplace() != "cdiscount" || c.GetPartialShipment() || c.GetSeveralParcels() || !c.GetAcceptance() ||
		!c.GetCount() || !c.GetPreview() || c.GetMaxShipmentsPerCall() < 1 || c.GetMaxOrdersPerGet() < 1 || c.GetMaxProductsPerGet() < 1 ||
		c.GetMaxDecisionsPerCall() < 1 || d.GetRateBudget().GetRequestsPerSecond() != 1 {
		t.Errorf("%+v", d)
	}
	for _, k := range d.GetEnvironmentKeys() {
		u, err := url.Parse(k.GetProductionUrl())
		if err != nil || u.Scheme != "https" || !strings.HasPrefix(k.GetSandboxPath(), "/octopia/") {
			t.Errorf("%s: %s, %s", k.GetKey(), k.GetProductionUrl(), k.GetSandboxPath())
		}
	}
	for _, field := range d.GetCredentialFields() {
		if field.GetSecret() != (field.GetKey() == "client_secret") {
			t.Errorf("%s is secret: %v", field.GetKey(), field.GetSecret())
		}
	}
}

// TestListCarriers: labels trimmed, rows that share a code or a label kept, rows without a label dropped (octopia-rest.md 7).
func TestListCarriers(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[{"code":"pcc","label":"La Poste"},{"code":"pcc","label":"Colissimo "},{"code":"x","label":"Colissimo"},
		{"code":"cpr","label":"Colis Privé","additionalParametersRequired":null},{"code":"y","label":" "},{"code":null,"label":"autre"}]`))
	resp, err := octopia.New().ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: f.store()})
	if err != nil {
		t.Fatal(err)
	}
	want := []*adapterv1.Carrier{
		{Code: "pcc", Name: "La Poste"}, {Code: "pcc", Name: "Colissimo"}, {Code: "x", Name: "Colissimo"}, {Code: "cpr", Name: "Colis Privé"}, {Name: "autre"},
	}
	if diff := cmp.Diff(want, resp.GetCarriers(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGetProducts: colour and size by GTIN, whatever the shape that the contract leaves open (octopia-rest.md 9).
func TestGetProducts(t *testing.T) {
	t.Parallel()
	products := map[string]string{
		"3700000000017": `{"items":[{"gtin":"3700000000017","attributes":[{"reference":"3263","name":"Couleur","values":["Rouge","Blanc"]},{"reference":"46830","values":["M"]},{"reference":"1","name":"Poids","values":["1"]}]}]}`,
		"037000000024":  `{"items":[{"gtin":"00037000000024","attributes":[{"reference":"x","name":"Taille bijou","value":"52"},{"name":"Coloris","values":[{"fr":"?"}],"value":7}]}]}`,
		"31":            `{"items":[{"properties":[{"reference":"color","values":"Bleu"},{"label":"Size","values":[]}]}]}`,
		"48":            `{"items":[{"gtin":"49","attributes":[{"reference":"3263","values":["Vert"]}]}]}`,
		"55":            `{"itemsPerPage":0,"items":[]}`,
		"62":            `{"items":[{"gtin":"62","attributes":null}]}`,
	}
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		q, _ := url.ParseQuery(r.Query)
		body, ok := products[q.Get("gtin")]
		if !ok {
			write(w, http.StatusNotFound, "")
			return
		}
		write(w, http.StatusOK, body)
	})
	resp, err := octopia.New().GetProducts(short(t), &adapterv1.GetProductsRequest{
		Store: f.store(), Eans: []string{"3700000000017", "037000000024", "31", "48", "55", "62", " 79 "},
	})
	if err != nil {
		t.Fatal(err)
	}
	option := func(pairs ...string) (list []*adapterv1.ItemOption) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, &adapterv1.ItemOption{Name: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	want := []*adapterv1.Product{
		{Ean: "3700000000017", Found: true, Options: option("colour", "Rouge, Blanc", "size", "M")},
		{Ean: "037000000024", Found: true, Options: option("colour", "7", "size", "52")},
		{Ean: "31", Found: true, Options: option("colour", "Bleu")},
		{Ean: "48"}, {Ean: "55"}, {Ean: "62", Found: true}, {Ean: " 79 "},
	}
	if diff := cmp.Diff(want, resp.GetProducts(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGetProductsFailures: requests that are wrong, and answers that are.
func TestGetProductsFailures(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `{"items":[{"gtin":[]}]}`))
	for _, tt := range []struct {
		eans  []string
		want  string
		field string
	}{
		{make([]string, 11), "INVALID_REQUEST", "eans"},
		{[]string{"1", " 1"}, "INVALID_REQUEST", "eans[1]"},
		{[]string{""}, "INVALID_REQUEST", "eans[0]"},
		{[]string{"1"}, "MALFORMED_ANSWER", ""},
	} {
		_, err := octopia.New().GetProducts(short(t), &adapterv1.GetProductsRequest{Store: f.store(), Eans: tt.eans})
		if reason(err) != tt.want || asSDK(err).Field != tt.field {
			t.Errorf("%q: %v", tt.eans, err)
		}
	}
}
