package cdiscount

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// token is what the token service issued.
type token struct {
	value    string // 32 hexadecimal digits; empty means none
	obtained time.Time
}

// tokenUse is how long a token is used. It lives 48 hours; the margin covers clocks and long calls, and is what production
// clients take (cdiscount-soap.md 2.4).
const tokenUse = 46 * time.Hour

// usable reports whether the token may still be used at now. One from the future was written under another clock.
func (t token) usable(now time.Time) bool {
	return t.value != "" && !t.obtained.After(now) && now.Sub(t.obtained) < tokenUse
}

// stateVersion is the version of the JSON that the host keeps. A state of another version is ignored: it costs one token.
const stateVersion = 1

// savedState is the adapter state of a store, as the host seals and keeps it.
type savedState struct {
	Version  int       `json:"v"`
	Token    string    `json:"token,omitempty"`
	Obtained time.Time `json:"obtained,omitzero"`
	// Owner ties the token to the credentials that it was issued for, without saying anything about them to whoever does
	// not hold the token: a keyed hash under the token.
	Owner string `json:"owner,omitempty"`
}

// identity is what a token belongs to: one account at one token service.
type identity struct {
	sts, login, password string
}

// key identifies the account in memory without keeping the password there.
func (id identity) key() [sha256.Size]byte { return sha256.Sum256(id.bytes()) }

// owner is savedState.Owner of a token.
func (id identity) owner(t token) string {
	mac := hmac.New(sha256.New, []byte(t.value))
	mac.Write(id.bytes())
	return hex.EncodeToString(mac.Sum(nil))
}

// bytes joins the parts so that no two identities give the same bytes.
func (id identity) bytes() []byte {
	b, err := json.Marshal([]string{id.sts, id.login, id.password})
	if err != nil {
		panic("cdiscount: strings always encode: " + err.Error())
	}
	return b
}

// encodeState returns the state to keep for a token; without one, a state that holds none.
func encodeState(id identity, t token) []byte {
	s := savedState{Version: stateVersion}
	if t.value != "" {
		s.Token, s.Obtained, s.Owner = t.value, t.obtained.UTC(), id.owner(t)
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("cdiscount: a state always encodes: " + err.Error())
	}
	return b
}

// decodeState returns the token that a state holds for these credentials. A state that is empty, unreadable, of another
// version or of other credentials holds none: rotated credentials never use an old token.
func decodeState(id identity, state []byte) token {
	var s savedState
	if len(state) == 0 || json.Unmarshal(state, &s) != nil || s.Version != stateVersion || !isToken(s.Token) {
		return token{}
	}
	t := token{value: s.Token, obtained: s.Obtained}
	if !hmac.Equal([]byte(id.owner(t)), []byte(s.Owner)) {
		return token{}
	}
	return t
}
