package octopia

import (
	"context"
	"strings"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// CheckConnection implements sdk.Adapter with GET /sellers. The account is the seller id; the login, which the older API knows the
// account by, is another name of it. Credentials that were refused a moment ago are tried again: whoever calls this wants to know.
func (a *Adapter) CheckConnection(
	ctx context.Context, req *adapterv1.CheckConnectionRequest,
) (*adapterv1.CheckConnectionResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	s.anew = true
	var seller wireSeller
	err = s.read(ctx, s.get(routeSellers, "/sellers", nil), func(r *answerReader) error {
		return r.value("the seller", &seller)
	})
	if err != nil {
		return nil, err
	}
	if err := seller.check(s.seller); err != nil {
		return nil, err
	}
	id := clean(seller.SellerID)
	resp := &adapterv1.CheckConnectionResponse{
		AccountId: id, ShopName: clean(seller.ShopName), StateUpdate: s.stateUpdate(),
		AccountKeys: []string{"seller:" + id}, AcceptanceMode: seller.acceptance(),
	}
	if login := strings.ToLower(clean(seller.Login)); login != "" {
		resp.AccountKeys = append(resp.AccountKeys, "login:"+login)
	}
	return resp, nil
}

// check reports whether the answer is an account that can be connected: the configured one, and active (octopia-rest.md 4, 11).
// Errors are the SDK's.
func (w *wireSeller) check(configured string) error {
	id := clean(w.SellerID)
	switch {
	case !isSellerID(id):
		return sdk.MalformedAnswer("%s: the answer names no seller", routeSellers)
	case strings.TrimLeft(id, "0") != strings.TrimLeft(configured, "0"):
		return sdk.SellerNotAuthorized("Octopia answered for another seller than the configured %s", keySellerID)
	}
	switch clean(w.SellerState) {
	case "Activated", "PutOnNotice":
		// An account on notice still sells.
	case "Deactivated":
		return sdk.SellerInactive("Octopia says that the seller account is deactivated")
	case "":
		return sdk.MalformedAnswer("%s: the answer does not say whether the seller is active", routeSellers)
	default:
		return sdk.SellerInactive("Octopia gives the seller account a state that relais does not know; it is taken for inactive")
	}
	if clean(w.SellerSubState) == "BannedSeller" {
		return sdk.SellerInactive("Octopia says that the seller account is banned")
	}
	// Holidays leave the account working; a sub state that is not known says nothing against it.
	return nil
}

// acceptance tells who accepts new orders (octopia-rest.md 11).
func (w *wireSeller) acceptance() adapterv1.AcceptanceMode {
	switch {
	case w.AutoAcceptOrder == nil:
		return adapterv1.AcceptanceMode_ACCEPTANCE_MODE_UNSPECIFIED
	case *w.AutoAcceptOrder:
		return adapterv1.AcceptanceMode_ACCEPTANCE_MODE_AUTOMATIC
	}
	return adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL
}
