package octopia_test

import (
	"encoding/json"
	"math"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// checkOrder holds what every order promises, whatever it was read from.
func checkOrder(t *testing.T, o *adapterv1.Order) {
	t.Helper()
	if _, err := proto.Marshal(o); err != nil {
		t.Fatalf("the order cannot be sent: %v", err)
	}
	if o.GetOrderNumber() == "" || o.GetPurchaseTime() == nil || o.GetStatus() == 0 || len(o.GetAdapterContext()) > 16<<10 {
		t.Errorf("number %q, bought %v, status %s, %d bytes of context", o.GetOrderNumber(), o.GetPurchaseTime(), o.GetStatus(), len(o.GetAdapterContext()))
	}
	ids := make(map[string]bool)
	ours := 0
	for _, l := range o.GetLines() {
		if l.GetLineId() == "" || ids[l.GetLineId()] || l.GetQuantity() < 0 {
			t.Errorf("line %q twice or without id, quantity %d", l.GetLineId(), l.GetQuantity())
		}
		ids[l.GetLineId()] = true
		if l.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP {
			ours++
			if l.GetQuantity() == 0 || strings.TrimSpace(l.GetSku()) == "" {
				t.Errorf("a line to ship has SKU %q and quantity %d", l.GetSku(), l.GetQuantity())
			}
		}
	}
	if o.GetStatus() == adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP && (ours == 0 || o.GetNativeStatus() != "InPreparation") {
		t.Errorf("to ship in %q with %d lines", o.GetNativeStatus(), ours)
	}
	for _, u := range o.GetUnrecognized() {
		if len(u.GetValue()) > 256 {
			t.Errorf("%d bytes of a raw value", len(u.GetValue()))
		}
	}
}

// FuzzOrders: a page is read as a reference decoder counts it, or is an error.
func FuzzOrders(f *testing.F) {
	order := homeOrder("N1").without("billingAddress").with("lines", []any{goodsLine("1").without("shippingAddress", "offerPrice")}).json()
	whole := `{"itemsPerPage":1,"items":[` + order + `]}`
	for _, seed := range []string{
		whole, whole[:len(whole)-1], whole + "x", strings.Replace(whole, `"items"`, `"Items"`, 1), strings.Replace(whole, `"orderId"`, `"orderid":"N2","orderId"`, 1),
		`{"items":[]}`, `{"items":[` + order + `,` + order + `]}`, `{"items":[null]}`, `{"items":null}`, `[]`, ``, `{"items":[{"orderId":"N1","createdAt":"2026-09-02T09:15:20Z","lines":[{}]}]}`,
		strings.Replace(whole, `"InPreparation"`, `"inpreparation"`, 1), `{"x":{"y":[1,2,{"z":null}]},"items":[]}`, strings.Replace(whole, `"N1"`, `"\ud800\u0000é"`, 1),
		strings.Replace(whole, `"itemsPerPage"`, "\"\x80temsPerPage\"", 1), strings.Replace(whole, `"lines"`, "\"\xff\":1,\"lines\"", 1),
		strings.Replace(whole, `100.00`, `1e2`, 1), strings.Replace(whole, `"quantity":2`, `"quantity":"2"`, 1),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		orders, err := octopia.ReadOrders(strings.NewReader(body))
		if err != nil {
			if len(err.Error()) > 300 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			return
		}
		var reference struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal([]byte(body), &reference); err != nil || len(reference.Items) != len(orders) || !utf8.ValidString(body) {
			t.Errorf("%d orders, the reference reads %d: %v", len(orders), len(reference.Items), err)
		}
		for _, o := range orders {
			checkOrder(t, o)
		}
	})
}

// FuzzOrder: one order, alone.
func FuzzOrder(f *testing.F) {
	for _, o := range []object{
		homeOrder("N1"), pointOrder("N1"), homeOrder("N1").with("lines.0.shippingAddress", nil, "status", "WaitingAcceptance"),
		homeOrder("N1").with("currencyCode", "?"), homeOrder("N1").with("purchasedAt", "2026-09-02T09:15:00"),
		homeOrder("N1").with("lines", []any{goodsLine("1"), goodsLine("1").with("status", "CancelRequest")}),
	} {
		f.Add(o.json())
	}
	f.Fuzz(func(t *testing.T, body string) {
		o, err := octopia.ReadOrder(strings.NewReader(body))
		if err == nil {
			checkOrder(t, o)
		}
	})
}

