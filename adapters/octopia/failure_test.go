package octopia_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/octopia"
)

const (
	problemJSON = "application/problem+json"
	quotaBody   = `{"statusCode":403,"message":"Out of call volume quota. Quota will be replenished in 00:11:35."}`
)

// TestReadFailures: what each kind of refusal is (octopia-rest.md 2).
func TestReadFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		want   string
		wait   time.Duration
		text   string // must be in the error
	}{
		{"not delegated", 403, map[string]string{"Content-Type": problemJSON}, `{"title":"Forbidden","status":403,"detail":"The client is not allowed for this seller"}`, "SELLER_NOT_AUTHORIZED", 0, "delegate"},
		{"403 without a body", 403, nil, "", "SELLER_NOT_AUTHORIZED", 0, ""},
		{"403 of the gateway", 403, nil, `{"statusCode":403,"message":"Forbidden"}`, "SELLER_NOT_AUTHORIZED", 0, ""},
		{"403 page", 403, map[string]string{"Content-Type": "text/html"}, "<html>Access denied for Jeanne</html>", "MARKETPLACE_DOWN", 0, ""},
		{"volume quota, as measured", 403, nil, quotaBody, "THROTTLED", 11*time.Minute + 35*time.Second, "HTTP 403"},
		{"volume quota in a problem", 403, map[string]string{"Content-Type": problemJSON}, `{"title":"Forbidden","status":403,"detail":"Out of call volume quota. Quota will be replenished in 1.02:00:00."}`, "THROTTLED", 24 * time.Hour, ""},
		{"volume quota without a delay", 403, nil, `{"statusCode":403,"message":"Quota exceeded"}`, "THROTTLED", 0, ""},
		{"volume quota as text", 403, map[string]string{"Content-Type": "text/plain"}, "Out of call volume quota. Quota will be replenished in 00:00:09.", "THROTTLED", 9 * time.Second, ""},
		{"volume quota with Retry-After", 403, map[string]string{"Retry-After": "700"}, quotaBody, "THROTTLED", 700 * time.Second, ""},
		{"429 with seconds", 429, map[string]string{"Retry-After": "7"}, "", "THROTTLED", 7 * time.Second, ""},
		{"429 with a date", 429, map[string]string{"Retry-After": "Wed, 02 Sep 2026 10:02:00 GMT"}, "", "THROTTLED", 2 * time.Minute, ""},
		{"429 with a date of the past", 429, map[string]string{"Retry-After": "Wed, 02 Sep 2020 10:02:00 GMT"}, "", "THROTTLED", 0, ""},
		{"429 with nonsense", 429, map[string]string{"Retry-After": "soon"}, "", "THROTTLED", 0, ""},
		{"429 with a delay of years", 429, map[string]string{"Retry-After": "4294967295"}, "", "THROTTLED", 24 * time.Hour, ""},
		{"429 with words", 429, nil, `{"statusCode":429,"message":"Rate limit is exceeded. Try again in 5 seconds."}`, "THROTTLED", 5 * time.Second, ""},
		{"429 with nothing", 429, nil, `{"title":"Too Many Requests","status":429}`, "THROTTLED", 0, ""},
		{"field errors", 400, map[string]string{"Content-Type": problemJSON}, `{"title":"Validation Failed","status":400,"errors":{"$[0].Status":["The value is not valid."],"jeanne":["jeanne"]}}`, "MARKETPLACE_REFUSED", 0, "Validation Failed; ?: …; status: The value is not valid."},
		{"field errors of another shape", 400, map[string]string{"Content-Type": problemJSON}, `{"title":"Validation Failed","errors":{"status":"not valid","sort":{"x":1}}}`, "MARKETPLACE_REFUSED", 0, "sort; status: not valid"},
		{"personal data", 400, map[string]string{"Content-Type": problemJSON}, `{"title":"Validation Failed","detail":"Order of Jeanne Exemple at jeanne@example.invalid +33600000000 is not valid"}`, "MARKETPLACE_REFUSED", 0, "Order of … at … is not valid"},
		{"unknown route", 404, nil, `{"statusCode":404,"message":"Resource not found"}`, "MARKETPLACE_REFUSED", 0, "api_url"},
		{"406", 406, nil, `{"title":"Not Acceptable"}`, "MARKETPLACE_REFUSED", 0, ""},
		{"409", 409, nil, `{"title":"Conflict"}`, "MARKETPLACE_REFUSED", 0, "Conflict"},
		{"422", 422, nil, ``, "MARKETPLACE_REFUSED", 0, ""},
		{"408", 408, nil, ``, "MARKETPLACE_DOWN", 0, ""},
		{"500", 500, nil, `{"title":"Internal Server Error","status":500}`, "MARKETPLACE_DOWN", 0, ""},
		{"500 without a body", 500, nil, ``, "MARKETPLACE_DOWN", 0, ""},
		{"502 page", 502, map[string]string{"Content-Type": "text/html"}, "<html>Bad Gateway for Jeanne</html>", "MARKETPLACE_DOWN", 0, ""},
		{"503 with a delay", 503, map[string]string{"Retry-After": "30"}, ``, "MARKETPLACE_DOWN", 30 * time.Second, ""},
		{"504 in broken JSON", 504, nil, `{"title":`, "MARKETPLACE_DOWN", 0, ""},
		{"200 page", 200, map[string]string{"Content-Type": "text/html"}, "<html>Jeanne</html>", "MALFORMED_ANSWER", 0, ""},
		{"200 without a body", 200, nil, ``, "MALFORMED_ANSWER", 0, ""},
		{"204", 204, nil, ``, "MALFORMED_ANSWER", 0, ""},
		{"wrong type", 200, nil, `{"Jeanne":1}`, "MALFORMED_ANSWER", 0, "carriers is an object, want an array"},
		{"deep problem", 400, nil, strings.Repeat(`{"errors":`, 5000) + "1" + strings.Repeat("}", 5000), "MARKETPLACE_REFUSED", 0, ""},
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
			a := octopia.New(octopia.WithClock(clock("2026-09-02T10:00:00Z")))
			_, err := carriers(t, a, f.store())
			if reason(err) != tt.want || asSDK(err).RetryAfter != tt.wait {
				t.Fatalf("error %v after %v, want %s after %s", err, asSDK(err), tt.want, tt.wait)
			}
			text := err.Error()
			if !strings.Contains(text, tt.text) || !strings.Contains(text, "GET /carriers") {
				t.Errorf("error %q, want %q in it", text, tt.text)
			}
			for _, leak := range []string{"Jeanne", "jeanne", "Exemple", "jeanne@", "+336", testSecret, "token-1"} {
				if strings.Contains(text, leak) {
					t.Errorf("error %q holds %q", text, leak)
				}
			}
			if len(f.seen()) != 1 {
				t.Errorf("%d requests", len(f.seen()))
			}
		})
	}
}

