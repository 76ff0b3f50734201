package cdiscount_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/cdiscount"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestSTSIssuesANewTokenEachTime(t *testing.T) {
	t.Parallel()
	x := open(t, 1)
	code, body := x.sts("demo-api", world.DefaultPassword)
	form := regexp.MustCompile(`^<string xmlns="http://schemas\.microsoft\.com/2003/10/Serialization/">[0-9a-f]{32}</string>$`)
	if code != http.StatusOK || !form.MatchString(body) || len(body) != 109 {
		t.Errorf("HTTP %d, %d bytes: %s", code, len(body), body)
	}
	first := x.token
	x.token = x.login("demo-api")
	if x.token == first {
		t.Error("two logins gave the same token")
	}
	for _, token := range []string{first, x.token} {
		x.token = token
		if code, _ := x.call("GetSellerInformation", ""); code != http.StatusOK {
			t.Errorf("token %s: HTTP %d, want all tokens to stay valid", token, code)
		}
	}
}

func TestSTSRealm(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	const (
		service = "https://wsvc.cdiscount.com/MarketplaceAPIService.svc"
		escaped = "https%3A%2F%2Fwsvc.cdiscount.com%2FMarketplaceAPIService.svc"
		page    = "<title>Cdiscount STS</title>"
		told    = "The realm must be " + service + "."
	)
	for _, tc := range []struct {
		name, behind, password string
		wantCode               int
		want                   string
	}{
		{"as it is", "/?realm=" + service, world.DefaultPassword, http.StatusOK, "<string"},
		{"percent-encoded", "/?realm=" + escaped, world.DefaultPassword, http.StatusOK, "<string"},
		{"path without slash", "?realm=" + escaped, world.DefaultPassword, http.StatusOK, "<string"},
		{"none", "/", world.DefaultPassword, http.StatusOK, page},
		{"another site", "/?realm=https%3A%2F%2Fexample.com", world.DefaultPassword, http.StatusBadRequest, told},
		{"another site, wrong password", "/?realm=https%3A%2F%2Fexample.com", "wrong", http.StatusBadRequest, told},
		{"the sandbox itself", "/?realm=" + x.s.URL() + cdiscount.ServicePath, world.DefaultPassword, http.StatusBadRequest, told},
		{"no TLS", "/?realm=http" + strings.TrimPrefix(service, "https"), world.DefaultPassword, http.StatusBadRequest, told},
		{"slash at the end", "/?realm=" + service + "/", world.DefaultPassword, http.StatusBadRequest, told},
		{"empty", "/?realm=", world.DefaultPassword, http.StatusBadRequest, told},
		{"a second one", "/?realm=" + service + "&realm=https://example.com", world.DefaultPassword, http.StatusBadRequest, told},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, body := x.askSTS(tc.behind, "demo2-api", tc.password)
			if code != tc.wantCode || !strings.Contains(body, tc.want) || strings.Contains(body, "<string") != (tc.want == "<string") {
				t.Errorf("HTTP %d, %s; want HTTP %d, %s", code, body, tc.wantCode, tc.want)
			}
		})
	}
}

func TestSTSRefusesWrongCredentials(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		failure  world.LoginFailure
		wantCode int
		wantBody string
	}{
		{world.Failure401, http.StatusUnauthorized, ""},
		{world.Failure403, http.StatusForbidden, ""},
		{world.FailureHTML, http.StatusOK, "<title>Cdiscount STS</title>"},
		{world.FailureEmpty, http.StatusOK, ""},
	} {
		t.Run(string(tc.failure), func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			settings := x.s.World().Settings()
			settings.LoginFailure = tc.failure
			if err := x.s.World().SetSettings(settings); err != nil {
				t.Fatal(err)
			}
			for _, login := range [][2]string{{"demo-api", "wrong"}, {"demo", world.DefaultPassword}, {"", ""}} {
				code, body := x.sts(login[0], login[1])
				if code != tc.wantCode || !strings.Contains(body, tc.wantBody) || strings.Contains(body, "<string") {
					t.Errorf("login %q: HTTP %d: %q", login[0], code, body)
				}
			}
		})
	}
}

func TestTokenFaults(t *testing.T) {
	t.Parallel()
	const tokenError = "s:RequestTokenValidationError"
	for _, tc := range []struct {
		name    string
		prepare func(x *shop)
		want    string
	}{
		{"malformed", func(x *shop) { x.token = "invalid_token" }, "Token id is not correctly formatted."},
		{"missing", func(x *shop) { x.token = "" }, "Token id is not correctly formatted."},
		{"unknown", func(x *shop) { x.token = "feed0000000000000000000000000abc" }, "Your token does not exist, please renew your token id."},
		{"revoked", func(x *shop) { x.s.World().ForgetTokens("demo") }, "Your token does not exist"},
		{"expired", func(x *shop) { mustAdvance(x, 48*time.Hour) }, " has expired"},
		{"expired and without right", func(x *shop) {
			deny(x, "*")
			mustAdvance(x, 48*time.Hour)
		}, " has expired"},
		{"without right", func(x *shop) {
			deny(x, "GetSellerInformation")
			x.s.World().AddToken("demo", "feed0000111122223333444444444abc")
			x.token = "feed0000111122223333444444444abc"
		}, "User is not authorized to access to this resource (Token used: 'feed0000-1111-2222-3333-444444444abc', Resource: (Service: " +
			"'marketplaceapiservice.svc' / Action: 'http://www.cdiscount.com/IMarketplaceAPIService/GetSellerInformation'))."},
		{"no right to anything", func(x *shop) { deny(x, "*") }, "User is not authorized"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			tc.prepare(x)
			code, body := x.call("GetSellerInformation", "")
			wantFault(t, code, body, tokenError, tc.want)
		})
	}
}

func TestTokenLivesFortyEightHours(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	mustAdvance(x, 48*time.Hour-time.Millisecond)
	if code, _ := x.call("GetSellerInformation", ""); code != http.StatusOK {
		t.Errorf("HTTP %d just before the end of the token's life", code)
	}
}

func TestRightIsPerOperation(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	deny(x, "ValidateOrderList")
	if code, _ := x.call("GetSellerInformation", ""); code != http.StatusOK {
		t.Errorf("HTTP %d for an operation that is allowed", code)
	}
}

func mustAdvance(x *shop, d time.Duration) {
	x.t.Helper()
	if err := x.s.World().Clock().Advance(d); err != nil {
		x.t.Fatal(err)
	}
}

func deny(x *shop, operations ...string) {
	x.t.Helper()
	if _, err := x.s.World().PutSeller(world.SellerPatch{Account: "demo", Denied: &operations}); err != nil {
		x.t.Fatal(err)
	}
}
