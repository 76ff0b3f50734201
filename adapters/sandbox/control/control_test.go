package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

var start = time.Date(2026, 3, 19, 9, 0, 0, 0, time.UTC)

func open(t *testing.T) *emulator.Server {
	t.Helper()
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Orders: 26, Sellers: 2, Seed: 1, Start: start, Frozen: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// call sends body and decodes the answer into out, which may be nil. It returns status and answer.
func call(t *testing.T, s *emulator.Server, method, path, body string, out any) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s: %v, content type %q", method, path, err, resp.Header.Get("Content-Type"))
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, answer)
		}
	}
	return resp.StatusCode, string(answer)
}

func TestErrorsAreSentences(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, tc := range []struct {
		method, path, body string
		want               int
		text               string
	}{
		{"GET", "/sandbox/nothing", "", 404, "the control API has no GET /sandbox/nothing"},
		{"PUT", "/sandbox/orders", "", 404, "the control API has no PUT /sandbox/orders"},
		{"GET", "/sandbox/orders/nobody", "", 404, "no such order: nobody"},
		{"PATCH", "/sandbox/orders/nobody", "{}", 404, "no such order: nobody"},
		{"DELETE", "/sandbox/orders/nobody", "", 404, "no such order: nobody"},
		{"GET", "/sandbox/orders?seller=nobody", "", 404, "no such seller: nobody"},
		{"GET", "/sandbox/orders?limit=x", "", 400, `limit="x"`},
		{"POST", "/sandbox/orders", `{"colour":"blue"}`, 400, `unknown field "colour"`},
		{"POST", "/sandbox/orders", `{"variety":"blue"}`, 400, `variety "blue" is none of [mondial-relay-fee `},
		{"POST", "/sandbox/orders", `{"lines":[{"total":"abc"}]}`, 400, `amount "abc"`},
		{"POST", "/sandbox/clock", `{"advance":"-1s"}`, 400, `duration "-1s" is negative`},
		{"POST", "/sandbox/clock", `{"advance":"soon"}`, 400, `duration "soon" is not of the form 1m30s`},
		{"POST", "/sandbox/clock", `{"set":"2020-01-01T00:00:00Z"}`, 400, "time cannot go back: it is 2026-03-19T09:00:00Z"},
		{"PATCH", "/sandbox/settings", `{"login_failure":"418"}`, 400, `login_failure "418"`},
		{"POST", "/sandbox/sellers", `{}`, 400, "a seller needs an account"},
		{"GET", "/sandbox/writes?after=x", "", 400, `after="x" is not a number`},
		{"POST", "/sandbox/faults", `{"operation":"GetOrders","kind":"html"}`, 400, `operation "GetOrders" is none of *, STS, GetSellerInformation, `},
		{"PATCH", "/sandbox/settings", `{"slow_list_over":-1}`, 400, "slow_list_over must not be negative"},
		{"POST", "/sandbox/orders", `{"vouchers":[{"amount":"1","source":"Bank"}]}`, 400, `voucher source "Bank"`},
		{"POST", "/sandbox/products", `{"ean":"12"}`, 400, `EAN "12" is not 8 to 14 digits`},
		{"DELETE", "/sandbox/products/00000000", "", 404, `no product has the EAN "00000000"`},
		{"POST", "/sandbox/faults", `{"operation":"*","kind":"slow_drip"}`, 400, "slow_drip needs params.ms"},
		{"DELETE", "/sandbox/faults/7", "", 404, `no fault has the id "7"`},
	} {
		var answer struct{ Error string }
		if code, raw := call(t, s, tc.method, tc.path, tc.body, &answer); code != tc.want || !strings.Contains(answer.Error, tc.text) {
			t.Errorf("%s %s %s: HTTP %d, %s; want HTTP %d, %q", tc.method, tc.path, tc.body, code, raw, tc.want, tc.text)
		}
	}
}