// TestHostileAnswers: an answer that is not one ends in an error, whatever reads it, and never in a shorter list.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	order := homeOrder("N1").json()
	list := page(homeOrder("N1"))
	for _, tt := range []struct {
		name, body string
		text       string // must be in the error
	}{
		{"deep", `{"items":` + strings.Repeat("[", 100_000), ""},
		{"deep in an order", `{"items":[` + strings.TrimSuffix(order, "}") + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}]}`, "items[0] is nested too deep"},
		{"deep to the end", `{"items":[{"x":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `}]}`, ""},
		{"huge field", `{"items":[{"orderId":"` + strings.Repeat("a", 6<<20) + `"}]}`, "larger than any"},
		{"huge unknown field", `{"x":"` + strings.Repeat("a", 6<<20) + `","items":[]}`, "larger than any"},
		{"huge number", `{"items":[{"orderId":` + strings.Repeat("9", 6<<20) + `}]}`, "larger than any"},
		{"escapes", `{"items":[{"orderId":"` + strings.Repeat(`\u0041`, 1<<20) + `"}]}`, "larger than any"},
		{"white space", strings.Repeat(" ", 6<<20) + list, "larger than any"},
		{"an object where a text is expected", page(homeOrder("N1").with("lines.0.offer.productTitle", object{"fr": "x"})), "items[0].lines.offer.productTitle holds a value of the wrong type"},
		{"a list where an object is expected", page(homeOrder("N1").with("salesChannel", []any{})), "items[0].salesChannel"},
		{"a text where a list is expected", page(homeOrder("N1").with("lines", "none")), "items[0].lines"},
		{"a boolean where a text is expected", page(homeOrder("N1").with("status", true)), "items[0].status"},
		{"items is an object", `{"items":{}}`, "items is an object, want an array"},
		{"items is null", `{"items":null}`, "items is null"},
		{"no items", `{"itemsPerPage":0}`, "no items"},
		{"a bare list", `[]`, "the answer is an array"},
		{"an item is null", `{"items":[null]}`, "items[0] is null"},
		{"an item is a text", `{"items":["x"]}`, "items[0]"},
		{"a member twice", `{"items":[],"items":[` + order + `]}`, "twice"},
		{"a member twice in an order", `{"items":[{"orderId":"N1","lines":[],"lines":[]}]}`, "items[0] has a member twice"},
		{"a member twice but for its case", `{"items":[{"orderId":"N1","ORDERID":"N2"}]}`, "twice"},
		{"a member twice in other letters", `{"items":[{"orderId":"N1","status":"Shipped","\u017ftatus":"InPreparation"}]}`, "twice"},
		{"a member twice with an escape", `{"items":[{"orderId":"N1","order\u0049d":"N2"}]}`, "twice"},
		{"a member twice, deeper", `{"items":[{"orderId":"N1","x":[{"a":"\"{"},{"a":1,"b":{},"a":2}]}]}`, "twice"},
		{"something behind", list + `{}`, "follows the end"},
		{"a second list behind", list + "\n" + list, "follows the end"},
		{"a stray bracket behind", list + `]`, ""},
		{"invalid UTF-8", `{"items":[{"orderId":"` + "\xff" + `"}]}`, "UTF-8"},
		{"too many orders", page(slices.Repeat([]object{homeOrder("N1").without("lines")}, 1001)...), "items has too many elements"},
		{"a comma too many", `{"items":[` + order + `,]}`, ""},
		{"a page that says it holds more", `{"itemsPerPage":7,"items":[` + order + `]}`, "fewer items than it says"},
		{"an empty page that says it holds more", `{"items":[],"itemsPerPage":"1"}`, "fewer items than it says"},
		{"no order id", page(homeOrder("N1").without("orderId")), "items[0].orderId is missing"},
		{"no date at all", page(homeOrder("N1").without("purchasedAt", "createdAt", "updatedAt")), "items[0].createdAt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			orders, err := octopia.ReadOrders(strings.NewReader(tt.body))
			if err == nil {
				t.Fatalf("%d orders", len(orders))
			}
			if !strings.Contains(err.Error(), tt.text) || len(err.Error()) > 200 {
				t.Errorf("error %.300q, want %q in it", err, tt.text)
			}
			f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
				if strings.HasSuffix(r.Path, "/count") {
					write(w, http.StatusOK, "1")
					return
				}
				write(w, http.StatusOK, tt.body)
			})
			out := &sink{}
			err = octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-03T00:00:00Z")), out)
			if reason(err) != "MALFORMED_ANSWER" || len(out.orders) != 0 || len(out.checkpoints) != 0 {
				t.Errorf("error %v, %d orders, %d checkpoints", err, len(out.orders), len(out.checkpoints))
			}
		})
	}
}

