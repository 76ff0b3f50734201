package octopia

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// readCarriers reads the list of carriers: a bare array (octopia-rest.md 7).
func readCarriers(r *answerReader) ([]*adapterv1.Carrier, error) {
	var carriers []*adapterv1.Carrier
	err := readList(r, "carriers", func(_ string, c *wireCarrier) error {
		// A label came with a trailing blank. What has none cannot be sent.
		if label := clean(c.Label); label != "" {
			carriers = append(carriers, &adapterv1.Carrier{Code: clean(c.Code), Name: label})
		}
		return nil
	})
	return carriers, err
}

// ListCarriers implements sdk.Adapter with GET /carriers. A shipment names the label: several carriers share a code, so every row is
// kept (octopia-rest.md 7).
func (a *Adapter) ListCarriers(
	ctx context.Context, req *adapterv1.ListCarriersRequest,
) (*adapterv1.ListCarriersResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	var carriers []*adapterv1.Carrier
	err = s.read(ctx, s.get(routeCarriers, "/carriers", nil), func(r *answerReader) (err error) {
		carriers, err = readCarriers(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &adapterv1.ListCarriersResponse{Carriers: carriers, StateUpdate: s.stateUpdate()}, nil
}
