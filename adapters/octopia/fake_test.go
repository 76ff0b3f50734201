package octopia_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

const (
	testClient = "client-1"
	testSecret = "correct-horse-secret"
	testSeller = "98979"
)

// received is one request to the fake API.
type received struct {
	Method, Path, Query, Body string
	Header                    http.Header
	Proto                     string
}

// line is method and path, as they came.
func (r received) line() string { return r.Method + " " + r.Path }

// fake is a small invented marketplace, written from octopia-rest.md: a token service that counts, and an API that answers what
// the test says.
type fake struct {
	server *httptest.Server

	// answer is called for every API request; n counts them from 1. Both are set before the first call.
	answer func(w http.ResponseWriter, r received, n int)
	// token answers token requests; nil issues a new token.
	token func(w http.ResponseWriter, r *http.Request, n int)

	mu       sync.Mutex // guards the fields below
	requests []received
	forms    []string
}

// newFake starts a marketplace that answers every call with answer.
func newFake(t testing.TB, answer func(w http.ResponseWriter, r received, n int)) *fake {
	t.Helper()
	f := &fake{answer: answer}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		f.serveToken(w, r)
		return
	}
	body, _ := io.ReadAll(r.Body)
	req := received{
		Method: r.Method, Path: strings.TrimPrefix(r.URL.EscapedPath(), "/api"), Query: r.URL.RawQuery, Body: string(body), Header: r.Header,
		Proto: r.Proto,
	}
	f.mu.Lock()
	f.requests = append(f.requests, req)
	n := len(f.requests)
	f.mu.Unlock()
	f.answer(w, req, n)
}

func (f *fake) serveToken(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.forms = append(f.forms, string(body))
	n := len(f.forms)
	f.mu.Unlock()
	if f.token != nil {
		f.token(w, r, n)
		return
	}
	write(w, http.StatusOK, tokenAnswer(tokenNumber(n), 7200))
}

// tokenNumber returns the n-th token that a fake issues.
func tokenNumber(n int) string { return fmt.Sprintf("token-%d", n) }

// tokenAnswer is an answer of the token service as recorded (octopia-rest.md 1).
func tokenAnswer(token string, expiresIn int) string {
	return fmt.Sprintf(`{"access_token":%q,"expires_in":%d,"refresh_expires_in":0,"token_type":"Bearer","not-before-policy":0,"scope":""}`,
		token, expiresIn)
}

// seen returns what the API received so far.
func (f *fake) seen() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// lines returns method and path of what the API received.
func (f *fake) lines() []string {
	var lines []string
	for _, r := range f.seen() {
		lines = append(lines, r.line())
	}
	return lines
}

// tokens returns how many token requests there were.
func (f *fake) tokens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.forms)
}

// form returns the n-th token request, from 1.
func (f *fake) form(n int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.forms[n-1]
}

// store returns the context of a store of this marketplace.
func (f *fake) store() *adapterv1.StoreContext {
	return &adapterv1.StoreContext{
		StoreId:     "store-1",
		Credentials: map[string]string{"client_id": testClient, "client_secret": testSecret, "seller_id": testSeller},
		Environment: map[string]string{"token_url": f.server.URL + "/token", "api_url": f.server.URL + "/api"},
	}
}

// write sends an answer with a status, as JSON unless the handler said otherwise.
func write(w http.ResponseWriter, status int, body string) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// always answers every call alike.
func always(status int, body string) func(http.ResponseWriter, received, int) {
	return func(w http.ResponseWriter, _ received, _ int) { write(w, status, body) }
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// zipped compresses a body.
func zipped(body string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, body)
	_ = z.Close()
	return b.Bytes()
}

// object is a JSON object.
type object map[string]any

