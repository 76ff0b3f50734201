package octopia

import (
	"context"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// PreviewShipment implements sdk.Previewer: the request that NotifyShipments would send, made by the same code, with the token
// masked. It needs no credentials; the seller id is shown where the store has one. Errors: INVALID_REQUEST.
func (a *Adapter) PreviewShipment(
	_ context.Context, req *adapterv1.PreviewShipmentRequest,
) (*adapterv1.PreviewShipmentResponse, error) {
	api, err := apiAddress(req.GetStore())
	if err != nil {
		return nil, err
	}
	item := a.planShipment(req.GetNotification())
	if item.refused != nil {
		return nil, sdk.InvalidRequest("notification", "%s", item.refused)
	}
	s := &session{api: api, seller: previewSeller(req.GetStore())}
	r := s.post(routeShipments, item.path, item.body)
	shown := &adapterv1.HttpRequest{Method: r.method, Url: r.url, Body: string(r.body), Headers: make(map[string]string)}
	for name, values := range r.headers(masked) {
		shown.Headers[name] = strings.Join(values, ", ")
	}
	return &adapterv1.PreviewShipmentResponse{Requests: []*adapterv1.HttpRequest{shown}}, nil
}

// previewSeller returns the seller id of a store: as configured, else the account it was connected as.
func previewSeller(store *adapterv1.StoreContext) string {
	if seller := strings.TrimSpace(store.GetCredentials()[keySellerID]); seller != "" {
		return seller
	}
	return store.GetAccountId()
}
