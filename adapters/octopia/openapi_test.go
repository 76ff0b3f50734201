package octopia_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// The published description of the API judges both sides: what the adapter sends, and what the sandbox answers. The file is a
// third party's reconstruction and is not part of this repository.

// contract validates exchanges against the description.
type contract struct {
	router routers.Router
}

// loadContract reads octopia-openapi.yaml from the shared folder beside the repository; RELAIS_SHARED names another. Without it the
// test fails where CI=true and is skipped elsewhere.
func loadContract(t *testing.T) *contract {
	t.Helper()
	shared := os.Getenv("RELAIS_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(shared, "contracts", "octopia-openapi.yaml")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("the API's description is not beside this repository: %v", err)
	}
	document, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatalf("read the API's description: %v", err)
	}
	// The sandbox serves both services on one host: paths are told apart by themselves.
	document.Servers = nil
	for _, item := range document.Paths.Map() {
		item.Servers = nil
		for _, operation := range item.Operations() {
			if operation.RequestBody == nil {
				continue
			}
			for _, media := range operation.RequestBody.Value.Content {
				closed(media.Schema.Value)
			}
		}
	}
	router, err := legacy.NewRouter(document)
	if err != nil {
		t.Fatalf("route the API's description: %v", err)
	}
	return &contract{router: router}
}

// closed forbids fields that a request's description does not name: a misspelt optional field would be lost in silence.
func closed(s *openapi3.Schema) {
	no := false
	if len(s.Properties) > 0 {
		s.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	}
	if s.Items != nil {
		closed(s.Items.Value)
	}
}

// exchange is one request with its answer.
type exchange struct {
	request      *http.Request
	sent         []byte
	status       int
	header       http.Header
	answer       []byte
	described    string // operation id; empty when the description has no such operation
	requestError error
	answerError  error
}

// judge validates an exchange. The paths of the sandbox begin with prefix.
func (c *contract) judge(x *exchange) {
	request := x.request.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(x.sent))
	at := *request.URL
	at.Path = strings.TrimPrefix(strings.TrimPrefix(at.Path, "/octopia"), "/seller/v2")
	at.RawPath = ""
	at.Scheme, at.Host = "", ""
	request.URL = &at
	route, parameters, err := c.router.FindRoute(request)
	if err != nil {
		x.requestError = fmt.Errorf("%s %s: %w", request.Method, at.Path, err)
		return
	}
	x.described = route.Operation.OperationID
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{
			MultiError: true, IncludeResponseStatus: true,
			AuthenticationFunc: func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
				if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer ") {
					return errors.New("no bearer token")
				}
				return nil
			},
		},
	}
	x.requestError = openapi3filter.ValidateRequest(context.Background(), input)
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: x.status, Header: x.header, Options: input.Options,
	}
	answer.SetBodyBytes(x.answer)
	x.answerError = openapi3filter.ValidateResponse(context.Background(), answer)
}

// recorder stands between the adapter and the sandbox and judges what passes.
type recorder struct {
	contract *contract
	server   *httptest.Server

	mu        sync.Mutex // guards exchanges
	exchanges []*exchange
}

func newRecorder(t *testing.T, c *contract, sandboxURL string) *recorder {
	t.Helper()
	target, err := url.Parse(sandboxURL)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{contract: c}
	proxy := httputil.NewSingleHostReverseProxy(target)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		sent, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		x := &exchange{request: req.Clone(context.Background()), sent: sent}
		req.Body = io.NopCloser(bytes.NewReader(sent))
		req.Header.Del("Accept-Encoding") // the judge reads plain text
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, req)
		x.status, x.header, x.answer = answer.Code, answer.Header().Clone(), answer.Body.Bytes()
		c.judge(x)
		r.mu.Lock()
		r.exchanges = append(r.exchanges, x)
		r.mu.Unlock()
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(r.server.Close)
	return r
}