// FuzzProblem: what is shown of a refusal is bounded and holds no word that may be a value.
func FuzzProblem(f *testing.F) {
	for _, body := range []string{
		`{"title":"Validation Failed","status":400,"detail":"Order of Jeanne","errors":{"carrierName":["unknown carrier"],"x":"y"}}`, quotaBody,
		`{"statusCode":429,"message":"Rate limit is exceeded. Try again in 5 seconds."}`, `<html>`, ``, `{"errors":{"a":[1]}}`, `{"title":{}}`, `{"title":"\u0000"}`, "\xff",
	} {
		f.Add(400, body, "7")
	}
	f.Fuzz(func(t *testing.T, status int, body, after string) {
		text, native, wait := octopia.Problem(status, http.Header{"Retry-After": {after}}, []byte(body), at("2026-09-02T10:00:00Z"))
		if len(text) > 12_000 || len(native) > 600 || wait < 0 || wait > 24*time.Hour || !utf8.ValidString(text) || strings.ContainsAny(text, "@\n\r") {
			t.Errorf("%d bytes of text, reason %q, wait %s", len(text), native, wait)
		}
	})
}

// FuzzTokenAnswer: a token is taken only when it can be sent, and never for longer than a day.
func FuzzTokenAnswer(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "Bearer", 7200.0)
	f.Add("a b", "bearer", -1.0)
	f.Add("", "", math.NaN())
	f.Add(strings.Repeat("a", octopia.MaxToken+1), "mac", math.Inf(1))
	f.Fuzz(func(t *testing.T, value, kind string, expiresIn float64) {
		life, err := octopia.ReadToken(value, kind, expiresIn)
		if err != nil {
			if sdk.AsError(err) == nil || value != "" && len(value) > 12 && strings.Contains(err.Error(), value) {
				t.Errorf("error %v", err)
			}
			return
		}
		if !octopia.IsToken(value) || life <= 0 || life > 24*time.Hour {
			t.Errorf("a token of %d bytes lives %s", len(value), life)
		}
	})
}

// FuzzSeller: an account is connected only when it is the configured one.
func FuzzSeller(f *testing.F) {
	f.Add(sellerAnswer().json(), "98979")
	f.Add(sellerAnswer().with("seller_id", "098979").json(), "98979")
	f.Add(`null`, "0")
	f.Add(`{"seller_id":1e3,"seller_state":"Activated"}`, "1000")
	f.Fuzz(func(t *testing.T, body, configured string) {
		if err := octopia.CheckSeller(body, configured); err != nil {
			return
		}
		var seller struct {
			ID any `json:"seller_id"`
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&seller); err != nil {
			t.Fatalf("the reference cannot read it: %v", err)
		}
		id := ""
		switch v := seller.ID.(type) {
		case string:
			id = strings.TrimSpace(v)
		case json.Number:
			id = v.String()
		}
		if strings.TrimLeft(id, "0") != strings.TrimLeft(configured, "0") {
			t.Errorf("%q is taken for %q", id, configured)
		}
	})
}

// FuzzLists: carriers, products and counts end in a list or an error.
func FuzzLists(f *testing.F) {
	f.Add(`[{"code":"pcc","label":"La Poste "},{"label":null}]`)
	f.Add(`{"items":[{"gtin":"1","attributes":[{"reference":"3263","values":["Rouge"]},{"name":"Taille","value":7}]}]}`)
	f.Add(`3`)
	f.Add(`[null]`)
	f.Fuzz(func(t *testing.T, body string) {
		carriers, err := octopia.ReadCarriers(body)
		for _, c := range carriers {
			if err == nil && (c.GetName() == "" || c.GetName() != strings.TrimSpace(c.GetName())) {
				t.Errorf("carrier %q", c.GetName())
			}
		}
		if options, err := octopia.ReadOptions(body); err == nil && len(options) > 2 {
			t.Errorf("%d options", len(options))
		}
		if n, err := octopia.ReadCount(body); err == nil && n < 0 {
			t.Errorf("count %d", n)
		}
	})
}

