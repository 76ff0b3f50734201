package cdiscount

import (
	"context"
	"encoding/xml"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireSeller is the part of Seller that is used (cdiscount-soap.md 5).
type wireSeller struct {
	IsAvailable string `xml:"IsAvailable"`
	Login       string `xml:"Login"`
	ShopName    string `xml:"ShopName"`
	State       string `xml:"State"`
}

// inactive reports whether the account cannot sell at all. Holidays and PutOnNotice leave it working.
func (s wireSeller) inactive() bool {
	return s.State == "Deactivated" || s.IsAvailable == "BannedSeller"
}

// CheckConnection implements sdk.Adapter with GetSellerInformation, the cheapest call that needs a token and an active
// account. The account is the seller's login, whichever API login was used.
func (a *Adapter) CheckConnection(
	ctx context.Context, req *adapterv1.CheckConnectionRequest,
) (*adapterv1.CheckConnectionResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	var seller wireSeller
	head, err := s.read(ctx, call{op: opSellerInformation, fields: map[string]fieldReader{
		"Seller": func(r *answerReader, start xml.StartElement, _ *answer) error { return r.decode(start, &seller) },
	}})
	if err != nil {
		return nil, err
	}
	if seller.inactive() {
		return nil, sdk.SellerInactive("Cdiscount says that the seller account is deactivated or banned")
	}
	account := clean(seller.Login)
	if account == "" {
		account = head.sellerLogin
	}
	if account == "" {
		return nil, sdk.MalformedAnswer("%s: the answer names no seller", opSellerInformation)
	}
	return &adapterv1.CheckConnectionResponse{
		AccountId: account, ShopName: clean(seller.ShopName), StateUpdate: s.stateUpdate(),
	}, nil
}
