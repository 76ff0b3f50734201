package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestNotifyShipmentErrors: every request that can never work is refused at once, with what to do, and nothing is stored.
func TestNotifyShipmentErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	make := func(spec world.Spec) string { return s.create(spec) }
	ready := make(world.Spec{Variety: world.MultiLine})
	ended := make(world.Spec{Variety: world.ShippedOrder, Created: ptr(s.clock.now().Add(-48 * time.Hour))})
	cancelled := make(world.Spec{Variety: world.CancelledOrder, Created: ptr(s.clock.now().Add(-48 * time.Hour))})
	theirs := make(world.Spec{Variety: world.MarketplaceFulfilled})
	asked := make(world.Spec{Variety: world.CancelRequested})
	s.imported()
	lines := s.order(ready).GetLines()

	tests := []struct {
		name   string
		number string
		change func(*marketplacev1.NotifyShipmentRequest)
		code   codes.Code
		reason string
		field  string
	}{
		{"no shipment", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment = nil }, codes.InvalidArgument, "INVALID_FIELD", "shipment"},
		{"no carrier", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Carrier = " " }, codes.InvalidArgument, "INVALID_FIELD", "shipment.carrier"},
		{"no tracking number", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingNumber = "" }, codes.InvalidArgument, "INVALID_FIELD", "shipment.tracking_number"},
		{"tracking number too long", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingNumber = strings.Repeat("1", 51) }, codes.InvalidArgument, "INVALID_FIELD", "shipment.tracking_number"},
		{"tracking number with a blank", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingNumber = "6A 1" }, codes.InvalidArgument, "INVALID_FIELD", "shipment.tracking_number"},
		{"tracking number with an ampersand", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingNumber = "6A&1" }, codes.InvalidArgument, "INVALID_FIELD", "shipment.tracking_number"},
		{"tracking URL of another scheme", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingUrl = "ftp://x.example/1" }, codes.InvalidArgument, "INVALID_FIELD", "shipment.tracking_url"},
		{"tracking URL too long", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.TrackingUrl = "https://x.example/" + strings.Repeat("a", 250)
		}, codes.InvalidArgument, "INVALID_FIELD", "shipment.tracking_url"},
		{"negative fee", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.CarrierFee = &marketplacev1.Money{CurrencyCode: "EUR", Units: -1}
		}, codes.InvalidArgument, "INVALID_FIELD", "shipment.carrier_fee"},
		{"fee without a currency", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.CarrierFee = &marketplacev1.Money{Units: 1} }, codes.InvalidArgument, "INVALID_FIELD", "shipment.carrier_fee.currency_code"},
		{"shipped next week", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.ShipTime = timestamppb.New(time.Now().Add(7 * 24 * time.Hour))
		}, codes.InvalidArgument, "INVALID_FIELD", "shipment.ship_time"},
		{"order of another store", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Order = "stores/other/orders/1" }, codes.InvalidArgument, "INVALID_FIELD", "shipment.order"},
		{"order name malformed", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Order = "1905021015ABC12" }, codes.InvalidArgument, "INVALID_FIELD", "shipment.order"},
		{"store name malformed", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Parent = "demo" }, codes.InvalidArgument, "INVALID_FIELD", "parent"},
		{"request id too long", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.RequestId = strings.Repeat("x", 129) }, codes.InvalidArgument, "INVALID_FIELD", "request_id"},
		{"unknown line", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.Items = []*marketplacev1.ShipmentItem{{LineId: "nosuch"}}
		}, codes.InvalidArgument, "INVALID_FIELD", "shipment.items[0].line_id"},
		{"more than ordered", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.Items = []*marketplacev1.ShipmentItem{{LineId: lines[0].GetLineId(), Quantity: lines[0].GetQuantity() + 1}}
		}, codes.InvalidArgument, "INVALID_FIELD", "shipment.items[0].quantity"},
		{"the same line twice", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.Items = []*marketplacev1.ShipmentItem{{LineId: lines[0].GetLineId()}, {LineId: lines[0].GetLineId()}}
		}, codes.InvalidArgument, "INVALID_FIELD", "shipment.items[1].line_id"},
		{"carrier unknown", ready, func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Carrier = "Colisimo" }, codes.InvalidArgument, "CARRIER_UNKNOWN", "shipment.carrier"},
		{"store unknown", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Parent, r.Shipment.Order = "stores/nosuch", "stores/nosuch/orders/1"
		}, codes.NotFound, "STORE_NOT_FOUND", ""},
		{"order unknown", "1905021015ABC12", nil, codes.NotFound, "ORDER_NOT_FOUND", ""},
		{"partial shipment", ready, func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.Items = []*marketplacev1.ShipmentItem{{LineId: lines[0].GetLineId()}}
		}, codes.FailedPrecondition, "PARTIAL_SHIPMENT_UNSUPPORTED", ""},
		{"order shipped", ended, nil, codes.FailedPrecondition, "ORDER_NOT_SHIPPABLE", ""},
		{"order cancelled", cancelled, nil, codes.FailedPrecondition, "ORDER_NOT_SHIPPABLE", ""},
		{"fulfilled by the marketplace", theirs, nil, codes.FailedPrecondition, "ORDER_NOT_SHIPPABLE", ""},
		{"buyer asks to cancel", asked, nil, codes.FailedPrecondition, "CANCEL_REQUESTED", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := notifyRequest(tt.number)
			if tt.change != nil {
				tt.change(req)
			}
			info, bad, _ := wantError(t, second(s.api.NotifyShipment(t.Context(), req)), tt.code, tt.reason)
			if tt.field != "" && (len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != tt.field) {
				t.Errorf("violations %v, want %s", bad.GetFieldViolations(), tt.field)
			}
			if tt.reason == "CARRIER_UNKNOWN" && !strings.Contains(info.GetMetadata()["near_matches"], "Colissimo") {
				t.Errorf("near matches %v", info.GetMetadata())
			}
		})
	}
	if list, err := s.api.ListShipments(t.Context(), &marketplacev1.ListShipmentsRequest{Parent: "stores/demo"}); err != nil || len(list.GetShipments()) != 0 {
		t.Errorf("refused requests left %d shipments, %v", len(list.GetShipments()), err)
	}

	t.Run("second shipment while one is open, and a reused request id", func(t *testing.T) {
		s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.HTTP500})
		req := notifyRequest(ready)
		req.RequestId = "request-1"
		first, err := s.api.NotifyShipment(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		req.Shipment.TrackingNumber = "6A-OTHER"
		info, _, _ := wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.AlreadyExists, "REQUEST_ID_REUSED")
		if info.GetMetadata()["shipment"] != first.GetName() {
			t.Errorf("metadata %v", info.GetMetadata())
		}
		req.RequestId = "request-2"
		info, _, _ = wantError(t, second(s.api.NotifyShipment(t.Context(), req)), codes.AlreadyExists, "SHIPMENT_ALREADY_OPEN")
		if info.GetMetadata()["shipment"] != first.GetName() {
			t.Errorf("metadata %v", info.GetMetadata())
		}
	})
}

