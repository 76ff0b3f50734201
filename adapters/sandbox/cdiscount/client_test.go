package cdiscount_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/cdiscount"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// start is the world time of the tests: 10:00 in Paris, in winter.
var start = time.Date(2026, 2, 20, 9, 0, 0, 0, time.UTC)

// shop is a running sandbox with a frozen clock and a client of seller demo.
type shop struct {
	t     *testing.T
	s     *emulator.Server
	token string
}

func open(t *testing.T, orders int) *shop {
	t.Helper()
	return openWith(t, emulator.Config{World: world.Config{Orders: orders}})
}

// openWith is open with more to say. Sellers, seed and time are those of every test.
func openWith(t *testing.T, cfg emulator.Config) *shop {
	t.Helper()
	cfg.World.Sellers, cfg.World.Seed, cfg.World.Start, cfg.World.Frozen = 2, 7, start, true
	s, err := emulator.Start(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	x := &shop{t: t, s: s}
	x.token = x.login("demo-api")
	return x
}

// login fetches a token with the default password.
func (x *shop) login(login string) string {
	x.t.Helper()
	code, body := x.sts(login, world.DefaultPassword)
	var token struct {
		XMLName xml.Name `xml:"http://schemas.microsoft.com/2003/10/Serialization/ string"`
		Value   string   `xml:",chardata"`
	}
	if err := xml.Unmarshal([]byte(body), &token); code != http.StatusOK || err != nil {
		x.t.Fatalf("login %s: HTTP %d, %v", login, code, err)
	}
	return token.Value
}

func (x *shop) sts(login, password string) (int, string) {
	x.t.Helper()
	return x.askSTS("/?realm=https://wsvc.cdiscount.com/MarketplaceAPIService.svc", login, password)
}

// askSTS asks the token service at its path and what comes behind it.
func (x *shop) askSTS(behind, login, password string) (int, string) {
	x.t.Helper()
	req, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.s.URL()+cdiscount.STSPath+behind, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	req.SetBasicAuth(login, password)
	code, body, err := do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	return code, body
}

func do(req *http.Request) (int, string, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

var envelope = template.Must(template.New("").Parse(
	`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">
 <s:Body>
  <{{.Op}} xmlns="http://www.cdiscount.com">
   <headerMessage xmlns:a="http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
    <a:Context><a:CatalogID>1</a:CatalogID><a:CustomerPoolID>1</a:CustomerPoolID><a:SiteID>100</a:SiteID></a:Context>
    <a:Localization><a:Country>Fr</a:Country><a:Currency>Eur</a:Currency><a:DecimalPosition>2</a:DecimalPosition><a:Language>Fr</a:Language></a:Localization>
    <a:Security><a:DomainRightsList i:nil="true"/><a:IssuerID i:nil="true"/><a:SessionID i:nil="true"/><a:SubjectLocality i:nil="true"/><a:TokenId>{{.Token}}</a:TokenId><a:UserName i:nil="true"/></a:Security>
    <a:Version>1.0</a:Version>
   </headerMessage>
   {{.Parameter}}
  </{{.Op}}>
 </s:Body>
</s:Envelope>`))

// request makes a SOAP request of the shop's token.
func (x *shop) request(op, parameter string) *http.Request {
	x.t.Helper()
	var body bytes.Buffer
	if err := envelope.Execute(&body, map[string]string{"Op": op, "Token": x.token, "Parameter": parameter}); err != nil {
		x.t.Fatal(err)
	}
	return x.post(op, body.String())
}

func (x *shop) post(op, body string) *http.Request {
	x.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(x.t.Context()), http.MethodPost, x.s.URL()+cdiscount.ServicePath,
		strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"http://www.cdiscount.com/IMarketplaceAPIService/`+op+`"`)
	return req
}

// call makes a call that must be answered.
func (x *shop) call(op, parameter string) (int, string) {
	x.t.Helper()
	code, body, err := do(x.request(op, parameter))
	if err != nil {
		x.t.Fatalf("%s: %v", op, err)
	}
	return code, body
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

// orderView is what the tests look at in an order.
type orderView struct {
	Number         string  `xml:"OrderNumber"`
	State          *string `xml:"OrderState"`
	Created        string  `xml:"CreationDate"`
	Updated        string  `xml:"LastUpdatedDate"`
	Logistics      bool    `xml:"IsCLogistiqueOrder"`
	ValidatedTotal string  `xml:"ValidatedTotalAmount"`
	Lines          []struct {
		State    string `xml:"AcceptationState"`
		SKU      string `xml:"SellerProductId"`
		Product  string `xml:"ProductId"`
		Quantity int    `xml:"Quantity"`
	} `xml:"OrderLineList>OrderLine"`
	Parcels []struct {
		Number  string `xml:"CustomerNum"`
		Carrier string `xml:"ExternalCarrierName"`
		URL     string `xml:"ExternalCarrierTrackingUrl"`
	} `xml:"ParcelList>Parcel"`
	ShipTo struct {
		FirstName string `xml:"FirstName"`
		Street    string `xml:"Street"`
		City      string `xml:"City"`
		ZipCode   string `xml:"ZipCode"`
		RelayID   string `xml:"RelayId"`
	} `xml:"ShippingAddress"`
}

// list calls GetOrderList with the content of orderFilter.
func (x *shop) list(filter string) []orderView {
	x.t.Helper()
	code, body := x.call("GetOrderList", "<orderFilter>"+filter+"</orderFilter>")
	var answer struct {
		Success string      `xml:"Body>GetOrderListResponse>GetOrderListResult>OperationSuccess"`
		Orders  []orderView `xml:"Body>GetOrderListResponse>GetOrderListResult>OrderList>Order"`
	}
	if err := xml.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK || answer.Success != "true" {
		x.t.Fatalf("GetOrderList: HTTP %d, %v: %.300s", code, err, body)
	}
	return answer.Orders
}

// read reads one order with lines and parcels.
func (x *shop) read(number string) orderView {
	x.t.Helper()
	orders := x.list(`<FetchOrderLines>true</FetchOrderLines><FetchParcels>true</FetchParcels>` + byNumber(number))
	if len(orders) != 1 {
		x.t.Fatalf("reading %s gave %d orders", number, len(orders))
	}
	return orders[0]
}

func (o orderView) state() string {
	if o.State == nil {
		return ""
	}
	return *o.State
}

func byNumber(numbers ...string) string {
	return `<OrderReferenceList xmlns:arr="http://schemas.microsoft.com/2003/10/Serialization/Arrays"><arr:string>` +
		strings.Join(numbers, "</arr:string><arr:string>") + `</arr:string></OrderReferenceList>`
}

func states(words ...world.State) string {
	s := "<States>"
	for _, w := range words {
		s += "<OrderStateEnum>" + string(w) + "</OrderStateEnum>"
	}
	return s + "</States>"
}

// create makes one order with the lines "A" and "B" unless the spec gives others.
func (x *shop) create(spec world.Spec) string {
	x.t.Helper()
	if spec.Lines == nil {
		spec.Lines = []world.Line{{SKU: "A", Quantity: 2, Total: world.Cents(2000)}, {SKU: "B", Total: world.Cents(500)}}
		if spec.Fees == nil {
			spec.Fees = []world.Fee{{Code: "INTERETBCA", Label: "Frais", Amount: world.Cents(99)}}
		}
	}
	numbers, err := x.s.World().Create(spec)
	if err != nil {
		x.t.Fatal(err)
	}
	return numbers[0]
}

// fault puts a fault rule into force.
func (x *shop) fault(r fault.Rule) {
	x.t.Helper()
	if _, err := x.s.Faults().Add(r); err != nil {
		x.t.Fatal(err)
	}
}

// decision is one ValidateOrder of a test.
type decision struct {
	Number, State, Carrier, Tracking, URL string
	Lines                                 [][2]string // SKU, state
}

func ship(number string) decision {
	return decision{
		Number: number, State: "Shipped", Carrier: "Mondial Relay", Tracking: "MR00000001", URL: "https://tracking.example.com/MR00000001?a=1&b=2",
		Lines: [][2]string{{"A", "ShippedBySeller"}, {"B", "ShippedBySeller"}},
	}
}

var validateMessage = template.Must(template.New("").Parse(`<validateOrderListMessage><OrderList>{{range .}}<ValidateOrder>
 {{with .Carrier}}<CarrierName>{{html .}}</CarrierName>{{end}}
 <OrderLineList>{{range .Lines}}<ValidateOrderLine><AcceptationState>{{index . 1}}</AcceptationState><ProductCondition>New</ProductCondition>
  <SellerProductId>{{html (index . 0)}}</SellerProductId></ValidateOrderLine>{{end}}</OrderLineList>
 <OrderNumber>{{.Number}}</OrderNumber><OrderState>{{.State}}</OrderState>
 {{with .Tracking}}<TrackingNumber>{{html .}}</TrackingNumber>{{end}}{{with .URL}}<TrackingUrl>{{html .}}</TrackingUrl>{{end}}
</ValidateOrder>{{end}}</OrderList></validateOrderListMessage>`))

func (x *shop) message(decisions ...decision) string {
	x.t.Helper()
	var b bytes.Buffer
	if err := validateMessage.Execute(&b, decisions); err != nil {
		x.t.Fatal(err)
	}
	return b.String()
}

// validation is what the tests look at in a ValidateOrderList answer.
type validation struct {
	Success string `xml:"Body>ValidateOrderListResponse>ValidateOrderListResult>OperationSuccess"`
	Message string `xml:"Body>ValidateOrderListResponse>ValidateOrderListResult>ErrorMessage"`
	Results []struct {
		ErrorTypes []string `xml:"Errors>Error>ErrorType"`
		Number     string   `xml:"OrderNumber"`
		Validated  bool     `xml:"Validated"`
		Lines      []struct {
			SKU     string `xml:"SellerProductId"`
			Updated bool   `xml:"Updated"`
		} `xml:"ValidateOrderLineResults>ValidateOrderLineResult"`
	} `xml:"Body>ValidateOrderListResponse>ValidateOrderListResult>ValidateOrderResults>ValidateOrderResult"`
}

func (x *shop) validate(decisions ...decision) validation {
	x.t.Helper()
	code, body := x.call("ValidateOrderList", x.message(decisions...))
	var v validation
	if err := xml.Unmarshal([]byte(body), &v); err != nil || code != http.StatusOK {
		x.t.Fatalf("ValidateOrderList: HTTP %d, %v: %.300s", code, err, body)
	}
	return v
}

// wantFault checks a SOAP fault.
func wantFault(t *testing.T, code int, body, faultCode, text string) {
	t.Helper()
	var f struct {
		Code string `xml:"Body>Fault>faultcode"`
		Text string `xml:"Body>Fault>faultstring"`
	}
	if err := xml.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("no fault: %v: %.200s", err, body)
	}
	if code != http.StatusInternalServerError || f.Code != faultCode || !strings.Contains(f.Text, text) {
		t.Errorf("got HTTP %d, %s, %q; want HTTP 500, %s, …%q…", code, f.Code, f.Text, faultCode, text)
	}
}