// TestTruncatedListIsAnError: whatever byte an answer ends at, it is not a shorter list.
func TestTruncatedListIsAnError(t *testing.T) {
	t.Parallel()
	body := page(homeOrder("N1"), pointOrder("N2"))
	if orders, err := octopia.ReadOrders(strings.NewReader(body)); err != nil || len(orders) != 2 {
		t.Fatalf("%d orders, %v", len(orders), err)
	}
	for n := range len(body) {
		if orders, err := octopia.ReadOrders(strings.NewReader(body[:n])); err == nil {
			t.Fatalf("%d of %d bytes read as %d orders", n, len(body), len(orders))
		}
	}
}

// TestPageSizeAsItemsPerPage: itemsPerPage that is the size asked for, or no number, says nothing of what the page holds.
func TestPageSizeAsItemsPerPage(t *testing.T) {
	t.Parallel()
	for _, claimed := range []string{"100", "0", "null", `"?"`} {
		orders, err := octopia.ReadOrders(strings.NewReader(`{"itemsPerPage":` + claimed + `,"items":[` + homeOrder("N1").json() + `]}`))
		if err != nil || len(orders) != 1 {
			t.Errorf("itemsPerPage %s: %d orders, %v", claimed, len(orders), err)
		}
	}
}

// TestEndlessAnswers: they end, in an error.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, begin, part string }{
		{"a text", `{"items":[{"orderId":"`, "a"},
		{"orders", `{"itemsPerPage":1,"items":[` + homeOrder("N0").json(), "," + homeOrder("N1").json()},
		{"unknown members", `{"x":[1`, ",1"},
		{"white space", `{"items":[]}`, " "},
		{"lists", ``, "["},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, nil)
			f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/token":
					f.serveToken(w, r)
				case strings.HasSuffix(r.URL.Path, "/count"):
					write(w, http.StatusOK, "1")
				default:
					endless(w, r, tt.begin, tt.part)
				}
			})
			out := &sink{}
			err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-03T00:00:00Z")), out)
			if reason(err) != "MALFORMED_ANSWER" || len(out.orders) != 0 {
				t.Errorf("error %v, %d orders", err, len(out.orders))
			}
		})
	}
}