// TestExchangesFollowTheDescription drives every call of the adapter against the sandbox, over orders of every kind and in
// every state that it can bring them to, and has each request and each answer judged.
func TestExchangesFollowTheDescription(t *testing.T) {
	t.Parallel()
	c := loadContract(t)
	sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Orders: 300, Seed: 3}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sandbox.Close() })
	r := newRecorder(t, c, sandbox.URL())
	seller := sandbox.World().Sellers()[0]
	store := &adapterv1.StoreContext{
		StoreId: "shop", AccountId: seller.SellerID,
		Credentials: map[string]string{"client_id": seller.ClientID, "client_secret": seller.ClientSecret, "seller_id": seller.SellerID},
		Environment: map[string]string{
			"token_url": r.server.URL + "/octopia/auth/realms/maas/protocol/openid-connect/token", "api_url": r.server.URL + "/octopia/seller/v2",
		},
	}
	drive(t, octopia.New(), store, sandbox)

	var operations []string
	for _, x := range r.exchanges {
		if x.requestError != nil {
			t.Errorf("request of %s:\n%s\n%v", x.described, x.sent, x.requestError)
		}
		if x.answerError != nil {
			t.Errorf("answer %d to %s %s:\n%.2000s\n%v", x.status, x.request.Method, x.request.URL.Path, x.answer, x.answerError)
		}
		if !slices.Contains(operations, x.described) {
			operations = append(operations, x.described)
		}
	}
	for _, want := range []string{
		"createToken", "getSeller", "listOrders", "countOrders", "getOrder", "approveOrder", "shipOrder", "listCarriers", "listProductsByGtin",
	} {
		if !slices.Contains(operations, want) {
			t.Errorf("operation %s was never called", want)
		}
	}
	t.Logf("%d exchanges of %d operations", len(r.exchanges), len(operations))
}

