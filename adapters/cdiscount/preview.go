package cdiscount

import (
	"context"
	"net/http"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// masked stands for every secret of a preview.
const masked = "***"

// PreviewShipment implements sdk.Previewer: the one ValidateOrderList of a shipment, made by the functions that make it for
// NotifyShipments. Of the store only the service's address is needed. Errors: INVALID_REQUEST, also for a shipment that
// NotifyShipments would reject without sending it.
func (a *Adapter) PreviewShipment(
	ctx context.Context, req *adapterv1.PreviewShipmentRequest,
) (*adapterv1.PreviewShipmentResponse, error) {
	service, err := address(req.GetStore().GetEnvironment(), keyService)
	if err != nil {
		return nil, err
	}
	order, err := planShipment(req.GetNotification())
	if err != nil {
		return nil, sdk.InvalidRequest("notification", "%s", err)
	}
	m, err := order.call().message(service, masked)
	if err != nil {
		return nil, sdk.InvalidRequest("notification", "%s", err)
	}
	shown, err := m.show(ctx)
	if err != nil {
		return nil, err
	}
	return &adapterv1.PreviewShipmentResponse{Requests: []*adapterv1.HttpRequest{shown}}, nil
}

// show returns the request as a person may read it. An operator may have put a login into the address, as proxies before the
// service ask for; net/http sends it as a header.
func (m message) show(ctx context.Context) (*adapterv1.HttpRequest, error) {
	req, err := m.newRequest(ctx)
	if err != nil {
		return nil, err
	}
	if req.URL.User != nil {
		req.URL.User = nil
		req.Header.Set("Authorization", masked)
	}
	return &adapterv1.HttpRequest{
		Method: req.Method, Url: req.URL.String(), Headers: flatten(req.Header), Body: string(m.envelope),
	}, nil
}

// flatten joins the values of each header.
func flatten(header http.Header) map[string]string {
	flat := make(map[string]string, len(header))
	for name, values := range header {
		flat[name] = strings.Join(values, ", ")
	}
	return flat
}
