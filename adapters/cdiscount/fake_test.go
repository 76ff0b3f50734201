package cdiscount_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

const (
	nsMessages   = "http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"
	testLogin    = "demo-seller-api"
	testPassword = "correct horse"
)

// received is one request to the fake service.
type received struct {
	Op, Body string
	Header   http.Header
}

// fake is a small invented marketplace: a token service that counts, and a service that answers what the test says.
type fake struct {
	server *httptest.Server

	// answer is called for every SOAP request; n counts them from 1.
	answer func(w http.ResponseWriter, r received, n int)
	// sts answers token requests; nil issues a new token.
	sts func(w http.ResponseWriter, r *http.Request, n int)

	mu       sync.Mutex // guards the fields below
	requests []received
	issued   int
	realms   []string
}

// newFake starts a marketplace that answers every call with answer.
func newFake(t testing.TB, answer func(w http.ResponseWriter, r received, n int)) *fake {
	t.Helper()
	f := &fake{answer: answer}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sts/", f.serveSTS)
	mux.HandleFunc("POST /service", f.serveSOAP)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

// tokenNumber returns the n-th token that a fake issues.
func tokenNumber(n int) string { return fmt.Sprintf("%032x", n) }

func (f *fake) serveSTS(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.issued++
	n := f.issued
	f.realms = append(f.realms, r.URL.Query().Get("realm"))
	f.mu.Unlock()
	if f.sts != nil {
		f.sts(w, r, n)
		return
	}
	if login, password, _ := r.BasicAuth(); login != testLogin || password == "wrong" {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	writeToken(w, tokenNumber(n))
}

func writeToken(w http.ResponseWriter, token string) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = fmt.Fprintf(w, `<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">%s</string>`, token)
}

func (f *fake) serveSOAP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	action := strings.Trim(r.Header.Get("SOAPAction"), `"`)
	req := received{Op: action[strings.LastIndexByte(action, '/')+1:], Body: string(body), Header: r.Header}
	f.mu.Lock()
	f.requests = append(f.requests, req)
	n := len(f.requests)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	f.answer(w, req, n)
}

// seen returns what the service received so far.
func (f *fake) seen() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// tokens returns how many token requests there were.
func (f *fake) tokens() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued
}

// store returns the context of a store of this marketplace.
func (f *fake) store() *adapterv1.StoreContext {
	return &adapterv1.StoreContext{
		StoreId:     "store-1",
		Credentials: map[string]string{"login": testLogin, "password": testPassword},
		Environment: map[string]string{"sts_url": f.server.URL + "/sts/", "service_url": f.server.URL + "/service"},
	}
}

// token returns the TokenId that a request carried.
func (r received) token() string { return match(r.Body, `<a:TokenId>([^<]*)</a:TokenId>`) }

// match returns the first group of the first match, empty when there is none.
func match(s, pattern string) string {
	if m := regexp.MustCompile(pattern).FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return ""
}