func TestClockAndHealth(t *testing.T) {
	t.Parallel()
	s := open(t)
	if code, body := call(t, s, "GET", "/sandbox/health", "", nil); code != 200 || body != "{\"status\":\"ok\"}\n" {
		t.Errorf("health: HTTP %d %s", code, body)
	}
	for _, tc := range []struct{ method, body, want string }{
		{"GET", "", `{"now":"2026-03-19T09:00:00Z","frozen":true}`},
		{"POST", `{"advance":"90s"}`, `{"now":"2026-03-19T09:01:30Z","frozen":true}`},
		{"POST", `{"set":"2026-03-20T00:00:00+01:00","advance":"1ms"}`, `{"now":"2026-03-19T23:00:00.001Z","frozen":true}`},
	} {
		if code, body := call(t, s, tc.method, "/sandbox/clock", tc.body, nil); code != 200 || strings.TrimSpace(body) != tc.want {
			t.Errorf("%s %s: HTTP %d %s, want %s", tc.method, tc.body, code, body, tc.want)
		}
	}
	if _, body := call(t, s, "POST", "/sandbox/clock", `{"frozen":false}`, nil); !strings.Contains(body, `"frozen":false`) {
		t.Errorf("still frozen: %s", body)
	}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	s := open(t)
	type list struct {
		Orders []world.Head `json:"orders"`
	}
	var heads list
	call(t, s, "GET", "/sandbox/orders", "", &heads)
	if len(heads.Orders) != 52 {
		t.Errorf("%d orders of both sellers", len(heads.Orders))
	}
	heads = list{}
	call(t, s, "GET", "/sandbox/orders?seller=demo2&state=Shipped&limit=1", "", &heads)
	if len(heads.Orders) != 1 || heads.Orders[0].Seller != "demo2" || heads.Orders[0].State != world.Shipped {
		t.Errorf("filtered: %+v", heads)
	}
	heads = list{}
	call(t, s, "GET", "/sandbox/orders?variety=colissimo-point", "", &heads)
	if len(heads.Orders) != 2 {
		t.Errorf("of one variety: %+v", heads)
	}

	var made struct{ Numbers []string }
	call(t, s, "POST", "/sandbox/orders", `{"seller":"demo2","number":"2603191000AAAAA","state":"WaitingForShipmentAcceptation","delivery":"REL",
		"created":"2026-03-01T10:00:00Z","lines":[{"sku":"A","quantity":3,"total":"10.00","first_shipping":"4.9"}],"fees":[]}`, &made)
	if len(made.Numbers) != 1 || made.Numbers[0] != "2603191000AAAAA" {
		t.Fatalf("made %v", made.Numbers)
	}
	var order struct {
		world.Order
		VisibleState world.State `json:"visible_state"`
	}
	call(t, s, "GET", "/sandbox/orders/2603191000AAAAA", "", &order)
	if order.Seller != "demo2" || order.VisibleState != world.WaitingForShipmentAcceptation || order.Pickup == nil || len(order.Fees) != 0 ||
		len(order.Lines) != 1 || order.Lines[0].Total.String() != "10.00" || order.Lines[0].Quantity != 3 {
		t.Errorf("made %+v", order)
	}
	code, body := call(t, s, "PATCH", "/sandbox/orders/2603191000AAAAA", `{"cancel_requested":"A","addresses":"withheld"}`, &order)
	if code != 200 || order.Lines[0].State != world.LineCancelRequested || order.Addresses != world.AddressPartial || !order.Modified.Equal(start) {
		t.Errorf("changed: HTTP %d %s", code, body)
	}
	if code, _ := call(t, s, "DELETE", "/sandbox/orders/2603191000AAAAA", "", nil); code != 200 {
		t.Errorf("removed: HTTP %d", code)
	}
	if code, _ := call(t, s, "GET", "/sandbox/orders/2603191000AAAAA", "", nil); code != 404 {
		t.Errorf("after removal: HTTP %d", code)
	}
	call(t, s, "POST", "/sandbox/orders", `{"count":7}`, &made)
	if len(made.Numbers) != 7 {
		t.Errorf("made %v", made.Numbers)
	}
}

func TestProducts(t *testing.T) {
	t.Parallel()
	s := open(t)
	var list struct{ Products []world.Product }
	call(t, s, "GET", "/sandbox/products", "", &list)
	seeded := len(list.Products)
	if code, body := call(t, s, "POST", "/sandbox/products", `{"ean":"00000000","colour":"Bleu"}`, nil); code != 200 || !strings.Contains(body, `"colour":"Bleu"`) {
		t.Errorf("putting one: HTTP %d %s", code, body)
	}
	call(t, s, "GET", "/sandbox/products", "", &list)
	if len(list.Products) != seeded+1 || list.Products[0].Colour != "Bleu" {
		t.Errorf("products %+v", list.Products)
	}
	if code, _ := call(t, s, "DELETE", "/sandbox/products/00000000", "", nil); code != 200 {
		t.Errorf("removing: HTTP %d", code)
	}
	if _, known := s.World().Product("00000000"); known {
		t.Error("the removed product is still known")
	}
}

