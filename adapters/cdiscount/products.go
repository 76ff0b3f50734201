package cdiscount

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireProduct is a ProductByIdentifier, as far as it is used (cdiscount-soap.md 6.3).
type wireProduct struct {
	Color    string
	Ean      string
	HasError string
	Size     string
}

func (p *wireProduct) field(name []byte) *string {
	switch string(name) {
	case "Color":
		return &p.Color
	case "Ean":
		return &p.Ean
	case "HasError":
		return &p.HasError
	case "Size":
		return &p.Size
	}
	return nil
}

// errorTypeNoData says that a list would be empty.
const errorTypeNoData = "NoDataError"

// GetProducts implements sdk.ProductReader with GetProductListByIdentifier: colour and size are nowhere in an order
// (cdiscount-soap.md 6.3). A product that the answer leaves out, or gives with an error of its own, is not known.
func (a *Adapter) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	if n := len(req.GetEans()); n > maxProductsPerGet {
		return nil, sdk.InvalidRequest("eans", "holds %d codes, at most %d are allowed", n, maxProductsPerGet)
	}
	resp := &adapterv1.GetProductsResponse{}
	asked := make(map[string][]*adapterv1.Product, len(req.GetEans())) // by GTIN
	var codes []string
	for i, ean := range req.GetEans() {
		code := clean(ean)
		if code == "" || illegalXML(code) >= 0 || slices.Contains(codes, code) {
			return nil, sdk.InvalidRequest(fmt.Sprintf("eans[%d]", i), "is not an EAN, or named twice")
		}
		product := &adapterv1.Product{Ean: ean}
		asked[gtin(code)] = append(asked[gtin(code)], product)
		codes = append(codes, code)
		resp.Products = append(resp.Products, product)
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	for batch := range slices.Chunk(codes, a.productBatch) {
		found, err := s.products(ctx, batch)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			for _, product := range asked[gtin(p.Ean)] {
				product.Found = true
				product.Options = options(p)
			}
		}
	}
	resp.StateUpdate = s.stateUpdate()
	return resp, nil
}

// products reads the products that the marketplace knows. Errors are the SDK's.
func (s *session) products(ctx context.Context, eans []string) ([]*wireProduct, error) {
	var list []*wireProduct
	_, err := s.try(ctx, call{
		op: opProductList,
		parameter: func(w *requestWriter) {
			w.group("identifierRequest", func() {
				w.text("IdentifierType", "EAN")
				w.strings("ValueList", eans)
			})
		},
		fields: map[string]fieldReader{"ProductListByIdentifier": func(r *answerReader, _ *answer) error {
			err := readList(r, "ProductByIdentifier", &list)
			r.settle()
			return err
		}},
	})
	var r *refusal
	switch {
	case errors.As(err, &r) && slices.Equal(r.types, []string{errorTypeNoData}):
		// Its name says that nothing was found, which is an answer here.
		return nil, nil
	case err != nil:
		return nil, readFailure(ctx, opProductList, err)
	}
	return slices.DeleteFunc(list, func(p *wireProduct) bool {
		hasError, _ := parseBool(p.HasError)
		return hasError
	}), nil
}

// gtin returns what all ways of writing one code have in common: the same one is written with 12, 13 and 14 digits.
func gtin(ean string) string { return strings.TrimLeft(clean(ean), "0") }

// options returns what the marketplace says of colour and size.
func options(p *wireProduct) []*adapterv1.ItemOption {
	var list []*adapterv1.ItemOption
	for _, o := range []*adapterv1.ItemOption{{Name: "colour", Value: clean(p.Color)}, {Name: "size", Value: clean(p.Size)}} {
		if o.GetValue() != "" {
			list = append(list, o)
		}
	}
	return list
}