// write sends an answer with a status.
func write(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// always answers every call alike.
func always(status int, body string) func(http.ResponseWriter, received, int) {
	return func(w http.ResponseWriter, _ received, _ int) { write(w, status, body) }
}

// envelope wraps the own fields of an operation's result in an answer that says success.
func envelope(op, fields string) string { return envelopeWith(op, "", "true", "", fields) }

// envelopeWith is envelope with the base fields of the result given.
func envelopeWith(op, message, success, errors, fields string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><` + op + `Response xmlns="http://www.cdiscount.com">` +
		`<` + op + `Result xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><ErrorMessage xmlns="` + nsMessages + `">` +
		escape(message) + `</ErrorMessage><OperationSuccess xmlns="` + nsMessages + `">` + success + `</OperationSuccess>` +
		`<ErrorList>` + errors + `</ErrorList><SellerLogin> demo-seller
</SellerLogin><TokenId>not-to-be-kept</TokenId>` +
		fields + `</` + op + `Result></` + op + `Response></s:Body></s:Envelope>`
}

// faultAnswer is a SOAP fault.
func faultAnswer(code, text string) string {
	return `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>` + code +
		`</faultcode><faultstring xml:lang="fr-FR">` + escape(text) + `</faultstring></s:Fault></s:Body></s:Envelope>`
}

const (
	tokenUnknown    = "Your token does not exist, please renew your token id."
	tokenFaultCode  = "s:RequestTokenValidationError"
	notAuthorized   = "User is not authorized to access to this resource (Token used: '00000000-0000-0000-0000-000000000001', Resource: (Service: 'marketplaceapiservice.svc'))."
	sellerAnswer    = `<Seller><IsAvailable>ActiveSeller</IsAvailable><Login>demo-seller</Login><ShopName> Demo Shop </ShopName><State>Activated</State></Seller>`
	internalFault   = "a:InternalServiceFault"
	formatterFault  = "a:DeserializationFailed"
	errorQuota      = `<Error><ErrorType>Quota</ErrorType><Message>Trop de requêtes</Message></Error>`
	errorInactive   = `<Error><ErrorType>InactiveSellerError</ErrorType><Message>x</Message></Error>`
	errorIncoherent = `<Error><ErrorType>OrderStateIncoherent</ErrorType><Message>Le passage à l'état Shipped est impossible.</Message></Error>`
	errorUnexpected = `<Error><ErrorType>UnexpectedException</ErrorType><Message>Le champ ParcelInfo du message est manquant !</Message></Error>`
)

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// fields are the children of one element, by name. They are written in schema order, which is the alphabet's. The value
// "nil" writes a nil element.
type fields map[string]string

func (f fields) with(pairs ...string) fields {
	c := make(fields, len(f)+len(pairs)/2)
	for k, v := range f {
		c[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i]] = pairs[i+1]
	}
	return c
}

func (f fields) xml(name string) string {
	keys := make([]string, 0, len(f))
	for k := range f {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	b.WriteString("<" + name + ">")
	for _, k := range keys {
		switch v := f[k]; {
		case v == "nil":
			b.WriteString("<" + k + ` i:nil="true"/>`)
		case strings.HasPrefix(v, "<"):
			b.WriteString("<" + k + ">" + v + "</" + k + ">")
		default:
			b.WriteString("<" + k + ">" + escape(v) + "</" + k + ">")
		}
	}
	b.WriteString("</" + name + ">")
	return b.String()
}

// inner returns the children without their element: a value for another fields.
func (f fields) inner() string {
	return strings.TrimSuffix(strings.TrimPrefix(f.xml("x"), "<x>"), "</x>")
}

func homeAddress() fields {
	return fields{
		"Address1": "nil", "Address2": "nil", "ApartmentNumber": "Apt 4", "Building": "Bat B", "City": "LYON", "Civility": "MRS",
		"CompanyName": "", "Country": "FR", "County": "N/A", "FirstName": "ALICE", "Instructions": "Code 12A", "LastName": "EXEMPLE",
		"PlaceName": "LES LILAS", "RelayId": "nil", "Street": "12 RUE DES TESTS", "ZipCode": "69003",
	}
}

func pointAddress() fields {
	return homeAddress().with("ApartmentNumber", "", "Building", "", "PlaceName", "", "Instructions", "", "LastName", "",
		"FirstName", "TABAC DU COIN", "Street", "3 PLACE INVENTEE", "ZipCode", "69007", "RelayId", "012345")
}

func goodsLine() fields {
	return fields{
		"AcceptationState": "AcceptedBySeller", "CategoryCode": "0A0B0C01", "DeliveryDateMax": "2026-05-14T10:15:00",
		"DeliveryDateMin": "2026-05-10T10:15:00", "HasClaim": "false", "InitialPrice": "nil", "Name": "T-shirt demo bleu taille M",
		"OrderLineChildList": "", "ProductCondition": "New", "ProductEan": "2000000000015", "ProductId": "DEM2000000000015",
		"PurchasePrice": "39.8", "Quantity": "2", "RowId": "0", "SellerProductId": "TSHIRT-BLU-M",
		"ShippingDateMax": "2026-05-06T10:15:00", "ShippingDateMin": "0001-01-01T00:00:00", "Sku": "DEM2000000000015",
		"UnitAdditionalShippingCharges": "1", "UnitShippingCharges": "3.9",
	}
}

func feeLine() fields {
	return goodsLine().with("ProductId", "INTERETBCA", "Sku", "INTERETBCA", "SellerProductId", "", "Name", "Frais de traitement",
		"PurchasePrice", "0.99", "Quantity", "1", "UnitShippingCharges", "0", "UnitAdditionalShippingCharges", "0",
		"DeliveryDateMin", "0001-01-01T00:00:00", "DeliveryDateMax", "0001-01-01T00:00:00")
}

func buyer() fields {
	return fields{
		"Civility": "MRS", "CustomerId": "feed0000000000000000000000000c01", "Email": "nil",
		"EncryptedEmail": "c.feed@clemarche.example", "FirstName": "ALICE", "LastName": "EXEMPLE", "MobilePhone": "0600000000",
		"Phone": "", "ShippingFirstName": "BOB", "ShippingLastName": "EXEMPLE",
	}
}

// lineList writes OrderLineList.
func lineList(lines ...fields) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.xml("OrderLine"))
	}
	return b.String()
}

