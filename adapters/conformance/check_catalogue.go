package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func catalogueChecks() []check {
	return []check{
		{Info: Info{
			ID: "carriers-listed", Title: "lists the carriers", Sandbox: true,
			Proves: "ListCarriers names carriers that can be sent as they stand, without blanks around, the same in every call.",
		}, run: carriersListed},
		{Info: Info{
			ID: "products-answered", Title: "answers for every product", Sandbox: true,
			Proves: "GetProducts answers once for each EAN, with colour and size where the marketplace has them, found = false where it does not know the product.",
		}, run: productsAnswered},
	}
}

func carriersListed(ctx context.Context, s *subject) error {
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	first, err := readCarriers(ctx, p, sh.store, question{})
	if err != nil {
		return failed("ListCarriers", err)
	}
	second, err := readCarriers(ctx, p, sh.store, question{})
	if err != nil {
		return failed("the second ListCarriers", err)
	}
	var f findings
	if !proto.Equal(first, second) {
		f.addf("two calls differ")
	}
	list := first.(*adapterv1.ListCarriersResponse).GetCarriers() //nolint:forcetypeassert // readCarriers returns it
	if len(list) == 0 {
		f.addf("there is none")
	}
	for i, c := range list {
		if c.GetName() == "" || strings.TrimSpace(c.GetName()) != c.GetName() {
			f.addf("carrier %d has the name %q", i, c.GetName())
		}
	}
	return f.err()
}

func productsAnswered(ctx context.Context, s *subject) error {
	if s.capabilities().GetMaxProductsPerGet() < 1 {
		return skipped("the adapter does not declare products")
	}
	sh, p, err := s.bench(ctx)
	if err != nil {
		return err
	}
	// The EANs are of this check alone: the catalogue is shared.
	want := map[string]map[string]string{}
	prefix := 20_000_000 + s.serial.Add(1)
	for i, options := range []map[string]string{
		{"colour": "Bleu nuit", "size": "XL"}, {"colour": "Écru & sable"}, {"size": "42"}, {},
	} {
		ean := fmt.Sprintf("376%08d%02d", prefix, i)
		if err := s.sandbox.PutProduct(ctx, control.Product{EAN: ean, Colour: options["colour"], Size: options["size"]}); err != nil {
			return err
		}
		want[ean] = options
	}
	unknownEAN := fmt.Sprintf("376%08d99", prefix)
	want[unknownEAN] = nil
	var eans []string
	for ean := range want {
		eans = append(eans, ean)
	}
	var f findings
	for batch := range slices.Chunk(eans, int(s.capabilities().GetMaxProductsPerGet())) {
		answer, err := readProducts(ctx, p, sh.store, question{eans: batch})
		if err != nil {
			return failed("GetProducts", err)
		}
		list := answer.(*adapterv1.GetProductsResponse).GetProducts() //nolint:forcetypeassert // readProducts returns it
		if len(list) != len(batch) {
			f.addf("asked for %d products, %d came", len(batch), len(list))
		}
		for _, product := range list {
			f.add(rightProduct(product, want))
		}
	}
	return f.err()
}

// rightProduct says what is wrong with a product.
func rightProduct(p *adapterv1.Product, want map[string]map[string]string) error {
	options, asked := want[p.GetEan()]
	got := map[string]string{}
	for _, o := range p.GetOptions() {
		got[o.GetName()] = o.GetValue()
	}
	switch {
	case !asked:
		return fmt.Errorf("a product came that was not asked for")
	case p.GetFound() != (options != nil):
		return fmt.Errorf("the product %s is known: %t; the adapter says %t", p.GetEan(), options != nil, p.GetFound())
	case got["colour"] != options["colour"] || got["size"] != options["size"]:
		return fmt.Errorf("the product %s has the colour %q and the size %q instead of %q and %q",
			p.GetEan(), got["colour"], got["size"], options["colour"], options["size"])
	}
	return nil
}
