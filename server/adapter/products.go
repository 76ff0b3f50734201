package adapter

import (
	"context"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// GetProducts reads products by EAN, in as many calls as the adapter needs. supported is false when it cannot read products.
func (f *Facade) GetProducts(ctx context.Context, ref store.Ref, eans []string) (products []order.Product, supported bool, err error) {
	supported = true
	err = f.read(ctx, ref, func(ctx context.Context, s *session) error {
		perCall := int(s.lease.Description().GetCapabilities().GetMaxProductsPerGet())
		if perCall < 1 {
			supported = false
			return nil
		}
		for len(eans) > 0 { // a repetition goes on with those that are left
			n := min(perCall, len(eans))
			some, err := f.getProducts(ctx, s, eans[:n])
			if err != nil {
				return err
			}
			products, eans = append(products, some...), eans[n:]
		}
		return nil
	})
	if err != nil || !supported {
		return nil, supported, err
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
