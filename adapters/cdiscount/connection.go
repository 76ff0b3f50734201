package cdiscount

import (
	"context"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// wireSeller is the part of Seller that is used (cdiscount-soap.md 5).
type wireSeller struct {
	IsAvailable string
	Login       string
	ShopName    string
	State       string
}

func (s *wireSeller) field(name []byte) *string {
	switch string(name) {
	case "IsAvailable":
		return &s.IsAvailable
	case "Login":
		return &s.Login
	case "ShopName":
		return &s.ShopName
	case "State":
		return &s.State
	}
	return nil
}

// inactive reports whether the account cannot sell at all. Holidays and PutOnNotice leave it working.
func (s *wireSeller) inactive() bool {
	return clean(s.State) == "Deactivated" || clean(s.IsAvailable) == "BannedSeller"
}

// CheckConnection implements sdk.Adapter with GetSellerInformation, the cheapest call that needs a token and an active
// account. The account is the seller's login, whichever API login was used. Who accepts orders the answer does not say
// (cdiscount-soap.md 5). Credentials that were refused a moment ago are tried again: whoever calls this wants to know.
func (a *Adapter) CheckConnection(
	ctx context.Context, req *adapterv1.CheckConnectionRequest,
) (*adapterv1.CheckConnectionResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	s.anew = true
	var seller wireSeller
	head, err := s.read(ctx, call{op: opSellerInformation, fields: map[string]fieldReader{
		"Seller": func(r *answerReader, _ *answer) error {
			err := r.record(&seller)
			r.settle()
			return err
		},
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
		AccountKeys: []string{"login:" + strings.ToLower(account)},
	}, nil
}
