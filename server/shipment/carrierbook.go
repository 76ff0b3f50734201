package shipment

import (
	"context"
	"fmt"
	"time"

	"github.com/relaishq/relais/server/store"
)

// carrierListAge is how old a cached carrier list may be before the marketplace is asked again.
const carrierListAge = 24 * time.Hour

// carrierBook is the marketplaces' carrier lists, with what was read of them before.
type carrierBook struct {
	repository  Repository
	stores      Stores
	marketplace Marketplace
	now         func() time.Time
}

// read reads the marketplace's list now.
func (b carrierBook) read(ctx context.Context, ref store.Ref) (CarrierList, error) {
	carriers, err := b.marketplace.ListCarriers(ctx, ref)
	if err != nil {
		b.stores.Report(ctx, ref, err)
		return CarrierList{}, err
	}
	list := CarrierList{Carriers: carriers, ReadTime: b.now().UTC()}
	if err := b.repository.SaveCarriers(ctx, ref, list); err != nil {
		return CarrierList{}, fmt.Errorf("keep carriers: %w", err)
	}
	return list, nil
}

// find finds the marketplace's carrier in the cached list, and in a fresh one when the cached one is old or does not know it. When
// the marketplace cannot be asked, an old list is better than no shipment. CARRIER_UNKNOWN.
func (b carrierBook) find(ctx context.Context, ref store.Ref, written string) (Carrier, error) {
	cached, err := b.repository.Carriers(ctx, ref)
	if err != nil {
		return Carrier{}, fmt.Errorf("read cached carriers: %w", err)
	}
	if b.now().Sub(cached.ReadTime) < carrierListAge {
		if c, err := resolveCarrier(written, cached.Carriers); err == nil {
			return c, nil
		}
	}
	fresh, err := b.read(ctx, ref)
	switch {
	case err == nil:
		return resolveCarrier(written, fresh.Carriers)
	case !cached.ReadTime.IsZero():
		return resolveCarrier(written, cached.Carriers)
	}
	return Carrier{}, err
}
