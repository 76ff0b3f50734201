package control

import (
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// sellerView is a seller with the credentials for each face: by the face's name, which is the first segment of its paths, and
// the key that the face's adapter calls them. Whoever knows an adapter's credential keys and sandbox path finds what to log in
// with.
type sellerView struct {
	world.Seller
	Credentials map[string]map[string]string `json:"credentials"`
}

func (a *API) seller(s world.Seller) sellerView {
	v := sellerView{Seller: s, Credentials: map[string]map[string]string{}}
	for _, f := range a.faces {
		v.Credentials[f.API().Name] = f.Credentials(s)
	}
	return v
}

func (a *API) listSellers(*http.Request) (any, error) {
	out := []sellerView{}
	for _, s := range a.world.Sellers() {
		out = append(out, a.seller(s))
	}
	return map[string]any{"sellers": out}, nil
}

func (a *API) putSeller(r *http.Request) (any, error) {
	var body struct {
		world.SellerPatch
		RevokeTokens bool `json:"revoke_tokens"`
	}
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	s, err := a.world.PutSeller(body.SellerPatch)
	if err != nil {
		return nil, err
	}
	if body.RevokeTokens {
		a.world.ForgetTokens(s.Account)
	}
	return a.seller(s), nil
}
