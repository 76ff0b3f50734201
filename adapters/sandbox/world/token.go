package world

import "time"

// token is what a token stands for: the API user of an account, or a client.
type token struct {
	account string // empty for a client's token
	client  string // empty for an account's token
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
	return w.sellers[t.account].Seller, t.check(now)
}

func (t token) check(now time.Time) TokenCheck {
	if now.Before(t.expires) {
		return TokenValid
	}
	return TokenExpired
}

// Client reports whether some seller delegates, or once delegated, to a client of that id and secret.
func (w *World) Client(id, secret string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sellers {
		if s.ClientID == id && s.ClientSecret == secret {
			return true
		}
	}
	return false
}

// quotaPeriod is the period that the quota of client tokens counts in (octopia-rest.md 1).
const quotaPeriod = time.Hour

// AddClientToken makes a token valid for a client and returns how long it lives. It reports false, and adds nothing, when the
// client got as many tokens within the last hour as the settings allow.
func (w *World) AddClientToken(client, value string) (lifetime time.Duration, ok bool) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	recent := w.issued[client]
	for len(recent) > 0 && now.Sub(recent[0]) >= quotaPeriod {
		recent = recent[1:]
	}
	if quota := w.settings.ClientTokenQuota; quota > 0 && len(recent) >= quota {
		return 0, false
	}
	w.issued[client] = append(recent, now)
	lifetime = time.Duration(w.settings.ClientTokenLifetime)
	w.tokens[value] = token{client: client, expires: now.Add(lifetime)}
	return lifetime, true
}

// ClientToken tells which client's token it is and whether it is still valid.
func (w *World) ClientToken(value string) (client string, state TokenCheck) {
	now := w.clock.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	t, ok := w.tokens[value]
	if !ok || t.client == "" {
		return "", TokenUnknown
	}
	return t.client, t.check(now)
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

// ForgetTokens makes all tokens of a seller and of the seller's client unknown and says how many there were.
func (w *World) ForgetTokens(account string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	client := ""
	if s := w.sellers[account]; s != nil {
		client = s.ClientID
	}
	n := 0
	for value, t := range w.tokens {
		if t.account == account || client != "" && t.client == client {
			delete(w.tokens, value)
			n++
		}
	}
	return n
}
