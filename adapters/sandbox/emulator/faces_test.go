package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// start starts a sandbox with a frozen clock.
func start(t *testing.T, faces ...emulator.Face) *emulator.Server {
	t.Helper()
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{
		World: world.Config{Start: time.Date(2026, 2, 20, 9, 0, 0, 0, time.UTC), Frozen: true}, Faces: faces,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// send makes a call and returns its answer.
func send(t *testing.T, method, address, body string, header map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// both speaks to the two built-in faces as seller demo.
type both struct {
	t           *testing.T
	s           *emulator.Server
	soap, octet string // tokens
}

func openBoth(t *testing.T) *both {
	b := &both{t: t, s: start(t)}
	req := b.s.URL() + "/cdiscount/users/httpIssue.svc/?realm=https://wsvc.cdiscount.com/MarketplaceAPIService.svc"
	_, body := send(t, "GET", req, "", map[string]string{"Authorization": "Basic ZGVtby1hcGk6ZGVtby1wYXNzd29yZA=="}) // demo-api, demo-password
	b.soap = regexp.MustCompile(`[0-9a-f]{32}`).FindString(body)
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"demo-client"}, "client_secret": {"demo-secret"}}
	_, body = send(t, "POST", b.s.URL()+"/octopia/auth/realms/maas/protocol/openid-connect/token", form.Encode(),
		map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
	var token struct {
		Value string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &token); err != nil || b.soap == "" {
		t.Fatalf("no tokens: %v", err)
	}
	b.octet = token.Value
	return b
}

// call makes a SOAP call.
func (b *both) call(operation, parameter string) string {
	b.t.Helper()
	_, body := send(b.t, "POST", b.s.URL()+"/cdiscount/MarketplaceAPIService.svc",
		`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><`+operation+` xmlns="http://www.cdiscount.com"><headerMessage `+
			`xmlns:a="http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"><a:Security><a:TokenId>`+b.soap+
			`</a:TokenId></a:Security></headerMessage>`+parameter+`</`+operation+`></s:Body></s:Envelope>`,
		map[string]string{"Content-Type": "text/xml", "SOAPAction": "http://www.cdiscount.com/IMarketplaceAPIService/" + operation})
	return body
}

// validate decides about an order over SOAP.
func (b *both) validate(number, state, line, tracking string) {
	b.t.Helper()
	body := b.call("ValidateOrderList", `<validateOrderListMessage><OrderList><ValidateOrder>`+tracking+`<OrderLineList><ValidateOrderLine><AcceptationState>`+
		line+`</AcceptationState><ProductCondition>New</ProductCondition><SellerProductId>A</SellerProductId></ValidateOrderLine></OrderLineList><OrderNumber>`+
		number+`</OrderNumber><OrderState>`+state+`</OrderState>`+strings.Replace(tracking, "CarrierName", "TrackingNumber", 2)+
		`</ValidateOrder></OrderList></validateOrderListMessage>`)
	if !strings.Contains(body, "<Validated>true</Validated>") {
		b.t.Fatalf("not validated: %s", body)
	}
}

// rest makes a REST call.
func (b *both) rest(method, path, body string) (int, string) {
	b.t.Helper()
	header := map[string]string{"Authorization": "Bearer " + b.octet, "SellerId": "10001", "Content-Type": "application/json"}
	return send(b.t, method, b.s.URL()+"/octopia/seller/v2"+path, body, header)
}

// states reads an order on both faces.
func (b *both) states(number string) string {
	b.t.Helper()
	soap := b.call("GetOrderList", `<orderFilter><FetchParcels>true</FetchParcels><OrderReferenceList xmlns:arr="http://schemas.microsoft.com/2003/10/Serialization/Arrays"><arr:string>`+
		number+`</arr:string></OrderReferenceList></orderFilter>`)
	_, rest := b.rest("GET", "/orders/"+number, "")
	var o struct {
		Status string
		Lines  []struct {
			Parcels []struct{ ParcelNumber, CarrierName string }
		}
	}
	if err := json.Unmarshal([]byte(rest), &o); err != nil {
		b.t.Fatal(err)
	}
	first := func(pattern string) string {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(soap); m != nil {
			return m[1]
		}
		return "-"
	}
	parcel := "- -"
	if p := o.Lines[0].Parcels; len(p) > 0 {
		parcel = p[0].ParcelNumber + " " + p[0].CarrierName
	}
	return fmt.Sprintf("%s %s %s | %s %s", first("<OrderState>([^<]*)"), first("<CustomerNum>([^<]*)"), first("<ExternalCarrierName>([^<]*)"), o.Status, parcel)
}

// TestOneWorldBehindBothFaces accepts and ships orders through one face or the other and reads them on both.
func TestOneWorldBehindBothFaces(t *testing.T) {
	t.Parallel()
	b := openBoth(t)
	const soapParcel, restParcel = "<CarrierName>GLS</CarrierName>", `[{"parcelNumber":"GLS","carrierName":"GLS"}]`
	accept := map[string]func(number string){
		"soap": func(number string) { b.validate(number, "AcceptedBySeller", "AcceptedBySeller", "") },
		"rest": func(number string) {
			b.rest("POST", "/orders/"+number+"/approval-status", `{"approval_status":"Accepted"}`)
		},
	}
	ship := map[string]func(number string){
		"soap": func(number string) { b.validate(number, "Shipped", "ShippedBySeller", soapParcel) },
		"rest": func(number string) { b.rest("POST", "/orders/"+number+"/shipments", restParcel) },
	}
	var made []string
	for _, by := range []string{"soap", "rest"} {
		for _, then := range []string{"soap", "rest"} {
			number := by + "-" + then
			made = append(made, number)
			if _, err := b.s.World().Create(world.Spec{Number: number, State: world.WaitingForSellerAcceptation, Lines: []world.Line{{SKU: "A"}}}); err != nil {
				t.Fatal(err)
			}
			got := []string{b.states(number)}
			accept[by](number)
			got = append(got, b.states(number))
			if err := b.s.World().Clock().Advance(10 * time.Minute); err != nil {
				t.Fatal(err)
			}
			got = append(got, b.states(number))
			ship[then](number)
			got = append(got, b.states(number))
			want := []string{
				"WaitingForSellerAcceptation - - | WaitingAcceptance - -", "AcceptedBySeller - - | Accepted - -",
				"WaitingForShipmentAcceptation - - | InPreparation - -", "Shipped GLS GLS | Shipped GLS GLS",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", number, diff)
			}
		}
	}
	// The other face refuses what was done on the one, and the log tells that it was done twice.
	if code, _ := b.rest("POST", "/orders/soap-soap/shipments", restParcel); code != http.StatusBadRequest {
		t.Errorf("shipped over SOAP and again over REST: HTTP %d", code)
	}
	writes := b.s.World().Writes()
	if last := writes[len(writes)-1]; len(writes) != 2*len(made)+1 || last.API != "octopia" || !last.Doubled || last.Applied {
		t.Errorf("%d writes, the last %+v", len(writes), last)
	}
}

// bazaar is a face of a marketplace that the sandbox does not know.
type bazaar struct{ face.Sandbox }

func (b *bazaar) API() fault.API {
	return fault.API{Name: "bazaar", Operations: []fault.Operation{{Name: "look", Actions: []fault.Action{fault.List}}}}
}

func (b *bazaar) Credentials(s world.Seller) map[string]string {
	return map[string]string{"stall": s.Account}
}

func (b *bazaar) Addresses() []face.Address {
	return []face.Address{{Title: "Bazaar", Path: "/bazaar/look"}}
}

func (b *bazaar) Register(mux *http.ServeMux, s emulator.Sandbox) {
	b.Sandbox = s
	mux.HandleFunc("GET /bazaar/look", func(w http.ResponseWriter, r *http.Request) {
		b.Serve(w, r, face.Exchange{
			Call: fault.Call{API: "bazaar", Operation: "look", Action: fault.List, Seller: r.URL.Query().Get("stall")},
			Carry: func(fault.Decision) face.Answer {
				found := b.World.Find(r.URL.Query().Get("stall"), func(world.Head) bool { return true })
				return face.Text(http.StatusOK, "text/plain", strings.Join(found, " "))
			},
			Replace: func(d fault.Decision) face.Answer { return face.Text(http.StatusTeapot, "text/plain", string(d.Kind)) },
		})
	})
}

func TestAThirdFace(t *testing.T) {
	t.Parallel()
	s := start(t, &bazaar{})
	if _, err := s.World().Create(world.Spec{Number: "one"}); err != nil {
		t.Fatal(err)
	}
	look := func() string {
		code, body := send(t, "GET", s.URL()+"/bazaar/look?stall=demo", "", nil)
		return fmt.Sprint(code, " ", body)
	}
	got := []string{look()}
	for _, kind := range []fault.Kind{fault.HTTP503, fault.Throttle} {
		if _, err := s.Faults().Add(fault.Rule{On: fault.List, API: "bazaar", Kind: kind, Times: 1, Seller: "demo"}); err != nil {
			t.Fatal(err)
		}
		got = append(got, look())
	}
	if diff := cmp.Diff([]string{"200 one", "503 ", "418 throttle"}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]map[string]int{"bazaar": {"list": 3}}, s.World().CallsByAction()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if _, body := send(t, "GET", s.URL()+"/sandbox/sellers", "", nil); !strings.Contains(body, `"bazaar":{"stall":"demo"}`) {
		t.Errorf("no credentials: %s", body)
	}
	if last := s.Addresses()[4]; last.Path != "/bazaar/look" {
		t.Errorf("the last address is %+v", last)
	}
}

func TestFacesHaveTheirOwnNames(t *testing.T) {
	t.Parallel()
	if _, err := emulator.New(emulator.Config{Faces: []emulator.Face{&bazaar{}, &bazaar{}}}); err == nil || !strings.Contains(err.Error(), `two faces are called "bazaar"`) {
		t.Errorf("%v", err)
	}
}
