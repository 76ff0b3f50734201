package storagetest

import (
	"testing"

	"github.com/relaishq/relais/server/order"
)

var productCases = []testCase{
	{"saved products are found by EAN", func(t *testing.T, r Repositories) {
		known := order.Product{
			EAN: "2000000000015", Found: true, ReadTime: at(1),
			Options: []order.ItemOption{{Name: "size", Value: "M"}, {Name: "colour", Value: "bleu pétrole"}},
		}
		plain := order.Product{EAN: "2000000000022", Found: true, ReadTime: at(2)} // no colour, no size
		unknown := order.Product{EAN: "2000000000039", ReadTime: at(3)}
		noError(t, r.Products.SaveProducts(t.Context(), alpha, []order.Product{known, plain, unknown}))
		got, err := r.Products.Products(t.Context(), alpha, []string{"2000000000039", "2000000000015", "2000000000046"})
		noError(t, err)
		same(t, "products", got, map[string]order.Product{known.EAN: known, unknown.EAN: unknown})
		got, err = r.Products.Products(t.Context(), alpha, []string{plain.EAN})
		noError(t, err)
		same(t, "product without options", got, map[string]order.Product{plain.EAN: plain})
	}},
	{"products replace earlier ones", func(t *testing.T, r Repositories) {
		for i, p := range []order.Product{
			{EAN: "1", ReadTime: at(1)},
			{EAN: "1", Found: true, Options: []order.ItemOption{{Name: "size", Value: "S"}}, ReadTime: at(2)},
			{EAN: "1", Found: true, ReadTime: at(3)},
			{EAN: "1", ReadTime: at(4)},
		} {
			noError(t, r.Products.SaveProducts(t.Context(), alpha, []order.Product{p, {EAN: numbered("other", i), ReadTime: at(1)}}))
			got, err := r.Products.Products(t.Context(), alpha, []string{"1"})
			noError(t, err)
			same(t, "products", got, map[string]order.Product{"1": p})
		}
	}},
	{"products belong to an adapter", func(t *testing.T, r Repositories) {
		byAdapter := map[string]order.Product{
			alpha: {EAN: "1", Found: true, Options: []order.ItemOption{{Name: "colour", Value: "bleu"}}, ReadTime: at(1)}, "beta": {EAN: "1", ReadTime: at(2)},
		}
		for adapter, p := range byAdapter {
			noError(t, r.Products.SaveProducts(t.Context(), adapter, []order.Product{p}))
		}
		for adapter, p := range byAdapter {
			got, err := r.Products.Products(t.Context(), adapter, []string{"1"})
			noError(t, err)
			same(t, "products of "+adapter, got, map[string]order.Product{"1": p})
		}
		got, err := r.Products.Products(t.Context(), "gamma", []string{"1"})
		noError(t, err)
		same(t, "products of another", got, map[string]order.Product{})
	}},
	{"none are saved and none are asked for", func(t *testing.T, r Repositories) {
		noError(t, r.Products.SaveProducts(t.Context(), alpha, nil))
		got, err := r.Products.Products(t.Context(), alpha, nil)
		noError(t, err)
		same(t, "products", got, map[string]order.Product{})
	}},
	{"the products of a full message are saved and found", func(t *testing.T, r Repositories) {
		products, eans := make([]order.Product, 5000), make([]string, 5000) // 100 orders of 50 different articles
		for i := range products {
			eans[i] = numbered("2", i)
			products[i] = order.Product{EAN: eans[i], Found: i%2 == 0, ReadTime: at(i)}
		}
		noError(t, r.Products.SaveProducts(t.Context(), alpha, products))
		got, err := r.Products.Products(t.Context(), alpha, eans)
		noError(t, err)
		if len(got) != len(products) {
			t.Errorf("%d of %d products are found", len(got), len(products))
		}
		same(t, "last product", got[eans[4999]], products[4999])
	}},
	{"several save at once", func(t *testing.T, r Repositories) {
		together(8, func(i int) {
			if err := r.Products.SaveProducts(t.Context(), alpha, []order.Product{
				{EAN: "shared", Found: true, ReadTime: at(i)}, {EAN: numbered("own", i), ReadTime: at(i)},
			}); err != nil {
				t.Error(err)
			}
		})
		eans := []string{"shared"}
		for i := range 8 {
			eans = append(eans, numbered("own", i))
		}
		got, err := r.Products.Products(t.Context(), alpha, eans)
		noError(t, err)
		same(t, "number of products", len(got), len(eans))
	}},
}
