package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/shipment"
)

// wide is n characters of four bytes each.
func wide(n int) string { return strings.Repeat("𝐀", n) }

// largest is a batch of n requests with every text as long as it may be. Every second one names a carrier that the ledger knows, and a
// number that its marketplace takes.
func largest(n int) *marketplacev1.BatchNotifyShipmentsRequest {
	parent := "stores/" + strings.Repeat("s", 128)
	batch := &marketplacev1.BatchNotifyShipmentsRequest{Parent: parent}
	for i := range n {
		r := &marketplacev1.NotifyShipmentRequest{
			Parent: parent, RequestId: wide(124) + fmt.Sprintf("%04d", i), Force: true, AllowOtherCarrier: true,
			Shipment: &marketplacev1.Shipment{
				Order: parent + "/orders/" + fmt.Sprintf("%0128d", i), Carrier: wide(200), TrackingNumber: wide(200), Service: wide(200),
				TrackingUrl: "https://x.example/" + wide(2000-len("https://x.example/")),
				CarrierFee:  &marketplacev1.Money{CurrencyCode: "EUR", Units: 1 << 50, Nanos: 999_999_999}, ShipTime: timestamppb.New(noon),
				Replaces: parent + "/shipments/" + strings.Repeat("p", 128),
			},
		}
		if i%2 == 1 {
			r.Shipment.Carrier, r.Shipment.TrackingNumber, r.Shipment.Replaces = "colissimo", wide(50), ""
		}
		batch.Requests = append(batch.Requests, r)
	}
	return batch
}

// TestLargestBatch: a full batch with every text as long as it may be is taken and answered, with room for items; what is larger than the
// server takes is refused by gRPC itself.
func TestLargestBatch(t *testing.T) {
	t.Parallel()
	l := &ledger{}
	r := shipments(t, l)
	batch := largest(shipment.MaxBatch)
	for _, req := range batch.GetRequests() {
		for range 200 {
			req.Shipment.Items = append(req.Shipment.Items, &marketplacev1.ShipmentItem{LineId: "a-line-of-the-order", Quantity: 2})
		}
		if req.GetShipment().GetCarrier() == "colissimo" {
			req.Shipment.Items = nil
		}
	}
	got, err := r.client.BatchNotifyShipments(t.Context(), batch, grpc.MaxCallRecvMsgSize(24<<20))
	if err != nil {
		t.Fatalf("a batch of %d bytes: %v", proto.Size(batch), err)
	}
	for i, result := range got.GetResults() {
		if reason := result.GetError().GetReason(); (reason == "") != (i%2 == 1) {
			t.Fatalf("result %d: %v", i, result)
		}
	}
	if n := len(got.GetResults()); n != shipment.MaxBatch || l.count() != shipment.MaxBatch/2 {
		t.Errorf("%d results, %d stored", n, l.count())
	}

	for len(batch.GetRequests()) < 2*shipment.MaxBatch {
		batch.Requests = append(batch.Requests, batch.GetRequests()[0])
	}
	_, err = r.client.BatchNotifyShipments(t.Context(), batch)
	if s := status.Convert(err); s.Code() != codes.ResourceExhausted || len(s.Details()) != 0 {
		t.Errorf("a batch of %d bytes: %v with details %v", proto.Size(batch), err, s.Details())
	}
}

// TestTooManyItems: a shipment lists so many articles and no more.
func TestTooManyItems(t *testing.T) {
	t.Parallel()
	r := shipments(t, &ledger{})
	req := request("A1")
	req.Shipment.Items = slices.Repeat([]*marketplacev1.ShipmentItem{{LineId: "L1"}}, 1001)
	_, err := r.client.NotifyShipment(t.Context(), req)
	wantField(t, err, "shipment.items")
	req.Shipment.Items = req.GetShipment().GetItems()[:1000]
	_, err = r.client.NotifyShipment(t.Context(), req)
	wantField(t, err, "shipment.items[1].line_id") // the same line for the second time
}

// TestShipmentPagesFitOneAnswer: a page of large shipments ends early, so that every client takes it, and the next one goes on.
func TestShipmentPagesFitOneAnswer(t *testing.T) {
	t.Parallel()
	const count = 600
	l := &ledger{}
	var want []string
	for i := range count {
		s := wholeShipment()
		s.ID, s.State, s.TrackingURL = fmt.Sprintf("s%04d", i), delivery.Confirmed, "https://x.example/"+wide(1900)
		s.Items = slices.Repeat([]shipment.Item{{LineID: "a-line-of-the-order"}}, 100)
		l.stored = append(l.stored, s)
		want = append([]string{"stores/shop/shipments/" + s.ID}, want...)
	}
	r := shipments(t, l)
	var got []string
	for pages, token := 0, ""; pages == 0 || token != ""; pages++ {
		page, err := r.client.ListShipments(t.Context(), &marketplacev1.ListShipmentsRequest{Parent: "stores/shop", PageSize: 500, PageToken: token})
		if err != nil || len(page.GetShipments()) == 0 {
			t.Fatalf("page %d: %d shipments, %v", pages, len(page.GetShipments()), err)
		}
		for _, s := range page.GetShipments() {
			got = append(got, s.GetName())
		}
		token = page.GetNextPageToken()
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d shipments listed, want each of %d once, newest first", len(got), len(want))
	}
}
