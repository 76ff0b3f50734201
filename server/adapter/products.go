package adapter

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// GetProducts reads products by EAN, in as many calls as the adapter needs: each on the process that serves by then, and repeated once
// by itself. supported is false when the adapter cannot read products, or not any more: one that took its place meanwhile may not.
func (f *Facade) GetProducts(ctx context.Context, ref store.Ref, eans []string) (products []order.Product, supported bool, err error) {
	supported = true
	for len(eans) > 0 && supported {
		err = f.read(ctx, ref, func(ctx context.Context, s *session) error {
			perCall := int(s.lease.Description().GetCapabilities().GetMaxProductsPerGet())
			if perCall < 1 {
				supported = false
				return nil
			}
			n := min(perCall, len(eans))
			some, err := f.getProducts(ctx, s, eans[:n])
			if err != nil {
				return err
			}
			products, eans = append(products, some...), eans[n:]
			return nil
		})
		if err != nil {
			return nil, true, err
		}
	}
	if !supported {
		return nil, false, nil
	}
	return products, true, nil
}

func (f *Facade) getProducts(ctx context.Context, s *session, eans []string) ([]order.Product, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.Call)
	defer cancel()
	answer, err := s.client.GetProducts(ctx, &adapterv1.GetProductsRequest{Store: s.store, Eans: eans})
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	f.keep(ctx, s, answer.GetStateUpdate())
	byEAN := make(map[string]*adapterv1.Product, len(eans))
	for _, p := range answer.GetProducts() {
		byEAN[p.GetEan()] = p
	}
	products := make([]order.Product, 0, len(eans))
	for _, ean := range eans {
		p, ok := byEAN[ean]
		if !ok {
			return nil, s.malformed("GetProducts left out a product that was asked for")
		}
		product := order.Product{EAN: ean, Found: p.GetFound()}
		for _, option := range p.GetOptions() {
			product.Options = append(product.Options, order.ItemOption{Name: option.GetName(), Value: option.GetValue()})
		}
		products = append(products, product)
	}
	return products, nil
}
