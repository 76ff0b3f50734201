package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
)

// request states that an order of stores/shop left.
func request(number string) *marketplacev1.NotifyShipmentRequest {
	return &marketplacev1.NotifyShipmentRequest{Parent: "stores/shop", Shipment: &marketplacev1.Shipment{
		Order: "stores/shop/orders/" + number, Carrier: "colissimo", TrackingNumber: "6A-" + number,
	}}
}

// TestBatchErrors: an item of a batch fails as the single call would, and the items beside it do not.
func TestBatchErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		number string
		change func(*marketplacev1.NotifyShipmentRequest)
		want   *marketplacev1.ItemError // message: a part of it
	}{
		{
			name: "no shipment", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment = nil },
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment", Message: "is required"},
		},
		{
			name: "order name malformed", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Order = "A1" },
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment.order", Message: "stores/{store}/orders/{order}"},
		},
		{
			name: "order of another store", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Order = "stores/other/orders/A1" },
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment.order", Message: "another store"},
		},
		{
			name: "replaces no name", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Replaces = "s1" },
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment.replaces", Message: "stores/{store}/shipments/{shipment}"},
		},
		{
			name: "replaces another store's", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Replaces = "stores/other/shipments/s1" },
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment.replaces", Message: "another store"},
		},
		{
			name: "replaces nothing", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Replaces = "stores/shop/shipments/s0" },
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment.replaces", Message: "no shipment"},
		},
		{
			name: "no time", change: func(r *marketplacev1.NotifyShipmentRequest) {
				r.Shipment.ShipTime = &timestamppb.Timestamp{Nanos: -1}
			},
			want: &marketplacev1.ItemError{Code: 3, Reason: "INVALID_FIELD", Field: "shipment.ship_time", Message: "not a valid time"},
		},
		{
			name: "carrier unknown", change: func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Carrier = "Colisimo" },
			want: &marketplacev1.ItemError{
				Code: 3, Reason: "CARRIER_UNKNOWN", Field: "shipment.carrier", Message: "Colissimo", Metadata: map[string]string{"adapter": "alpha", "near_matches": "Colissimo"},
			},
		},
		{name: "order unknown", number: "GONE", want: &marketplacev1.ItemError{Code: 5, Reason: "ORDER_NOT_FOUND", Message: "no order"}},
		{name: "order cancelled", number: "CANCELLED", want: &marketplacev1.ItemError{Code: 9, Reason: "ORDER_NOT_SHIPPABLE", Message: "CANCELLED"}},
		{name: "buyer asks to cancel", number: "CANCELLING", want: &marketplacev1.ItemError{Code: 9, Reason: "CANCEL_REQUESTED", Message: "asks to cancel"}},
		{
			name: "a passing failure", number: "DOWN",
			want: &marketplacev1.ItemError{Code: 14, Reason: "MARKETPLACE_DOWN", Message: "is down", RetryDelay: durationpb.New(90 * time.Second)},
		},
		{name: "a defect", number: "BROKEN", want: &marketplacev1.ItemError{Code: 13, Reason: "INTERNAL", Message: "log tells more"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bad := request("A1")
			if tt.number != "" {
				bad = request(tt.number)
			}
			if tt.change != nil {
				tt.change(bad)
			}
			l := &ledger{}
			r := shipments(t, l)
			_, single := r.client.NotifyShipment(t.Context(), bad)

			bad.Parent = "" // as the batch's
			got, err := r.client.BatchNotifyShipments(t.Context(), &marketplacev1.BatchNotifyShipmentsRequest{
				Parent: "stores/shop", Requests: []*marketplacev1.NotifyShipmentRequest{request("B1"), bad, request("B2")},
			})
			if err != nil || len(got.GetResults()) != 3 {
				t.Fatalf("batch: %v, %v", got, err)
			}
			for i, number := range map[int]string{0: "B1", 2: "B2"} {
				if s := got.GetResults()[i].GetShipment(); s.GetOrder() != "stores/shop/orders/"+number || s.GetName() == "" || s.GetState() != marketplacev1.Shipment_STATE_QUEUED {
					t.Errorf("result %d is %v, want a shipment of %s", i, got.GetResults()[i], number)
				}
			}
			item := got.GetResults()[1].GetError()
			if !strings.Contains(item.GetMessage(), tt.want.GetMessage()) || strings.Contains(item.GetMessage(), "Imaginaire") {
				t.Errorf("message %q, want %q in it", item.GetMessage(), tt.want.GetMessage())
			}
			if diff := cmp.Diff(tt.want, item, protocmp.Transform(), protocmp.IgnoreFields(tt.want, "message")); diff != "" {
				t.Errorf("error (-want +got)\n%s", diff)
			}
			d := detailsOf(single)
			alone := &marketplacev1.ItemError{
				Code: int32(status.Code(single)), Message: status.Convert(single).Message(), Reason: d.info.GetReason(), Metadata: d.info.GetMetadata(),
				RetryDelay: d.retry.GetRetryDelay(),
			}
			if v := d.bad.GetFieldViolations(); len(v) > 0 {
				alone.Field = v[0].GetField()
			}
			if diff := cmp.Diff(alone, item, protocmp.Transform()); diff != "" {
				t.Errorf("the single call fails otherwise (-alone +in a batch)\n%s", diff)
			}
			if l.count() != 2 {
				t.Errorf("%d shipments are stored, want 2", l.count())
			}
			if logged := strings.Contains(r.log.String(), "Imaginaire"); logged != (tt.number == "BROKEN") {
				t.Errorf("the cause is in the log: %v", logged)
			}
		})
	}
}

// TestBatchItems: what an item of a batch may leave out, what it may not say, and items that meet each other.
func TestBatchItems(t *testing.T) {
	t.Parallel()
	elsewhere := request("A1")
	elsewhere.Parent = "stores/other"
	forced := request("CANCELLING")
	forced.Force, forced.Parent = true, ""
	second := request("A2")
	second.Shipment.TrackingNumber = "6A-OTHER"
	got, err := shipments(t, &ledger{}).client.BatchNotifyShipments(t.Context(), &marketplacev1.BatchNotifyShipmentsRequest{
		Parent: "stores/shop", Requests: []*marketplacev1.NotifyShipmentRequest{elsewhere, forced, request("A2"), second},
	})
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []string
	for _, r := range got.GetResults() {
		if e := r.GetError(); e != nil {
			outcomes = append(outcomes, e.GetReason()+" "+e.GetField())
		} else {
			outcomes = append(outcomes, r.GetShipment().GetState().String())
		}
	}
	want := []string{"INVALID_FIELD parent", "STATE_QUEUED", "STATE_QUEUED", "SHIPMENT_ALREADY_OPEN "}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got)\n%s", diff)
	}
}

// TestBatchShape: a batch that is none is refused as a whole, and nothing of it is stored.
func TestBatchShape(t *testing.T) {
	t.Parallel()
	many := func(n int) []*marketplacev1.NotifyShipmentRequest {
		requests := make([]*marketplacev1.NotifyShipmentRequest, n)
		for i := range requests {
			requests[i] = request(fmt.Sprintf("A%d", i))
		}
		return requests
	}
	mixed := many(2)
	mixed[1].ValidateOnly = true
	tests := []struct {
		name     string
		parent   string
		requests []*marketplacev1.NotifyShipmentRequest
		code     codes.Code
		reason   string
		field    string
	}{
		{"empty", "stores/shop", nil, codes.InvalidArgument, problem.ReasonInvalidField, "requests"},
		{"one too many", "stores/shop", many(1001), codes.InvalidArgument, problem.ReasonInvalidField, "requests"},
		{"half of it to be checked only", "stores/shop", mixed, codes.InvalidArgument, problem.ReasonInvalidField, "requests"},
		{"parent malformed", "shop", many(1), codes.InvalidArgument, problem.ReasonInvalidField, "parent"},
		{"store unknown", "stores/nosuch", []*marketplacev1.NotifyShipmentRequest{{}}, codes.NotFound, problem.ReasonStoreNotFound, ""},
		{"store unknown, to be checked only", "stores/nosuch", []*marketplacev1.NotifyShipmentRequest{{ValidateOnly: true}}, codes.NotFound, problem.ReasonStoreNotFound, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &ledger{}
			_, err := shipments(t, l).client.BatchNotifyShipments(t.Context(), &marketplacev1.BatchNotifyShipmentsRequest{Parent: tt.parent, Requests: tt.requests})
			d := detailsOf(err)
			if status.Code(err) != tt.code || d.info.GetReason() != tt.reason {
				t.Errorf("%v, want %s/%s", err, tt.code, tt.reason)
			}
			if v := d.bad.GetFieldViolations(); tt.field != "" && (len(v) != 1 || v[0].GetField() != tt.field) {
				t.Errorf("violations %v, want %s", v, tt.field)
			}
			if l.count() != 0 {
				t.Errorf("%d shipments are stored", l.count())
			}
		})
	}
	t.Run("as many as allowed, every field as long as it may be", func(t *testing.T) {
		t.Parallel()
		l, requests := &ledger{}, many(1000)
		for i, r := range requests {
			r.RequestId = fmt.Sprintf("%0128d", i)
			r.Shipment.TrackingUrl = "https://carrier.example/" + strings.Repeat("x", 1900)
			r.Shipment.Service = strings.Repeat("s", 200)
			r.Shipment.TrackingNumber = fmt.Sprintf("%050d", i)
		}
		got, err := shipments(t, l).client.BatchNotifyShipments(t.Context(), &marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/shop", Requests: requests})
		if err != nil || len(got.GetResults()) != 1000 || l.count() != 1000 {
			t.Errorf("%d results, %d stored, %v", len(got.GetResults()), l.count(), err)
		}
		if size := proto.Size(got); size > 4<<20 {
			t.Errorf("the answer has %d bytes, more than a client takes", size)
		}
	})
}

// TestBatchPreview: a batch that is to be checked only says of each item what would become of it.
func TestBatchPreview(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	requests := []*marketplacev1.NotifyShipmentRequest{request("A1"), request("GONE")}
	for _, r := range requests {
		r.ValidateOnly = true
	}
	got, err := shipments(t, l).client.BatchNotifyShipments(t.Context(), &marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/shop", Requests: requests})
	if err != nil || len(got.GetResults()) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if s := got.GetResults()[0].GetShipment(); s.GetName() != "" || s.GetState() != 0 || s.GetMarketplaceCarrier() != "Colissimo" || len(s.GetPreview()) != 0 {
		t.Errorf("the first is %v", s)
	}
	if e := got.GetResults()[1].GetError(); e.GetReason() != problem.ReasonOrderNotFound {
		t.Errorf("the second is %v", e)
	}
	if l.count() != 0 {
		t.Errorf("%d shipments are stored", l.count())
	}
}

// TestBatchPreviewMeetsItself: a batch that is to be checked only ends as it would if it were stored: an order ships once, and a
// request id stands for one shipment.
func TestBatchPreviewMeetsItself(t *testing.T) {
	t.Parallel()
	with := func(number string, change func(*marketplacev1.NotifyShipmentRequest)) *marketplacev1.NotifyShipmentRequest {
		r := request(number)
		if change != nil {
			change(r)
		}
		return r
	}
	other := func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.TrackingNumber = "6A-OTHER" }
	id := func(id string) func(*marketplacev1.NotifyShipmentRequest) {
		return func(r *marketplacev1.NotifyShipmentRequest) { r.RequestId = id }
	}
	tests := []struct {
		name  string
		batch []*marketplacev1.NotifyShipmentRequest
		want  []string // reasons; empty for a valid one
	}{
		{"different orders", []*marketplacev1.NotifyShipmentRequest{request("A1"), request("A2")}, []string{"", ""}},
		{"the same twice", []*marketplacev1.NotifyShipmentRequest{request("A1"), request("A1")}, []string{"", ""}},
		{"the same, written otherwise", []*marketplacev1.NotifyShipmentRequest{request("A1"), with("A1", func(r *marketplacev1.NotifyShipmentRequest) {
			r.Shipment.Carrier, r.Shipment.TrackingNumber = "COLISSIMO ", "6a a1"
		})}, []string{"", ""}},
		{"one order twice", []*marketplacev1.NotifyShipmentRequest{request("A1"), with("A1", other)}, []string{"", problem.ReasonShipmentAlreadyOpen}},
		{"one order three times", []*marketplacev1.NotifyShipmentRequest{request("A1"), with("A1", other), request("A1")}, []string{"", problem.ReasonShipmentAlreadyOpen, ""}},
		{"the first of an order is refused", []*marketplacev1.NotifyShipmentRequest{with("A1", func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Carrier = "Colisimo" }), request("A1")},
			[]string{problem.ReasonCarrierUnknown, ""}},
		{"a request id of its own each, one order", []*marketplacev1.NotifyShipmentRequest{with("A1", id("r1")), with("A1", id("r2"))}, []string{"", problem.ReasonShipmentAlreadyOpen}},
		{"one request id, two orders", []*marketplacev1.NotifyShipmentRequest{with("A1", id("r1")), with("A2", id("r1"))}, []string{"", problem.ReasonRequestIDReused}},
		{"one request id, repeated", []*marketplacev1.NotifyShipmentRequest{with("A1", id("r1")), with("A1", id("r1"))}, []string{"", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, checkOnly := range []bool{true, false} {
				batch := &marketplacev1.BatchNotifyShipmentsRequest{Parent: "stores/shop"}
				for _, r := range tt.batch {
					r = proto.CloneOf(r)
					r.ValidateOnly = checkOnly
					batch.Requests = append(batch.Requests, r)
				}
				got, err := shipments(t, &ledger{}).client.BatchNotifyShipments(t.Context(), batch)
				if err != nil {
					t.Fatal(err)
				}
				var reasons []string
				for _, r := range got.GetResults() {
					reasons = append(reasons, r.GetError().GetReason())
				}
				if diff := cmp.Diff(tt.want, reasons); diff != "" {
					t.Errorf("checked only: %v (-want +got)\n%s", checkOnly, diff)
				}
			}
		})
	}
}
