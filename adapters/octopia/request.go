package octopia

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Routes of the API, as they are named in messages (octopia-rest.md 4).
const (
	routeSellers   = "GET /sellers"
	routeOrders    = "GET /orders"
	routeCount     = "GET /orders/count"
	routeOrder     = "GET /orders/{orderId}"
	routeCarriers  = "GET /carriers"
	routeProducts  = "GET /products"
	routeApproval  = "POST /orders/{orderId}/approval-status"
	routeShipments = "POST /orders/{orderId}/shipments"
)

// request is one call of the API, complete but for the token.
type request struct {
	route  string // for messages; never holds an order number
	method string
	url    string
	seller string // SellerId header
	body   []byte // JSON; nil for none
}

// masked stands for a token where a request is shown.
const masked = "***"

// get returns a read of a path under the API's address.
func (s *session) get(route, path string, query url.Values) request {
	address := s.api + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return request{route: route, method: http.MethodGet, url: address, seller: s.seller}
}

// post returns a write of a path under the API's address.
func (s *session) post(route, path string, body []byte) request {
	return request{route: route, method: http.MethodPost, url: s.api + path, seller: s.seller, body: body}
}

// headers returns the headers of a request with this token (octopia-rest.md 1).
func (r request) headers(token string) http.Header {
	h := http.Header{}
	h.Set("Authorization", "Bearer "+token)
	h["SellerId"] = []string{r.seller} // as documented; Set would write it otherwise
	h.Set("Accept", "application/json")
	if r.body != nil {
		h.Set("Content-Type", "application/json")
	}
	return h
}

// http returns the request with this token.
func (r request) http(ctx context.Context, token string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", bareCause(err))
	}
	if r.body == nil {
		req.Body, req.GetBody = http.NoBody, nil
	}
	req.Header = r.headers(token)
	return req, nil
}

// orderPath returns the path of an order, false when the number cannot be one: a number must never turn into another route,
// whatever characters it has.
func orderPath(number string) (string, bool) {
	switch strings.ToLower(number) {
	case "", ".", "..", "count":
		return "", false
	}
	return "/orders/" + url.PathEscape(number), true
}

// elementPlace is the place of an element in a list.
func elementPlace(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }
