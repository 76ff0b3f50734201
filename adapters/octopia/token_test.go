package octopia_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// carriers makes the cheapest call there is and returns the new state.
func carriers(t testing.TB, a *octopia.Adapter, store *adapterv1.StoreContext) ([]byte, error) {
	t.Helper()
	resp, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store})
	return resp.GetStateUpdate().GetState(), err
}

// moving is a clock that tests move.
type moving struct{ seconds atomic.Int64 }

func (c *moving) now() time.Time {
	return at("2026-09-02T10:00:00Z").Add(time.Duration(c.seconds.Load()) * time.Second)
}

func (c *moving) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

// TestTokenRequest: a form with the client's id and secret in the body, nothing else, no SellerId (octopia-rest.md 1).
func TestTokenRequest(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	var header http.Header
	f.token = func(w http.ResponseWriter, r *http.Request, n int) {
		header = r.Header
		write(w, http.StatusOK, tokenAnswer("t", 7200))
	}
	if _, err := carriers(t, octopia.New(), f.store()); err != nil {
		t.Fatal(err)
	}
	form, err := url.ParseQuery(f.form(1))
	if err != nil || form.Encode() != "client_id=client-1&client_secret=correct-horse-secret&grant_type=client_credentials" {
		t.Errorf("form %q, %v", f.form(1), err)
	}
	if header.Get("Authorization") != "" || header.Get("SellerId") != "" || header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		!strings.HasPrefix(header.Get("User-Agent"), "relais/") {
		t.Errorf("headers %v", header)
	}
}

// TestRequestHeaders: every call carries the token, the seller and what it accepts (octopia-rest.md 1).
func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	if _, err := carriers(t, octopia.New(), f.store()); err != nil {
		t.Fatal(err)
	}
	r := f.seen()[0]
	if r.line() != "GET /carriers" || r.Header.Get("Authorization") != "Bearer token-1" || r.Header.Get("SellerId") != testSeller ||
		r.Header.Get("Accept") != "application/json" || r.Header.Get("Content-Type") != "" || r.Header.Get("Accept-Encoding") != "gzip" ||
		!strings.HasPrefix(r.Header.Get("User-Agent"), "relais/") {
		t.Errorf("%s with %v", r.line(), r.Header)
	}
}

// TestTokenIsKept: one token serves until a minute before its end, through the process and through the host's state.
func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	c := &moving{}
	a := octopia.New(octopia.WithClock(c.now))
	store := f.store()
	state, err := carriers(t, a, store)
	if err != nil || state == nil || strings.Contains(string(state), testSecret) {
		t.Fatalf("state %q, %v", state, err)
	}
	store.State = state
	if again, err := carriers(t, a, store); err != nil || again != nil {
		t.Errorf("new state %q without a new token, %v", again, err)
	}
	// Another process with the state; a minute and a second before the end.
	c.advance(7200*time.Second - 61*time.Second)
	if again, err := carriers(t, octopia.New(octopia.WithClock(c.now)), store); err != nil || again != nil {
		t.Errorf("new state %q in another process, %v", again, err)
	}
	if f.tokens() != 1 {
		t.Errorf("%d tokens, want 1", f.tokens())
	}
	c.advance(time.Second)
	if again, err := carriers(t, a, store); err != nil || again == nil {
		t.Errorf("no new state with a minute left, %v", err)
	}
	if f.tokens() != 2 {
		t.Errorf("%d tokens, want 2", f.tokens())
	}
}

// TestForeignStates: a state of other credentials, another token service or no known form costs one token and nothing more.
func TestForeignStates(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	now := at("2026-09-02T10:00:00Z")
	state := func(tokenURL, client, secret, value string, from, to time.Duration) []byte {
		return octopia.StateOf(tokenURL, client, secret, value, now.Add(from), now.Add(to))
	}
	tokenURL := f.server.URL + "/token"
	for _, tt := range []struct {
		name  string
		state []byte
		token string // that the API sees
	}{
		{"none", nil, ""},
		{"its own", state(tokenURL, testClient, testSecret, "kept", -time.Minute, time.Hour), "kept"},
		{"garbage", []byte("\x00{"), ""},
		{"another version", []byte(strings.Replace(string(state(tokenURL, testClient, testSecret, "kept", -time.Minute, time.Hour)), `"v":1`, `"v":2`, 1)), ""},
		{"another secret", state(tokenURL, testClient, "old-secret", "kept", -time.Minute, time.Hour), ""},
		{"another client", state(tokenURL, "client-2", testSecret, "kept", -time.Minute, time.Hour), ""},
		{"another token service", state("https://auth.example/token", testClient, testSecret, "kept", -time.Minute, time.Hour), ""},
		{"over", state(tokenURL, testClient, testSecret, "kept", -time.Hour, time.Second), ""},
		{"from the future", state(tokenURL, testClient, testSecret, "kept", time.Minute, time.Hour), ""},
		{"not a token", state(tokenURL, testClient, testSecret, "a\nb", -time.Minute, time.Hour), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{answer: always(http.StatusOK, `[]`), server: f.server}
			own := newFake(t, always(http.StatusOK, `[]`))
			store := f.store()
			store.Environment["api_url"] = own.server.URL + "/api"
			store.State = tt.state
			if _, err := carriers(t, octopia.New(octopia.WithClock(func() time.Time { return now })), store); err != nil {
				t.Fatal(err)
			}
			got := strings.TrimPrefix(own.seen()[0].Header.Get("Authorization"), "Bearer ")
			if (got == "kept") != (tt.token == "kept") {
				t.Errorf("token %q", got)
			}
		})
	}
}

