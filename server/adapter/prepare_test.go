package adapter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// TestPrepareShipment: what is about to be sent is asked of the adapter and shown without secrets, even by an adapter that forgot to
// mask them; nothing is sent by that, and the lease is held until Close.
func TestPrepareShipment(t *testing.T) {
	t.Parallel()
	request := &adapterv1.HttpRequest{
		Method: "POST", Url: "https://fake.example/ship", Headers: map[string]string{"Authorization": "Bearer " + password},
		Body: "{\n  \"password\": \"" + password + "\",\n  \"parcel\": \"6A1\"\n}",
	}
	for _, tt := range []struct {
		name    string
		preview bool
		answer  *adapterv1.PreviewShipmentResponse
		err     error
		want    []shipment.MarketplaceRequest
		reason  string
	}{
		{name: "as the adapter tells it", preview: true, answer: &adapterv1.PreviewShipmentResponse{Requests: []*adapterv1.HttpRequest{request}}, want: []shipment.MarketplaceRequest{{
			Method: "POST", URL: "https://fake.example/ship", Headers: map[string]string{"Authorization": "Bearer ***"},
			Body: "{\n  \"password\": \"***\",\n  \"parcel\": \"6A1\"\n}",
		}}},
		{name: "a huge body is cut", preview: true, answer: &adapterv1.PreviewShipmentResponse{Requests: []*adapterv1.HttpRequest{{Body: strings.Repeat("x", 16<<10+1)}}},
			want: []shipment.MarketplaceRequest{{Body: strings.Repeat("x", 16<<10) + "…"}}},
		{name: "an adapter that cannot tell"},
		{name: "an adapter that refuses the notification", preview: true, err: sdk.InvalidRequest("notification.lines", "holds an unknown line"), reason: problem.ReasonInvalidField},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := overSDK(t, previewing{Adapter: &sdktest.Adapter{}, answer: tt.answer, err: tt.err, told: func(req *adapterv1.PreviewShipmentRequest) {
				if req.GetNotification().GetKey() != "key" || req.GetStore().GetStoreId() != fakeRef.StoreID {
					t.Errorf("request %v", req)
				}
			}}, quick)
			f.description.Capabilities = &adapterv1.Capabilities{Preview: tt.preview}
			p, err := f.PrepareShipment(t.Context(), fakeRef, shipment.Notification{Key: "key"})
			if tt.reason != "" {
				if !problem.HasReason(err, tt.reason) {
					t.Errorf("error %v, want %s", err, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, p.Requests()); diff != "" {
				t.Errorf("requests (-want +got)\n%s", diff)
			}
			if got := p.Release(); got != f.description.GetVersion()+"@feed" {
				t.Errorf("release %q", got)
			}
			p.Close() // the fixture counts what is not given back
		})
	}
}

// previewing is an adapter that can tell what it would send.
type previewing struct {
	*sdktest.Adapter
	answer *adapterv1.PreviewShipmentResponse
	err    error
	told   func(*adapterv1.PreviewShipmentRequest)
}

// PreviewShipment implements sdk.Previewer.
func (p previewing) PreviewShipment(_ context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	p.told(req)
	return p.answer, p.err
}
