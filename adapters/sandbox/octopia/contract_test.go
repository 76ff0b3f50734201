package octopia_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/relaishq/relais/adapters/sandbox/octopia"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// contract loads octopia-openapi.yaml from the shared folder beside the repository; RELAIS_SHARED names another. Without it the
// test fails where CI=true and is skipped elsewhere.
func contract(t *testing.T) routers.Router {
	t.Helper()
	shared := os.Getenv("RELAIS_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	file := filepath.Join(shared, "contracts", "octopia-openapi.yaml")
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("the contract is not there: %v", err)
	}
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// checker holds exchanges to the contract.
type checker struct {
	t      *testing.T
	router routers.Router
}

// check holds one exchange to the contract: the answer, and where it was a success the request. url is the request's address in
// the contract's words.
func (c checker) check(name, address string, req *http.Request, body string, r response) {
	c.t.Helper()
	in := req.Clone(c.t.Context())
	in.Body = io.NopCloser(strings.NewReader(body))
	in.URL, _ = url.Parse(address)
	in.Host = in.URL.Host
	route, path, err := c.router.FindRoute(in)
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
		return
	}
	asked := &openapi3filter.RequestValidationInput{
		Request: in, PathParams: path, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if r.status < 300 {
		if err := openapi3filter.ValidateRequest(c.t.Context(), asked); err != nil {
			c.t.Errorf("%s: request: %v", name, err)
		}
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: asked, Status: r.status, Header: r.header, Options: asked.Options}
	answer.SetBodyBytes([]byte(r.body))
	if err := openapi3filter.ValidateResponse(c.t.Context(), answer); err != nil {
		c.t.Errorf("%s: HTTP %d: %v: %.300s", name, r.status, err, r.body)
	}
}

// TestAnswersFitTheContract goes through every answer that the face has a shape for: each route, each variety of order in each
// habit, and each refusal that the contract lists.
func TestAnswersFitTheContract(t *testing.T) {
	t.Parallel()
	c := checker{t: t, router: contract(t)}
	x := open(t, len(world.Varieties()))
	call := func(name, method, path, body string) response {
		req := x.request(method, path, body)
		r, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		c.check(name, "https://api.octopia-io.net/seller/v2"+path, x.request(method, path, body), body, r)
		return r
	}
	habits := map[string]func(s *world.Settings){
		"as it is": func(*world.Settings) {},
		"all the rest": func(s *world.Settings) {
			s.DateZone, s.ReferenceIs, s.RelayLabel, s.ShippableLineStatus, s.ExtraFields = "+00:00", "number", "unknown", "Accepted", 1
		},
	}
	for name, change := range habits {
		x.settle(change)
		for _, number := range x.s.World().Find("demo", func(world.Head) bool { return true }) {
			call(name+", order "+number, http.MethodGet, "/orders/"+number, "")
		}
		call(name+", page", http.MethodGet, "/orders?pageIndex=1&pageSize=100&status=InPreparation,Shipped&sort=createdAt&updatedAtMin=2026-01-01T00:00:00Z", "")
	}
	call("empty page", http.MethodGet, "/orders?pageIndex=9", "")
	call("count", http.MethodGet, "/orders/count?supplyMode=Seller", "")
	call("seller", http.MethodGet, "/sellers", "")
	call("carriers", http.MethodGet, "/carriers", "")
	for _, p := range x.s.World().Products() {
		call("product", http.MethodGet, "/products?gtin="+p.EAN, "")
	}
	call("no product", http.MethodGet, "/products?gtin=1", "")
	call("bad filter", http.MethodGet, "/orders?status=Nothing", "")
	call("no order", http.MethodGet, "/orders/nothing", "")

	ready := x.create(world.Spec{State: world.WaitingForShipmentAcceptation})
	waiting := x.create(world.Spec{State: world.WaitingForSellerAcceptation})
	call("bad parcel", http.MethodPost, "/orders/"+ready+"/shipments", `[{"parcelNumber":"1","carrierName":"Nobody"}]`)
	call("parcel", http.MethodPost, "/orders/"+ready+"/shipments", parcel)
	call("parcel again", http.MethodPost, "/orders/"+ready+"/shipments", parcel)
	call("approval", http.MethodPost, "/orders/"+waiting+"/approval-status", anAccept)
	call("approval again", http.MethodPost, "/orders/"+waiting+"/approval-status", anAccept)
	call("shipped order", http.MethodGet, "/orders/"+ready, "")
	x.put(world.SellerPatch{Delegated: new(false)})
	call("not delegated", http.MethodGet, "/orders", "")
	x.token = "guess"
	call("no token", http.MethodGet, "/orders", "")
}

// TestTokensFitTheContract does the same for the token route.
func TestTokensFitTheContract(t *testing.T) {
	t.Parallel()
	c := checker{t: t, router: contract(t)}
	x := open(t, 0)
	for _, shape := range []string{"keycloak", "problem"} {
		x.settle(func(s *world.Settings) { s.TokenErrorShape = shape })
		for name, fields := range map[string][]string{
			"token":         {"client_id", "demo-client", "client_secret", "demo-secret", "grant_type", "client_credentials"},
			"wrong secret":  {"client_id", "demo-client", "client_secret", "guess", "grant_type", "client_credentials"},
			"another grant": {"client_id", "demo-client", "client_secret", "demo-secret", "grant_type", "password"},
		} {
			form := url.Values{}
			for pair := range slices.Chunk(fields, 2) {
				form.Set(pair[0], pair[1])
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, x.s.URL()+octopia.TokenPath, bytes.NewReader([]byte(form.Encode())))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			// The router knows the servers of the whole contract only, not those of one path.
			c.check(shape+", "+name, "https://api.octopia-io.net/seller/v2/auth/realms/maas/protocol/openid-connect/token", req, form.Encode(), x.askToken(fields...))
		}
	}
}
