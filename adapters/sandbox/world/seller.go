package world

import (
	"errors"
	"fmt"
	"slices"
	"time"
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
}

// DefaultPassword is the password of every seller that was given none.
const DefaultPassword = "demo-password"

// PutSeller creates the seller or changes it. It fails without an account, on an unknown state, or when another seller has
// the login.
func (w *World) PutSeller(p SellerPatch) (Seller, error) {
	if p.Account == "" {
		return Seller{}, errors.New("a seller needs an account")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	next := Seller{
		Account: p.Account, Login: p.Account + "-api", Password: DefaultPassword,
		ShopName: "Boutique " + p.Account, State: Activated, Denied: []string{},
	}
	book, known := w.sellers[p.Account]
	if known {
		next = book.Seller
	}
	assign(&next.Login, p.Login)
	assign(&next.Password, p.Password)
	assign(&next.ShopName, p.ShopName)
	assign(&next.State, p.State)
	assign(&next.Disabled, p.Disabled)
	assign(&next.Denied, p.Denied)
	switch next.State {
	case Activated, Deactivated, PutOnNotice:
	default:
		return Seller{}, fmt.Errorf("seller state %q is none of Activated, Deactivated, PutOnNotice", next.State)
	}
	for _, other := range w.sellers {
		if other.Login == next.Login && other.Account != next.Account {
			return Seller{}, fmt.Errorf("seller %s has the login %q already", other.Account, next.Login)
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

// token is a ticket of an API user.
type token struct {
	account string
	expires time.Time
}

// AddToken makes a token valid for a seller, for the world's token lifetime. Several tokens may be valid at once.
func (w *World) AddToken(account, value string) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens[value] = token{account: account, expires: now.Add(time.Duration(w.settings.TokenLifetime))}
}

// TokenCheck is what the world knows of a token.
type TokenCheck int

// What a token can be.
const (
	TokenUnknown TokenCheck = iota
	TokenExpired
	TokenValid
)

// Token tells whose token it is and whether it is still valid.
func (w *World) Token(value string) (Seller, TokenCheck) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.tokens[value]
	if !ok || w.sellers[t.account] == nil {
		return Seller{}, TokenUnknown
	}
	if !now.Before(t.expires) {
		return w.sellers[t.account].Seller, TokenExpired
	}
	return w.sellers[t.account].Seller, TokenValid
}

// ExpireToken ends the life of one token now; an unknown one stays unknown.
func (w *World) ExpireToken(value string) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if t, ok := w.tokens[value]; ok {
		t.expires = now
		w.tokens[value] = t
	}
}

// ForgetToken makes one token unknown.
func (w *World) ForgetToken(value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.tokens, value)
}

// ForgetTokens makes all tokens of a seller unknown and says how many there were.
func (w *World) ForgetTokens(account string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for value, t := range w.tokens {
		if t.account == account {
			delete(w.tokens, value)
			n++
		}
	}
	return n
}