// drive calls everything that the adapter can do, well and badly.
func drive(t *testing.T, a *octopia.Adapter, store *adapterv1.StoreContext, sandbox *emulator.Server) {
	t.Helper()
	ctx := t.Context()
	now := sandbox.World().Clock().Now()
	since, until := timestamppb.New(now.Add(-60*24*time.Hour)), timestamppb.New(now.Add(time.Minute))
	statuses := []adapterv1.OrderStatus{
		adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE, adapterv1.OrderStatus_ORDER_STATUS_PROCESSING,
		adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, adapterv1.OrderStatus_ORDER_STATUS_SHIPPED,
	}
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err := a.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: store})
	must("CheckConnection", err)
	sink := &collected{}
	must("ListOrders by creation", a.ListOrders(ctx, &adapterv1.ListOrdersRequest{
		Store: store, Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: since}, Until: until, Statuses: statuses,
	}, sink))
	must("ListOrders by change", a.ListOrders(ctx, &adapterv1.ListOrdersRequest{
		Store: store, Since: &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: since}, Until: until, Statuses: statuses,
	}, &collected{}))
	_, err = a.CountOrders(ctx, &adapterv1.CountOrdersRequest{
		Store: store, Since: &adapterv1.CountOrdersRequest_CreatedSince{CreatedSince: since}, Until: until, Statuses: statuses,
	})
	must("CountOrders", err)
	_, err = a.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: store})
	must("ListCarriers", err)

	varieties := map[world.Variety]string{} // one order of each
	for _, v := range world.Varieties() {
		numbers, err := sandbox.World().Create(world.Spec{Variety: v})
		must("create", err)
		varieties[v] = numbers[0]
	}
	must("let states be told", sandbox.World().Clock().Advance(time.Hour))
	var eans []string
	for _, number := range append(slices.Collect(mapValues(varieties)), "UNKNOWN0000001") {
		answer, err := a.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{number}})
		must("GetOrders", err)
		for _, o := range answer.GetOrders() {
			for _, l := range o.GetLines() {
				if l.GetEan() != "" && len(eans) < 5 && !slices.Contains(eans, l.GetEan()) {
					eans = append(eans, l.GetEan())
				}
			}
		}
	}
	_, err = a.GetProducts(ctx, &adapterv1.GetProductsRequest{Store: store, Eans: append(eans, "0000000000000")})
	must("GetProducts", err)

	decided := func(v world.Variety) []*adapterv1.DecidedOrder {
		return []*adapterv1.DecidedOrder{{Key: "1", OrderNumber: varieties[v]}}
	}
	waiting, err := sandbox.World().Create(world.Spec{Variety: world.WaitingAcceptance})
	must("create", err)
	_, err = a.AcceptOrders(ctx, &adapterv1.AcceptOrdersRequest{Store: store, Orders: append(decided(world.WaitingAcceptance),
		&adapterv1.DecidedOrder{Key: "2", OrderNumber: varieties[world.ShippedOrder]})})
	must("AcceptOrders", err)
	_, err = a.RefuseOrders(ctx, &adapterv1.RefuseOrdersRequest{Store: store, Orders: []*adapterv1.DecidedOrder{{Key: "1", OrderNumber: waiting[0]}}})
	must("RefuseOrders", err)
	ship := func(variety world.Variety, carrier, address string) {
		t.Helper()
		read, err := a.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{varieties[variety]}})
		must("GetOrders", err)
		o := read.GetOrders()[0]
		n := &adapterv1.ShipmentNotification{
			Key: "1", OrderNumber: o.GetOrderNumber(), NativeId: o.GetNativeId(), AdapterContext: o.GetAdapterContext(),
			Carrier: carrier, TrackingNumber: "6A12345678901", TrackingUrl: address,
		}
		for _, l := range o.GetLines() {
			n.Lines = append(n.Lines, &adapterv1.ShippedLine{LineId: l.GetLineId(), Sku: l.GetSku(), Quantity: l.GetQuantity()})
		}
		_, err = a.NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{Store: store, Notifications: []*adapterv1.ShipmentNotification{n}})
		must("NotifyShipments", err)
	}
	ship(world.HomeTracked, "Colissimo", "https://tracking.example.com/6A12345678901")
	ship(world.HomeTracked, "Colissimo", "") // a second time: refused
	ship(world.MultiLine, "Mondial Relay", "")
	ship(world.HomeStandard, "No Such Carrier", "")

	for _, f := range []fault.Rule{
		{On: "list", API: "octopia", Kind: fault.Throttle, Times: 1, Params: fault.Params{Seconds: 7}},
		{On: "carriers", API: "octopia", Kind: fault.Quota, Times: 1},
		{On: "get", API: "octopia", Kind: fault.TokenExpired, Times: 1},
	} {
		_, err := sandbox.Faults().Add(f)
		must("inject", err)
	}
	_ = a.ListOrders(ctx, &adapterv1.ListOrdersRequest{ // throttled
		Store: store, Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: since}, Until: until, Statuses: statuses,
	}, &collected{})
	_, err = a.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: store, OrderNumbers: []string{varieties[world.HomeTracked]}}) // a new token
	must("GetOrders with a lost token", err)
	_, _ = a.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: store}) // the quota

	wrong := &adapterv1.StoreContext{StoreId: "wrong", Environment: store.GetEnvironment(), Credentials: map[string]string{
		"client_id": store.GetCredentials()["client_id"], "client_secret": "wrong", "seller_id": store.GetCredentials()["seller_id"],
	}}
	if _, err := a.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: wrong}); err == nil {
		t.Error("a wrong secret was accepted")
	}
}

func mapValues[K comparable, V any](m map[K]V) func(func(V) bool) {
	return func(yield func(V) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// collected takes orders and forgets them.
type collected struct{ orders int }

func (c *collected) Send(*adapterv1.Order) error { c.orders++; return nil }

func (*collected) Checkpoint(time.Time) error { return nil }

func (*collected) State([]byte) {}
