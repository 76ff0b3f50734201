package cdiscount

import (
	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// getProductListByIdentifier tells what the catalogue knows of articles, by EAN, one answer for each EAN asked for and in
// their order (cdiscount-soap.md 6.3). An EAN that is not known is an error of its product, not of the call.
func (f *Face) getProductListByIdentifier(c *call) face.Answer {
	r := &reader{members: members(c.parameter(), nsData, "IdentifierType", "ValueList")}
	r.enum("IdentifierType", "IdentifierTypeEnum", []string{"EAN"}, false)
	if r.err != nil {
		return deserializationFailed(c.op.parameter, r.err)
	}
	values := r.members["ValueList"]
	if values == nil || values.null {
		b := c.base()
		b.message = "Invalid request object"
		b.errors = []problem{{"InvalidRequest", b.message}}
		return refusal(c.op, b)
	}
	failing := f.World.Settings().ProductErrors
	return result(c.op, c.base(), func(d *document) {
		asked := items(values, nsArrays, "string")
		if len(asked) == 0 {
			d.raw(`<ProductListByIdentifier xmlns="` + nsProduct + `"/>`)
			return
		}
		d.raw(`<ProductListByIdentifier xmlns="` + nsProduct + `">`)
		for _, e := range asked {
			p, known := f.World.Product(e.text)
			switch {
			case failing:
				d.failedProduct(e.text, "Une erreur est survenue lors de la recherche du produit.")
			case !known:
				d.failedProduct(e.text, "Aucun produit ne correspond à l'identifiant demandé.")
			default:
				d.product(p)
			}
		}
		d.close("ProductListByIdentifier")
	})
}

// product writes a product that was found. What is not known is null: a size beside a null colour was recorded.
func (d *document) product(p world.Product) {
	kind := "Standard"
	if p.ParentID != "" {
		kind = "Variant"
	}
	d.open("ProductByIdentifier")
	d.textOrNull("BrandName", p.Brand)
	d.textOrNull("CategoryCode", p.Category)
	d.textOrNull("Color", p.Colour)
	d.text("Ean", p.EAN)
	d.null("ErrorMessage")
	d.textOrNull("FatherProductId", p.ParentID)
	d.boolean("HasError", false)
	d.text("ImageUrl", "https://images.example.com/"+p.EAN+".jpg")
	d.textOrNull("Name", p.Title)
	d.text("ProductType", kind)
	d.textOrNull("Size", p.Size)
	d.close("ProductByIdentifier")
}

// failedProduct writes a product that was not found, or could not be looked for.
func (d *document) failedProduct(ean, text string) {
	d.open("ProductByIdentifier")
	for _, name := range []string{"BrandName", "CategoryCode", "Color"} {
		d.null(name)
	}
	d.text("Ean", ean)
	d.text("ErrorMessage", text)
	d.null("FatherProductId")
	d.boolean("HasError", true)
	for _, name := range []string{"ImageUrl", "Name", "ProductType", "Size"} {
		d.null(name)
	}
	d.close("ProductByIdentifier")
}
