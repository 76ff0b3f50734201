package octopia_test

import (
	"encoding/json"
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
		{name: "400 without a body", status: 400, want: retry, text: "HTTP 400"},
		{name: "400 page of a proxy", status: 400, header: map[string]string{"Content-Type": "text/html"}, body: "<html>Request Header Or Cookie Too Large</html>", want: retry},
		{name: "400 of the gateway", status: 400, body: `{"statusCode":400,"message":"Bad Request"}`, want: retry},
		{name: "431", status: 431, body: `{"title":"Request Header Fields Too Large","status":431}`, want: retry},
		{name: "404", status: 404, body: `{"title":"Not Found","status":404}`, want: rejected, reason: "404", text: "Not Found"},
		{name: "404 page", status: 404, header: map[string]string{"Content-Type": "text/html"}, body: "<html></html>", want: retry},
		{name: "404 of the gateway: the route", status: 404, body: `{"statusCode":404,"message":"Resource not found"}`, want: retry, text: "Resource not found"},
		{name: "409", status: 409, body: `{"title":"Conflict","status":409}`, want: rejected, reason: "409"},
		{name: "415", status: 415, body: `{"title":"Unsupported Media Type","status":415}`, want: rejected, reason: "415"},
		{name: "422", status: 422, body: `{"title":"Unprocessable","errors":{"[0].parcelNumber":["of Jeanne Exemple"]}}`, want: rejected, reason: "422 parcelNumber", text: "parcelNumber: of …"},
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
	if reason(err) != "MARKETPLACE_DOWN" || len(f.seen()) != 2 {
		t.Errorf("error %v, %d requests", err, len(f.seen()))
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
