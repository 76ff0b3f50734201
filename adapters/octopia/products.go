package octopia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireProduct is a product of the catalogue, as far as it is used. Its shape is known from one client only (octopia-rest.md 9), so
// everything but the gtin may be missing, and attributes may stand under either name.
type wireProduct struct {
	Gtin       text            `json:"gtin"`
	Attributes []wireAttribute `json:"attributes"`
	Properties []wireAttribute `json:"properties"`
}

// wireAttribute is one attribute of a product.
type wireAttribute struct {
	Reference text            `json:"reference"`
	Name      text            `json:"name"`
	Label     text            `json:"label"`
	Values    json.RawMessage `json:"values"`
	Value     json.RawMessage `json:"value"`
}

// readProducts reads a list of products.
func readProducts(r *answerReader) (products []*wireProduct, err error) {
	err = readItems(r, 0, func(_ string, p *wireProduct) error {
		products = append(products, p)
		return nil
	})
	return products, err
}

// GetProducts implements sdk.ProductReader with GET /products?gtin=, one by one: colour and size are nowhere in an order
// (octopia-rest.md 9). A product that is not in the answer is not known.
func (a *Adapter) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	if n := len(req.GetEans()); n > maxProductsPerGet {
		return nil, sdk.InvalidRequest("eans", "holds %d codes, at most %d are allowed", n, maxProductsPerGet)
	}
	resp := &adapterv1.GetProductsResponse{}
	var codes []string
	for i, ean := range req.GetEans() {
		code := clean(text(ean))
		if code == "" || slices.Contains(codes, code) {
			return nil, sdk.InvalidRequest(fmt.Sprintf("eans[%d]", i), "is empty or named twice")
		}
		codes = append(codes, code)
		resp.Products = append(resp.Products, &adapterv1.Product{Ean: ean})
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	err = inParallel(ctx, len(codes), func(ctx context.Context, i int) error {
		found, err := s.product(ctx, codes[i])
		if err == nil && found != nil {
			resp.Products[i].Found, resp.Products[i].Options = true, found.options()
		}
		return err
	})
	if err != nil {
		return nil, readFailure(ctx, routeProducts, err)
	}
	resp.StateUpdate = s.stateUpdate()
	return resp, nil
}

// product reads one product, nil when it is not known. Errors are the SDK's.
func (s *session) product(ctx context.Context, code string) (*wireProduct, error) {
	var products []*wireProduct
	err := s.try(ctx, s.get(routeProducts, "/products", url.Values{"gtin": {code}}), func(r *answerReader) (err error) {
		products, err = readProducts(r)
		return err
	})
	var refused *apiError
	if errors.As(err, &refused) && refused.missing() {
		return nil, nil
	}
	if err != nil {
		return nil, readFailure(ctx, routeProducts, err)
	}
	for _, p := range products {
		if gtin(clean(p.Gtin)) == gtin(code) {
			return p, nil
		}
	}
	if len(products) == 1 && clean(products[0].Gtin) == "" {
		return products[0], nil
	}
	return nil, nil
}

// gtin returns what all ways of writing one code have in common: the same one is written with 12, 13 and 14 digits.
func gtin(code string) string { return strings.TrimLeft(code, "0") }

// Names of the options, as the SDK has them.
const (
	optionColour = "colour"
	optionSize   = "size"
)

// options returns what the product's attributes say of colour and size, in this order, the first of each.
func (p *wireProduct) options() []*adapterv1.ItemOption {
	values := make(map[string]string)
	for _, a := range slices.Concat(p.Attributes, p.Properties) {
		if option, value := a.option(), a.value(); option != "" && value != "" && values[option] == "" {
			values[option] = value
		}
	}
	var list []*adapterv1.ItemOption
	for _, name := range []string{optionColour, optionSize} {
		if values[name] != "" {
			list = append(list, &adapterv1.ItemOption{Name: name, Value: values[name]})
		}
	}
	return list
}

// option tells which option an attribute is, empty for none: by the two references that were seen (octopia-rest.md 9), and by its
// name. Which others are colour or size is told per category, by a route that this adapter does not read.
func (a *wireAttribute) option() string {
	switch clean(a.Reference) {
	case "3263":
		return optionColour
	case "46830":
		return optionSize
	}
	for _, name := range []text{a.Name, a.Label, a.Reference} {
		switch word, _, _ := strings.Cut(strings.ToLower(clean(name)), " "); word {
		case "couleur", "coloris", "color", "colour":
			return optionColour
		case "taille", "pointure", "size":
			return optionSize
		}
	}
	return ""
}

// value returns the attribute's values, joined by a comma: a list, or one. A value of another shape is none.
func (a *wireAttribute) value() string {
	for _, raw := range []json.RawMessage{a.Values, a.Value} {
		if len(raw) == 0 {
			continue
		}
		var list []text
		var one text
		if json.Unmarshal(raw, &list) != nil {
			list = nil
			if json.Unmarshal(raw, &one) == nil {
				list = []text{one}
			}
		}
		var words []string
		for _, v := range list {
			if v := clean(v); v != "" {
				words = append(words, v)
			}
		}
		if len(words) > 0 {
			return strings.Join(words, ", ")
		}
	}
	return ""
}
