// Package market is the sandbox face of an invented marketplace, the bazaar: a small JSON API in two versions over the sandbox's
// world of orders. It exists to prove that a marketplace nobody planned for can be added. It shares no type with the adapter of
// package example.
package market

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// api is the name of the face.
const api = "bazaar"

// version is what differs between the two versions of the API beside the order's shape.
type version struct {
	prefix, orders string // of the paths
	secret         func(world.Seller) string
	next           bool // the second version
}

func versions() []version {
	return []version{
		{prefix: "/bazaar/v1", orders: "orders", secret: func(s world.Seller) string { return s.Password }},
		{prefix: "/bazaar/v2", orders: "sales", secret: func(s world.Seller) string { return s.ClientSecret }, next: true},
	}
}

// route is one operation, in each version.
type route struct {
	method, path string // {orders} stands for the version's word
	action       fault.Action
	write        world.Action // empty for reads
	serve        func(f *Face, c *call) face.Answer
}

func routes() []route {
	return []route{
		{method: "POST", path: "/login", action: fault.Token, serve: (*Face).login},
		{method: "GET", path: "/shop", action: fault.Account, serve: (*Face).shop},
		{method: "GET", path: "/{orders}", action: fault.List, serve: (*Face).list},
		{method: "GET", path: "/{orders}/count", action: fault.Count, serve: (*Face).count},
		{method: "GET", path: "/{orders}/{id}", action: fault.Get, serve: (*Face).get},
		{method: "POST", path: "/{orders}/{id}/ship", action: fault.Ship, write: world.Ship, serve: (*Face).decide},
		{method: "POST", path: "/{orders}/{id}/accept", action: fault.Decide, write: world.Accept, serve: (*Face).decide},
		{method: "POST", path: "/{orders}/{id}/refuse", action: fault.Decide, write: world.Refuse, serve: (*Face).decide},
		{method: "GET", path: "/carriers", action: fault.Carriers, serve: (*Face).carriers},
		{method: "GET", path: "/articles", action: fault.Products, serve: (*Face).articles},
	}
}

// name is the operation's name in rules and counters.
func (r route) name(v version) string {
	return r.method + " " + v.prefix + strings.ReplaceAll(r.path, "{orders}", v.orders)
}

// Face serves both versions.
type Face struct{ face.Sandbox }

var _ face.Face = (*Face)(nil)

// New makes the face, for emulator.Config.Faces.
func New() *Face { return &Face{} }

// API names the operations.
func (*Face) API() fault.API {
	out := fault.API{Name: api, QuotaTellsDelay: true}
	for _, v := range versions() {
		for _, r := range routes() {
			out.Operations = append(out.Operations, fault.Operation{Name: r.name(v), Actions: []fault.Action{r.action}})
		}
	}
	return out
}

// Credentials are those of both versions.
func (*Face) Credentials(s world.Seller) map[string]string {
	return map[string]string{"shop": s.SellerID, "password": s.Password, "client_secret": s.ClientSecret}
}

// Addresses are the roots of both versions.
func (*Face) Addresses() []face.Address {
	return []face.Address{{Title: "Bazaar", Path: "/bazaar/v1"}, {Title: "Bazaar, next", Path: "/bazaar/v2"}}
}

// Register adds the paths to mux.
func (f *Face) Register(mux *http.ServeMux, s face.Sandbox) {
	f.Sandbox = s
	for _, v := range versions() {
		for _, r := range routes() {
			mux.HandleFunc(r.name(v), func(w http.ResponseWriter, req *http.Request) { f.handle(w, req, v, r) })
		}
	}
}

// call is one call.
type call struct {
	route
	version version
	request *http.Request
	body    []byte
	token   string
	seller  world.Seller
	order   string // as the world knows it; empty when the path names none
	fault   fault.Decision
}

// handle answers one call under the faults in force.
func (f *Face) handle(w http.ResponseWriter, req *http.Request, v version, r route) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
	if err != nil {
		return
	}
	c := &call{route: r, version: v, request: req, body: body, token: req.Header.Get("X-Token")}
	c.order = req.PathValue("id")
	if v.next {
		c.order = strings.TrimPrefix(c.order, renamed)
	}
	c.seller, _ = f.World.SellerByID(req.Header.Get("X-Shop"))
	about := fault.Call{API: api, Operation: r.name(v), Action: r.action, Seller: c.seller.Account}
	if c.order != "" {
		about.Orders = []string{c.order}
	}
	f.Serve(w, req, face.Exchange{
		Call: about,
		Lost: func(d fault.Decision) {
			c.fault = d
			if c.write != "" {
				f.World.Record(c.entry())
			}
		},
		Carry:   func(d fault.Decision) face.Answer { return f.carry(c, d) },
		Replace: func(d fault.Decision) face.Answer { return f.replace(c, d) },
	})
}

// carry carries a call out.
func (f *Face) carry(c *call, d fault.Decision) face.Answer {
	c.fault = d
	switch d.Kind {
	case fault.TokenExpired:
		f.World.ForgetToken(c.token)
	case fault.TokenLapsed:
		f.World.ExpireToken(c.token)
	}
	if c.action == fault.Token {
		return c.serve(f, c)
	}
	owner, state := f.World.Token(c.token)
	switch {
	case state != world.TokenValid || owner.Account != c.seller.Account:
		return refused(http.StatusUnauthorized, "token", "Log in again.")
	case c.seller.State == world.Deactivated || c.seller.Disabled:
		return refused(http.StatusForbidden, "closed", "The shop is closed.")
	}
	return c.serve(f, c)
}

// login gives a token for a shop's secret.
func (f *Face) login(c *call) face.Answer {
	var asked struct{ Secret string }
	if json.Unmarshal(c.body, &asked) != nil || c.seller.Account == "" || asked.Secret != c.version.secret(c.seller) {
		return refused(http.StatusForbidden, "login", "Shop or secret are wrong.")
	}
	token := rand.Text()
	f.World.AddToken(c.seller.Account, token)
	return answer(map[string]any{"token": token, "seconds": 3600})
}

// shop tells about the account.
func (f *Face) shop(c *call) face.Answer {
	return answer(map[string]any{"shop": c.seller.SellerID, "name": c.seller.ShopName, "accepts_by_itself": c.seller.AutoAccept})
}

// carriers lists the carriers.
func (f *Face) carriers(*call) face.Answer {
	return answer(map[string]any{"carriers": []string{"Colissimo", "Mondial Relay", "Chronopost", "Caravane"}})
}

// articles answers for the articles that the catalogue knows.
func (f *Face) articles(c *call) face.Answer {
	known := []map[string]string{}
	for _, ean := range c.request.URL.Query()["ean"] {
		if p, ok := f.World.Product(ean); ok {
			known = append(known, map[string]string{"ean": ean, "colour": p.Colour, "size": p.Size})
		}
	}
	return answer(map[string]any{"articles": known})
}

// jsonContent is the content type of everything that is not broken on purpose.
const jsonContent = "application/json"

// answer is a good answer.
func answer(body any) face.Answer {
	text, err := json.Marshal(body)
	if err != nil {
		return refused(http.StatusInternalServerError, "bug", err.Error())
	}
	return face.Text(http.StatusOK, jsonContent, string(text))
}

// refused is an answer that says no.
func refused(status int, code, text string) face.Answer {
	said, _ := json.Marshal(map[string]any{"error": map[string]string{"code": code, "text": text}}) // texts always encode
	return face.Text(status, jsonContent, string(said))
}
