package cdiscount_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// productList writes the answer's own field, in its own namespace.
func productList(products ...fields) string {
	var b strings.Builder
	b.WriteString(`<a:ProductListByIdentifier xmlns:a="http://www.cdiscount.com/ProductByIdentifier">`)
	for _, p := range products {
		b.WriteString(strings.NewReplacer("</", "</a:", "<", "<a:").Replace(p.xml("ProductByIdentifier")))
	}
	b.WriteString("</a:ProductListByIdentifier>")
	return envelope("GetProductListByIdentifier", b.String())
}

func product(ean, colour, size string) fields {
	return fields{
		"BrandName": "DEMO", "CategoryCode": "0A0B0C01", "Color": colour, "Ean": ean, "ErrorMessage": "nil", "FatherProductId": "nil",
		"HasError": "false", "ImageUrl": "nil", "Name": "T-shirt demo", "ProductType": "Variant", "Size": size,
	}
}

// TestGetProducts is the table of what the marketplace says of a product.
func TestGetProducts(t *testing.T) {
	t.Parallel()
	const ean = "0200000000015"
	both := []*adapterv1.ItemOption{{Name: "colour", Value: "Bleu"}, {Name: "size", Value: "M"}}
	for _, tc := range []struct {
		name   string
		answer string
		want   *adapterv1.Product
	}{
		{"colour and size", productList(product(ean, " Bleu ", "M")), &adapterv1.Product{Found: true, Options: both}},
		{"size only", productList(product(ean, "nil", "M")), &adapterv1.Product{Found: true, Options: both[1:]}},
		{"known, without options", productList(product(ean, "nil", "")), &adapterv1.Product{Found: true}},
		{"leading zero lost", productList(product("200000000015", "Bleu", "M")), &adapterv1.Product{Found: true, Options: both}},
		{"with an error", productList(product(ean, "Bleu", "M").with("HasError", "true", "ErrorMessage", "inconnu")), &adapterv1.Product{}},
		{"another product", productList(product("4000000000001", "Bleu", "M")), &adapterv1.Product{}},
		{"without an EAN", productList(product("nil", "Bleu", "M")), &adapterv1.Product{}},
		{"empty list", productList(), &adapterv1.Product{}},
		{"no list", envelope("GetProductListByIdentifier", ""), &adapterv1.Product{}},
		{"nil element", strings.Replace(productList(product("nil", "", "")), "<a:ProductByIdentifier>", `<a:ProductByIdentifier i:nil="true"/><a:ProductByIdentifier>`, 1), &adapterv1.Product{}},
		{
			"no data", envelopeWith("GetProductListByIdentifier", "", "false", `<Error><ErrorType>NoDataError</ErrorType><Message>x</Message></Error>`, ""),
			&adapterv1.Product{},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(200, tc.answer))
			resp, err := cdiscount.New().GetProducts(short(t), &adapterv1.GetProductsRequest{Store: f.store(), Eans: []string{ean}})
			if err != nil {
				t.Fatal(err)
			}
			tc.want.Ean = ean
			if diff := cmp.Diff([]*adapterv1.Product{tc.want}, resp.GetProducts(), protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if resp.GetStateUpdate() == nil {
				t.Error("no state update")
			}
		})
	}
}

// TestGetProductsBatches: one call for each batch, every EAN answered once.
func TestGetProductsBatches(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		first := match(r.Body, `<arr:string>([^<]*)</arr:string>`)
		write(w, 200, productList(product(first, "Bleu", "M")))
	})
	eans := []string{"1", "2", "3", "4", "5"}
	resp, err := cdiscount.New(cdiscount.WithProductBatch(2)).GetProducts(short(t), &adapterv1.GetProductsRequest{Store: f.store(), Eans: eans})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range resp.GetProducts() {
		got = append(got, fmt.Sprintf("%s %v", p.GetEan(), p.GetFound()))
	}
	if diff := cmp.Diff([]string{"1 true", "2 false", "3 true", "4 false", "5 true"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(f.seen()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// TestGetProductsFailures: a refused call is an error, and a wrong request never leaves.
func TestGetProductsFailures(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, envelopeWith("GetProductListByIdentifier", "", "false", errorQuota, "")))
	get := func(eans ...string) error {
		_, err := cdiscount.New().GetProducts(short(t), &adapterv1.GetProductsRequest{Store: f.store(), Eans: eans})
		return err
	}
	if err := get("1"); reason(err) != "THROTTLED" {
		t.Errorf("error %v, want THROTTLED", err)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	before := len(f.seen())
	for name, eans := range map[string][]string{"too many": many, "blank": {" "}, "twice": {"1", "1"}, "control character": {"1\x02"}} {
		if err := get(eans...); reason(err) != "INVALID_REQUEST" {
			t.Errorf("%s: error %v, want INVALID_REQUEST", name, err)
		}
	}
	if err := get(); err != nil {
		t.Errorf("no EAN: error %v", err)
	}
	if n := len(f.seen()); n != before {
		t.Errorf("%d requests left", n-before)
	}
}
