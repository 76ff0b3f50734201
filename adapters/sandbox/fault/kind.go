package fault

// Kind is a way to fail.
type Kind string

// The kinds that every face shows in its own words. Those marked "replaces" answer something else; with Params.Apply the call
// is carried out all the same, so that only its answer is lost.
const (
	Latency      Kind = "latency"       // waits Params.Milliseconds before the call is carried out; with Apply, after it
	HTTP500      Kind = "http_500"      // replaces: HTTP 500 with Params.Body, empty by default
	HTTP503      Kind = "http_503"      // replaces: HTTP 503 with Params.Body
	HTML         Kind = "html"          // replaces: a page, with HTTP Params.Status; the face says which by default
	Malformed    Kind = "malformed"     // replaces: the right content type, and a body that is not of that type
	Quota        Kind = "quota"         // replaces: the face's volume quota is used up; Params.Seconds until it is replenished
	Throttle     Kind = "throttle"      // replaces: the face's way to say "too many calls"; Params.Seconds is the delay it gives
	Hostile      Kind = "hostile"       // replaces: a body made to harm its reader, of Params.Code
	Refusal      Kind = "refusal"       // replaces: the face says no in its own words and well-formed, with Params.Text wherever it has a text; from Params.Status 500 on, that it failed
	TokenExpired Kind = "token_expired" // forgets the token of the call before it is checked
	TokenLapsed  Kind = "token_lapsed"  // ends the token's life before it is checked
	Truncated    Kind = "truncated"     // ends the body early, and the HTTP answer properly
	CutBefore    Kind = "cut_before"    // closes the connection; nothing is carried out
	CutAfter     Kind = "cut_after"     // carries the call out and closes the connection without an answer
	CutMid       Kind = "cut_mid"       // resets the connection in the middle of the body
	SlowDrip     Kind = "slow_drip"     // sends the body in Params.Pieces pieces, Params.Milliseconds apart
	ApplyLate    Kind = "apply_late"    // closes the connection without an answer; a write is carried out Params.Milliseconds of world time later
)

// The kinds that only some faces can show (API.Kinds).
const (
	SOAPFault      Kind = "soap_fault"      // replaces: HTTP 500 with a fault of Params.Code and Params.Text, default InternalServiceFault
	SellerDisabled Kind = "seller_disabled" // replaces: "Vendeur désactivé"
	ErrorMessage   Kind = "error_message"   // carries the call out and sets ErrorMessage, Params.Text, next to a good result
	Problem        Kind = "problem"         // replaces: application/problem+json with HTTP Params.Status, title Params.Code and detail Params.Text
)

// The codes of Hostile.
const (
	HostileDeep          = "deep"           // 100,000 levels of nesting
	HostileBomb          = "bomb"           // what is small to send and huge to hold: entities of XML, escapes and exponents of JSON
	HostileHugeField     = "huge_field"     // one text of 64 MiB
	HostileWrongTypes    = "wrong_types"    // objects where texts are expected, and the like
	HostileEndless       = "endless"        // a body that does not end before the client hangs up
	HostileDuplicateKeys = "duplicate_keys" // every member twice, with another value
)

// HostileCodes lists the codes of Hostile.
func HostileCodes() []string {
	return []string{HostileDeep, HostileBomb, HostileHugeField, HostileWrongTypes, HostileEndless, HostileDuplicateKeys}
}

// neutralKinds are the kinds that every face shows.
func neutralKinds() []Kind {
	return []Kind{
		Latency, HTTP500, HTTP503, HTML, Malformed, Quota, Throttle, Hostile, Refusal, TokenExpired, TokenLapsed, Truncated, CutBefore,
		CutAfter, CutMid, SlowDrip, ApplyLate,
	}
}

// needsToken reports whether only a call with a token can show the kind.
func (k Kind) needsToken() bool {
	switch k {
	case SOAPFault, Quota, SellerDisabled, TokenExpired, TokenLapsed, ErrorMessage, ApplyLate, Problem:
		return true
	default:
		return false
	}
}

// Replaces reports whether the kind answers something else than what the call gives.
func (k Kind) Replaces() bool {
	switch k {
	case HTTP500, HTTP503, SOAPFault, HTML, Malformed, Quota, Throttle, Hostile, Refusal, SellerDisabled, Problem:
		return true
	default:
		return false
	}
}
