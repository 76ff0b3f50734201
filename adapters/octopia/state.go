package octopia

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// token is what the token service issued.
type token struct {
	value    string // empty means none
	obtained time.Time
	expires  time.Time
}

// tokenMargin is how long before its end a token is no longer used: it covers clocks and long calls. A token that lives less
// than twice as long is used for half of its life.
const tokenMargin = time.Minute

// maxToken bounds a token. Real ones have some 7,100 characters (octopia-rest.md 1); the host keeps 64 KiB of state.
const maxToken = 32 << 10

// usable reports whether the token may still be used at now. One from the future was written under another clock.
func (t token) usable(now time.Time) bool {
	margin := min(tokenMargin, t.expires.Sub(t.obtained)/2)
	return t.value != "" && !t.obtained.After(now) && now.Before(t.expires.Add(-margin))
}

// isToken reports whether s has the form of a bearer token (RFC 6750, b64token) and a bounded length.
func isToken(s string) bool {
	if s == "" || len(s) > maxToken {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/=", rune(c)) {
			return false
		}
	}
	return true
}

// stateVersion is the version of the JSON that the host keeps. A state of another version is ignored: it costs one token.
const stateVersion = 1

// savedState is the adapter state of a store, as the host seals and keeps it.
type savedState struct {
	Version  int       `json:"v"`
	Token    string    `json:"token,omitempty"`
	Obtained time.Time `json:"obtained,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`
	// Owner ties the token to the credentials that it was issued for, without saying anything about them to whoever does
	// not hold the token: a keyed hash under the token.
	Owner string `json:"owner,omitempty"`
}

// identity is what a token belongs to: one client at one token service. The seller is no part of it: one client may serve many
// sellers (octopia-rest.md 1).
type identity struct {
	tokenURL, clientID, secret string
}

// key identifies the client and its secret in memory without keeping the secret there.
func (id identity) key() [sha256.Size]byte {
	return sha256.Sum256(joined(id.tokenURL, id.clientID, id.secret))
}

// client identifies the client whatever its secret: what the hourly token quota is counted by.
func (id identity) client() [sha256.Size]byte { return sha256.Sum256(joined(id.tokenURL, id.clientID)) }

// owner is savedState.Owner of a token.
func (id identity) owner(t token) string {
	mac := hmac.New(sha256.New, []byte(t.value))
	mac.Write(joined(id.tokenURL, id.clientID, id.secret))
	return hex.EncodeToString(mac.Sum(nil))
}

// joined joins texts so that no two lists of them give the same bytes.
func joined(parts ...string) []byte {
	b, err := json.Marshal(parts)
	if err != nil {
		panic("octopia: strings always encode: " + err.Error())
	}
	return b
}

// encodeState returns the state to keep for a token; without one, a state that holds none.
func encodeState(id identity, t token) []byte {
	s := savedState{Version: stateVersion}
	if t.value != "" {
		s.Token, s.Obtained, s.Expires, s.Owner = t.value, t.obtained.UTC(), t.expires.UTC(), id.owner(t)
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("octopia: a state always encodes: " + err.Error())
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
	t := token{value: s.Token, obtained: s.Obtained, expires: s.Expires}
	if !hmac.Equal([]byte(id.owner(t)), []byte(s.Owner)) {
		return token{}
	}
	return t
}
