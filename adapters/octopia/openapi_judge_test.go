package octopia_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestTheJudgeCanSayNo: exchanges that break the description are found out, one by one.
func TestTheJudgeCanSayNo(t *testing.T) {
	t.Parallel()
	c := loadContract(t)
	const order = "/octopia/seller/v2/orders/2611230900ABCDE"
	good := func() *exchange {
		request := httptest.NewRequest(http.MethodPost, order+"/shipments", nil)
		request.Header = http.Header{"Authorization": {"Bearer token"}, "Sellerid": {"10001"}, "Content-Type": {"application/json"}}
		return &exchange{request: request, sent: []byte(`[{"parcelNumber":"6A1","carrierName":"Colissimo"}]`), status: http.StatusCreated, header: http.Header{}}
	}
	list := func(x *exchange, query, answer string) {
		x.request = httptest.NewRequest(http.MethodGet, "/octopia/seller/v2/orders"+query, nil)
		x.request.Header = good().request.Header
		x.sent, x.status, x.header, x.answer = nil, http.StatusOK, http.Header{"Content-Type": {"application/json"}}, []byte(answer)
	}
	for _, tt := range []struct {
		name            string
		change          func(*exchange)
		request, answer bool // which side is wrong
	}{
		{name: "a good shipment", change: func(*exchange) {}},
		{name: "a good list", change: func(x *exchange) { list(x, "?pageIndex=1&pageSize=100", `{"itemsPerPage":0,"items":[]}`) }},
		{name: "no seller", change: func(x *exchange) { x.request.Header.Del("SellerId") }, request: true},
		{name: "no token", change: func(x *exchange) { x.request.Header.Del("Authorization") }, request: true},
		{name: "an object instead of the bare array", change: func(x *exchange) { x.sent = []byte(`{"parcels":[]}`) }, request: true},
		{name: "no parcel", change: func(x *exchange) { x.sent = []byte(`[]`) }, request: true},
		{name: "no carrier", change: func(x *exchange) { x.sent = []byte(`[{"parcelNumber":"6A1"}]`) }, request: true},
		{name: "a field nobody knows", change: func(x *exchange) {
			x.sent = []byte(`[{"parcelNumber":"6A1","carrierName":"Colissimo","carrierCode":"pcc"}]`)
		}, request: true},
		{name: "a tracking number that is a number", change: func(x *exchange) { x.sent = []byte(`[{"parcelNumber":61,"carrierName":"Colissimo"}]`) }, request: true},
		{name: "another content type", change: func(x *exchange) { x.request.Header.Set("Content-Type", "text/xml") }, request: true},
		{name: "a route that does not exist", change: func(x *exchange) { x.request.URL.Path = order + "/parcels" }, request: true},
		{name: "a status nobody described", change: func(x *exchange) { x.status = http.StatusTeapot }, answer: true},
		{name: "a page size over the cap", change: func(x *exchange) { list(x, "?pageSize=500", `{"itemsPerPage":0,"items":[]}`) }, request: true},
		{name: "a page without items", change: func(x *exchange) { list(x, "", `{"itemsPerPage":0}`) }, answer: true},
		{name: "an order without id", change: func(x *exchange) { list(x, "", `{"itemsPerPage":1,"items":[{"status":"Shipped"}]}`) }, answer: true},
		{name: "an order whose lines are no list", change: func(x *exchange) {
			list(x, "", `{"itemsPerPage":1,"items":[{"orderId":"1","status":"Shipped","lines":{}}]}`)
		}, answer: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x := good()
			tt.change(x)
			c.judge(x)
			if got := x.requestError != nil; got != tt.request {
				t.Errorf("request error: %v", x.requestError)
			}
			if got := x.answerError != nil; got != tt.answer {
				t.Errorf("answer error: %v", x.answerError)
			}
		})
	}
}
