package control_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type seller struct {
	Account     string
	SellerID    string `json:"seller_id"`
	Delegated   bool
	AutoAccept  bool `json:"auto_accept"`
	Credentials map[string]map[string]string
}

func TestSellersHaveCredentialsForEachFace(t *testing.T) {
	t.Parallel()
	s := open(t)
	var list struct{ Sellers []seller }
	call(t, s, "GET", "/sandbox/sellers", "", &list)
	want := []seller{
		{Account: "demo", SellerID: "10001", Delegated: true, Credentials: map[string]map[string]string{
			"cdiscount": {"login": "demo-api", "password": "demo-password"},
			"octopia":   {"client_id": "demo-client", "client_secret": "demo-secret", "seller_id": "10001"},
		}},
		{Account: "demo2", SellerID: "10002", Delegated: true, Credentials: map[string]map[string]string{
			"cdiscount": {"login": "demo2-api", "password": "demo-password"},
			"octopia":   {"client_id": "demo2-client", "client_secret": "demo-secret", "seller_id": "10002"},
		}},
	}
	if diff := cmp.Diff(want, list.Sellers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	var made seller
	call(t, s, "POST", "/sandbox/sellers", `{"account":"tea","client_id":"demo-client","delegated":false,"auto_accept":true}`, &made)
	if diff := cmp.Diff(seller{Account: "tea", SellerID: "10003", AutoAccept: true, Credentials: map[string]map[string]string{
		"cdiscount": {"login": "tea-api", "password": "demo-password"},
		"octopia":   {"client_id": "demo-client", "client_secret": "demo-secret", "seller_id": "10003"},
	}}, made); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	call(t, s, "POST", "/sandbox/sellers", `{"account":"tea","client_secret":"next"}`, &made)
	call(t, s, "GET", "/sandbox/sellers", "", &list)
	if got := list.Sellers[0].Credentials["octopia"]["client_secret"]; got != "next" {
		t.Errorf("the client's other seller still has the secret %s", got)
	}
	call(t, s, "POST", "/sandbox/sellers", `{"account":"tea2","client_id":"demo-client"}`, &made)
	if got := made.Credentials["octopia"]["client_secret"]; got != "next" {
		t.Errorf("a seller who joins the client has the secret %s", got)
	}
}

// TestFacesAreListed: a program that knows no face learns what rules can say about each.
func TestFacesAreListed(t *testing.T) {
	t.Parallel()
	s := open(t)
	type operation struct {
		Name    string
		Actions []string
	}
	type view struct {
		Name            string
		QuotaTellsDelay bool `json:"quota_tells_delay"`
		Operations      []operation
	}
	var list struct{ Faces []view }
	call(t, s, "GET", "/sandbox/faces", "", &list)
	for i, face := range list.Faces {
		if len(face.Operations) < 5 {
			t.Errorf("the face %s has %d operations", face.Name, len(face.Operations))
		}
		list.Faces[i].Operations = face.Operations[:1]
	}
	want := []view{
		{Name: "cdiscount", Operations: []operation{{"STS", []string{"token"}}}},
		{Name: "octopia", QuotaTellsDelay: true, Operations: []operation{
			{"POST /auth/realms/maas/protocol/openid-connect/token", []string{"token"}},
		}},
	}
	if diff := cmp.Diff(want, list.Faces); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSellersAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	for body, want := range map[string]string{
		`{"account":"tea","seller_id":"10001"}`:      "seller demo has the id 10001 already",
		`{"account":"tea","seller_id":"tea"}`:        `seller id "tea" is not a number`,
		`{"account":"tea","seller_id":"0123"}`:       `seller id "0123" is not a number`,
		`{"account":"tea","login":"demo-api"}`:       `seller demo has the login "demo-api" already`,
		`{"account":"tea","state":"Asleep"}`:         `seller state "Asleep"`,
		`{"account":"tea","sellerid":"not a field"}`: `unknown field "sellerid"`,
	} {
		if code, text := call(t, s, "POST", "/sandbox/sellers", body, nil); code != 400 || !strings.Contains(strings.ReplaceAll(text, `\"`, `"`), want) {
			t.Errorf("%s: HTTP %d %s, want …%s…", body, code, text, want)
		}
	}
	if code, text := call(t, s, "GET", "/sandbox/sellers", "", nil); code != 200 || strings.Contains(text, "tea") {
		t.Errorf("a refused seller is there: %s", text)
	}
}

func TestSettingsAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	for body, want := range map[string]string{
		`{"token_error_shape":"x"}`:       "token_error_shape",
		`{"token_error_status":500}`:      "token_error_status 500 is none of [400 401]",
		`{"page_size_over":"x"}`:          "page_size_over",
		`{"sort_spelling":"x"}`:           "sort_spelling",
		`{"default_sort":"createdAt"}`:    "default_sort",
		`{"date_bounds":"x"}`:             "date_bounds",
		`{"date_zone":"+01:00"}`:          "date_zone",
		`{"shippable_line_status":"x"}`:   "shippable_line_status",
		`{"reference_is":"x"}`:            "reference_is",
		`{"relay_label":"x"}`:             "relay_label",
		`{"write_status":202}`:            "write_status 202 is none of [200 201 204]",
		`{"shift_pages":-1}`:              "must not be negative",
		`{"client_token_quota":-1}`:       "must not be negative",
		`{"client_token_lifetime":"-1s"}`: "is negative",
	} {
		if code, text := call(t, s, "PATCH", "/sandbox/settings", body, nil); code != 400 || !strings.Contains(text, want) {
			t.Errorf("%s: HTTP %d %s, want …%s…", body, code, text, want)
		}
	}
}
