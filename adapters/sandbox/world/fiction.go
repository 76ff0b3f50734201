package world

import (
	"fmt"
	"math/rand/v2"
)

// Everything below is invented: people, shops, streets, goods. Phone numbers come from the ranges that are reserved for
// fiction in France, EANs from the range for use inside a shop.

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

type person struct{ civility, first string }

func people() []person {
	return []person{
		{"MRS", "ALICE"}, {"MR", "BENOÎT"}, {"MISS", "CHLOÉ"}, {"MR", "DAVID"}, {"MRS", "ÉLODIE"}, {"MR", "FRANÇOIS"},
		{"MRS", "GAËLLE"}, {"MR", "HUGO"}, {"MISS", "INÈS"}, {"MR", "JEAN-MARC"}, {"MRS", "LÆTITIA"}, {"MR", "NOËL"},
	}
}

func surnames() []string {
	return []string{
		"EXEMPLE", "D'ESSAI", "MODÈLE", "FICTIF", "L'ÉPREUVE", "DE LA DÉMO", "TESTARD", "PROTOTYPE", "L'HYPOTHÈSE",
		"ÉCHANTILLON", "SPÉCIMEN", "MAQUETTE",
	}
}

func streets() []string {
	return []string{
		"RUE DES TESTS", "AVENUE DE L'EXEMPLE", "PLACE INVENTÉE", "CHEMIN DU BROUILLON", "BOULEVARD FICTIF",
		"IMPASSE DE L'ESSAI", "QUAI DU PROTOTYPE", "ALLÉE DES MODÈLES",
	}
}

type town struct{ zip, name string }

func towns() []town {
	return []town{
		{"69003", "LYON"}, {"75011", "PARIS"}, {"33000", "BORDEAUX"}, {"13006", "MARSEILLE"}, {"01000", "BOURG-EN-BRESSE"},
		{"59000", "LILLE"}, {"35000", "RENNES"}, {"67000", "STRASBOURG"}, {"06000", "NICE"}, {"42000", "SAINT-ÉTIENNE"},
		{"20000", "AJACCIO"}, {"94240", "L'HAŸ-LES-ROSES"},
	}
}

func inventCustomer(r *rand.Rand) Customer {
	p := pick(r, people())
	key := r.Uint64()
	c := Customer{
		ID: fmt.Sprintf("feed0000%024x", key), Civility: p.civility, FirstName: p.first, LastName: pick(r, surnames()),
		RelayMail:   fmt.Sprintf("c.feed0000%024x@clemarche.com", key^r.Uint64()),
		MobilePhone: fmt.Sprintf("06399800%02d", r.IntN(100)),
	}
	if r.IntN(3) == 0 {
		c.Phone = fmt.Sprintf("01990000%02d", r.IntN(100))
	}
	return c
}

func inventAddress(r *rand.Rand, c Customer) Address {
	t := pick(r, towns())
	return Address{
		Civility: c.Civility, FirstName: c.FirstName, LastName: c.LastName,
		Street: fmt.Sprintf("%d %s", 1+r.IntN(180), pick(r, streets())), ZipCode: t.zip, City: t.name, Country: "FR",
	}
}

// inventPickup makes a point of the network that the delivery code belongs to; nil when it is none.
func inventPickup(r *rand.Rand, delivery string) *PickupPoint {
	var id string
	switch delivery {
	case "REL": // six digits, often with leading zeros
		id = fmt.Sprintf("%06d", r.IntN(99_999))
	case "SO1":
		id = fmt.Sprintf("%06d", 100_000+r.IntN(899_999))
	case "RCO":
		id = fmt.Sprintf("%c%04d", 'A'+rune(r.IntN(26)), r.IntN(9_999))
	default:
		return nil
	}
	t := pick(r, towns())
	return &PickupPoint{
		ID: id, Name: pick(r, []string{"TABAC DU COIN", "L'ÉPICERIE D'ESSAI", "FLEURS & CIE", "PRESSING MODÈLE", "CAFÉ DE LA DÉMO"}),
		Street: fmt.Sprintf("%d %s", 1+r.IntN(90), pick(r, streets())), ZipCode: t.zip, City: t.name,
	}
}

type article struct {
	title, sku, parent, category string
	cents                        int64 // price of one piece
}

