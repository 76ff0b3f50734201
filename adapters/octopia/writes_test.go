package octopia_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Short names of the outcomes.
const (
	applied  = adapterv1.Outcome_OUTCOME_APPLIED
	rejected = adapterv1.Outcome_OUTCOME_REJECTED
	retry    = adapterv1.Outcome_OUTCOME_RETRY
	unknown  = adapterv1.Outcome_OUTCOME_UNKNOWN
)

// notification ships an order with the lines 1 and 2.
func notification(number string) *adapterv1.ShipmentNotification {
	return &adapterv1.ShipmentNotification{
		Key: "key-" + number, OrderNumber: number, AdapterContext: []byte(`{"v":1,"c":"CDISFR","l":["1","2"]}`),
		Carrier: "Colissimo", TrackingNumber: "6A12345678901", TrackingUrl: "https://tracking.example.com/?a=1&b=<2>",
		Lines: []*adapterv1.ShippedLine{{LineId: "1"}, {LineId: "2"}},
	}
}

// ship sends one notification and returns its result.
func ship(t testing.TB, a *octopia.Adapter, store *adapterv1.StoreContext, n *adapterv1.ShipmentNotification) *adapterv1.WriteResult {
	t.Helper()
	resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{n},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.GetResults()) != 1 || resp.GetResults()[0].GetKey() != n.GetKey() {
		t.Fatalf("%d results", len(resp.GetResults()))
	}
	return resp.GetResults()[0]
}

// TestShipmentRequest: a bare array with one parcel, and nothing of the lines; the preview shows the same bytes.
func TestShipmentRequest(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	a := octopia.New()
	for _, tt := range []struct {
		name   string
		change func(*adapterv1.ShipmentNotification)
		path   string
		body   string
	}{
		{"with an address", func(*adapterv1.ShipmentNotification) {}, "/orders/N1/shipments", `[{"parcelNumber":"6A12345678901","carrierName":"Colissimo","trackingUrl":"https://tracking.example.com/?a=1&b=<2>"}]`},
		{"without an address", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "" }, "/orders/N1/shipments", `[{"parcelNumber":"6A12345678901","carrierName":"Colissimo"}]`},
		{"native id", func(n *adapterv1.ShipmentNotification) { n.NativeId = "REAL" }, "/orders/REAL/shipments", ""},
		{"odd number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = "a/../b?c#d e%2F" }, "/orders/a%2F..%2Fb%3Fc%23d%20e%252F/shipments", ""},
		{"quotes", func(n *adapterv1.ShipmentNotification) { n.Carrier, n.TrackingUrl = `Colis "Privé"`, "" }, "/orders/N1/shipments", `[{"parcelNumber":"6A12345678901","carrierName":"Colis \"Privé\""}]`},
		{"whole order without lines", func(n *adapterv1.ShipmentNotification) { n.Lines = nil }, "/orders/N1/shipments", ""},
	} {
		n := notification("N1")
		tt.change(n)
		if r := ship(t, a, f.store(), n); r.GetOutcome() != applied {
			t.Errorf("%s: %s %s", tt.name, r.GetOutcome(), r.GetMessage())
		}
		seen := f.seen()
		sent := seen[len(seen)-1]
		if sent.line() != "POST "+tt.path || tt.body != "" && sent.Body != tt.body || sent.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s with %s", tt.name, sent.line(), sent.Body)
		}
		before := f.tokens()
		store := f.store()
		store.Credentials = map[string]string{"seller_id": testSeller}
		shown, err := a.PreviewShipment(short(t), &adapterv1.PreviewShipmentRequest{Store: store, Notification: n})
		if err != nil || len(shown.GetRequests()) != 1 {
			t.Fatalf("%s: %d requests, %v", tt.name, len(shown.GetRequests()), err)
		}
		p := shown.GetRequests()[0]
		if p.GetMethod() != "POST" || p.GetUrl() != f.server.URL+"/api"+sent.Path || p.GetBody() != sent.Body {
			t.Errorf("%s: the preview shows %s %s with %s", tt.name, p.GetMethod(), p.GetUrl(), p.GetBody())
		}
		if diff := cmp.Diff(map[string]string{
			"Authorization": "Bearer ***", "SellerId": testSeller, "Accept": "application/json", "Content-Type": "application/json",
		}, p.GetHeaders()); diff != "" {
			t.Errorf("%s: headers of the preview (-want +got):\n%s", tt.name, diff)
		}
		if f.tokens() != before || len(f.seen()) != len(seen) {
			t.Errorf("%s: the preview called the marketplace", tt.name)
		}
	}
}

