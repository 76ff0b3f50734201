package octopia

import (
	"strconv"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// seller is the answer about the account, in snake case unlike orders (octopia-rest.md 11).
type seller struct {
	ID                 int64             `json:"seller_id"`
	Login              string            `json:"login"`
	ShopName           string            `json:"shop_name"`
	ShopURL            string            `json:"shop_url"`
	CreationDate       string            `json:"creation_date"`
	State              world.SellerState `json:"seller_state"`
	SubState           string            `json:"seller_sub_state"`
	SubscriptionStep   string            `json:"subscription_step"`
	AutoAcceptOrder    bool              `json:"auto_accept_order"`
	FulfillmentProfile *int              `json:"fulfillment_profile_id"`
	Language           string            `json:"language"`
	Legal              map[string]string `json:"seller_legal_information"`
}

// getSeller tells about the account. A seller who is disabled on the older API is banned here.
func (f *Face) getSeller(c *call) face.Answer {
	subState := "ActiveSeller"
	if c.seller.Disabled {
		subState = "BannedSeller"
	}
	id, _ := strconv.ParseInt(c.seller.SellerID, 10, 64) // the world keeps it to digits
	return ok(seller{
		ID: id, Login: c.seller.Account, ShopName: c.seller.ShopName, ShopURL: c.seller.Account, CreationDate: "2019-05-13T08:00:00Z",
		State: c.seller.State, SubState: subState, SubscriptionStep: "Finished", AutoAcceptOrder: c.seller.AutoAccept, Language: "fr-FR",
		Legal: map[string]string{"siret": "00000000000000"},
	})
}