// TestLongTokens: real tokens have 7,100 characters; up to 32 KiB are taken, and the state that holds one fits.
func TestLongTokens(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		length int
		want   string
	}{{7100, ""}, {32 << 10, ""}, {32<<10 + 1, "MALFORMED_ANSWER"}, {200 << 10, "MALFORMED_ANSWER"}} {
		f := newFake(t, always(http.StatusOK, `[]`))
		f.token = func(w http.ResponseWriter, _ *http.Request, _ int) {
			write(w, http.StatusOK, tokenAnswer(strings.Repeat("a", tt.length), 7200))
		}
		state, err := carriers(t, octopia.New(), f.store())
		if reason(err) != tt.want || len(state) > 64<<10 {
			t.Errorf("%d characters: %v, state of %d bytes", tt.length, err, len(state))
		}
	}
}

// TestReadRenewsToken: a token that the API refuses is replaced, and the read repeated, once.
func TestReadRenewsToken(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			write(w, http.StatusUnauthorized, `{"title":"Unauthorized","status":401}`)
			return
		}
		write(w, http.StatusOK, `[]`)
	})
	state, err := carriers(t, octopia.New(), f.store())
	if err != nil || f.tokens() != 2 || len(f.seen()) != 2 || !strings.Contains(string(state), "token-2") {
		t.Errorf("error %v, %d tokens, %d requests", err, f.tokens(), len(f.seen()))
	}
}

// TestSecondUnauthorized: a second refusal fails that call alone, and says nothing of the credentials. Neither other sellers of the client
// nor other routes pay for it, and asking again does not burn a token each time.
func TestSecondUnauthorized(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if r.Path == "/sellers" && r.Header.Get("SellerId") == "666" {
			write(w, http.StatusUnauthorized, "")
			return
		}
		write(w, http.StatusOK, `[]`)
	})
	c := &moving{}
	a := octopia.New(octopia.WithClock(c.now))
	bad, good := f.store(), f.store()
	bad.Credentials["seller_id"] = "666"
	for range 5 {
		if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: bad}); reason(err) != "MARKETPLACE_DOWN" {
			t.Fatalf("error %v", err)
		}
		for name, store := range map[string]*adapterv1.StoreContext{"the same seller": bad, "another seller": good} {
			if _, err := carriers(t, a, store); err != nil {
				t.Fatalf("%s on another route: %v", name, err)
			}
		}
	}
	if f.tokens() != 2 {
		t.Errorf("%d tokens, want 2", f.tokens())
	}
	c.advance(61 * time.Second)
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: bad}); reason(err) != "MARKETPLACE_DOWN" || f.tokens() != 3 {
		t.Errorf("error %v, %d tokens after a minute, want 3", err, f.tokens())
	}
}

