package octopia_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestFaultsOnAWrite checks for each kind what the client sees and whether the shipment was applied.
func TestFaultsOnAWrite(t *testing.T) {
	t.Parallel()
	applied := fault.Params{Apply: true}
	for _, tc := range []struct {
		name    string
		rule    fault.Rule
		cut     bool // the client gets no whole answer
		code    int
		want    string // the body begins with it
		applied bool
	}{
		{name: "latency", rule: fault.Rule{Kind: fault.Latency, Params: fault.Params{Milliseconds: 5}}, code: 201, applied: true},
		{name: "HTTP 500", rule: fault.Rule{Kind: fault.HTTP500}, code: 500},
		{name: "HTTP 500 after applying", rule: fault.Rule{Kind: fault.HTTP500, Params: applied}, code: 500, applied: true},
		{name: "HTTP 503", rule: fault.Rule{Kind: fault.HTTP503, Params: fault.Params{Body: "later"}}, code: 503, want: "later"},
		{name: "page", rule: fault.Rule{Kind: fault.HTML}, code: 502, want: "<!DOCTYPE html>"},
		{name: "page after applying", rule: fault.Rule{Kind: fault.HTML, Params: fault.Params{Apply: true, Status: 200}}, code: 200, want: "<!DOCTYPE html>", applied: true},
		{name: "malformed", rule: fault.Rule{Kind: fault.Malformed}, code: 500, want: "{"},
		{name: "malformed after applying", rule: fault.Rule{Kind: fault.Malformed, Params: applied}, code: 201, want: "{", applied: true},
		{name: "throttle", rule: fault.Rule{Kind: fault.Throttle}, code: 429, want: `{"title":"Too Many Requests","status":429}`},
		{name: "quota", rule: fault.Rule{Kind: fault.Quota}, code: 403, want: `{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 00:11:35."}`},
		{name: "quota for a while", rule: fault.Rule{Kind: fault.Quota, Params: fault.Params{Seconds: 3725}}, code: 403, want: `{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 01:02:05."}`},
		{name: "refusal", rule: fault.Rule{Kind: fault.Refusal, Params: fault.Params{Text: "a < b"}}, code: 400, want: `{"type":"https://tools.ietf.org/html/rfc7231#section-6.5.1","title":"a < b","status":400,"detail":"a < b","traceId":"00-feed0000000000000000000000000000-feed000000000000-00","errors":{"carrierName":["a < b"]}}`},
		{name: "failure in its own words", rule: fault.Rule{Kind: fault.Refusal, Params: fault.Params{Text: "no", Status: 500, Apply: true}}, code: 500, want: `{"type":`, applied: true},
		{name: "problem", rule: fault.Rule{Kind: fault.Problem, Params: fault.Params{Status: 409, Code: "Conflict", Text: "twice"}}, code: 409, want: `{"title":"Conflict","status":409,"detail":"twice"}`},
		{name: "token unknown", rule: fault.Rule{Kind: fault.TokenExpired}, code: 401, want: `{"title":"Unauthorized","status":401}`},
		{name: "token at the end of its life", rule: fault.Rule{Kind: fault.TokenLapsed}, code: 401, want: `{"title":"Unauthorized","status":401}`},
		{name: "hostile", rule: fault.Rule{Kind: fault.Hostile, Params: fault.Params{Code: "wrong_types"}}, code: 500, want: `{"title":{`},
		{name: "hostile after applying", rule: fault.Rule{Kind: fault.Hostile, Params: fault.Params{Code: "wrong_types", Apply: true}}, code: 201, want: `{"title":{`, applied: true},
		{name: "slow drip", rule: fault.Rule{Kind: fault.SlowDrip, Params: fault.Params{Milliseconds: 1}}, code: 201, applied: true},
		{name: "truncated", rule: fault.Rule{Kind: fault.Truncated}, code: 201, applied: true},
		{name: "cut before", rule: fault.Rule{Kind: fault.CutBefore}, cut: true},
		{name: "cut after", rule: fault.Rule{Kind: fault.CutAfter}, cut: true, applied: true},
		{name: "cut in the middle", rule: fault.Rule{Kind: fault.CutMid}, cut: true, applied: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 0)
			number := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
			tc.rule.On, tc.rule.Times = fault.Ship, 1
			x.fault(tc.rule)
			r, err := do(x.request(http.MethodPost, "/orders/"+number+"/shipments", parcel))
			switch {
			case tc.cut:
				if err == nil {
					t.Errorf("a whole answer: HTTP %d %s", r.status, r.body)
				}
			case err != nil || r.status != tc.code || !strings.HasPrefix(r.body, tc.want) || tc.want == "" && r.body != "":
				t.Errorf("HTTP %d, %v, want HTTP %d with %q: %s", r.status, err, tc.code, tc.want, r.body)
			}
			if got := x.truth(number).State == world.Shipped; got != tc.applied {
				t.Errorf("applied is %v", got)
			}
			if w := x.s.World().Writes(); len(w) != 1 || w[0].Applied != tc.applied || (w[0].Fault == "") != (tc.rule.Kind == fault.Latency) {
				t.Errorf("writes %+v", w)
			}
		})
	}
}