// with returns a copy with other members; a path reaches into objects and lists: "lines.0.status".
func (o object) with(pairs ...any) object {
	var c object
	if err := json.Unmarshal([]byte(o.json()), &c); err != nil {
		panic(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		set(map[string]any(c), strings.Split(pairs[i].(string), "."), pairs[i+1])
	}
	return c
}

// set sets the member at a path.
func set(in any, path []string, value any) {
	switch in := in.(type) {
	case map[string]any:
		if len(path) == 1 {
			in[path[0]] = value
			return
		}
		set(in[path[0]], path[1:], value)
	case []any:
		var i int
		_, _ = fmt.Sscan(path[0], &i)
		if len(path) == 1 {
			in[i] = value
			return
		}
		set(in[i], path[1:], value)
	default:
		panic("no member " + strings.Join(path, "."))
	}
}

// without returns a copy that lacks members.
func (o object) without(names ...string) object {
	c := maps.Clone(o)
	for _, n := range names {
		delete(c, n)
	}
	return c
}

func (o object) json() string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// page is an answer of GET /orders.
func page(orders ...object) string {
	items := make([]any, 0, len(orders))
	for _, o := range orders {
		items = append(items, o)
	}
	return object{"itemsPerPage": len(items), "items": items}.json()
}

func homeAddress() object {
	return object{
		"civility": "Mme", "firstName": "Jeanne", "lastName": "Exemple", "companyName": nil, "companyVatNumber": nil,
		"addressLine1": "1 rue de Test", "addressLine2": "Bat B", "addressLine3": nil, "postalCode": "69001", "city": "Lyon",
		"stateOrRegion": nil, "countryCode": "FR", "pickupId": nil, "pickupName": nil, "phone": "+33600000000",
		"email": "relay-address@example.invalid",
	}
}

func goodsLine(id string) object {
	return object{
		"orderLineId": id, "status": "InPreparation", "quantity": 2,
		"totalPrice": object{"offerPrice": 200.0, "sellingPrice": json.Number("200.00")},
		"offerPrice": object{
			"unitSalesPrice": 100.0, "shippingCost": 5.0, "taxes": []any{},
			"commission": object{"amountWithVat": 36.0, "amountWithoutVat": 30.0, "rate": 15},
		},
		"sellingPrice": object{"unitSalesPrice": json.Number("100.00"), "shippingCost": json.Number("5.00"), "taxes": []any{}},
		"offer": object{
			"id": "OFFER-1", "sellerProductId": "TSHIRT-RED-M", "supplyMode": "Seller", "productId": "AUC0000000000001",
			"productTitle": "T-shirt rouge taille M", "productGtin": "3700000000017", "condition": "New",
		},
		"delivery": object{
			"mode": "TrackedHomeDelivery", "promisedAtMin": "2026-09-05T00:00:00+00:00", "promisedAtMax": "2026-09-08T00:00:00+00:00",
			"shippedAtMax": "2026-09-04T21:59:59Z",
		},
		"shippingAddress": homeAddress(), "parcels": []any{},
	}
}

// homeOrder is an order to ship to a home: two T-shirts and a fee.
func homeOrder(id string) object {
	return object{
		"orderId": id, "reference": nil, "businessOrder": false, "salesChannel": object{"id": "CDISFR", "name": "Cdiscount"},
		"seller": object{"id": testSeller}, "customer": object{"reference": "CUST-0001"},
		"purchasedAt": "2026-09-02T09:15:00+00:00", "createdAt": "2026-09-02T09:15:20Z", "updatedAt": "2026-09-02T09:20:00.5Z",
		"shippedAtMax": "2026-09-04T21:59:59+00:00", "status": "InPreparation", "payment": object{"method": "Card"}, "currencyCode": "EUR",
		"billingAddress": homeAddress().without("phone", "email", "pickupId", "pickupName").with("lastName", "Acheteuse"),
		"totalPrice":     object{"offerPrice": 205.0, "sellingPrice": json.Number("205.99")},
		"lines":          []any{goodsLine("1")},
		"serviceFees":    []any{object{"label": "Frais de traitement", "amount": json.Number("0.99")}}, "statusEvents": []any{},
	}.with()
}

// pointOrder is an order to a pickup point.
func pointOrder(id string) object {
	return homeOrder(id).with("lines.0.delivery.mode", "MondialRelayPickupPoint", "lines.0.shippingAddress", homeAddress().with(
		"pickupId", "012345", "pickupName", "TABAC DE TEST", "addressLine1", "2 place de Test", "addressLine2", nil,
		"postalCode", "33000", "city", "Bordeaux"))
}

// endless writes begin and then part again and again until the client hangs up.
func endless(w http.ResponseWriter, r *http.Request, begin, part string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, begin)
	chunk := strings.Repeat(part, max(1, 4096/len(part)))
	for r.Context().Err() == nil {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}
