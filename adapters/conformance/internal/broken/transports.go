package broken

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/relaishq/relais/adapters/sdk"
)

// exchanging is a transport made of a function.
type exchanging func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f exchanging) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// through puts a fault around the transport.
func through(around func(req *http.Request, next http.RoundTripper) (*http.Response, error)) func(h *hooks) {
	return func(h *hooks) {
		next := h.transport
		h.transport = exchanging(func(req *http.Request) (*http.Response, error) { return around(req, next) })
	}
}

// refusedText reads an answer that says no, and puts it back. It is false for a good answer and for one that is not the bazaar's.
func refusedText(resp *http.Response) (code, text string, refused bool) {
	if resp.StatusCode == http.StatusOK {
		return "", "", false
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var said struct {
		Error struct{ Code, Text string }
	}
	if err != nil || json.Unmarshal(body, &said) != nil || said.Error.Code == "" {
		return "", "", false
	}
	return said.Error.Code, said.Error.Text, true
}

// quotingRefusals quotes the text of every well-formed refusal: 160 characters of the words that keep lets through.
func quotingRefusals(keep func(word string) bool) func(h *hooks) {
	return through(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		code, text, refused := refusedText(resp)
		if !refused || code == "token" {
			return resp, nil
		}
		_ = resp.Body.Close()
		return nil, sdk.MarketplaceRefused("the bazaar says: %s", filtered(text, keep))
	})
}

// filtered is what is left of a text.
func filtered(text string, keep func(word string) bool) string {
	var words []string
	for word := range strings.FieldsSeq(text) {
		if keep(word) {
			words = append(words, word)
		}
	}
	kept := []rune(strings.Join(words, " "))
	return string(kept[:min(len(kept), 160)])
}

// quotingLogins quotes what the bazaar says to a login that it refuses.
func quotingLogins(h *hooks) {
	through(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || !strings.HasSuffix(req.URL.Path, "/login") {
			return resp, err
		}
		if _, text, refused := refusedText(resp); refused {
			_ = resp.Body.Close()
			return nil, sdk.CredentialsRejected("the bazaar says: %s", text)
		}
		return resp, nil
	})(h)
}

// accusing takes every login that fails for one with wrong credentials.
func accusing(h *hooks) {
	through(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && strings.HasSuffix(req.URL.Path, "/login") && resp.StatusCode != http.StatusOK {
			_ = resp.Body.Close()
			return nil, sdk.CredentialsRejected("no login")
		}
		return resp, err
	})(h)
}

// gullible takes a page in the place of a token for the bazaar's word.
func gullible(h *hooks) {
	through(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && strings.HasSuffix(req.URL.Path, "/login") && resp.StatusCode == http.StatusOK &&
			strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
			_ = resp.Body.Close()
			return nil, sdk.CredentialsRejected("no login")
		}
		return resp, err
	})(h)
}

// hasty overhears the delay of a quota that is used up.
func hasty(h *hooks) {
	through(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		if code, _, _ := refusedText(resp); code == "quota" {
			resp.Header.Del("Retry-After")
		}
		return resp, nil
	})(h)
}

// byPlace reads the pages of orders to ship by their place in the list, for one list at a time.
func byPlace(h *hooks) {
	const page = 50 // orders that the bazaar gives at a time
	var mu sync.Mutex
	place := 0
	through(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		q := req.URL.Query()
		if !strings.HasSuffix(req.URL.Path, "/orders") || q.Get("by") != "made" {
			return next.RoundTrip(req)
		}
		mu.Lock()
		defer mu.Unlock()
		if q.Get("after") == "" {
			place = 0
		}
		q.Del("after")
		q["states"], q["skip"] = []string{"to-ship"}, []string{strconv.Itoa(place)}
		place += page
		moved := req.Clone(req.Context())
		moved.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Path: req.URL.Path, RawQuery: q.Encode()}
		return next.RoundTrip(moved)
	})(h)
}