// FuzzState: a state gives its token to the credentials that it was made for, and to no others.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"v":1,"token":"t","owner":"x"}`), "secret", "tok.en")
	f.Add([]byte(``), "", "")
	f.Fuzz(func(t *testing.T, state []byte, secret, value string) {
		if got, _ := octopia.TokenOfState("https://auth.example/token", "client", secret, state); got != "" && !octopia.IsToken(got) {
			t.Errorf("token %q", got)
		}
		now := at("2026-09-02T10:00:00Z")
		own := octopia.StateOf("https://auth.example/token", "client", secret, value, now, now.Add(time.Hour))
		if got, expires := octopia.TokenOfState("https://auth.example/token", "client", secret, own); octopia.IsToken(value) && (got != value || !expires.Equal(now.Add(time.Hour))) {
			t.Errorf("token %q until %s", got, expires)
		}
		if got, _ := octopia.TokenOfState("https://auth.example/token", "client", secret+"x", own); got != "" {
			t.Error("another secret got the token")
		}
	})
}

// FuzzContext: lines of a context have ids, or it is not one.
func FuzzContext(f *testing.F) {
	f.Add([]byte(`{"v":1,"c":"CDISFR","l":["1","2"]}`))
	f.Add([]byte(`{"v":1,"l":[{"i":"A","s":"A"}]}`))
	f.Add([]byte(`{"v":1,"l":[""]}`))
	f.Fuzz(func(t *testing.T, context []byte) {
		lines, err := octopia.ContextLines(context)
		if err != nil {
			return
		}
		if len(lines) == 0 {
			t.Error("no lines and no error")
		}
		for _, l := range lines {
			if l == "" {
				t.Error("a line without an id")
			}
		}
	})
}

// FuzzQuotaText: a delay is never negative and never longer than a day; what is quoted is bounded and quoting it again changes
// nothing that could be a value.
func FuzzQuotaText(f *testing.F) {
	for _, text := range []string{"Quota will be replenished in 00:11:35.", "in 5 seconds", "9999.999:99:99", "in 999999 hours", "Order of Jeanne", "…", "", "a\x00b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wait := octopia.WaitIn(text); wait < 0 || wait > 24*time.Hour {
			t.Errorf("wait %s", wait)
		}
		quoted := octopia.Quote(text)
		if utf8.RuneCountInString(quoted) > octopia.QuoteLimit+1 || strings.ContainsAny(quoted, "0123456789@/<>\n\r\x00") {
			t.Errorf("quoted %q", quoted)
		}
	})
}

// FuzzAmount: an amount is exact, or an error.
func FuzzAmount(f *testing.F) {
	for _, number := range []string{"39.8", "-0.5", "1e2", "1.5E-3", "12345e-7", "1e-30", "9e30", "1e999999999", "0.0000000001", "", "-", "1e", "e1", "1.2.3e1", "+1e+2", " e1", "- 1e1"} {
		f.Add(number)
	}
	f.Fuzz(func(t *testing.T, number string) {
		got, err := octopia.ParseAmount("EUR", number)
		if err != nil || len(number) > 100 {
			return
		}
		exact, readable := new(big.Rat).SetString(strings.TrimSpace(number))
		if held, _ := new(big.Rat).SetString(sdk.FormatMoney(got)); !readable || held.Cmp(exact) != 0 {
			t.Errorf("%q is held as %s", number, sdk.FormatMoney(got))
		}
	})
}

// FuzzDate: a date is the instant that it names.
func FuzzDate(f *testing.F) {
	for _, text := range []string{"2026-09-02T09:15:00Z", "2026-09-02T09:15:00+02:00", "2026-09-02T09:15:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59-01:00", "", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, assumed, ok := octopia.ParseDate(text)
		if !ok || got.IsZero() {
			return
		}
		want, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
		if assumed {
			want, err = time.Parse("2006-01-02T15:04:05", strings.TrimSpace(text))
		}
		if err != nil || !got.Equal(want) || got.Year() < 2 || got.Year() > 9999 || got.Location() != time.UTC {
			t.Errorf("%q reads as %v: %v", text, got, err)
		}
	})
}
