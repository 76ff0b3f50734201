package octopia

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// tokenOperation is the token route's name in rules and counters.
const tokenOperation = "POST /auth/realms/maas/protocol/openid-connect/token"

// token is a good answer of the token route (octopia-rest.md 1). There is no refresh token.
type token struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int    `json:"expires_in"` // seconds
	RefreshExpiresIn int    `json:"refresh_expires_in"`
	TokenType        string `json:"token_type"`
	NotBeforePolicy  int    `json:"not-before-policy"`
	Scope            string `json:"scope"`
}

// serveToken answers one call of the token route.
func (f *Face) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	formErr := r.ParseForm()
	client := r.PostForm.Get("client_id")
	f.Serve(w, r, face.Exchange{
		Call: fault.Call{API: api, Operation: tokenOperation, Action: fault.Token, Seller: f.onlySellerOf(client)},
		Carry: func(fault.Decision) face.Answer {
			if formErr != nil {
				return f.tokenRefused("invalid_request", "The request could not be read", http.StatusBadRequest)
			}
			return f.issue(r)
		},
		Replace: func(d fault.Decision) face.Answer { return f.tokenReplacement(d) },
	})
}

// onlySellerOf is the account that a client serves, so that rules for one seller reach the token route; empty when there are
// several or none.
func (f *Face) onlySellerOf(client string) string {
	account := ""
	for _, s := range f.World.Sellers() {
		switch {
		case s.ClientID != client:
		case account != "":
			return ""
		default:
			account = s.Account
		}
	}
	return account
}

// issue answers with a token, or refuses as the settings have it: the real refusal is uncertain (octopia-rest.md 13.9).
func (f *Face) issue(r *http.Request) face.Answer {
	settings := f.World.Settings()
	client := r.PostForm.Get("client_id")
	switch {
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return f.tokenRefused("invalid_request", "Missing form parameter: grant_type", http.StatusBadRequest)
	case r.PostForm.Get("grant_type") != "client_credentials":
		return f.tokenRefused("unsupported_grant_type", "Unsupported grant_type", http.StatusBadRequest)
	case !f.World.Client(client, r.PostForm.Get("client_secret")):
		return f.tokenRefused("invalid_client", "Invalid client or Invalid client credentials", settings.TokenErrorStatus)
	}
	value := newToken(settings.LongTokens)
	lifetime, issued := f.World.AddClientToken(client, value)
	if !issued {
		return f.tokenRefused("too_many_requests", "Token quota of the client is used up", http.StatusTooManyRequests)
	}
	return ok(token{AccessToken: value, ExpiresIn: int(lifetime / time.Second), TokenType: "Bearer"})
}

// tokenRefused is a refusal in the shape that the settings have.
func (f *Face) tokenRefused(code, text string, status int) face.Answer {
	if f.World.Settings().TokenErrorShape == "problem" {
		return problem{Title: code, Detail: text, Status: status}.answer()
	}
	return encoded(status, "application/json", struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, text})
}

// The sizes of the parts of a token, in bytes before their encoding: 7,100 characters in all as measured, or few.
const (
	longPayload, longSignature   = 5000, 256
	shortPayload, shortSignature = 24, 16
)

// newToken makes a token of three parts, as a JWT has them. It says nothing: nobody but the API is to read it.
func newToken(long bool) string {
	payload, signature := shortPayload, shortSignature
	if long {
		payload, signature = longPayload, longSignature
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + noise(payload) + "." + noise(signature)
}

func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}
