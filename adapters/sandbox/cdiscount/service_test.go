package cdiscount_test

import (
	"compress/gzip"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestGetSellerInformation(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	code, body := x.call("GetSellerInformation", "")
	for _, want := range []string{
		`<SellerLogin>demo</SellerLogin><TokenId>` + x.token + `</TokenId><DeliveryModes><DeliveryModeInformation><Code>STD</Code>`,
		`<Login>demo</Login>`, `<ShopName>Boutique demo</ShopName>`, `<State>Activated</State></Seller>`,
	} {
		if code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("HTTP %d without %s: %s", code, want, body)
		}
	}
}

func TestSellerStates(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	off := world.Deactivated
	if _, err := x.s.World().PutSeller(world.SellerPatch{Account: "demo", State: &off}); err != nil {
		t.Fatal(err)
	}
	if _, body := x.call("GetSellerInformation", ""); !strings.Contains(body, "<State>Deactivated</State>") {
		t.Errorf("a deactivated seller reads %s", body)
	}
	yes := true
	if _, err := x.s.World().PutSeller(world.SellerPatch{Account: "demo", Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	for op, parameter := range map[string]string{"GetSellerInformation": "", "GetOrderList": "<orderFilter/>"} {
		_, body := x.call(op, parameter)
		for _, want := range []string{">Vendeur désactivé</ErrorMessage>", ">false</OperationSuccess>", `<SellerLogin i:nil="true"/><TokenId i:nil="true"/>`} {
			if !strings.Contains(body, want) {
				t.Errorf("%s without %s: %s", op, want, body)
			}
		}
	}
}

func TestGetGlobalConfiguration(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	_, body := x.call("GetGlobalConfiguration", "")
	var answer struct {
		Carriers []struct {
			ID   int    `xml:"CarrierId"`
			URL  string `xml:"DefaultURL"`
			Name string `xml:"Name"`
		} `xml:"Body>GetGlobalConfigurationResponse>GetGlobalConfigurationResult>CarrierList>Carrier"`
	}
	if err := xml.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	byID := map[int]string{}
	tab := false
	for _, c := range answer.Carriers {
		byID[c.ID] = c.Name
		tab = tab || strings.HasPrefix(c.URL, "\t")
	}
	if len(answer.Carriers) != 29 || byID[6] != "Mondial Relay" || byID[30] != "Asendia HK " || !tab {
		t.Errorf("carriers: %v", answer.Carriers)
	}
}

func TestRequestsThatAreNoCall(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	good := func() *http.Request { return x.request("GetSellerInformation", "") }
	for _, tc := range []struct {
		name string
		req  func() *http.Request
		want int
	}{
		{"GET", func() *http.Request { r := good(); r.Method = http.MethodGet; return r }, http.StatusMethodNotAllowed},
		{"SOAP 1.2", func() *http.Request {
			r := good()
			r.Header.Set("Content-Type", "application/soap+xml")
			return r
		}, http.StatusUnsupportedMediaType},
		{"truncated", func() *http.Request { return x.post("GetSellerInformation", "<s:Envelope xmlns:s=\"http://schemas") }, http.StatusBadRequest},
		{"document type", func() *http.Request { return x.post("GetSellerInformation", "<!DOCTYPE a><a/>") }, http.StatusBadRequest},
		{"no envelope", func() *http.Request { return x.post("GetSellerInformation", "<a/>") }, http.StatusBadRequest},
		{"SOAPAction without quotes", func() *http.Request {
			r := good()
			r.Header.Set("SOAPAction", strings.Trim(r.Header.Get("SOAPAction"), `"`))
			return r
		}, http.StatusOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, _, err := do(tc.req())
			if err != nil || code != tc.want {
				t.Errorf("HTTP %d, %v; want %d", code, err, tc.want)
			}
		})
	}
}

func TestOperationsThatAreNotThere(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	for name, req := range map[string]*http.Request{
		"another operation":  x.request("GetOfferList", ""),
		"another SOAPAction": x.request("GetSellerInformation", ""),
		"no SOAPAction":      x.request("GetSellerInformation", ""),
	} {
		switch name {
		case "another SOAPAction":
			req.Header.Set("SOAPAction", `"http://www.cdiscount.com/IMarketplaceAPIService/GetOrderList"`)
		case "no SOAPAction":
			req.Header.Del("SOAPAction")
		}
		code, body, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		wantFault(t, code, body, "a:ActionNotSupported", "cannot be processed at the receiver")
	}
	if n := x.s.World().Calls()["unknown"]; n != 3 {
		t.Errorf("counted %d unknown calls, want 3", n)
	}
}

func TestNamespacesCount(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	// The same document with other prefixes is the same call.
	body := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:c="http://www.cdiscount.com"
	 xmlns:x="http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"><e:Body><c:GetSellerInformation>
	 <c:headerMessage><x:Context><x:SiteID>100</x:SiteID></x:Context><x:Localization><x:Country>Fr</x:Country></x:Localization>
	 <x:Security><x:TokenId>` + x.token + `</x:TokenId></x:Security></c:headerMessage></c:GetSellerInformation></e:Body></e:Envelope>`
	if code, answer, err := do(x.post("GetSellerInformation", body)); err != nil || code != http.StatusOK {
		t.Errorf("HTTP %d, %v: %s", code, err, answer)
	}
	// A token in the wrong namespace is no token.
	wrong := strings.NewReplacer("x:TokenId", "c:TokenId").Replace(body)
	code, answer, err := do(x.post("GetSellerInformation", wrong))
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, code, answer, "s:RequestTokenValidationError", "not correctly formatted")
	// A token behind UserName comes too late and is skipped.
	late := strings.Replace(body, "<x:TokenId>", "<x:UserName/><x:TokenId>", 1)
	code, answer, err = do(x.post("GetSellerInformation", late))
	if err != nil {
		t.Fatal(err)
	}
	wantFault(t, code, answer, "s:RequestTokenValidationError", "not correctly formatted")
}

func TestIllegalValuesFault(t *testing.T) {
	t.Parallel()
	x := open(t, 0)
	order := func(state string) string {
		return x.message(decision{Number: "1", State: state, Lines: [][2]string{{"A", "ShippedBySeller"}}})
	}
	for _, tc := range []struct{ name, op, parameter, parameterName, want string }{
		{"order state", "GetOrderList", "<orderFilter>" + states("ShippedBySeller") + "</orderFilter>", "orderFilter", "Invalid enum value 'ShippedBySeller'"},
		{"date", "GetOrderList", "<orderFilter><BeginCreationDate>01/05/2019</BeginCreationDate></orderFilter>", "orderFilter", "'01/05/2019'"},
		{"empty date", "GetOrderList", "<orderFilter><EndCreationDate></EndCreationDate></orderFilter>", "orderFilter", "not a valid"},
		{"boolean", "GetOrderList", "<orderFilter><FetchParcels>yes</FetchParcels></orderFilter>", "orderFilter", "'yes'"},
		{"country", "GetOrderList", "<orderFilter><Country>FR</Country></orderFilter>", "orderFilter", "'FR'"},
		{"null boolean", "GetOrderList", `<orderFilter xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><FetchParcels i:nil="true"/></orderFilter>`, "orderFilter", "cannot be null"},
		{"line word as order state", "ValidateOrderList", order("ShippedBySeller"), "validateOrderListMessage", "'ShippedBySeller'"},
		{"order word as line state", "ValidateOrderList", strings.ReplaceAll(order("Shipped"), "ShippedBySeller", "Shipped"), "validateOrderListMessage", "'Shipped'"},
		{"empty TypeOfReturn", "ValidateOrderList", strings.ReplaceAll(order("Shipped"), "</ValidateOrderLine>", "<TypeOfReturn></TypeOfReturn></ValidateOrderLine>"), "validateOrderListMessage", "Invalid enum value ''"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, body := x.call(tc.op, tc.parameter)
			wantFault(t, code, body, "a:DeserializationFailed", "parameter http://www.cdiscount.com:"+tc.parameterName+". The InnerException message was '")
			wantFault(t, code, body, "a:DeserializationFailed", tc.want)
		})
	}
	t.Run("number in the header", func(t *testing.T) {
		t.Parallel()
		req := x.request("GetSellerInformation", "")
		sent, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		code, body, err := do(x.post("GetSellerInformation", strings.Replace(string(sent), "<a:SiteID>100<", "<a:SiteID>many<", 1)))
		if err != nil {
			t.Fatal(err)
		}
		wantFault(t, code, body, "a:DeserializationFailed", "http://www.cdiscount.com:headerMessage")
	})
}

func TestGzipOnlyWhenAccepted(t *testing.T) {
	t.Parallel()
	x := open(t, 30)
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	read := func(accept string) (encoding, body string) {
		req := x.request("GetOrderList", "<orderFilter>"+states(world.WaitingForShipmentAcceptation)+"</orderFilter>")
		if accept != "" {
			req.Header.Set("Accept-Encoding", accept)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var from io.Reader = resp.Body
		if resp.Header.Get("Content-Encoding") == "gzip" {
			if from, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		all, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Content-Type"); got != "text/xml; charset=utf-8" {
			t.Errorf("content type %q", got)
		}
		return resp.Header.Get("Content-Encoding"), string(all)
	}
	plainEncoding, plain := read("")
	zipEncoding, unzipped := read("deflate, gzip")
	offEncoding, _ := read("gzip;q=0")
	if plainEncoding != "" || zipEncoding != "gzip" || offEncoding != "" {
		t.Errorf("encodings %q, %q, %q", plainEncoding, zipEncoding, offEncoding)
	}
	if plain != unzipped || !strings.HasPrefix(plain, "<s:Envelope ") || !strings.HasSuffix(plain, "</s:Envelope>") {
		t.Error("the zipped answer differs from the plain one")
	}
}
