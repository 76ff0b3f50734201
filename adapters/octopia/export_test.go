package octopia

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"

	"golang.org/x/oauth2"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// LineStatus is the table of a line's status.
func LineStatus(word string, order adapterv1.OrderStatus, ours bool) (adapterv1.OrderStatus, bool) {
	return lineStatus(word, order, ours)
}

// StatusOf returns the status of an order's word.
func StatusOf(word string) adapterv1.OrderStatus { return statusOf(word) }

// OrderStatus is the table of an order's status.
func OrderStatus(own adapterv1.OrderStatus, lines []*adapterv1.OrderLine) adapterv1.OrderStatus {
	return orderStatus(own, lines)
}

// ParseDate reads a date of an answer.
func ParseDate(s string) (t time.Time, assumed, ok bool) { return parseDate(s) }

// ParseAmount reads an amount.
func ParseAmount(currency, number string) (*adapterv1.Money, error) {
	return parseAmount(currency, number)
}

// WaitIn reads the delay that a text names.
func WaitIn(text string) time.Duration { return waitIn(text) }

// Quote makes a text fit to be shown.
func Quote(text string) string { return quote(text) }

// QuoteLimit bounds what Quote returns, in characters.
const QuoteLimit = quoteLimit

// ReadOrders reads a page of orders.
func ReadOrders(body io.Reader) (orders []*adapterv1.Order, err error) {
	err = readAnswer(body, func(r *answerReader) (err error) {
		orders, err = readOrders(r, maxPageSize)
		return err
	})
	return orders, err
}

// ReadOrder reads one order.
func ReadOrder(body io.Reader) (order *adapterv1.Order, err error) {
	err = readAnswer(body, func(r *answerReader) (err error) {
		order, err = readOrder(r)
		return err
	})
	return order, err
}

// ReadCount reads a count.
func ReadCount(body string) (count int64, err error) {
	err = readAnswer(strings.NewReader(body), func(r *answerReader) (err error) {
		count, err = readCount(r)
		return err
	})
	return count, err
}

// ReadCarriers reads a list of carriers.
func ReadCarriers(body string) (carriers []*adapterv1.Carrier, err error) {
	err = readAnswer(strings.NewReader(body), func(r *answerReader) (err error) {
		carriers, err = readCarriers(r)
		return err
	})
	return carriers, err
}

// ReadOptions reads a list of products and returns the options of the first.
func ReadOptions(body string) (options []*adapterv1.ItemOption, err error) {
	err = readAnswer(strings.NewReader(body), func(r *answerReader) error {
		products, err := readProducts(r)
		for _, p := range products {
			options = p.options()
			break
		}
		return err
	})
	return options, err
}

// CheckSeller reads a seller and says whether it is the configured one.
func CheckSeller(body, configured string) error {
	var seller wireSeller
	err := readAnswer(strings.NewReader(body), func(r *answerReader) error { return r.value("the seller", &seller) })
	if err != nil {
		return err
	}
	return seller.check(configured)
}

// Problem reads the body of a refusal and returns its text and delay.
func Problem(status int, header http.Header, body []byte, now time.Time) (text, reason string, wait time.Duration) {
	e := parseProblem(status, header, body, now)
	return e.Error(), e.reason(), e.wait
}

// TokenOfState returns the token that a state holds for a client, empty for none.
func TokenOfState(tokenURL, clientID, secret string, state []byte) (value string, expires time.Time) {
	t := decodeState(identity{tokenURL, clientID, secret}, state)
	return t.value, t.expires
}

// StateOf returns the state that holds a token for a client.
func StateOf(tokenURL, clientID, secret, value string, obtained, expires time.Time) []byte {
	return encodeState(identity{tokenURL, clientID, secret}, token{value: value, obtained: obtained, expires: expires})
}

// ReadToken checks what the token service issued, and returns how long it lives.
func ReadToken(value, kind string, expiresIn any) (time.Duration, error) {
	now := time.Unix(1_700_000_000, 0)
	t, err := readToken((&oauth2.Token{AccessToken: value, TokenType: kind}).WithExtra(map[string]any{"expires_in": expiresIn}), now)
	return t.expires.Sub(now), err
}

// ContextLines returns the lines that an adapter context names.
func ContextLines(context []byte) ([]string, error) { return contextLines(context) }

// IsToken reports whether s has the form of a token.
func IsToken(s string) bool { return isToken(s) }

// MaxToken bounds a token, in bytes.
const MaxToken = maxToken

// ReplaceTransports replaces what carries reads and writes. wrap gets the adapter's own.
func ReplaceTransports(a *Adapter, wrap func(own *http.Transport, write bool) http.RoundTripper) {
	a.port.reads.Transport = wrap(a.port.reads.Transport.(*http.Transport), false)
	a.port.writes.Transport = wrap(a.port.writes.Transport.(*http.Transport), true)
}

// AwaitWaiters returns when n callers wait for a token of a client.
func AwaitWaiters(a *Adapter, tokenURL, clientID, secret string, n int) {
	e := a.tokens.entry(identity{tokenURL, clientID, secret}, a.tokenRate)
	for {
		e.mu.Lock()
		waiting := e.flight != nil && e.flight.waiters >= n
		e.mu.Unlock()
		if waiting {
			return
		}
		runtime.Gosched()
	}
}
