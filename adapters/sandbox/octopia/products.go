package octopia

import (
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// product is a row of the catalogue. The contract knows the shape only in part (octopia-rest.md 9).
type product struct {
	ProductID             string      `json:"productId"`
	Gtin                  string      `json:"gtin"`
	Title                 *string     `json:"title"`
	VariantGroupReference *string     `json:"variantGroupReference"`
	Attributes            []attribute `json:"attributes"`
}

// attribute is one property of a product. Which reference is colour and which is size is the category's affair.
type attribute struct {
	Reference string   `json:"reference"`
	Name      *string  `json:"name"`
	Values    []string `json:"values"`
}

// The references of the attributes: the one of colour was seen (octopia-rest.md 9), the others are invented.
const (
	colourReference = "3263"
	sizeReference   = "46831"
	brandReference  = "1001"
)

// listProducts looks an article up by its GTIN. One that the catalogue does not know is an empty list.
func (f *Face) listProducts(c *call) face.Answer {
	gtin := c.request.URL.Query().Get("gtin")
	switch {
	case gtin == "":
		return invalid("gtin", "The gtin field is required.").answer()
	case f.World.Settings().ProductErrors:
		return problem{Title: "Internal Server Error", Status: http.StatusInternalServerError}.answer()
	}
	envelope := struct {
		ItemsPerPage int       `json:"itemsPerPage"`
		Items        []product `json:"items"`
	}{Items: []product{}}
	if p, known := f.World.Product(gtin); known {
		envelope.ItemsPerPage, envelope.Items = 1, []product{newProduct(p)}
	}
	return ok(envelope)
}

func newProduct(p world.Product) product {
	out := product{
		ProductID: "DEM" + p.EAN, Gtin: p.EAN, Title: textOrNull(p.Title), VariantGroupReference: textOrNull(p.ParentID), Attributes: []attribute{},
	}
	for _, a := range [][3]string{{brandReference, "Marque", p.Brand}, {colourReference, "Couleur", p.Colour}, {sizeReference, "Taille", p.Size}} {
		if a[2] != "" {
			out.Attributes = append(out.Attributes, attribute{Reference: a[0], Name: textOrNull(a[1]), Values: []string{a[2]}})
		}
	}
	return out
}
