// Package cdiscount is the sandbox's Cdiscount face: the token service (STS) and the SOAP service, over a world of orders.
//
// It follows the contract cdiscount-soap.md, whose sections the comments cite; where the contract says INFERRED or is
// silent, the sandbox's README lists what was assumed. It shares no type with the Cdiscount adapter, on purpose: the same
// misreading must not sit on both sides.
package cdiscount

import (
	"bytes"
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
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
	actions   []fault.Action
	serve     func(f *Face, c *call) face.Answer
}

func operations() []operation {
	return []operation{
		{
			name: "GetSellerInformation", own: []string{"DeliveryModes", "OfferPoolList", "Seller"}, actions: []fault.Action{fault.Account},
			serve: (*Face).getSellerInformation,
		},
		{
			name: "GetGlobalConfiguration", own: []string{"CarrierList"}, actions: []fault.Action{fault.Carriers},
			serve: (*Face).getGlobalConfiguration,
		},
		{
			name: "GetProductListByIdentifier", parameter: "identifierRequest", own: []string{"ProductListByIdentifier"}, space: nsProduct,
			nullText: true, actions: []fault.Action{fault.Products}, serve: (*Face).getProductListByIdentifier,
		},
		{
			name: "GetOrderList", parameter: "orderFilter", own: []string{"OrderList"}, actions: []fault.Action{fault.List, fault.Get},
			serve: (*Face).getOrderList,
		},
		{
			name: "ValidateOrderList", parameter: "validateOrderListMessage", own: []string{"ValidateOrderResults"}, write: true,
			actions: []fault.Action{fault.Ship, fault.Decide}, serve: (*Face).validateOrderList,
		},
	}
}

// Face serves the Cdiscount API. Make it with New.
type Face struct {
	face.Sandbox
	operations map[string]operation
	// rendered holds the first orders of each seller as GetOrderList writes them; nil unless Prerender was called. It does
	// not change while the face serves.
	rendered map[string]*rendered
}

// New makes the face.
func New() *Face {
	f := &Face{operations: map[string]operation{}}
	for _, op := range operations() {
		f.operations[op.name] = op
	}
	return f
}

// API names the operations of the service and, as "STS", the token service.
func (f *Face) API() fault.API {
	out := fault.API{
		Name:       api,
		Operations: []fault.Operation{{Name: fault.STS, Actions: []fault.Action{fault.Token}}},
		Kinds:      []fault.Kind{fault.SOAPFault, fault.SellerDisabled, fault.ErrorMessage},
	}
	for _, op := range operations() {
		out.Operations = append(out.Operations, fault.Operation{Name: op.name, Actions: op.actions})
	}
	return out
}

// Credentials are login and password of the API user.
func (f *Face) Credentials(s world.Seller) map[string]string {
	return map[string]string{"login": s.Login, "password": s.Password}
}

// Addresses are those of the two services.
func (f *Face) Addresses() []face.Address {
	return []face.Address{{Title: "Cdiscount STS", Path: STSPath + "/"}, {Title: "Cdiscount service", Path: ServicePath}}
}

// Register adds the face's paths to mux.
func (f *Face) Register(mux *http.ServeMux, s face.Sandbox) {
	f.Sandbox = s
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
		f.countUnknown()
		http.Error(w, "The request is not a SOAP 1.1 message.", http.StatusBadRequest) // WCF answers HTTP 400 without a body
		return
	case !ok:
		f.countUnknown()
		action := strings.Trim(r.Header.Get("SOAPAction"), `"`)
		f.Deliver(w, r, soapFault("a:ActionNotSupported", nsAddressing, "The message with Action '"+action+"' cannot be processed at the "+
			"receiver, due to a ContractFilter mismatch at the EndpointDispatcher. This may be because of either a contract mismatch "+
			"(mismatched Actions between sender and receiver) or a binding/security mismatch between the sender and the receiver."),
			fault.Decision{})
		return
	}
	f.Serve(w, r, face.Exchange{
		Call:    fault.Call{API: api, Operation: c.op.name, Action: c.action(), Seller: c.seller.Account, Orders: c.orderNumbers()},
		Lost:    func(d fault.Decision) { f.recordLost(c, d) },
		Carry:   func(d fault.Decision) face.Answer { return f.carry(c, d) },
		Replace: func(d fault.Decision) face.Answer { return f.replacement(c, d) },
	})
}

// countUnknown counts a call of an operation that the face does not have.
func (f *Face) countUnknown() {
	f.World.CountCall(world.CallKey{API: api, Operation: unknownOperation})
}

// carry carries a call out as the decision has it.
func (f *Face) carry(c *call, d fault.Decision) face.Answer {
	c.fault = string(d.Kind)
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
	return f.answer(c)
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
func (f *Face) answer(c *call) face.Answer {
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
func (f *Face) authorise(c *call) (face.Answer, bool) {
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
	return face.Answer{}, true
}
