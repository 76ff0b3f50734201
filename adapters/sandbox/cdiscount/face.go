// Package cdiscount is the sandbox's Cdiscount face: the token service (STS) and the SOAP service, over a world of orders.
//
// It follows the contract cdiscount-soap.md, whose sections the comments cite; where the contract says INFERRED or is
// silent, the sandbox's README lists what was assumed. It shares no type with the Cdiscount adapter, on purpose: the same
// misreading must not sit on both sides.
package cdiscount

import (
	"bytes"
	"cmp"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// The paths of the face. The STS answers with and without a slash at the end.
const (
	STSPath     = "/cdiscount/users/httpIssue.svc"
	ServicePath = "/cdiscount/MarketplaceAPIService.svc"
)

// api is the name of the face in the log of writes.
const api = "cdiscount"

// actionPrefix precedes the operation's name in SOAPAction (cdiscount-soap.md 1).
const actionPrefix = nsData + "/IMarketplaceAPIService/"

// maxRequest bounds a request body, in bytes.
const maxRequest = 4 << 20

// unknownOperation counts calls of operations that the face does not have.
const unknownOperation = "unknown"

// operation is one operation of the service.
type operation struct {
	name      string
	parameter string   // element that holds the parameter; empty when there is none
	own       []string // the operation's own result fields
	space     string   // namespace of the own fields; empty means nsData
	nullText  bool     // an ErrorMessage without text is null, not empty (cdiscount-soap.md 3.3)
	write     bool     // it changes orders
	serve     func(f *Face, c *call) answer
}

func operations() []operation {
	return []operation{
		{name: "GetSellerInformation", own: []string{"DeliveryModes", "OfferPoolList", "Seller"}, serve: (*Face).getSellerInformation},
		{name: "GetGlobalConfiguration", own: []string{"CarrierList"}, serve: (*Face).getGlobalConfiguration},
		{
			name: "GetProductListByIdentifier", parameter: "identifierRequest", own: []string{"ProductListByIdentifier"}, space: nsProduct,
			nullText: true, serve: (*Face).getProductListByIdentifier,
		},
		{name: "GetOrderList", parameter: "orderFilter", own: []string{"OrderList"}, serve: (*Face).getOrderList},
		{
			name: "ValidateOrderList", parameter: "validateOrderListMessage", own: []string{"ValidateOrderResults"}, write: true,
			serve: (*Face).validateOrderList,
		},
	}
}

// Operations lists the names that fault rules and counters use.
func Operations() []string {
	out := []string{fault.STS}
	for _, op := range operations() {
		out = append(out, op.name)
	}
	return out
}

// Config is what the face needs. All fields are required.
type Config struct {
	World  *world.World
	Faults *fault.Set
	Log    *slog.Logger
	// Done ends waits that faults ask for; it is closed when the sandbox stops.
	Done <-chan struct{}
}

// Face serves the Cdiscount API.
type Face struct {
	Config
	operations map[string]operation
	// rendered holds the first orders of each seller as GetOrderList writes them; nil unless Prerender was called. It does
	// not change while the face serves.
	rendered map[string]*rendered
}

// New makes the face.
func New(cfg Config) *Face {
	f := &Face{Config: cfg, operations: map[string]operation{}}
	for _, op := range operations() {
		f.operations[op.name] = op
	}
	return f
}

// Register adds the face's paths to mux.
func (f *Face) Register(mux *http.ServeMux) {
	mux.HandleFunc(STSPath, f.serveSTS)
	mux.HandleFunc(STSPath+"/", f.serveSTS)
	mux.HandleFunc(ServicePath, f.serveService)
}

// call is one call of an operation.
type call struct {
	op     operation
	root   *element // the operation's element
	header map[string]*element
	token  string
	seller world.Seller
	fault  string // kind of the injected fault; empty means none
	// warning is an ErrorMessage next to a good result.
	warning string
	// late is how long after the call, in world time, its writes are carried out; zero means at once.
	late time.Duration
}

// base returns the fields that the result of a successful call begins with.
func (c *call) base() base { return base{seller: c.seller, token: c.token, message: c.warning} }

// parameter returns the operation's parameter, nil when it is absent or came before the header.
func (c *call) parameter() *element {
	return members(c.root, nsData, "headerMessage", c.op.parameter)[c.op.parameter]
}

// serveService answers one SOAP call.
func (f *Face) serveService(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "The service takes POST only; the sandbox serves no WSDL.", http.StatusMethodNotAllowed)
		return
	}
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media), "text/xml") {
		http.Error(w, "Cannot process the message because the content type was not the expected type 'text/xml; charset=utf-8'.",
			http.StatusUnsupportedMediaType)
		return
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxRequest)); err != nil {
		http.Error(w, "The request could not be read.", http.StatusBadRequest)
		return
	}
	c, ok := f.open(body.Bytes(), r.Header.Get("SOAPAction"))
	switch {
	case c == nil:
		f.World.CountCall(unknownOperation)
		http.Error(w, "The request is not a SOAP 1.1 message.", http.StatusBadRequest) // WCF answers HTTP 400 without a body
		return
	case !ok:
		f.World.CountCall(unknownOperation)
		action := strings.Trim(r.Header.Get("SOAPAction"), `"`)
		f.deliver(w, r, soapFault("a:ActionNotSupported", nsAddressing, "The message with Action '"+action+"' cannot be processed at the "+
			"receiver, due to a ContractFilter mismatch at the EndpointDispatcher. This may be because of either a contract mismatch "+
			"(mismatched Actions between sender and receiver) or a binding/security mismatch between the sender and the receiver."),
			fault.Decision{})
		return
	}
	f.World.CountCall(c.op.name)
	d := f.Faults.Decide(fault.Call{Operation: c.op.name, Seller: c.seller.Account, Orders: c.orderNumbers()})
	c.fault = string(d.Kind)
	f.Log.LogAttrs(r.Context(), slog.LevelDebug, "soap call", slog.String("operation", c.op.name),
		slog.String("seller", c.seller.Account), slog.String("fault", c.fault))
	f.run(w, r, c, d)
}