// TestFaultsOnAList checks what the client sees of a list.
func TestFaultsOnAList(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		rule fault.Rule
		cut  bool
		code int
		// valid tells whether the body is JSON.
		valid bool
	}{
		{name: "malformed", rule: fault.Rule{Kind: fault.Malformed}, code: 200},
		{name: "truncated", rule: fault.Rule{Kind: fault.Truncated, Params: fault.Params{Fraction: 0.9}}, code: 200},
		{name: "page", rule: fault.Rule{Kind: fault.HTML}, code: 502},
		{name: "page in place of JSON", rule: fault.Rule{Kind: fault.HTML, Params: fault.Params{Status: 200}}, code: 200},
		{name: "empty 500", rule: fault.Rule{Kind: fault.HTTP500}, code: 500},
		{name: "reset", rule: fault.Rule{Kind: fault.CutMid}, cut: true},
		{name: "slow drip", rule: fault.Rule{Kind: fault.SlowDrip, Params: fault.Params{Milliseconds: 1}}, code: 200, valid: true},
		{name: "throttle", rule: fault.Rule{Kind: fault.Throttle, Params: fault.Params{Seconds: 9}}, code: 429, valid: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := open(t, 20)
			tc.rule.On = fault.List
			x.fault(tc.rule)
			r, err := do(x.request(http.MethodGet, "/orders", ""))
			if tc.cut != (err != nil) || !tc.cut && (r.status != tc.code || json.Valid([]byte(r.body)) != tc.valid) {
				t.Errorf("HTTP %d, %v, JSON %v", r.status, err, json.Valid([]byte(r.body)))
			}
		})
	}
}

func TestTokenRouteFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind   fault.Kind
		params fault.Params
		code   int
		want   string
	}{
		{fault.HTML, fault.Params{}, 502, "<!DOCTYPE html>"},
		{fault.Malformed, fault.Params{}, 200, `{"access_token":"BROKEN`},
		{fault.Hostile, fault.Params{Code: fault.HostileWrongTypes}, 200, `{"token_type":{}`},
		{fault.HTTP503, fault.Params{}, 503, ""},
		{fault.Refusal, fault.Params{Text: "a \"b\""}, 400, `{"error":"invalid_request","error_description":"a \"b\""}`},
		{fault.Throttle, fault.Params{}, 429, `{"title":"Too Many`},
	} {
		x := open(t, 0)
		x.fault(fault.Rule{On: fault.Token, API: "octopia", Kind: tc.kind, Params: tc.params})
		if r := x.askToken("grant_type", "client_credentials"); r.status != tc.code || !strings.HasPrefix(r.body, tc.want) {
			t.Errorf("%s: HTTP %d %.100s", tc.kind, r.status, r.body)
		}
	}
}

// TestHostileAnswers checks that every answer is what its code promises, for each action.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.create(world.Spec{Number: "one"})
	for action, path := range map[fault.Action]string{
		fault.List: "/orders", fault.Get: "/orders/one", fault.Count: "/orders/count", fault.Account: "/sellers", fault.Carriers: "/carriers",
		fault.Products: "/products?gtin=1",
	} {
		x.s.Faults().Clear()
		x.fault(fault.Rule{On: action, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileDeep}})
		if body := x.call(http.MethodGet, path, "").body; strings.Count(body, "[") < 100_000 {
			t.Errorf("%s: deep has %d levels", action, strings.Count(body, "["))
		}
		x.fault(fault.Rule{On: action, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileBomb}})
		if body := x.call(http.MethodGet, path, "").body; !strings.Contains(body, `\u0041\u0041`) || !strings.Contains(body, "0000e999999999") {
			t.Errorf("%s: no bomb: %.100s", action, body)
		}
		x.fault(fault.Rule{On: action, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileWrongTypes}})
		if body := x.call(http.MethodGet, path, "").body; !json.Valid([]byte(body)) {
			t.Errorf("%s: wrong types are no JSON: %s", action, body)
		}
		x.fault(fault.Rule{On: action, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileDuplicateKeys}})
		if body := x.call(http.MethodGet, path, "").body; action != fault.Count && !json.Valid([]byte(body)) {
			t.Errorf("%s: duplicate keys are no JSON: %s", action, body)
		}
	}
}

func TestHostileLengths(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.fault(fault.Rule{On: fault.List, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileHugeField}})
	x.fault(fault.Rule{On: fault.List, Kind: fault.Hostile, Times: 1, Params: fault.Params{Code: fault.HostileEndless}})
	read := func(limit int64) int64 {
		resp, err := http.DefaultClient.Do(x.request(http.MethodGet, "/orders", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, limit))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := read(1 << 30); n < 64<<20 || n > 65<<20 {
		t.Errorf("the huge field has %d bytes", n)
	}
	if n := read(4 << 20); n != 4<<20 {
		t.Errorf("the endless body ended after %d bytes", n)
	}
}

// TestEndlessEndsWithTheSandbox checks that a sandbox that stops does not wait for the end of what has none.
func TestEndlessEndsWithTheSandbox(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	x.fault(fault.Rule{On: fault.List, Kind: fault.Hostile, Params: fault.Params{Code: fault.HostileEndless}})
	resp, err := http.DefaultClient.Do(x.request(http.MethodGet, "/orders", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	x.s.Emulator.Close()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the body ended as if it were whole")
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
