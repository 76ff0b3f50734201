package cdiscount

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// replacement is what a fault answers instead. c is nil for the token service, which is never asked for kinds that need a
// token.
func (f *Face) replacement(c *call, d fault.Decision) face.Answer {
	p := d.Params
	switch d.Kind {
	case fault.HTML:
		return face.Page(p, http.StatusOK)
	case fault.Malformed:
		return malformed(p)
	case fault.Throttle:
		return tooMany(p)
	case fault.Hostile:
		return f.hostile(c, p)
	case fault.Refusal:
		return f.refuse(c, p)
	case fault.SOAPFault:
		code, space, text := "a:InternalServiceFault", nsDispatcher, internalErrorText
		code = cmp.Or(p.Code, code)
		if strings.HasPrefix(code, "s:") {
			space = ""
		}
		return soapFault(code, space, cmp.Or(p.Text, text))
	case fault.SellerDisabled:
		return refusal(c.op, base{message: sellerDisabledText, anonymous: true})
	default: // fault.Quota
		b := c.base()
		b.message = "Le quota d'appels est atteint."
		b.errors = []problem{{"Quota", b.message}}
		return refusal(c.op, b)
	}
}

// refuse says no with a text, in the place of each text that such an answer has: ErrorMessage and ErrorList, those of every order
// and line of a write (cdiscount-soap.md 4.1, 8.3), or a fault for a failure (4.3). The token service has no shape for it
// (12.1).
func (f *Face) refuse(c *call, p fault.Params) face.Answer {
	switch cause := (problem{"InvalidRequest", p.Text}); {
	case c == nil:
		return face.Text(cmp.Or(p.Status, http.StatusBadRequest), "text/plain; charset=utf-8", p.Text)
	case p.Status >= http.StatusInternalServerError:
		return soapFault("a:InternalServiceFault", nsDispatcher, p.Text)
	case c.op.write:
		requests, _, _ := readRequests(c.parameter()) // what can be read of them
		b := c.base()
		b.message = p.Text
		return validated(c.op, b, outcomesOf(requests, cause))
	default:
		b := c.base()
		b.message, b.errors = p.Text, []problem{cause}
		return refusal(c.op, b)
	}
}

// outcomesOf refuses every order and line for one cause.
func outcomesOf(requests []request, cause problem) []outcome {
	var out []outcome
	for _, q := range requests {
		v := verdict{errors: []problem{cause}}
		for range q.lines {
			v.lineErrors = append(v.lineErrors, []problem{cause})
		}
		out = append(out, outcome{request: q, verdict: v})
	}
	return out
}

func malformed(p fault.Params) face.Answer {
	return xmlAnswer(cmp.Or(p.Status, http.StatusOK), cmp.Or(p.Body, `<s:Envelope xmlns:s="`+nsSOAP+`"><s:Body><Broken & < /s:Body>`))
}

// tooMany is HTTP 429: the contract knows no other way to slow a client down than the error type Quota, which tells no delay
// (cdiscount-soap.md 11).
func tooMany(p fault.Params) face.Answer {
	a := face.Text(http.StatusTooManyRequests, face.HTMLContent, p.Body)
	if p.Seconds > 0 {
		a.Header = http.Header{"Retry-After": {strconv.Itoa(p.Seconds)}}
	}
	return a
}
