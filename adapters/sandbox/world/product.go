package world

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Product is what the marketplace's catalogue knows of an article. Empty texts are not known.
type Product struct {
	EAN      string `json:"ean"`
	Title    string `json:"title,omitempty"`
	Brand    string `json:"brand,omitempty"`
	Category string `json:"category,omitempty"`
	ParentID string `json:"parent_id,omitempty"` // of a variant
	Colour   string `json:"colour,omitempty"`
	Size     string `json:"size,omitempty"`
}

// catalogue knows most of the invented articles: some with colour and size, some with one of them, some with none. Two are
// missing: the marketplace answers an EAN that it does not know with an error.
func catalogue() map[string]Product {
	options := map[string][2]string{ // colour, size
		"TSHIRT-BLU-M":  {"Bleu", "M"},
		"TSHIRT-RED-XL": {"Rouge", "XL"},
		"CAP-BLK-U":     {"Noir", "Taille unique"},
		"LAMP-01":       {"", ""},
		"USB-C-2M":      {"Gris", ""},
		"PAN-28":        {"", "28 cm"}, // a size without a colour, as recorded
		"GAME-EP":       {"", ""},
		"CASE-TR":       {"Transparent & mat", ""},
		"BAG-25-BLU":    {"Bleu nuit", "25 L"},
		"KETTLE-17":     {"", "1,7 L"},
	}
	out := map[string]Product{}
	for i, a := range articles() {
		option, known := options[a.sku]
		if !known {
			continue
		}
		p := Product{
			EAN: articleEAN(i), Title: a.title, Brand: "MARQUE D'ESSAI", Category: a.category, Colour: option[0], Size: option[1],
		}
		if a.parent != "" {
			p.ParentID = "DEM" + strings.ReplaceAll(a.parent, "-", "")
		}
		out[p.EAN] = p
	}
	return out
}

// Product returns what the catalogue knows of an EAN.
func (w *World) Product(ean string) (Product, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.products[ean]
	return p, ok
}

// Products returns the catalogue, by EAN.
func (w *World) Products() []Product {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Product, 0, len(w.products))
	for _, ean := range slices.Sorted(maps.Keys(w.products)) {
		out = append(out, w.products[ean])
	}
	return out
}

var eanForm = regexp.MustCompile(`^[0-9]{8,14}$`)

// PutProduct adds a product to the catalogue or replaces it. It fails when the EAN is not 8 to 14 digits.
func (w *World) PutProduct(p Product) error {
	if !eanForm.MatchString(p.EAN) {
		return fmt.Errorf("EAN %q is not 8 to 14 digits", p.EAN)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.products[p.EAN] = p
	return nil
}

// RemoveProduct makes an EAN unknown and reports whether it was known.
func (w *World) RemoveProduct(ean string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, known := w.products[ean]
	delete(w.products, ean)
	return known
}
