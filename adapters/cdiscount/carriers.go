package cdiscount

import (
	"context"
	"encoding/xml"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireCarrier is a Carrier of GetGlobalConfiguration (cdiscount-soap.md 9.1).
type wireCarrier struct {
	ID   string `xml:"CarrierId"`
	URL  string `xml:"DefaultURL"`
	Name string `xml:"Name"`
}

// ListCarriers implements sdk.Adapter with GetGlobalConfiguration. Names and addresses are trimmed: a trailing blank and a
// leading tab were recorded. ValidateOrderList takes the name, not the id.
func (a *Adapter) ListCarriers(
	ctx context.Context, req *adapterv1.ListCarriersRequest,
) (*adapterv1.ListCarriersResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	var list struct {
		Carriers []wireCarrier `xml:"Carrier"`
	}
	_, err = s.read(ctx, call{op: opGlobalConfiguration, fields: map[string]fieldReader{
		"CarrierList": func(r *answerReader, start xml.StartElement, _ *answer) error { return r.decode(start, &list) },
	}})
	if err != nil {
		return nil, err
	}
	resp := &adapterv1.ListCarriersResponse{StateUpdate: s.stateUpdate()}
	for _, c := range list.Carriers {
		if name := clean(c.Name); name != "" {
			resp.Carriers = append(resp.Carriers, &adapterv1.Carrier{Code: clean(c.ID), Name: name, TrackingUrl: clean(c.URL)})
		}
	}
	return resp, nil
}
