package world

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// SellerState is the account's state as the marketplace tells it (SellerStateEnum, cdiscount-soap.md 5).
type SellerState string

// The states of an account.
const (
	Activated   SellerState = "Activated"
	Deactivated SellerState = "Deactivated"
	PutOnNotice SellerState = "PutOnNotice"
)

// AnyOperation in Seller.Denied stands for all operations.
const AnyOperation = "*"

// Seller is a seller account.
type Seller struct {
	Account  string      `json:"account"`  // login of the account, key of the seller
	Login    string      `json:"login"`    // login of the API user: the account with "-api"
	Password string      `json:"password"` // of the API user
	ShopName string      `json:"shop_name"`
	State    SellerState `json:"state"`
	// Disabled sellers get "Vendeur désactivé" from every operation (cdiscount-soap.md 4.1).
	Disabled bool `json:"disabled"`
	// Denied lists the operations that the API user has no right to; AnyOperation means all.
	Denied []string `json:"denied_operations"`

	// SellerID is the marketplace's number of the account, digits only (octopia-rest.md 1).
	SellerID string `json:"seller_id"`
	// ClientID and ClientSecret are of the OAuth2 client that the seller delegates to. Several sellers may have one client in
	// common; it has one secret (octopia-rest.md 1).
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	// Delegated tells whether the delegation to the client is in force.
	Delegated bool `json:"delegated"`
	// AutoAccept is the account's setting that orders need no acceptance by hand. It is told, and changes no order.
	AutoAccept bool `json:"auto_accept"`
}

// MayCall reports whether the API user has the right to an operation.
func (s Seller) MayCall(operation string) bool {
	return !slices.Contains(s.Denied, AnyOperation) && !slices.Contains(s.Denied, operation)
}

// SellerPatch creates or changes a seller; nil fields stay as they are, or get their default on a new seller.
type SellerPatch struct {
	Account  string       `json:"account"`
	Login    *string      `json:"login"`
	Password *string      `json:"password"`
	ShopName *string      `json:"shop_name"`
	State    *SellerState `json:"state"`
	Disabled *bool        `json:"disabled"`
	Denied   *[]string    `json:"denied_operations"`

	SellerID     *string `json:"seller_id"`
	ClientID     *string `json:"client_id"`
	ClientSecret *string `json:"client_secret"`
	Delegated    *bool   `json:"delegated"`
	AutoAccept   *bool   `json:"auto_accept"`
}

// What sellers and clients get that were given none.
const (
	DefaultPassword     = "demo-password"
	DefaultClientSecret = "demo-secret"
)

// firstSellerID is the number of the first seller.
const firstSellerID = 10001

// PutSeller creates the seller or changes it. A secret is the client's: giving one changes it for every seller of the client,
// and a seller who joins a client without giving one gets the client's. It fails without an account, on an unknown state, on
// an id that is not a number, or when another seller has the login or the id.
func (w *World) PutSeller(p SellerPatch) (Seller, error) {
	if p.Account == "" {
		return Seller{}, errors.New("a seller needs an account")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	book, known := w.sellers[p.Account]
	next := w.newSeller(p.Account)
	if known {
		next = book.Seller
	}
	p.apply(&next)
	if p.ClientID != nil && p.ClientSecret == nil {
		next.ClientSecret = DefaultClientSecret
		for _, s := range w.sellers {
			if s.ClientID == next.ClientID {
				next.ClientSecret = s.ClientSecret
			}
		}
	}
	if err := w.checkSeller(next); err != nil {
		return Seller{}, err
	}
	for _, s := range w.sellers {
		if s.ClientID == next.ClientID {
			s.ClientSecret = next.ClientSecret
		}
	}
	if !known {
		book = &sellerBook{}
		w.sellers[p.Account] = book
		w.accounts = append(w.accounts, p.Account)
	}
	book.Seller = next
	return next, nil
}

// newSeller is a seller as one is made when nothing is asked for. It needs w.mu.
func (w *World) newSeller(account string) Seller {
	s := Seller{
		Account: account, Login: account + "-api", Password: DefaultPassword, ShopName: "Boutique " + account, State: Activated,
		Denied: []string{}, ClientID: account + "-client", ClientSecret: DefaultClientSecret, Delegated: true,
	}
	for id := firstSellerID + len(w.accounts); ; id++ {
		s.SellerID = strconv.Itoa(id)
		if _, taken := w.sellerByID(s.SellerID); !taken {
			return s
		}
	}
}

// apply replaces what the patch gives.
func (p SellerPatch) apply(s *Seller) {
	assign(&s.Login, p.Login)
	assign(&s.Password, p.Password)
	assign(&s.ShopName, p.ShopName)
	assign(&s.State, p.State)
	assign(&s.Disabled, p.Disabled)
	assign(&s.Denied, p.Denied)
	assign(&s.SellerID, p.SellerID)
	assign(&s.ClientID, p.ClientID)
	assign(&s.ClientSecret, p.ClientSecret)
	assign(&s.Delegated, p.Delegated)
	assign(&s.AutoAccept, p.AutoAccept)
}

// sellerIDForm is what a seller's number looks like; it fits a JSON number.
var sellerIDForm = regexp.MustCompile(`^[1-9][0-9]{0,14}$`)

// checkSeller says what is wrong with a seller. It needs w.mu.
func (w *World) checkSeller(s Seller) error {
	switch s.State {
	case Activated, Deactivated, PutOnNotice:
	default:
		return fmt.Errorf("seller state %q is none of Activated, Deactivated, PutOnNotice", s.State)
	}
	if !sellerIDForm.MatchString(s.SellerID) {
		return fmt.Errorf("seller id %q is not a number of 1 to 15 digits", s.SellerID)
	}
	for _, other := range w.sellers {
		switch {
		case other.Account == s.Account:
		case other.Login == s.Login:
			return fmt.Errorf("seller %s has the login %q already", other.Account, s.Login)
		case other.SellerID == s.SellerID:
			return fmt.Errorf("seller %s has the id %s already", other.Account, s.SellerID)
		}
	}
	return nil
}

// sellerByID needs w.mu.
func (w *World) sellerByID(id string) (Seller, bool) {
	for _, s := range w.sellers {
		if s.SellerID == id {
			return s.Seller, true
		}
	}
	return Seller{}, false
}

// SellerByID returns the seller with that number.
func (w *World) SellerByID(id string) (Seller, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sellerByID(id)
}

func assign[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Sellers returns all sellers in the order of their creation.
func (w *World) Sellers() []Seller {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Seller, 0, len(w.accounts))
	for _, a := range w.accounts {
		out = append(out, w.sellers[a].Seller)
	}
	return out
}

// Login returns the seller whose API user has that login and password.
func (w *World) Login(login, password string) (Seller, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sellers {
		if s.Login == login && s.Password == password {
			return s.Seller, true
		}
	}
	return Seller{}, false
}