// TestQuote: only words that are known to be none are passed on; whatever the marketplace puts into its texts stays out.
func TestQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Cannot switch to shipped status from the current one":                          "Cannot switch to shipped status from the current one",
		"Only WaitingAcceptance orders can be approved":                                 "Only WaitingAcceptance orders can be approved",
		"The client is not allowed for this seller":                                     "The client is not allowed for this seller",
		"Order cannot be accepted in its current status":                                "Order cannot be accepted in its current status",
		"Order 2609020915ABCDE of Mme Jeanne EXEMPLE (jeanne@example.invalid) refused.": "Order … of … refused.",
		"order of jeanne exemple, 1 rue de test, refused":                               "order of … refused",
		"secret correct-horse-secret is not valid":                                      "… is not valid",
		"order of Жанна and 山田 and ｊｅａｎｎｅ is closed":                                    "order of … and … and … is closed",
		" the\n lines\t":                "the lines",
		"https://example.invalid/":      "…",
		"CancelRequest, Cancelled":      "CancelRequest, Cancelled",
		"\"status\" (order)":            "\"status\" (order)",
		"":                              "",
		strings.Repeat("order ", 80):    strings.Repeat("order ", 26) + "orde…",
		strings.Repeat("jeanne ", 8000): "…",
	} {
		if got := octopia.Quote(in); got != want {
			t.Errorf("%.80q reads %q, want %q", in, got, want)
		}
	}
}

// TestWaitIn: delays in the ways that texts name them.
func TestWaitIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"Quota will be replenished in 00:11:35.":         11*time.Minute + 35*time.Second,
		"Quota will be replenished in 23:59:59.1234567.": 24*time.Hour - time.Second,
		"replenished in 3.00:00:00":                      24 * time.Hour,
		"Try again in 5 seconds.":                        5 * time.Second,
		"try again in 2 minutes":                         2 * time.Minute,
		"in 1 hour":                                      time.Hour,
		"in 999999 h":                                    24 * time.Hour,
		"in 5 parcels":                                   0,
		"no delay":                                       0,
		"":                                               0,
	} {
		if got := octopia.WaitIn(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