// TestTokenServiceFailures: both shapes of refusals, and everything else that can come back (octopia-rest.md 1, 13.9).
func TestTokenServiceFailures(t *testing.T) {
	t.Parallel()
	keycloak := `{"error":"invalid_client","error_description":"Invalid client canary-secret"}`
	problem := `{"type":"x","title":"Unauthorized","status":401,"detail":"canary-secret"}`
	for _, tt := range []struct {
		name   string
		status int
		body   string
		header map[string]string
		want   string
		wait   time.Duration
	}{
		{"keycloak 401", 401, keycloak, nil, "CREDENTIALS_REJECTED", 0},
		{"keycloak 400", 400, keycloak, nil, "CREDENTIALS_REJECTED", 0},
		{"problem 401", 401, problem, map[string]string{"Content-Type": "application/problem+json"}, "CREDENTIALS_REJECTED", 0},
		{"problem 400", 400, problem, map[string]string{"Content-Type": "application/problem+json"}, "CREDENTIALS_REJECTED", 0},
		{"keycloak 401 of another version", 401, `{"error":"unauthorized_client","error_description":"canary-secret"}`, nil, "CREDENTIALS_REJECTED", 0},
		{"403", 403, keycloak, nil, "CREDENTIALS_REJECTED", 0},
		{"problem of a field", 400, `{"title":"Validation Failed","status":400,"errors":{"grant_type":["canary-secret"]}}`, map[string]string{"Content-Type": "application/problem+json"}, "MALFORMED_ANSWER", 0},
		{"problem of another kind", 422, problem, map[string]string{"Content-Type": "application/problem+json"}, "MALFORMED_ANSWER", 0},
		{"empty 401", 401, "", nil, "MALFORMED_ANSWER", 0},
		{"401 page", 401, "<html>canary-secret</html>", map[string]string{"Content-Type": "text/html"}, "MALFORMED_ANSWER", 0},
		{"400 page", 400, "<html>canary-secret</html>", map[string]string{"Content-Type": "text/html"}, "MALFORMED_ANSWER", 0},
		{"403 page", 403, "<html>canary-secret</html>", map[string]string{"Content-Type": "text/html"}, "MARKETPLACE_DOWN", 0},
		{"401 of the gateway", 401, `{"statusCode":401,"message":"canary-secret"}`, nil, "MALFORMED_ANSWER", 0},
		{"an error that nobody knows", 400, `{"error":"canary-secret"}`, nil, "MALFORMED_ANSWER", 0},
		{"408", 408, "", nil, "MARKETPLACE_DOWN", 0},
		{"200 with an error", 200, keycloak, nil, "CREDENTIALS_REJECTED", 0},
		{"not about credentials", 400, `{"error":"unsupported_grant_type"}`, nil, "MARKETPLACE_REFUSED", 0},
		{"unknown realm", 404, `{"error":"Realm does not exist"}`, nil, "MARKETPLACE_REFUSED", 0},
		{"429", 429, "", nil, "THROTTLED", 0},
		{"429 with a delay", 429, "", map[string]string{"Retry-After": "90"}, "THROTTLED", 90 * time.Second},
		{"quota 403", 403, `{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 00:11:35."}`, nil, "THROTTLED", 11*time.Minute + 35*time.Second},
		{"500", 500, "", nil, "MARKETPLACE_DOWN", 0},
		{"503 with a delay", 503, "", map[string]string{"Retry-After": "30"}, "MARKETPLACE_DOWN", 30 * time.Second},
		{"502 page", 502, "<html>canary-secret</html>", map[string]string{"Content-Type": "text/html"}, "MARKETPLACE_DOWN", 0},
		{"200 page", 200, "<html>canary-secret</html>", map[string]string{"Content-Type": "text/html"}, "MALFORMED_ANSWER", 0},
		{"no token", 200, `{"token_type":"Bearer","expires_in":7200}`, nil, "MALFORMED_ANSWER", 0},
		{"another kind of token", 200, `{"access_token":"canary-secret","token_type":"mac","expires_in":7200}`, nil, "MALFORMED_ANSWER", 0},
		{"a token with a line break", 200, `{"access_token":"canary-secret\n","token_type":"Bearer","expires_in":7200}`, nil, "MALFORMED_ANSWER", 0},
		{"wrong types", 200, `{"access_token":{"canary-secret":1},"token_type":"Bearer"}`, nil, "MALFORMED_ANSWER", 0},
		{"truncated", 200, `{"access_token":"canary-secret`, nil, "MALFORMED_ANSWER", 0},
		{"redirect", 302, "", map[string]string{"Location": "/elsewhere"}, "MALFORMED_ANSWER", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(http.StatusOK, `[]`))
			f.token = func(w http.ResponseWriter, _ *http.Request, _ int) {
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				write(w, tt.status, tt.body)
			}
			_, err := carriers(t, octopia.New(), f.store())
			e := asSDK(err)
			if reason(err) != tt.want || e.RetryAfter != tt.wait {
				t.Fatalf("error %v, want %s after %s", err, tt.want, tt.wait)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), testSecret) || len(f.seen()) != 0 {
				t.Errorf("error %v, %d requests to the API", err, len(f.seen()))
			}
		})
	}
}

// TestTokenConnectionFailures: no connection, a cut one, an answer without end.
func TestTokenConnectionFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		token func(w http.ResponseWriter, r *http.Request, n int)
		want  string
	}{
		"cut": {func(w http.ResponseWriter, _ *http.Request, _ int) { cut(w) }, "MARKETPLACE_DOWN"},
		"cut in the middle": {func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", "500")
			write(w, http.StatusOK, `{"access_token":"t"`)
		}, "MARKETPLACE_DOWN"},
		"endless": {func(w http.ResponseWriter, r *http.Request, _ int) { endless(w, r, `{"access_token":"`, "a") }, "MALFORMED_ANSWER"},
	} {
		f := newFake(t, always(http.StatusOK, `[]`))
		f.token = tt.token
		if _, err := carriers(t, octopia.New(), f.store()); reason(err) != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	store := newFake(t, always(http.StatusOK, `[]`)).store()
	store.Environment["token_url"] = "http://127.0.0.1:1/token"
	if _, err := carriers(t, octopia.New(), store); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("no connection: %v", err)
	}
}
