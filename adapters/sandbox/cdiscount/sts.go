package cdiscount

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/face"
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
	login, password, _ := r.BasicAuth()
	seller, known := f.World.Login(login, password)
	f.Serve(w, r, face.Exchange{
		Call:    fault.Call{API: api, Operation: fault.STS, Action: fault.Token, Seller: seller.Account},
		Carry:   func(fault.Decision) face.Answer { return f.issue(r, seller, known) },
		Replace: func(d fault.Decision) face.Answer { return f.replacement(nil, d) },
	})
}

// issue answers with a token, or refuses as the settings have it: a real refusal was never recorded (cdiscount-soap.md 12.1).
//
// The realm is the production service's address, in every recording and every client (cdiscount-soap.md 1, 2): another one is
// refused, whoever asks. No source shows a request without a realm, so it earns no token either; it gets the page that one
// user was sent for an unknown cause.
func (f *Face) issue(r *http.Request, seller world.Seller, known bool) face.Answer {
	const page = "<!DOCTYPE html><html><head><title>Cdiscount STS</title></head><body>Welcome on Cdiscount STS.</body></html>"
	switch asked := r.URL.Query()["realm"]; {
	case len(asked) == 0:
		return face.Text(http.StatusOK, face.HTMLContent, page)
	case len(asked) > 1 || asked[0] != realm:
		return face.Text(http.StatusBadRequest, "text/plain; charset=utf-8", "The realm must be "+realm+".\n")
	}
	if known {
		token := newToken()
		f.World.AddToken(seller.Account, token)
		return face.Text(http.StatusOK, "text/plain",
			`<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/">`+token+`</string>`)
	}
	switch f.World.Settings().LoginFailure {
	case world.FailureHTML:
		return face.Text(http.StatusOK, face.HTMLContent, page)
	case world.FailureEmpty:
		return face.Text(http.StatusOK, "text/plain", "")
	case world.Failure403:
		return face.Text(http.StatusForbidden, face.HTMLContent, "")
	default:
		a := face.Text(http.StatusUnauthorized, face.HTMLContent, "")
		a.Header = http.Header{"Www-Authenticate": {`Basic realm="sandbox"`}}
		return a
	}
}

// newToken makes 32 lower-case hex digits.
func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
