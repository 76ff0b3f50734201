package cdiscount_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// preview asks what would be sent. The store has an address and nothing else.
func preview(
	t *testing.T, a *cdiscount.Adapter, service string, n *adapterv1.ShipmentNotification,
) (*adapterv1.PreviewShipmentResponse, error) {
	t.Helper()
	return a.PreviewShipment(short(t), &adapterv1.PreviewShipmentRequest{
		Store:        &adapterv1.StoreContext{Environment: map[string]string{"service_url": service}},
		Notification: n,
	})
}

// TestPreviewIsWhatIsSent: the preview differs from the request of NotifyShipments in the token alone, and sends nothing.
func TestPreviewIsWhatIsSent(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*adapterv1.ShipmentNotification){
		"plain":           func(*adapterv1.ShipmentNotification) {},
		"without address": func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "" },
		"escaped":         func(n *adapterv1.ShipmentNotification) { n.Carrier = `Colis <Privé> "&" Fils` },
		"two lines": func(n *adapterv1.ShipmentNotification) {
			n.Lines, n.AdapterContext = nil, []byte(`{"v":1,"l":[{"i":"a","s":"A","c":"LikeNew"},{"i":"b","s":"B"}]}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(200, shipAnswer(orderNumber)))
			n := shipment("k", orderNumber)
			change(n)
			a := cdiscount.New()
			got, err := preview(t, a, f.store().GetEnvironment()["service_url"], n)
			if err != nil {
				t.Fatal(err)
			}
			if len(f.seen()) != 0 || f.tokens() != 0 {
				t.Fatal("the preview asked the marketplace")
			}
			if _, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
				Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{n},
			}); err != nil {
				t.Fatal(err)
			}
			sent := f.seen()[0]
			want := &adapterv1.PreviewShipmentResponse{Requests: []*adapterv1.HttpRequest{{
				Method:  http.MethodPost,
				Url:     f.server.URL + "/service",
				Headers: map[string]string{"Content-Type": sent.Header.Get("Content-Type"), "SOAPAction": sent.Header.Get("SOAPAction")},
				Body:    strings.Replace(sent.Body, sent.token(), "***", 1),
			}}}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-sent +preview):\n%s", diff)
			}
		})
	}
}

// TestPreviewMasksTheAddress: a login that the operator wrote into the address is not shown.
func TestPreviewMasksTheAddress(t *testing.T) {
	t.Parallel()
	got, err := preview(t, cdiscount.New(), "https://proxy-user:proxy-word@service.example/soap?x=1", shipment("k", orderNumber))
	if err != nil {
		t.Fatal(err)
	}
	shown := got.GetRequests()[0]
	if shown.GetUrl() != "https://service.example/soap?x=1" || shown.GetHeaders()["Authorization"] != "***" {
		t.Errorf("address %s, Authorization %q", shown.GetUrl(), shown.GetHeaders()["Authorization"])
	}
}

// TestPreviewRefusals: what NotifyShipments would not send has no preview.
func TestPreviewRefusals(t *testing.T) {
	t.Parallel()
	const service = "https://service.example/soap"
	for _, tc := range []struct {
		name, service string
		change        func(*adapterv1.ShipmentNotification)
		field         string
	}{
		{"no address", "", func(*adapterv1.ShipmentNotification) {}, "store.environment.service_url"},
		{"address without host", "service", func(*adapterv1.ShipmentNotification) {}, "store.environment.service_url"},
		{"no carrier", service, func(n *adapterv1.ShipmentNotification) { n.Carrier = "" }, "notification"},
		{"context of another adapter", service, func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte("x") }, "notification"},
		{"text that XML cannot carry", service, func(n *adapterv1.ShipmentNotification) { n.Carrier = "a\x00b" }, "notification"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n := shipment("k", orderNumber)
			tc.change(n)
			got, err := preview(t, cdiscount.New(), tc.service, n)
			if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != tc.field || got != nil {
				t.Errorf("answer %v, error %v, want INVALID_REQUEST of %s", got != nil, err, tc.field)
			}
		})
	}
}
