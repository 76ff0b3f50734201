package octopia_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/octopia"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	r := x.askToken("grant_type", "client_credentials", "client_id", "demo-client", "client_secret", "demo-secret")
	var got map[string]any
	r.decode(t, &got)
	token, _ := got["access_token"].(string)
	delete(got, "access_token")
	want := map[string]any{"expires_in": 7200.0, "refresh_expires_in": 0.0, "token_type": "Bearer", "not-before-policy": 0.0, "scope": ""}
	if diff := cmp.Diff(want, got); diff != "" || r.status != http.StatusOK {
		t.Errorf("HTTP %d (-want +got):\n%s", r.status, diff)
	}
	if len(token) < 7000 || strings.Count(token, ".") != 2 {
		t.Errorf("a token of %d characters", len(token))
	}
	x.settle(func(s *world.Settings) { s.LongTokens, s.ClientTokenLifetime = false, world.Duration(time.Minute) })
	r = x.askToken("grant_type", "client_credentials", "client_id", "demo-client", "client_secret", "demo-secret")
	if !strings.Contains(r.body, `"expires_in":60,`) || len(r.body) > 500 {
		t.Errorf("a short token for a minute: %s", r.body)
	}
}

func TestTokenRefusals(t *testing.T) {
	t.Parallel()
	wrong := []string{"grant_type", "client_credentials", "client_id", "demo-client", "client_secret", "guess"}
	for _, tc := range []struct {
		name   string
		fields []string
		change func(s *world.Settings)
		status int
		want   string
	}{
		{"wrong secret", wrong, nil, 401, `{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}`},
		{"wrong secret, 400", wrong, func(s *world.Settings) { s.TokenErrorStatus = 400 }, 400, `{"error":"invalid_client"`},
		{"wrong secret as a problem", wrong, func(s *world.Settings) { s.TokenErrorShape = "problem" }, 401, `{"title":"invalid_client","status":401,"detail":`},
		{"unknown client", []string{"grant_type", "client_credentials", "client_id", "x", "client_secret", "demo-secret"}, nil, 401, `{"error":"invalid_client"`},
		{"another grant", []string{"grant_type", "password", "client_id", "demo-client", "client_secret", "demo-secret"}, nil, 400, `{"error":"unsupported_grant_type"`},
		{"nothing", nil, nil, 400, `{"error":"unsupported_grant_type"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			if tc.change != nil {
				x.settle(tc.change)
			}
			if r := x.askToken(tc.fields...); r.status != tc.status || !strings.HasPrefix(r.body, tc.want) {
				t.Errorf("HTTP %d %s, want HTTP %d %s", r.status, r.body, tc.status, tc.want)
			}
		})
	}
}

func TestTokenTakesFormsOnly(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, x.s.URL()+octopia.TokenPath, strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if r, err := do(req); err != nil || r.status != http.StatusBadRequest {
		t.Errorf("HTTP %d, %v", r.status, err)
	}
}

func TestTokenQuota(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.settle(func(s *world.Settings) { s.ClientTokenQuota = 3 })
	ask := func(client string) int {
		return x.askToken("grant_type", "client_credentials", "client_id", client, "client_secret", "demo-secret").status
	}
	var got []int
	for range 3 { // the first of the three was taken by open
		got = append(got, ask("demo-client"))
	}
	got = append(got, ask("demo2-client"))
	x.advance(59 * time.Minute)
	got = append(got, ask("demo-client"))
	x.advance(time.Minute)
	got = append(got, ask("demo-client"))
	if diff := cmp.Diff([]int{200, 200, 429, 200, 429, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	no, text := false, func(s string) *string { return &s }
	for _, tc := range []struct {
		name          string
		change        func(x *shop)
		status        int
		field, detail string
	}{
		{"the seller", func(*shop) {}, 200, "", ""},
		{"unknown token", func(x *shop) { x.token = "guess" }, 401, "", "Unauthorized"},
		{"no token", func(x *shop) { x.token = "" }, 401, "", "Unauthorized"},
		{"a token that is no bearer's", func(x *shop) { x.scheme = "" }, 401, "", "Unauthorized"},
		{"a token of the other API", func(x *shop) { x.s.World().AddToken("demo", "soap"); x.token = "soap" }, 401, "", "Unauthorized"},
		{"a token at the end of its life", func(x *shop) { x.advance(2 * time.Hour) }, 401, "", "Unauthorized"},
		{"a token just before", func(x *shop) { x.advance(2*time.Hour - time.Millisecond) }, 200, "", ""},
		{"revoked tokens", func(x *shop) { x.s.World().ForgetTokens("demo") }, 401, "", "Unauthorized"},
		{"no seller", func(x *shop) { x.seller = "" }, 400, "SellerId", "required"},
		{"a seller that is no number", func(x *shop) { x.seller = "demo" }, 400, "SellerId", "not valid"},
		{"an unknown seller", func(x *shop) { x.seller = "77" }, 403, "", "not allowed for this seller"},
		{"another client's seller", func(x *shop) { x.seller = "10002" }, 403, "", "not allowed for this seller"},
		{"a second seller of the client", func(x *shop) {
			x.put(world.SellerPatch{Account: "demo2", ClientID: text("demo-client")})
			x.seller = "10002"
		}, 200, "", ""},
		{"a delegation that ended", func(x *shop) { x.put(world.SellerPatch{Delegated: &no}) }, 403, "", "not allowed for this seller"},
		{"a client that was replaced", func(x *shop) { x.put(world.SellerPatch{ClientID: text("next-client")}) }, 403, "", "not allowed for this seller"},
		{"no right", func(x *shop) { x.put(world.SellerPatch{Denied: &[]string{world.AnyOperation}}) }, 403, "", "not allowed for this resource"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 3)
			tc.change(x)
			r := x.call(http.MethodGet, "/orders/count", "")
			if tc.status == http.StatusOK {
				if r.status != http.StatusOK || r.body != "3" {
					t.Errorf("HTTP %d %s", r.status, r.body)
				}
				return
			}
			wantProblem(t, r, tc.status, tc.field, tc.detail)
		})
	}
}

func TestRotatedSecret(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	next := "next-secret"
	x.put(world.SellerPatch{ClientSecret: &next})
	if r := x.askToken("grant_type", "client_credentials", "client_id", "demo-client", "client_secret", "demo-secret"); r.status != http.StatusUnauthorized {
		t.Errorf("the old secret: HTTP %d", r.status)
	}
	if x.token = x.login("demo-client", next); x.call(http.MethodGet, "/sellers", "").status != http.StatusOK {
		t.Error("the new secret's token is refused")
	}
}

func TestSeller(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	yes, state := true, world.PutOnNotice
	x.put(world.SellerPatch{AutoAccept: &yes, State: &state})
	var got map[string]any
	x.get("/sellers", &got)
	want := map[string]any{
		"seller_id": 10001.0, "login": "demo", "shop_name": "Boutique demo", "shop_url": "demo", "creation_date": "2019-05-13T08:00:00Z",
		"seller_state": "PutOnNotice", "seller_sub_state": "ActiveSeller", "subscription_step": "Finished", "auto_accept_order": true,
		"fulfillment_profile_id": nil, "language": "fr-FR", "seller_legal_information": map[string]any{"siret": "00000000000000"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	x.put(world.SellerPatch{Disabled: &yes})
	if r := x.call(http.MethodGet, "/sellers", ""); !strings.Contains(r.body, `"seller_sub_state":"BannedSeller"`) {
		t.Errorf("a disabled seller: %s", r.body)
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for _, path := range []string{"/nothing", "/orders/1/2", "/sellers/x"} {
		if r := x.call(http.MethodGet, path, ""); r.status != http.StatusNotFound || r.body != `{"statusCode":404,"message":"Resource not found"}` {
			t.Errorf("%s: HTTP %d %s", path, r.status, r.body)
		}
	}
	if r := x.call(http.MethodDelete, "/orders/1", ""); r.status != http.StatusNotFound {
		t.Errorf("DELETE: HTTP %d", r.status)
	}
}

func TestTokenFaultsOfOneSeller(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.fault(fault.Rule{On: fault.Token, Kind: fault.Throttle, Seller: "demo", Params: fault.Params{Seconds: 7}})
	ask := func(client string) response {
		return x.askToken("grant_type", "client_credentials", "client_id", client, "client_secret", "demo-secret")
	}
	if r := ask("demo-client"); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "7" {
		t.Errorf("HTTP %d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	if r := ask("demo2-client"); r.status != http.StatusOK {
		t.Errorf("the other seller's client: HTTP %d", r.status)
	}
	x.put(world.SellerPatch{Account: "demo2", ClientID: new("demo-client")})
	if r := ask("demo-client"); r.status != http.StatusOK {
		t.Errorf("a client of two sellers: HTTP %d", r.status)
	}
}