func articles() []article {
	return []article{
		{"T-shirt démo bleu taille M", "TSHIRT-BLU-M", "TSHIRT", "0A0B0C01", 1990},
		{"T-shirt démo rouge taille XL", "TSHIRT-RED-XL", "TSHIRT", "0A0B0C01", 1990},
		{"Casquette d'essai noire", "CAP-BLK-U", "", "0A0B0C02", 1249},
		{"Lampe de bureau \"Modèle\" & ampoule", "LAMP-01", "", "0D010203", 3490},
		{"Enceinte d'appoint 20 W > petite pièce", "SPK-20W", "", "0E0A0101", 4599},
		{"Câble USB-C 2 m tressé gris", "USB-C-2M", "USB-C", "0E0B0201", 790},
		{"Poêle à crêpes Ø 28 cm", "PAN-28", "PAN", "0D020304", 2415},
		{"Chaise pliante extérieur lot de 2", "CHAIR-X2", "", "0F010101", 8500},
		{"Jeu de société « L'Épreuve »", "GAME-EP", "", "0G010101", 2995},
		{"Coque téléphone <transparente>", "CASE-TR", "CASE", "0E0C0101", 999},
		{"Sac à dos 25 L bleu nuit", "BAG-25-BLU", "BAG-25", "0H010101", 5490},
		{"Bouilloire inox 1,7 L", "KETTLE-17", "", "0D020401", 3299},
	}
}

// inventLines makes the lines of an order, each with another article.
func inventLines(r *rand.Rand, s shape) []Line {
	n := s.lines
	if n == 0 {
		n = 1
		if r.IntN(5) == 0 {
			n = 2
		}
	}
	state := s.lineState
	if state == "" {
		state = LineStateFor(s.state)
	}
	all := articles()
	first := r.IntN(len(all))
	lines := make([]Line, n)
	for i := range lines {
		a := all[(first+i)%len(all)]
		quantity := 1
		switch {
		case i == 0 && s.quantity > 0:
			quantity = s.quantity
		case r.IntN(6) == 0:
			quantity = 2 + r.IntN(3)
		}
		total := a.cents * int64(quantity)
		if quantity == 3 {
			total -= (total % 3) + 1 // a discount on the line: the price of one piece is no full cent
		}
		ean := articleEAN((first + i) % len(all))
		lines[i] = Line{
			State: state, SKU: a.sku, ProductID: "DEM" + ean, EAN: ean, Title: a.title, Category: a.category, ParentSKU: a.parent,
			Condition: "New", Quantity: quantity, Total: Cents(total),
			FirstShipping: Cents(int64(pick(r, []int{0, 290, 390, 499, 590}))), NextShipping: Cents(100),
		}
	}
	return lines
}

// articleEAN is the EAN of the i-th article.
func articleEAN(i int) string { return ean13(2_000_000_000_00 + int64(i)) }

// ean13 adds the check digit to twelve digits.
func ean13(twelve int64) string {
	sum, weight := int64(0), int64(3)
	for n := twelve; n > 0; n /= 10 {
		sum += n % 10 * weight
		weight = 4 - weight
	}
	return fmt.Sprintf("%012d%d", twelve, (10-sum%10)%10)
}

// inventFees makes the fee with that code; without a code, one order in ten has one.
func inventFees(r *rand.Rand, code string) []Fee {
	if code == "" {
		if r.IntN(10) != 0 {
			return nil
		}
		code = pick(r, []string{"INTERETBCA", "FRAISTRAITEMENT"})
	}
	label := "Frais de traitement"
	if code == "INTERETBCA" {
		label = "Intérêts paiement en plusieurs fois"
	}
	return []Fee{{Code: code, Label: label, Amount: Cents(99 + int64(r.IntN(300)))}}
}

// inventParcel makes the parcel of a shipped order.
func inventParcel(r *rand.Rand, o *Order) Parcel {
	carrier, prefix := "Colissimo", "6A"
	switch o.Delivery {
	case "REL":
		carrier, prefix = "Mondial Relay", "MR"
	case "RCO":
		carrier, prefix = "Relais Colis", "RC"
	}
	p := Parcel{
		TrackingNumber: fmt.Sprintf("%s%011d", prefix, r.Int64N(99_999_999_999)), Carrier: carrier,
		Status: pick(r, []string{"", "Committed The Transporter", "On Going Delivery", "Delivered"}),
	}
	p.TrackingURL = "https://tracking.example.com/" + p.TrackingNumber
	for _, l := range o.Lines {
		p.SKUs = append(p.SKUs, l.SKU)
	}
	return p
}