func TestSellers(t *testing.T) {
	t.Parallel()
	s := open(t)
	var seller world.Seller
	call(t, s, "POST", "/sandbox/sellers", `{"account":"third","shop_name":"Chez Trois","denied_operations":["ValidateOrderList"]}`, &seller)
	if seller.Login != "third-api" || seller.Password != world.DefaultPassword || seller.MayCall("ValidateOrderList") || !seller.MayCall("GetOrderList") {
		t.Errorf("made %+v", seller)
	}
	s.World().AddToken("third", "token")
	call(t, s, "POST", "/sandbox/sellers", `{"account":"third","state":"Deactivated","revoke_tokens":true}`, &seller)
	if _, check := s.World().Token("token"); check != world.TokenUnknown || seller.State != world.Deactivated || seller.ShopName != "Chez Trois" {
		t.Errorf("changed %+v", seller)
	}
	var sellers struct{ Sellers []world.Seller }
	call(t, s, "GET", "/sandbox/sellers", "", &sellers)
	if len(sellers.Sellers) != 3 || sellers.Sellers[1].Account != "demo2" {
		t.Errorf("sellers %+v", sellers)
	}
}

func TestSettingsKeepWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	s := open(t)
	call(t, s, "PATCH", "/sandbox/settings", `{"ship_visible_after":"90s","parcels_visible":false}`, nil)
	var got world.Settings
	call(t, s, "GET", "/sandbox/settings", "", &got)
	want := world.DefaultSettings()
	want.ShipVisibleAfter, want.ParcelsVisible = world.Duration(90*time.Second), false
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestREADMEListsEverySetting keeps the table of settings complete.
func TestREADMEListsEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var settings map[string]any
	call(t, open(t), "GET", "/sandbox/settings", "", &settings)
	if len(settings) == 0 {
		t.Fatal("no settings")
	}
	for name := range settings {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("README.md does not list %s", name)
		}
	}
}

func TestWritesFaultsAndCalls(t *testing.T) {
	t.Parallel()
	s := open(t)
	for _, order := range []string{"one", "two", "one"} {
		s.World().Record(world.Write{API: "cdiscount", Operation: "ValidateOrderList", Seller: "demo", Order: order})
	}
	var writes struct{ Writes []world.Write }
	call(t, s, "GET", "/sandbox/writes?after=1&order=one", "", &writes)
	if len(writes.Writes) != 1 || writes.Writes[0].Sequence != 3 || writes.Writes[0].EarlierShip != world.NoEarlierShip {
		t.Errorf("writes %+v", writes)
	}
	for _, query := range []string{"seller=demo2", "doubled=true"} {
		if _, body := call(t, s, "GET", "/sandbox/writes?"+query, "", nil); strings.TrimSpace(body) != `{"writes":[]}` {
			t.Errorf("writes with %s: %s", query, body)
		}
	}

	if code, body := call(t, s, "POST", "/sandbox/faults", `{"operation":"STS","kind":"http_503","times":1,"params":{"body":"later"}}`, nil); code != 200 || !strings.Contains(body, `"id":1`) {
		t.Errorf("fault: HTTP %d %s", code, body)
	}
	call(t, s, "POST", "/sandbox/faults", `{"operation":"*","kind":"latency","params":{"ms":1}}`, nil)
	resp, err := http.Get(s.URL() + "/cdiscount/users/httpIssue.svc/?realm=https://wsvc.cdiscount.com/MarketplaceAPIService.svc")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("HTTP %d under the fault", resp.StatusCode)
	}
	var faults struct {
		Faults []struct{ ID, Hits int }
		Hits   []struct{ Operation, Kind string }
	}
	call(t, s, "GET", "/sandbox/faults", "", &faults)
	if len(faults.Faults) != 2 || faults.Faults[0].Hits != 1 || len(faults.Hits) != 1 || faults.Hits[0].Kind != "http_503" || faults.Hits[0].Operation != "STS" {
		t.Errorf("faults %+v", faults)
	}
	if code, _ := call(t, s, "DELETE", "/sandbox/faults/1", "", nil); code != 200 {
		t.Errorf("removing one: HTTP %d", code)
	}
	if _, body := call(t, s, "DELETE", "/sandbox/faults", "", nil); strings.TrimSpace(body) != `{"removed":1}` {
		t.Errorf("removing all: %s", body)
	}
	if _, body := call(t, s, "GET", "/sandbox/calls", "", nil); strings.TrimSpace(body) != `{"by_action":{"cdiscount":{"token":1}},"calls":{"STS":1}}` {
		t.Errorf("calls: %s", body)
	}
}
