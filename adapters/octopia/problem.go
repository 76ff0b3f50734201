package octopia

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// apiError is an answer whose status is not 2xx. Everything in it is fit to be shown: bounded, and without the values that
// the marketplace puts into its texts (quote.go).
type apiError struct {
	status int
	// Of a problem (RFC 9457) or of the gateway's {"statusCode", "message"}; empty without.
	title, detail string
	fields        []fieldError
	// kind tells who answered.
	kind bodyKind
	// quota is true when the text says that too many calls were made.
	quota bool
	// wait is how long to wait, from Retry-After or the text; zero when neither says.
	wait time.Duration
}

// bodyKind tells what the body of a refusal is.
type bodyKind int

const (
	bodyEmpty   bodyKind = iota // nothing
	bodyProblem                 // problem+json: the API itself
	bodyGateway                 // {"statusCode", "message"}: the gateway before it
	bodyForeign                 // HTML, text, broken JSON: neither of them
)

// fieldError is what a problem says of one field of the request.
type fieldError struct {
	name     string
	messages []string
}

// Limits of what is kept of a problem.
const (
	maxFieldErrors   = 5
	maxFieldMessages = 2
	maxFieldName     = 64
)

// Error tells status, title, detail and fields.
func (e *apiError) Error() string {
	parts := []string{fmt.Sprintf("HTTP %d", e.status)}
	if e.kind == bodyForeign {
		parts = append(parts, "without an answer of the API")
	}
	for _, text := range []string{e.title, e.detail} {
		if text != "" {
			parts = append(parts, text)
		}
	}
	for _, f := range e.fields {
		parts = append(parts, strings.TrimRight(f.name+": "+strings.Join(f.messages, " "), ": "))
	}
	return strings.Join(parts, "; ")
}

// reason is the refusal's own code: the status, and the fields that it names.
func (e *apiError) reason() string {
	reason := fmt.Sprintf("%d", e.status)
	for _, f := range e.fields {
		reason += " " + f.name
	}
	return reason
}

// throttled reports whether the marketplace asks to wait: 429, or the measured 403 of the gateway (octopia-rest.md 2).
func (e *apiError) throttled() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusForbidden && e.quota
}

// notDelegated reports whether the client has no right to the seller: every 403 that does not speak of a quota, unless a
// stranger wrote it.
func (e *apiError) notDelegated() bool {
	return e.status == http.StatusForbidden && !e.quota && e.kind != bodyForeign
}

// down reports whether the marketplace, or what stands before it, failed: 5xx, a timeout, and a 403 page of a stranger, which
// says nothing of the seller.
func (e *apiError) down() bool {
	return e.status >= 500 || e.status == http.StatusRequestTimeout || e.status == http.StatusForbidden && e.kind == bodyForeign && !e.quota
}

// missing reports whether a 404 speaks of the resource and not of the route: unknown routes answer with the gateway's own
// body (octopia-rest.md 2, one client).
func (e *apiError) missing() bool {
	return e.status == http.StatusNotFound && (e.kind == bodyProblem || e.kind == bodyEmpty)
}

// newAPIError reads an answer whose status is not 2xx. What cannot be read of its body is left out: the status is there.
func newAPIError(resp *http.Response, now time.Time) *apiError {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, smallAnswer)) // what came before it broke is enough
	return parseProblem(resp.StatusCode, resp.Header, body, now)
}

// problem is what is read of the two known bodies.
type problem struct {
	Title      text            `json:"title"`
	Detail     text            `json:"detail"`
	Status     text            `json:"status"`
	Errors     json.RawMessage `json:"errors"`
	StatusCode text            `json:"statusCode"`
	Message    text            `json:"message"`
}

// parseProblem reads the body of a refusal.
func parseProblem(status int, header http.Header, body []byte, now time.Time) *apiError {
	e := &apiError{status: status, wait: retryAfter(header, now)}
	words := string(body)
	var p problem
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		words = ""
	case !plainObject(body) || json.Unmarshal(body, &p) != nil:
		e.kind = bodyForeign
	default:
		e.kind = bodyProblem
		if p.StatusCode != "" && p.Title == "" && p.Status == "" {
			e.kind = bodyGateway
		}
		words = strings.Join([]string{string(p.Title), string(p.Detail), string(p.Message)}, " ")
		e.title, e.detail = quote(string(p.Title)), quote(string(p.Detail))
		if e.title == "" {
			e.title = quote(string(p.Message))
		}
		e.fields = fieldErrors(p.Errors)
	}
	e.quota = speaksOfQuota(words)
	if e.quota || status == http.StatusTooManyRequests {
		e.wait = max(e.wait, waitIn(words))
	}
	return e
}

// plainObject reports whether a body is a JSON object of bounded depth.
func plainObject(body []byte) bool {
	trimmed := bytes.TrimSpace(body)
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) && checkShape(trimmed) == nil
}

// fieldErrors reads the member errors of a problem: an object of field name to list of messages; a lone message is tolerated,
// anything else is left out.
func fieldErrors(raw json.RawMessage) []fieldError {
	var byName map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &byName) != nil {
		return nil
	}
	var list []fieldError
	for name, value := range byName {
		var messages []string
		var one string
		if json.Unmarshal(value, &messages) != nil {
			messages = nil
			if json.Unmarshal(value, &one) == nil {
				messages = []string{one}
			}
		}
		f := fieldError{name: fieldName(name)}
		for _, m := range messages[:min(len(messages), maxFieldMessages)] {
			if m = quote(m); m != "" {
				f.messages = append(f.messages, m)
			}
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b fieldError) int { return strings.Compare(a.name, b.name) })
	return list[:min(len(list), maxFieldErrors)]
}

// requestFields are the names of what this adapter sends: members of bodies, filters and headers.
var requestFields = []string{
	"parcelNumber", "carrierName", "trackingUrl", "orderLineIds", "approval_status", "status", "sort", "pageIndex", "pageSize", "reference",
	"createdAtMin", "createdAtMax", "updatedAtMin", "updatedAtMax", "gtin", "SellerId", "orderId",
}

// fieldName returns the name of a field that the request really had, whatever stands before it ("$[0].carrierName") and however
// it is capitalised; "?" for any other, which may be a value.
func fieldName(name string) string {
	last := name[strings.LastIndexAny(name, ".]$/")+1:]
	for _, field := range requestFields {
		if strings.EqualFold(field, last) {
			return field
		}
	}
	return "?"
}