// TestPreviewRefuses: what would not be sent is not shown.
func TestPreviewRefuses(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	n := notification("N1")
	n.TrackingNumber = ""
	_, err := octopia.New().PreviewShipment(short(t), &adapterv1.PreviewShipmentRequest{Store: f.store(), Notification: n})
	if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != "notification" {
		t.Errorf("error %v", err)
	}
	_, err = octopia.New().PreviewShipment(short(t), &adapterv1.PreviewShipmentRequest{Notification: notification("N1")})
	if reason(err) != "INVALID_REQUEST" {
		t.Errorf("error %v", err)
	}
}

// TestShipmentsNotSent: what cannot be right is refused before anything is sent, and without a token.
func TestShipmentsNotSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, message string
		change        func(*adapterv1.ShipmentNotification)
	}{
		{"no order", "order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = "" }},
		{"dots", "order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = ".." }},
		{"a route", "order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = "Count" }},
		{"no carrier", "mandatory", func(n *adapterv1.ShipmentNotification) { n.Carrier = "" }},
		{"no number", "mandatory", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "" }},
		{"long number", "longer than 50", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = strings.Repeat("é", 51) }},
		{"white space", "white space", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "6A 1" }},
		{"tab", "white space", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "6A\t1" }},
		{"control", "control", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "6A\x001" }},
		{"long address", "longer than 255", func(n *adapterv1.ShipmentNotification) {
			n.TrackingUrl = "https://x.example/" + strings.Repeat("a", 240)
		}},
		{"no scheme", "absolute", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "tracking.example.com/1" }},
		{"another scheme", "absolute", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "javascript://x" }},
		{"no host", "absolute", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "https:///x" }},
		{"part of the order", "leaves out a line", func(n *adapterv1.ShipmentNotification) { n.Lines = n.Lines[:1] }},
		{"no context", "read again", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = nil }},
		{"context of another adapter", "read again", func(n *adapterv1.ShipmentNotification) {
			n.AdapterContext = []byte(`{"v":1,"l":[{"i":"A","s":"A"}]}`)
		}},
		{"context of another version", "read again", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte(`{"v":2,"l":["1"]}`) }},
		{"no line left", "no line left", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte(`{"v":1,"l":[]}`) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(http.StatusCreated, ""))
			n := notification("N1")
			tt.change(n)
			r := ship(t, octopia.New(), f.store(), n)
			if r.GetOutcome() != rejected || !strings.Contains(r.GetMessage(), tt.message) || len(f.seen()) != 0 || f.tokens() != 0 {
				t.Errorf("%s %q, %d requests, %d tokens", r.GetOutcome(), r.GetMessage(), len(f.seen()), f.tokens())
			}
		})
	}
}

// TestTrackingLimits: the longest that is declared is sent.
func TestTrackingLimits(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	a := octopia.New(octopia.WithTrackingLimits(5, 20))
	rules := a.Describe().GetCapabilities().GetTrackingRules()
	n := notification("N1")
	n.TrackingNumber, n.TrackingUrl = strings.Repeat("é", int(rules.GetMaxNumberLength())), "https://x.example/12"
	if r := ship(t, a, f.store(), n); r.GetOutcome() != applied || len(n.GetTrackingUrl()) != int(rules.GetMaxUrlLength()) {
		t.Errorf("%s %s", r.GetOutcome(), r.GetMessage())
	}
	n.TrackingNumber += "é"
	if r := ship(t, a, f.store(), n); r.GetOutcome() != rejected {
		t.Errorf("one more: %s", r.GetOutcome())
	}
}

