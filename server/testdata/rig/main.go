// Command rig is an adapter with a fault of the worst kind. The chaos suite and swap-load start it in place of the real ones to show that
// they would notice.
package main

import (
	"context"
	"os"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// The linker sets which adapter this is, and what is wrong with it: "twice", "never" or "dies".
var (
	marketplace = "cdiscount"
	wrong       = "twice"
)

// pause between the two requests of "twice": by then the first one shows.
const pause = 700 * time.Millisecond

func main() {
	if marketplace == "octopia" {
		serve.Main(riggedOctopia{octopia.New()})
		return
	}
	serve.Main(riggedCdiscount{cdiscount.New()})
}

type riggedCdiscount struct{ *cdiscount.Adapter }

// NotifyShipments does wrong.
func (a riggedCdiscount) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	return rigged(ctx, req, a.Adapter.NotifyShipments)
}

// PreviewShipment does wrong.
func (a riggedCdiscount) PreviewShipment(ctx context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	dies()
	return a.Adapter.PreviewShipment(ctx, req)
}

type riggedOctopia struct{ *octopia.Adapter }

// NotifyShipments does wrong.
func (a riggedOctopia) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	return rigged(ctx, req, a.Adapter.NotifyShipments)
}

// PreviewShipment does wrong.
func (a riggedOctopia) PreviewShipment(ctx context.Context, req *adapterv1.PreviewShipmentRequest) (*adapterv1.PreviewShipmentResponse, error) {
	dies()
	return a.Adapter.PreviewShipment(ctx, req)
}

// dies ends the process under a call: nothing that relais repeats helps, and no shipment leaves.
func dies() {
	if wrong == "dies" {
		os.Exit(1)
	}
}

type notify func(context.Context, *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error)

func rigged(ctx context.Context, req *adapterv1.NotifyShipmentsRequest, send notify) (*adapterv1.NotifyShipmentsResponse, error) {
	switch wrong {
	case "never":
		return never(req), nil
	case "twice":
		return twice(ctx, req, send)
	default:
		return send(ctx, req)
	}
}

// twice sends, waits, sends again without looking, and tells of the first time only.
func twice(ctx context.Context, req *adapterv1.NotifyShipmentsRequest, send notify) (*adapterv1.NotifyShipmentsResponse, error) {
	answer, err := send(ctx, req)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(pause):
		_, _ = send(ctx, req) // whatever becomes of it
	case <-ctx.Done():
	}
	return answer, nil
}

// never sends nothing, and tells that the marketplace said yes.
func never(req *adapterv1.NotifyShipmentsRequest) *adapterv1.NotifyShipmentsResponse {
	answer := &adapterv1.NotifyShipmentsResponse{}
	for _, n := range req.GetNotifications() {
		answer.Results = append(answer.Results, &adapterv1.WriteResult{Key: n.GetKey(), Outcome: adapterv1.Outcome_OUTCOME_APPLIED})
	}
	return answer
}
