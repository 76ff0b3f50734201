// Command resend is an adapter with a fault of the worst kind: it sends each shipment, and a moment later sends it again without
// looking. The chaos suite starts it in place of the real ones to show that it would notice.
package main

import (
	"context"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// marketplace says which adapter this is; the linker sets it.
var marketplace = "cdiscount"

// pause between the two requests: by then the first one shows.
const pause = 700 * time.Millisecond

func main() {
	if marketplace == "octopia" {
		serve.Main(octopiaTwice{octopia.New()})
		return
	}
	serve.Main(cdiscountTwice{cdiscount.New()})
}

type cdiscountTwice struct{ *cdiscount.Adapter }

// NotifyShipments sends twice.
func (a cdiscountTwice) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	return twice(ctx, req, a.Adapter.NotifyShipments)
}

type octopiaTwice struct{ *octopia.Adapter }

// NotifyShipments sends twice.
func (a octopiaTwice) NotifyShipments(ctx context.Context, req *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error) {
	return twice(ctx, req, a.Adapter.NotifyShipments)
}

type notify func(context.Context, *adapterv1.NotifyShipmentsRequest) (*adapterv1.NotifyShipmentsResponse, error)

// twice sends, waits, sends again, and tells of the first time only.
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