// TestShipmentOutcomes: what each answer to a write means (octopia-rest.md 6).
func TestShipmentOutcomes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   adapterv1.Outcome
		reason string
		wait   time.Duration
		text   string
	}{
		{name: "200", status: 200, want: applied},
		{name: "201", status: 201, want: applied},
		{name: "202", status: 202, want: applied},
		{name: "204", status: 204, want: applied},
		{name: "200 with JSON", status: 200, body: `{"ok":true}`, want: applied},
		{name: "201 with null", status: 201, body: `null`, want: applied},
		{name: "201 with white space", status: 201, body: " \n", want: applied},
		{name: "200 page", status: 200, header: map[string]string{"Content-Type": "text/html"}, body: "<html></html>", want: unknown},
		{name: "200 page without a type", status: 200, body: "<html></html>", want: unknown},
		{name: "201 with broken JSON", status: 201, body: `{"ok":`, want: unknown},
		{name: "201 with a flood", status: 201, body: `"` + strings.Repeat("a", 100<<10) + `"`, want: unknown},
		{name: "302", status: 302, want: unknown},
		{name: "wrong state", status: 400, header: map[string]string{"Content-Type": problemJSON}, body: `{"title":"Validation Failed","status":400,"detail":"Cannot switch to shipped status from the current one","errors":{"status":["Cannot switch to shipped status"]}}`, want: rejected, reason: "400 status", text: "Cannot switch to shipped status"},
		{name: "wrong carrier", status: 400, header: map[string]string{"Content-Type": problemJSON}, body: `{"title":"Validation Failed","status":400,"errors":{"carrierName":["unknown carrier"]}}`, want: rejected, reason: "400 carrierName", text: "carrierName: unknown carrier"},
		{name: "400 without a body", status: 400, want: rejected, reason: "400"},
		{name: "404", status: 404, body: `{"title":"Not Found","status":404}`, want: rejected, reason: "404", text: "Not Found"},
		{name: "409", status: 409, want: rejected, reason: "409"},
		{name: "415", status: 415, want: rejected, reason: "415"},
		{name: "422", status: 422, body: `{"title":"Unprocessable","errors":{"parcelNumber":["of Jeanne Exemple"]}}`, want: rejected, reason: "422 parcelNumber", text: "parcelNumber: of …"},
		{name: "408", status: 408, want: unknown},
		{name: "429", status: 429, want: retry},
		{name: "429 with a delay", status: 429, header: map[string]string{"Retry-After": "7"}, want: retry, wait: 7 * time.Second},
		{name: "quota", status: 403, body: quotaBody, want: retry, wait: 11*time.Minute + 35*time.Second},
		{name: "403 page", status: 403, header: map[string]string{"Content-Type": "text/html"}, body: "<html></html>", want: unknown},
		{name: "500", status: 500, want: unknown},
		{name: "502 page", status: 502, header: map[string]string{"Content-Type": "text/html"}, body: "<html></html>", want: unknown},
		{name: "503 with a delay", status: 503, header: map[string]string{"Retry-After": "7"}, want: unknown},
		{name: "cut in the middle", status: 201, header: map[string]string{"Content-Length": "100"}, body: `{`, want: unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(w http.ResponseWriter, _ received, _ int) {
				for k, v := range tt.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
			})
			r := ship(t, octopia.New(), f.store(), notification("N1"))
			if r.GetOutcome() != tt.want || r.GetNativeReason() != tt.reason || r.GetRetryAfter().AsDuration() != tt.wait ||
				!strings.Contains(r.GetMessage(), tt.text) || strings.Contains(r.GetMessage(), "Jeanne") {
				t.Errorf("%s %q %q after %s", r.GetOutcome(), r.GetNativeReason(), r.GetMessage(), r.GetRetryAfter().AsDuration())
			}
			if len(f.seen()) != 1 {
				t.Errorf("sent %d times", len(f.seen()))
			}
		})
	}
}

// TestWriteThatNeverLeft: no connection means that nothing was done.
func TestWriteThatNeverLeft(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	store := f.store()
	store.Environment["api_url"] = "http://127.0.0.1:1"
	if r := ship(t, octopia.New(), store, notification("N1")); r.GetOutcome() != retry {
		t.Errorf("%s %s", r.GetOutcome(), r.GetMessage())
	}
}