// run carries a call out as the decision has it.
func (f *Face) run(w http.ResponseWriter, r *http.Request, c *call, d fault.Decision) {
	if !f.wait(d.Before) {
		hangUp(w)
		return
	}
	switch {
	case d.Kind == fault.CutBefore:
		f.recordLost(c)
		hangUp(w)
		return
	case d.Replaces() && !d.Params.Apply:
		f.recordLost(c)
		f.deliver(w, r, f.replacement(c, d), d)
		return
	}
	switch d.Kind {
	case fault.TokenExpired:
		f.World.ForgetToken(c.token)
	case fault.TokenLapsed:
		f.World.ExpireToken(c.token)
	case fault.ErrorMessage:
		c.warning = cmp.Or(d.Params.Text, mailAliasText)
	case fault.ApplyLate:
		c.late = d.Params.Pause()
	}
	a := f.answer(c)
	if d.Replaces() {
		a = f.replacement(c, d)
	}
	if !f.wait(d.After) {
		hangUp(w)
		return
	}
	f.deliver(w, r, a, d)
}

// mailAliasText is an ErrorMessage next to good orders; a warning about mail aliases was reported (cdiscount-soap.md 4.1).
const mailAliasText = "Certains alias de messagerie n'ont pas pu être générés."

// open reads the request. The call is nil when it is no SOAP message; ok is false when body and SOAPAction name no
// operation, or two.
func (f *Face) open(body []byte, soapAction string) (c *call, ok bool) {
	root, err := parse(bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	element, err := operationElement(root)
	if err != nil {
		return nil, false
	}
	op, known := f.operations[element.name.Local]
	c = &call{op: op, root: element}
	if !known || element.name.Space != nsData || strings.Trim(soapAction, `"`) != actionPrefix+op.name {
		return c, false
	}
	c.header = members(members(element, nsData, "headerMessage")["headerMessage"], nsCore, "Context", "Localization", "Security", "Version")
	security := members(c.header["Security"], nsCore,
		"DomainRightsList", "IssuerID", "SessionID", "SubjectLocality", "TokenId", "UserName")
	c.token = (&reader{members: security}).text("TokenId")
	c.seller, _ = f.World.Token(c.token)
	return c, true
}

// answer checks token and header and carries the operation out.
func (f *Face) answer(c *call) answer {
	if a, ok := f.authorise(c); !ok {
		f.recordRefused(c, "RequestTokenValidationError")
		return a
	}
	if err := checkHeader(c.header); err != nil {
		f.recordRefused(c, "DeserializationFailed")
		return deserializationFailed("headerMessage", err)
	}
	if c.seller.Disabled {
		f.recordRefused(c, "SellerDisabled")
		return refusal(c.op, base{message: sellerDisabledText, anonymous: true})
	}
	return c.op.serve(f, c)
}

const sellerDisabledText = "Vendeur désactivé"

// authorise checks format, existence, expiry and right, in this order (cdiscount-soap.md 14.2). The text of expiry is only
// known in part.
func (f *Face) authorise(c *call) (answer, bool) {
	if len(c.token) != 32 || strings.Trim(strings.ToLower(c.token), "0123456789abcdef") != "" {
		return tokenFault("Token id is not correctly formatted."), false
	}
	seller, state := f.World.Token(c.token)
	switch state {
	case world.TokenValid:
	case world.TokenExpired:
		return tokenFault("Your token has expired, please renew your token id."), false
	default:
		return tokenFault("Your token does not exist, please renew your token id."), false
	}
	c.seller = seller
	if !seller.MayCall(c.op.name) {
		t := c.token
		return tokenFault("User is not authorized to access to this resource (Token used: '" +
			strings.Join([]string{t[:8], t[8:12], t[12:16], t[16:20], t[20:]}, "-") +
			"', Resource: (Service: 'marketplaceapiservice.svc' / Action: '" + actionPrefix + c.op.name + "'))."), false
	}
	return answer{}, true
}

// replacement is what the fault answers instead.
func (f *Face) replacement(c *call, d fault.Decision) answer {
	p := d.Params
	switch d.Kind {
	case fault.HTTP500:
		return fixed(http.StatusInternalServerError, "text/html; charset=utf-8", p.Body)
	case fault.HTTP503:
		return fixed(http.StatusServiceUnavailable, "text/html; charset=utf-8", p.Body)
	case fault.HTML:
		return htmlPage(p)
	case fault.Malformed:
		return malformed(p)
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

func htmlPage(p fault.Params) answer {
	status, body := http.StatusOK, p.Body
	if p.Status != 0 {
		status = p.Status
	}
	if body == "" {
		body = `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Maintenance</title></head><body>Site en maintenance<br>&eacute;</body></html>`
	}
	return fixed(status, "text/html; charset=utf-8", body)
}

func malformed(p fault.Params) answer {
	body := p.Body
	if body == "" {
		body = `<s:Envelope xmlns:s="` + nsSOAP + `"><s:Body><Broken & < /s:Body>`
	}
	return fixed(http.StatusOK, xmlContent, body)
}

// wait waits and reports whether the sandbox is still running. A client that gives up meanwhile does not end it: the real
// service would not notice either.
func (f *Face) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.Done:
		return false
	}
}
