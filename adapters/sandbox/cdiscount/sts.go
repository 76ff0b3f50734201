package cdiscount

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// realm is what tokens are issued for: the address of the production service, wherever the sandbox is reached.
const realm = "https://wsvc.cdiscount.com/MarketplaceAPIService.svc"

// serveSTS issues tokens (cdiscount-soap.md 2): GET with a realm and basic authentication gives a new token each time.
func (f *Face) serveSTS(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != STSPath && r.URL.Path != STSPath+"/" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "The token service takes GET only.", http.StatusMethodNotAllowed)
		return
	}
	f.World.CountCall(fault.STS)
	login, password, _ := r.BasicAuth()
	seller, known := f.World.Login(login, password)
	d := f.Faults.Decide(fault.Call{Operation: fault.STS, Seller: seller.Account})
	f.Log.LogAttrs(r.Context(), slog.LevelDebug, "token call", slog.String("seller", seller.Account), slog.String("fault", string(d.Kind)))
	if !f.wait(d.Before) || d.Kind == fault.CutBefore {
		hangUp(w)
		return
	}
	var a answer
	if d.Replaces() {
		a = f.replacement(nil, d) // the kinds that need a call never match the STS
	} else {
		a = f.issue(w, r, seller, known)
	}
	if !f.wait(d.After) {
		hangUp(w)
		return
	}
	f.deliver(w, r, a, d)
}

// issue answers with a token, or refuses as the settings have it: a real refusal was never recorded (cdiscount-soap.md 12.1).
//
// The realm is the production service's address, in every recording and every client (cdiscount-soap.md 1, 2): another one is
// refused, whoever asks. No source shows a request without a realm, so it earns no token either; it gets the page that one
// user was sent for an unknown cause.
func (f *Face) issue(w http.ResponseWriter, r *http.Request, seller world.Seller, known bool) answer {
	const page = "<!DOCTYPE html><html><head><title>Cdiscount STS</title></head><body>Welcome on Cdiscount STS.</body></html>"
	const html = "text/html; charset=utf-8"
	switch asked := r.URL.Query()["realm"]; {
	case len(asked) == 0:
		return fixed(http.StatusOK, html, page)
	case len(asked) > 1 || asked[0] != realm:
		return fixed(http.StatusBadRequest, "text/plain; charset=utf-8", "The realm must be "+realm+".\n")
	}
	if known {
		token := newToken()
		f.World.AddToken(seller.Account, token)
		return fixed(http.StatusOK, "text/plain",
			`<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">`+token+`</string>`)
	}
	switch f.World.Settings().LoginFailure {
	case world.FailureHTML:
		return fixed(http.StatusOK, html, page)
	case world.FailureEmpty:
		return fixed(http.StatusOK, "text/plain", "")
	case world.Failure403:
		return fixed(http.StatusForbidden, html, "")
	default:
		w.Header().Set("WWW-Authenticate", `Basic realm="sandbox"`)
		return fixed(http.StatusUnauthorized, html, "")
	}
}

// newToken makes 32 lower-case hex digits.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