// TestWriteRenewsToken: a write that was refused for its token was not carried out: it goes out again with a new one, once.
func TestWriteRenewsToken(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			write(w, http.StatusUnauthorized, "")
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	if r := ship(t, octopia.New(), f.store(), notification("N1")); r.GetOutcome() != applied || len(f.seen()) != 2 || f.seen()[0].Body != f.seen()[1].Body {
		t.Errorf("%s, %d requests", r.GetOutcome(), len(f.seen()))
	}
	f = newFake(t, always(http.StatusUnauthorized, ""))
	_, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{notification("N1"), notification("N2")},
	})
	if reason(err) != "CREDENTIALS_REJECTED" || len(f.seen()) != 2 {
		t.Errorf("error %v, %d requests", err, len(f.seen()))
	}
}

// TestDecisionRequests: whole orders, in snake_case (octopia-rest.md 6.1).
func TestDecisionRequests(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if strings.Contains(r.Path, "N2") {
			write(w, http.StatusBadRequest, `{"title":"Validation Failed","errors":{"status":["Only WaitingAcceptance orders can be approved"]}}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	a := octopia.New()
	orders := []*adapterv1.DecidedOrder{{Key: "a", OrderNumber: "N1"}, {Key: "b", OrderNumber: "N2"}, {Key: "c"}, {Key: "d", OrderNumber: "X", NativeId: "N3"}}
	accepted, err := a.AcceptOrders(short(t), &adapterv1.AcceptOrdersRequest{Store: f.store(), Orders: orders})
	if err != nil {
		t.Fatal(err)
	}
	refused, err := a.RefuseOrders(short(t), &adapterv1.RefuseOrdersRequest{Store: f.store(), Orders: orders})
	if err != nil {
		t.Fatal(err)
	}
	for name, results := range map[string][]*adapterv1.WriteResult{"accept": accepted.GetResults(), "refuse": refused.GetResults()} {
		var got []string
		for _, r := range results {
			got = append(got, fmt.Sprintf("%s %s %s", r.GetKey(), strings.TrimPrefix(r.GetOutcome().String(), "OUTCOME_"), r.GetNativeReason()))
		}
		if diff := cmp.Diff([]string{"a APPLIED ", "b REJECTED 400 status", "c REJECTED ", "d APPLIED "}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var sent []string
	for _, r := range f.seen() {
		sent = append(sent, r.line()+" "+r.Body)
	}
	if diff := cmp.Diff([]string{
		`POST /orders/N1/approval-status {"approval_status":"Accepted"}`,
		`POST /orders/N2/approval-status {"approval_status":"Accepted"}`,
		`POST /orders/N3/approval-status {"approval_status":"Accepted"}`,
		`POST /orders/N1/approval-status {"approval_status":"Refused"}`,
		`POST /orders/N2/approval-status {"approval_status":"Refused"}`,
		`POST /orders/N3/approval-status {"approval_status":"Refused"}`,
	}, sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBatch: items are sent one by one, each on its own; what concerns the account stops the rest.
func TestBatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		second func(w http.ResponseWriter) // answer to the second order
		want   []adapterv1.Outcome
		sent   int
	}{
		{"a refusal", func(w http.ResponseWriter) { write(w, 400, "") }, []adapterv1.Outcome{applied, rejected, applied}, 3},
		{"a lost answer", cut, []adapterv1.Outcome{applied, unknown, applied}, 3},
		{"a quota", func(w http.ResponseWriter) { write(w, 403, quotaBody) }, []adapterv1.Outcome{applied, retry, retry}, 2},
		{"an end of the delegation", func(w http.ResponseWriter) { write(w, 403, `{"title":"Forbidden"}`) }, []adapterv1.Outcome{applied, retry, retry}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
				if strings.Contains(r.Path, "N2") {
					tt.second(w)
					return
				}
				w.WriteHeader(http.StatusCreated)
			})
			resp, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{
				notification("N1"), notification("N2"), notification("N3"),
			}})
			if err != nil {
				t.Fatal(err)
			}
			var got []adapterv1.Outcome
			for i, r := range resp.GetResults() {
				got = append(got, r.GetOutcome())
				if want := fmt.Sprintf("key-N%d", i+1); r.GetKey() != want {
					t.Errorf("key %q, want %q", r.GetKey(), want)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || len(f.seen()) != tt.sent {
				t.Errorf("%d sent (-want +got):\n%s", len(f.seen()), diff)
			}
			if tt.name == "a quota" && resp.GetResults()[2].GetRetryAfter().AsDuration() != 11*time.Minute+35*time.Second {
				t.Errorf("the rest waits for %s", resp.GetResults()[2].GetRetryAfter().AsDuration())
			}
		})
	}
}

// TestAccountRefusedFirst: nothing was done, so it is an error of the whole call.
func TestAccountRefusedFirst(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusForbidden, `{"title":"Forbidden","detail":"The client is not allowed for this seller"}`))
	_, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{notification("N1"), notification("N2")},
	})
	if reason(err) != "SELLER_NOT_AUTHORIZED" || len(f.seen()) != 1 {
		t.Errorf("error %v, %d requests", err, len(f.seen()))
	}
}

// TestKeys: results must be told apart.
func TestKeys(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	twice := []*adapterv1.ShipmentNotification{notification("N1"), notification("N1")}
	empty := []*adapterv1.ShipmentNotification{notification("N1"), notification("N2")}
	empty[1].Key = ""
	var many []*adapterv1.ShipmentNotification
	for i := range 21 {
		many = append(many, notification(fmt.Sprint("N", i)))
	}
	for field, list := range map[string][]*adapterv1.ShipmentNotification{
		"notifications[1].key": twice, "notifications[1].key ": empty, "notifications": many,
	} {
		_, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: list})
		if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != strings.TrimSpace(field) || len(f.seen()) != 0 {
			t.Errorf("%s: error %v, %d requests", field, err, len(f.seen()))
		}
	}
	_, err := octopia.New().AcceptOrders(short(t), &adapterv1.AcceptOrdersRequest{Store: f.store(), Orders: []*adapterv1.DecidedOrder{{OrderNumber: "N1"}}})
	if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != "orders[0].key" {
		t.Errorf("decisions: %v", err)
	}
	if resp, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store()}); err != nil || len(resp.GetResults()) != 0 || f.tokens() != 0 {
		t.Errorf("nothing to send: %v, %d tokens", err, f.tokens())
	}
}

// TestCallerLeavesDuringWrites: what was not sent is certainly not done; the call still tells of what was.
func TestCallerLeavesDuringWrites(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(short(t))
	defer cancel()
	f := newFake(t, func(w http.ResponseWriter, _ received, n int) {
		if n == 2 {
			cancel()
		}
		w.WriteHeader(http.StatusCreated)
	})
	resp, err := octopia.New().NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{
		notification("N1"), notification("N2"), notification("N3"),
	}})
	if err != nil || len(resp.GetResults()) != 3 {
		t.Fatalf("%d results, %v", len(resp.GetResults()), err)
	}
	r := resp.GetResults()
	if r[0].GetOutcome() != applied || r[1].GetOutcome() == retry || r[2].GetOutcome() != retry || len(f.seen()) != 2 {
		t.Errorf("%s, %s, %s, %d requests", r[0].GetOutcome(), r[1].GetOutcome(), r[2].GetOutcome(), len(f.seen()))
	}
}

// TestContextIsSmallAndStable: the same order gives the same bytes, which hold ids and nothing else.
func TestContextIsSmallAndStable(t *testing.T) {
	t.Parallel()
	body := page(homeOrder("N1").with("lines", []any{
		goodsLine("1"), goodsLine("2").with("status", "Cancelled"), goodsLine("3").with("status", "CancelRequest"),
	}))
	var contexts []string
	for range 2 {
		orders, err := octopia.ReadOrders(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		contexts = append(contexts, string(orders[0].GetAdapterContext()))
	}
	if contexts[0] != contexts[1] || contexts[0] != `{"v":1,"c":"CDISFR","l":["1","3"]}` || !json.Valid([]byte(contexts[0])) {
		t.Errorf("contexts %q", contexts)
	}
}
