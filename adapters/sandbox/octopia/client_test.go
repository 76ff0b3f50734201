package octopia_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/octopia"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// start is the world time of the tests.
var start = time.Date(2026, 2, 20, 9, 0, 0, 0, time.UTC)

// shop is a running sandbox with a frozen clock and a client of seller demo.
type shop struct {
	t      *testing.T
	s      *emulator.Server
	token  string
	scheme string // in front of the token
	seller string // SellerId header; empty means none
}

// open starts a sandbox whose two sellers have that many orders each.
func open(t *testing.T, orders int) *shop {
	t.Helper()
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{
		World: world.Config{Orders: orders, Sellers: 2, Seed: 7, Start: start, Frozen: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	x := &shop{t: t, s: s, scheme: "Bearer ", seller: "10001"}
	x.token = x.login("demo-client", world.DefaultClientSecret)
	return x
}

// response is an answer with its body read.
type response struct {
	status int
	header http.Header
	body   string
}

func (r response) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		t.Fatalf("%v: %.300s", err, r.body)
	}
}

func do(req *http.Request) (response, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(body)}, err
}

// askToken asks the token route with the fields of a form.
func (x *shop) askToken(fields ...string) response {
	x.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	req, err := http.NewRequestWithContext(x.t.Context(), http.MethodPost, x.s.URL()+octopia.TokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r, err := do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	return r
}

// login fetches a token.
func (x *shop) login(client, secret string) string {
	x.t.Helper()
	r := x.askToken("grant_type", "client_credentials", "client_id", client, "client_secret", secret)
	var answer struct {
		Token string `json:"access_token"`
	}
	r.decode(x.t, &answer)
	if r.status != http.StatusOK || answer.Token == "" {
		x.t.Fatalf("login %s: HTTP %d %s", client, r.status, r.body)
	}
	return answer.Token
}

// request makes a request of the shop's token and seller. A body is sent as JSON.
func (x *shop) request(method, path, body string) *http.Request {
	x.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(x.t.Context()), method, x.s.URL()+octopia.APIPath+path, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Authorization", x.scheme+x.token)
	if x.seller != "" {
		req.Header.Set("SellerId", x.seller)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

// call makes a call that must be answered.
func (x *shop) call(method, path, body string) response {
	x.t.Helper()
	r, err := do(x.request(method, path, body))
	if err != nil {
		x.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// get reads what must be there.
func (x *shop) get(path string, out any) {
	x.t.Helper()
	r := x.call(http.MethodGet, path, "")
	if r.status != http.StatusOK {
		x.t.Fatalf("GET %s: HTTP %d %s", path, r.status, r.body)
	}
	r.decode(x.t, out)
}

// settle changes settings.
func (x *shop) settle(change func(s *world.Settings)) {
	x.t.Helper()
	s := x.s.World().Settings()
	change(&s)
	if err := x.s.World().SetSettings(s); err != nil {
		x.t.Fatal(err)
	}
}

func (x *shop) advance(d time.Duration) {
	x.t.Helper()
	if err := x.s.World().Clock().Advance(d); err != nil {
		x.t.Fatal(err)
	}
}

// create makes one order with the lines "A", two pieces, and "B" unless the spec gives others.
func (x *shop) create(spec world.Spec) string {
	x.t.Helper()
	if spec.Lines == nil {
		spec.Lines = []world.Line{{SKU: "A", Quantity: 2, Total: world.Cents(2000)}, {SKU: "B", Total: world.Cents(500)}}
	}
	numbers, err := x.s.World().Create(spec)
	if err != nil {
		x.t.Fatal(err)
	}
	return numbers[0]
}

// put changes seller demo.
func (x *shop) put(p world.SellerPatch) {
	x.t.Helper()
	if p.Account == "" {
		p.Account = "demo"
	}
	if _, err := x.s.World().PutSeller(p); err != nil {
		x.t.Fatal(err)
	}
}

// fault puts a fault rule into force.
func (x *shop) fault(r fault.Rule) {
	x.t.Helper()
	if _, err := x.s.Faults().Add(r); err != nil {
		x.t.Fatal(err)
	}
}

// problemView is what the tests look at in a problem.
type problemView struct {
	Title  string
	Status int
	Detail string
	Errors map[string][]string
}

// wantProblem checks a problem: its status and that it names the field; an empty field means none.
func wantProblem(t *testing.T, r response, status int, field, text string) {
	t.Helper()
	var p problemView
	r.decode(t, &p)
	if r.status != status || p.Status != status || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("HTTP %d, problem %d, %s; want %d: %s", r.status, p.Status, r.header.Get("Content-Type"), status, r.body)
	}
	if _, named := p.Errors[field]; named != (field != "") || !strings.Contains(r.body, text) {
		t.Errorf("problem %s; want the field %q and …%s…", r.body, field, text)
	}
}

// orderView is what most tests look at in an order.
type orderView struct {
	OrderID   string
	Reference *string
	Status    string
	CreatedAt string
	UpdatedAt string
	Lines     []struct {
		OrderLineID     string
		Status          string
		ShippingAddress *struct{ PickupID, FirstName, AddressLine1 *string }
		Delivery        struct{ Mode string }
		Parcels         []struct {
			ParcelNumber, CarrierName string
			TrackingURL               *string
		}
	}
}

// pageView is a page of a list.
type pageView struct {
	ItemsPerPage int
	Items        []orderView
}

func (p pageView) numbers() []string {
	out := []string{}
	for _, o := range p.Items {
		out = append(out, o.OrderID)
	}
	return out
}
