// Package octopia is the sandbox's Octopia face: the token route and the Seller REST API v2, over a world of orders.
//
// It follows the contract octopia-rest.md, whose sections the comments cite, above all 13b; where the contract lists
// something as uncertain, a setting of the world chooses, and the sandbox's README lists what was assumed. It shares no type
// with the Octopia adapter, on purpose: the same misreading must not sit on both sides.
package octopia

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// The paths of the face.
const (
	TokenPath = "/octopia/auth/realms/maas/protocol/openid-connect/token"
	APIPath   = "/octopia/seller/v2"
)

// api is the name of the face in rules and in the log of writes.
const api = "octopia"

// maxRequest bounds a request body, in bytes.
const maxRequest = 1 << 20

// unknownOperation counts calls of routes that the face does not have.
const unknownOperation = "unknown route"

// route is one route of the API. Its name in rules and counters is method and path.
type route struct {
	method, path string
	action       fault.Action
	serve        func(f *Face, c *call) face.Answer
	// describe tells what a write asks for, as far as its body can be read; nil for routes that change nothing.
	describe func(f *Face, c *call) world.Write
}

func (r route) name() string { return r.method + " " + r.path }

func routes() []route {
	return []route{
		{method: http.MethodGet, path: "/sellers", action: fault.Account, serve: (*Face).getSeller},
		{method: http.MethodGet, path: "/carriers", action: fault.Carriers, serve: (*Face).listCarriers},
		{method: http.MethodGet, path: "/products", action: fault.Products, serve: (*Face).listProducts},
		{method: http.MethodGet, path: "/orders", action: fault.List, serve: (*Face).listOrders},
		{method: http.MethodGet, path: "/orders/count", action: fault.Count, serve: (*Face).countOrders},
		{method: http.MethodGet, path: "/orders/{orderId}", action: fault.Get, serve: (*Face).getOrder},
		{
			method: http.MethodPost, path: "/orders/{orderId}/approval-status", action: fault.Decide, serve: (*Face).approve,
			describe: (*Face).describeApproval,
		},
		{
			method: http.MethodPost, path: "/orders/{orderId}/shipments", action: fault.Ship, serve: (*Face).ship,
			describe: (*Face).describeShipment,
		},
	}
}

// Face serves the Octopia API. Make it with New.
type Face struct {
	face.Sandbox
}

// New makes the face.
func New() *Face { return &Face{} }

// API names the routes and the token route.
func (f *Face) API() fault.API {
	out := fault.API{
		Name:       api,
		Operations: []fault.Operation{{Name: tokenOperation, Actions: []fault.Action{fault.Token}}},
		Kinds:      []fault.Kind{fault.Problem},
		// "Quota will be replenished in 00:11:35." (octopia-rest.md 2)
		QuotaTellsDelay: true,
	}
	for _, r := range routes() {
		out.Operations = append(out.Operations, fault.Operation{Name: r.name(), Actions: []fault.Action{r.action}})
	}
	return out
}

// Credentials are those of the client that the seller delegates to, and the seller's number.
func (f *Face) Credentials(s world.Seller) map[string]string {
	return map[string]string{"client_id": s.ClientID, "client_secret": s.ClientSecret, "seller_id": s.SellerID}
}

// Addresses are those of the token route and of the API.
func (f *Face) Addresses() []face.Address {
	return []face.Address{{Title: "Octopia token", Path: TokenPath}, {Title: "Octopia API", Path: APIPath}}
}

// Register adds the face's paths to mux.
func (f *Face) Register(mux *http.ServeMux, s face.Sandbox) {
	f.Sandbox = s
	mux.HandleFunc(http.MethodPost+" "+TokenPath, f.serveToken)
	for _, r := range routes() {
		mux.HandleFunc(r.method+" "+APIPath+r.path, func(w http.ResponseWriter, req *http.Request) { f.serveRoute(w, req, r) })
	}
	mux.HandleFunc("/"+api+"/", func(w http.ResponseWriter, req *http.Request) {
		f.World.CountCall(world.CallKey{API: api, Operation: unknownOperation})
		f.Deliver(w, req, gatewayError(http.StatusNotFound, "Resource not found"), fault.Decision{})
	})
}

// call is one call of a route.
type call struct {
	route
	request *http.Request
	body    []byte
	token   string
	seller  world.Seller // of the SellerId header; empty when there is none
	order   string       // of the path; empty when it names none
	fault   string       // kind of the injected fault; empty means none
	late    time.Duration
}

// serveRoute answers one call of the API.
func (f *Face) serveRoute(w http.ResponseWriter, r *http.Request, to route) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxRequest)); err != nil {
		f.Deliver(w, r, problem{Status: http.StatusBadRequest, Title: "The request could not be read"}.answer(), fault.Decision{})
		return
	}
	c := &call{route: to, request: r, body: body.Bytes(), order: r.PathValue("orderId")}
	if token, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); isBearer {
		c.token = token
	}
	c.seller, _ = f.World.SellerByID(r.Header.Get("SellerId"))
	about := fault.Call{API: api, Operation: to.name(), Action: to.action, Seller: c.seller.Account}
	if c.order != "" {
		about.Orders = []string{c.order}
	}
	f.Serve(w, r, face.Exchange{
		Call: about,
		Lost: func(d fault.Decision) {
			c.fault = string(d.Kind)
			f.refuse(c, nil)
		},
		Carry:   func(d fault.Decision) face.Answer { return f.carry(c, d) },
		Replace: func(d fault.Decision) face.Answer { return f.replacement(c, d) },
	})
}

// carry carries a call out as the decision has it.
func (f *Face) carry(c *call, d fault.Decision) face.Answer {
	c.fault = string(d.Kind)
	switch d.Kind {
	case fault.TokenExpired:
		f.World.ForgetToken(c.token)
	case fault.TokenLapsed:
		f.World.ExpireToken(c.token)
	case fault.ApplyLate:
		c.late = d.Params.Pause()
	}
	if p := f.authorise(c); p != nil {
		return f.refuse(c, p)
	}
	return c.serve(f, c)
}

// authorise checks token, seller and delegation, in this order; nil means that the call may go on.
func (f *Face) authorise(c *call) *problem {
	client, state := f.World.ClientToken(c.token)
	asked := c.request.Header.Get("SellerId")
	switch {
	case state != world.TokenValid:
		return &problem{Status: http.StatusUnauthorized, Title: "Unauthorized"}
	case asked == "":
		return invalid("SellerId", "The SellerId field is required.")
	case strings.Trim(asked, "0123456789") != "":
		return invalid("SellerId", "The value '"+asked+"' is not valid for SellerId.")
	case c.seller.Account == "" || c.seller.ClientID != client || !c.seller.Delegated:
		return &problem{Status: http.StatusForbidden, Title: "Forbidden", Detail: "The client is not allowed for this seller"}
	case !c.seller.MayCall(c.name()):
		return &problem{Status: http.StatusForbidden, Title: "Forbidden", Detail: "The client is not allowed for this resource"}
	default:
		return nil
	}
}
