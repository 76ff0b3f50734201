package cdiscount

import "github.com/relaishq/relais/adapters/sandbox/face"

// getSellerInformation tells about the account (cdiscount-soap.md 5).
func (f *Face) getSellerInformation(c *call) face.Answer {
	return result(c.op, c.base(), func(d *document) {
		d.open("DeliveryModes")
		for _, m := range [][2]string{
			{"STD", "Standard"}, {"TRK", "Suivi"}, {"REG", "Recommandé"}, {"REL", "Mondial Relay"}, {"SO1", "So Colissimo"}, {"RCO", "Relais Colis"},
		} {
			d.open("DeliveryModeInformation")
			d.text("Code", m[0])
			d.text("Name", m[1])
			d.close("DeliveryModeInformation")
		}
		d.close("DeliveryModes")
		d.raw("<OfferPoolList><OfferPool><Description>Cdiscount</Description><Id>1</Id></OfferPool></OfferPoolList>")
		d.open("Seller")
		d.text("Email", c.seller.Account+"@example.com")
		d.text("IsAvailable", "ActiveSeller")
		d.text("Login", c.seller.Account)
		d.text("MobileNumber", "0639980000")
		d.text("PhoneNumber", "0199000000")
		d.address("SellerAddress", addressParts{
			address1: shown("1 RUE INVENTÉE"), city: shown("PARIS"), civility: "MR", country: shown("FR"), zipCode: shown("75001"),
		})
		d.text("ShopName", c.seller.ShopName)
		d.null("ShopUrl")
		d.text("SiretNumber", "00000000000000")
		d.text("State", string(c.seller.State))
		d.close("Seller")
	})
}

type carrier struct {
	id   int
	name string
}

// carriers is the recorded list of May 2019 (cdiscount-soap.md 9.1), trailing blank included.
func carriers() []carrier {
	return []carrier{
		{1, "Relais Colis"}, {2, "UPS"}, {3, "TNT"}, {5, "PostNL"}, {6, "Mondial Relay"}, {7, "La Poste - Courrier"}, {8, "GLS"},
		{9, "DPD"}, {10, "DHL Express"}, {11, "DHL Deutsche Post"}, {12, "China Post"}, {13, "Chronopost"}, {14, "Colissimo"},
		{15, "Colis Privé"}, {16, "Bpost"}, {17, "China EMS (ePacket)"}, {18, "FedEx"}, {19, "SF Express"}, {21, "Singapore Post"},
		{22, "4PX"}, {23, "Malaysia Post"}, {24, "Yanwen"}, {25, "CNE Express"}, {26, "SFC Service"}, {27, "GEODIS"},
		{29, "WishPost"}, {30, "Asendia HK "}, {31, "DB Schenker"}, {32, "DHL ecommerce asia"},
	}
}

// getGlobalConfiguration lists the carriers. The URLs are invented; one begins with a tab, as one recorded did, and one is
// missing.
func (f *Face) getGlobalConfiguration(c *call) face.Answer {
	return result(c.op, c.base(), func(d *document) {
		d.open("CarrierList")
		for _, k := range carriers() {
			d.open("Carrier")
			d.integer("CarrierId", k.id)
			switch k.id {
			case 19:
				d.text("DefaultURL", "\thttps://tracking.example.com/19")
			case 31:
				d.null("DefaultURL")
			default:
				d.open("DefaultURL")
				d.raw("https://tracking.example.com/")
				d.raw(string(rune('0'+k.id/10)) + string(rune('0'+k.id%10)))
				d.close("DefaultURL")
			}
			d.text("Name", k.name)
			d.close("Carrier")
		}
		d.close("CarrierList")
	})
}