// homeOrder is an order to ship to a home: two T-shirts and a fee.
func homeOrder(number string) fields {
	return fields{
		"ArchiveParcelList": "false", "BillingAddress": homeAddress().inner(),
		"Corporation":  fields{"BusinessUnitId": "1", "CorporationCode": "CDSB2C"}.inner(),
		"CreationDate": "2026-05-02T10:15:00.12", "Customer": buyer().inner(), "InitialTotalAmount": "48.69",
		"InitialTotalShippingChargesAmount": "4.9", "IsCLogistiqueOrder": "false", "LastUpdatedDate": "2026-05-02T11:02:31.907",
		"ModGesLog": "MKPCDS", "ModifiedDate": "2026-05-02T10:40:05.01", "Offer": "nil",
		"OrderLineList": lineList(goodsLine(), feeLine()), "OrderNumber": number, "OrderState": "WaitingForShipmentAcceptation",
		"ParcelList": "", "PartnerOrderRef": "nil", "ShippingAddress": homeAddress().inner(), "ShippingCode": "TRK",
		"ShippingDateMax": "2026-05-14T10:15:00", "ShippingDateMin": "2026-05-10T10:15:00", "SiteCommissionPromisedAmount": "9",
		"SiteCommissionValidatedAmount": "6.84", "Status": "Completed", "ValidatedTotalAmount": "45.69",
		"ValidatedTotalShippingCharges": "4.9", "VisaCegid": "nil", "VoucherList": "nil",
	}
}

// pointOrder is an order to a Mondial Relay point.
func pointOrder(number string) fields {
	return homeOrder(number).with("ShippingCode", "REL", "ShippingAddress", pointAddress().inner())
}

// orderList is the answer of GetOrderList.
func orderList(orders ...fields) string {
	var b strings.Builder
	for _, o := range orders {
		b.WriteString(o.xml("Order"))
	}
	return envelope("GetOrderList", "<OrderList>"+b.String()+"</OrderList>")
}

// sink collects what ListOrders hands over.
type sink struct {
	orders      []*adapterv1.Order
	checkpoints []time.Time
	states      [][]byte
	sendErr     error
}

var _ sdk.OrderSink = (*sink)(nil)

func (s *sink) Send(o *adapterv1.Order) error {
	s.orders = append(s.orders, o)
	return s.sendErr
}

func (s *sink) Checkpoint(t time.Time) error {
	s.checkpoints = append(s.checkpoints, t)
	return nil
}

func (s *sink) State(b []byte) { s.states = append(s.states, b) }

// at reads an instant.
func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// clock returns a clock that stands still.
func clock(text string) func() time.Time { return func() time.Time { return at(text) } }

// reason returns the SDK reason of an error, empty when it has none.
func reason(err error) string {
	if e := sdk.AsError(err); e != nil {
		return sdk.ReasonName(e.Reason)
	}
	return ""
}

// short bounds a test's calls.
func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// asSDK returns the SDK's error, nil when there is none.
func asSDK(err error) *sdk.Error { return sdk.AsError(err) }