func ptr[T any](v T) *T { return &v }

// TestOtherErrors holds the rest of the table of design section 4.
func TestOtherErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	ctx := t.Context()
	connect := func(change func(*marketplacev1.ConnectStoreRequest)) error {
		req := connectRequest("another")
		req.Credentials.Values["login"] = "demo2-api"
		change(req)
		return second(s.api.ConnectStore(ctx, req))
	}
	tests := []struct {
		name   string
		err    error
		code   codes.Code
		reason string
		field  string
	}{
		{"connect without a store", connect(func(r *marketplacev1.ConnectStoreRequest) { r.Store = nil }), codes.InvalidArgument, "INVALID_FIELD", "store"},
		{"connect with a malformed adapter", connect(func(r *marketplacev1.ConnectStoreRequest) { r.Store.Adapter = "cdiscount" }), codes.InvalidArgument, "INVALID_FIELD", "store.adapter"},
		{"connect with a malformed id", connect(func(r *marketplacev1.ConnectStoreRequest) { r.StoreId = "My Shop" }), codes.InvalidArgument, "INVALID_FIELD", "store_id"},
		{"connect without a password", connect(func(r *marketplacev1.ConnectStoreRequest) { delete(r.Credentials.Values, "password") }), codes.InvalidArgument, "INVALID_FIELD", "credentials.values[password]"},
		{"connect with an unknown credential", connect(func(r *marketplacev1.ConnectStoreRequest) { r.Credentials.Values["pin"] = "1" }), codes.InvalidArgument, "INVALID_FIELD", "credentials.values"},
		{"connect through an unknown adapter", connect(func(r *marketplacev1.ConnectStoreRequest) { r.Store.Adapter = "adapters/nosuch" }), codes.NotFound, "ADAPTER_NOT_FOUND", ""},
		{"connect in an unknown environment", connect(func(r *marketplacev1.ConnectStoreRequest) { r.Store.Environment = "nosuch" }), codes.NotFound, "ENVIRONMENT_NOT_FOUND", ""},
		{"store unknown", second(s.api.GetStore(ctx, &marketplacev1.GetStoreRequest{Name: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"store name malformed", second(s.api.GetStore(ctx, &marketplacev1.GetStoreRequest{Name: "stores/"})), codes.InvalidArgument, "INVALID_FIELD", "name"},
		{"update an unknown store", second(s.api.UpdateStore(ctx, &marketplacev1.UpdateStoreRequest{Store: &marketplacev1.Store{Name: "stores/nosuch"}})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"disconnect an unknown store", second(s.api.DisconnectStore(ctx, &marketplacev1.DisconnectStoreRequest{Name: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"import into an unknown store", second(s.api.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"import unknown", second(s.api.GetImport(ctx, &marketplacev1.GetImportRequest{Name: "stores/demo/imports/nosuch"})), codes.NotFound, "IMPORT_NOT_FOUND", ""},
		{"imports of an unknown store", second(s.api.ListImports(ctx, &marketplacev1.ListImportsRequest{Parent: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"watch an unknown import", recvError(s.api.WatchImport(ctx, &marketplacev1.WatchImportRequest{Name: "stores/demo/imports/nosuch"})), codes.NotFound, "IMPORT_NOT_FOUND", ""},
		{"order unknown", second(s.api.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: "stores/demo/orders/nosuch"})), codes.NotFound, "ORDER_NOT_FOUND", ""},
		{"orders of an unknown store", second(s.api.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"orders with a negative page size", second(s.api.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: "stores/demo", PageSize: -1})), codes.InvalidArgument, "INVALID_FIELD", "page_size"},
		{"orders with a made-up token", second(s.api.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: "stores/demo", PageToken: "x"})), codes.InvalidArgument, "INVALID_FIELD", "page_token"},
		{"orders of no status", second(s.api.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: "stores/demo", Statuses: []marketplacev1.OrderStatus{0}})), codes.InvalidArgument, "INVALID_FIELD", "statuses"},
		{"orders of an unknown status", second(s.api.ListOrders(ctx, &marketplacev1.ListOrdersRequest{Parent: "stores/demo", Statuses: []marketplacev1.OrderStatus{99}})), codes.InvalidArgument, "INVALID_FIELD", "statuses"},
		{"shipment unknown", second(s.api.GetShipment(ctx, &marketplacev1.GetShipmentRequest{Name: "stores/demo/shipments/nosuch"})), codes.NotFound, "SHIPMENT_NOT_FOUND", ""},
		{"shipments of an unknown store", second(s.api.ListShipments(ctx, &marketplacev1.ListShipmentsRequest{Parent: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
		{"carriers of an unknown store", second(s.api.ListCarriers(ctx, &marketplacev1.ListCarriersRequest{Parent: "stores/nosuch"})), codes.NotFound, "STORE_NOT_FOUND", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, bad, _ := wantError(t, tt.err, tt.code, tt.reason)
			if tt.field != "" && (len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != tt.field) {
				t.Errorf("violations %v, want %s", bad.GetFieldViolations(), tt.field)
			}
		})
	}
}

// recvError returns the error of a stream's first message.
func recvError[S interface {
	Recv() (*marketplacev1.Import, error)
}](stream S, err error) error {
	if err != nil {
		return err
	}
	return second(stream.Recv())
}

// TestMarketplaceErrors: what goes wrong while talking to the marketplace, seen by a caller who waits for the answer. The carriers are
// those that were read before.
func TestMarketplaceErrors(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	carriers := func(t *testing.T) *marketplacev1.ListCarriersResponse {
		t.Helper()
		list, err := s.api.ListCarriers(t.Context(), &marketplacev1.ListCarriersRequest{Parent: "stores/demo"})
		if err != nil || len(list.GetCarriers()) < 10 {
			t.Fatalf("%d carriers, %v", len(list.GetCarriers()), err)
		}
		return list
	}
	before := carriers(t).GetReadTime().AsTime()
	tests := []struct {
		fault  fault.Rule
		code   codes.Code
		reason string
	}{
		{fault.Rule{Kind: fault.HTTP503}, codes.Unavailable, "MARKETPLACE_DOWN"},
		{fault.Rule{Kind: fault.CutBefore}, codes.Unavailable, "MARKETPLACE_DOWN"},
		{fault.Rule{Kind: fault.Quota}, codes.ResourceExhausted, "THROTTLED"},
		{fault.Rule{Kind: fault.HTML}, codes.Internal, "MALFORMED_ANSWER"},
		{fault.Rule{Kind: fault.Truncated}, codes.Internal, "MALFORMED_ANSWER"},
		{fault.Rule{Kind: fault.SellerDisabled}, codes.FailedPrecondition, "SELLER_INACTIVE"},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Kind), func(t *testing.T) {
			tt.fault.Operation = fault.Any
			s.inject(tt.fault)
			defer s.sandbox.Faults().Clear()
			_, _, retry := wantError(t, second(s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{
				Name: "stores/demo", Credentials: demoCredentials(),
			})), tt.code, tt.reason)
			if read := carriers(t).GetReadTime().AsTime(); !read.Equal(before) {
				t.Errorf("carriers as of %s, want %s", read, before)
			}
			if waits := tt.code == codes.Unavailable || tt.code == codes.ResourceExhausted; waits != (retry.GetRetryDelay().AsDuration() > 0) {
				t.Errorf("retry info %v", retry)
			}
		})
	}
	if read := carriers(t).GetReadTime().AsTime(); !read.After(before) {
		t.Errorf("afterwards: carriers as of %s, which is not now", read)
	}
}

// TestAdapterDown: an adapter that does not start leaves the server up; calls that need it say so.
func TestAdapterDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "relais-adapter-cdiscount"), []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSystem(t, 0, "RELAIS_PLUGIN_DIR="+dir)
	_, _, retry := wantError(t, second(s.api.ConnectStore(t.Context(), connectRequest("demo"))), codes.Unavailable, "ADAPTER_DOWN")
	if retry.GetRetryDelay().AsDuration() <= 0 {
		t.Error("no retry info")
	}
	a, err := s.admin.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/cdiscount"})
	if err != nil || a.GetState() == marketplacev1.Adapter_STATE_SERVING || a.GetMessage() == "" {
		t.Errorf("adapter %v, %v", a, err)
	}
}
