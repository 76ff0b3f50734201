package cdiscount

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireCarrier is a Carrier of GetGlobalConfiguration (cdiscount-soap.md 9.1).
type wireCarrier struct {
	ID   string
	URL  string
	Name string
}

func (c *wireCarrier) field(name []byte) *string {
	switch string(name) {
	case "CarrierId":
		return &c.ID
	case "DefaultURL":
		return &c.URL
	case "Name":
		return &c.Name
	}
	return nil
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
	var list []*wireCarrier
	_, err = s.read(ctx, call{op: opGlobalConfiguration, fields: map[string]fieldReader{
		"CarrierList": func(r *answerReader, _ *answer) error {
			err := readList(r, "Carrier", &list)
			r.settle()
			return err
		},
	}})
	if err != nil {
		return nil, err
	}
	resp := &adapterv1.ListCarriersResponse{StateUpdate: s.stateUpdate()}
	for _, c := range list {
		if name := clean(c.Name); name != "" {
			resp.Carriers = append(resp.Carriers, &adapterv1.Carrier{Code: clean(c.ID), Name: name, TrackingUrl: clean(c.URL)})
		}
	}
	return resp, nil
}
