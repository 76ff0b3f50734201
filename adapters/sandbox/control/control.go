// Package control serves the sandbox's control API under /sandbox/: read and change the world, inject faults, and read what
// was received. It speaks JSON; errors are {"error": "a sentence"}. The sandbox's README documents it.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// maxBody bounds a request body, in bytes.
const maxBody = 8 << 20

// API is the control API.
type API struct {
	world  *world.World
	faults *fault.Set
	faces  []face.Face
}

// New makes the control API of a world, its faults and its faces.
func New(w *world.World, faults *fault.Set, faces ...face.Face) *API {
	return &API{world: w, faults: faults, faces: faces}
}

// statusError is an error with the HTTP status to answer.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// Register adds the API's paths to mux.
func (a *API) Register(mux *http.ServeMux) {
	for pattern, serve := range map[string]func(r *http.Request) (any, error){
		"GET /sandbox/health":             a.health,
		"GET /sandbox/clock":              a.getClock,
		"POST /sandbox/clock":             a.setClock,
		"GET /sandbox/settings":           a.getSettings,
		"PATCH /sandbox/settings":         a.setSettings,
		"GET /sandbox/sellers":            a.listSellers,
		"POST /sandbox/sellers":           a.putSeller,
		"GET /sandbox/orders":             a.listOrders,
		"POST /sandbox/orders":            a.createOrders,
		"GET /sandbox/orders/{number}":    a.getOrder,
		"PATCH /sandbox/orders/{number}":  a.changeOrder,
		"DELETE /sandbox/orders/{number}": a.removeOrder,
		"GET /sandbox/products":           a.listProducts,
		"POST /sandbox/products":          a.putProduct,
		"DELETE /sandbox/products/{ean}":  a.removeProduct,
		"GET /sandbox/faces":              a.listFaces,
		"GET /sandbox/writes":             a.listWrites,
		"GET /sandbox/calls":              a.listCalls,
		"GET /sandbox/faults":             a.listFaults,
		"POST /sandbox/faults":            a.addFault,
		"DELETE /sandbox/faults":          a.clearFaults,
		"DELETE /sandbox/faults/{id}":     a.removeFault,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			body, err := serve(r)
			if err != nil {
				writeError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, body)
		})
	}
	mux.HandleFunc("/sandbox/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &statusError{http.StatusNotFound, fmt.Errorf("the control API has no %s %s", r.Method, r.URL.Path)})
	})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(body) // fails only when the client has gone
}

func writeError(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	var withStatus *statusError
	switch {
	case errors.As(err, &withStatus):
		status = withStatus.status
	case errors.Is(err, world.ErrNoOrder), errors.Is(err, world.ErrNoSeller):
		status = http.StatusNotFound
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

// decode reads the body into v and refuses fields that v does not have, so that a misspelt one is noticed.
func decode(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("the body is not what %s %s takes: %w", r.Method, r.URL.Path, err)
	}
	return nil
}

func (a *API) health(*http.Request) (any, error) { return map[string]string{"status": "ok"}, nil }

// clock is the world's time on the wire.
type clock struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
}

func (a *API) getClock(*http.Request) (any, error) {
	c := a.world.Clock()
	return clock{Now: c.Now(), Frozen: c.Frozen()}, nil
}

func (a *API) setClock(r *http.Request) (any, error) {
	var move struct {
		Advance *world.Duration `json:"advance"`
		Set     *time.Time      `json:"set"`
		Frozen  *bool           `json:"frozen"`
	}
	if err := decode(r, &move); err != nil {
		return nil, err
	}
	c := a.world.Clock()
	if move.Set != nil {
		if err := c.Set(*move.Set); err != nil {
			return nil, err
		}
	}
	if move.Advance != nil {
		if err := c.Advance(time.Duration(*move.Advance)); err != nil {
			return nil, err
		}
	}
	if move.Frozen != nil {
		c.Freeze(*move.Frozen)
	}
	return a.getClock(r)
}

func (a *API) getSettings(*http.Request) (any, error) { return a.world.Settings(), nil }

func (a *API) setSettings(r *http.Request) (any, error) {
	next := a.world.Settings() // fields that the body leaves out stay
	if err := decode(r, &next); err != nil {
		return nil, err
	}
	if err := a.world.SetSettings(next); err != nil {
		return nil, err
	}
	return next, nil
}

func (a *API) listProducts(*http.Request) (any, error) {
	return map[string]any{"products": a.world.Products()}, nil
}

func (a *API) putProduct(r *http.Request) (any, error) {
	var p world.Product
	if err := decode(r, &p); err != nil {
		return nil, err
	}
	if err := a.world.PutProduct(p); err != nil {
		return nil, err
	}
	return p, nil
}

func (a *API) removeProduct(r *http.Request) (any, error) {
	ean := r.PathValue("ean")
	if !a.world.RemoveProduct(ean) {
		return nil, &statusError{http.StatusNotFound, fmt.Errorf("no product has the EAN %q", ean)}
	}
	return map[string]string{"removed": ean}, nil
}

// listWrites lists the writes behind ?after=sequence, of ?order=number and ?seller=account, with ?doubled=true only those.
func (a *API) listWrites(r *http.Request) (any, error) {
	q := r.URL.Query()
	onlyDoubled := q.Get("doubled") == "true"
	after := int64(0)
	if s := q.Get("after"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("after=%q is not a number", s)
		}
		after = n
	}
	out := []world.Write{}
	for _, w := range a.world.Writes() {
		if w.Sequence > after && (q.Get("order") == "" || q.Get("order") == w.Order) &&
			(q.Get("seller") == "" || q.Get("seller") == w.Seller) && (w.Doubled || !onlyDoubled) {
			out = append(out, w)
		}
	}
	return map[string]any{"writes": out}, nil
}

func (a *API) listCalls(*http.Request) (any, error) {
	return map[string]any{"calls": a.world.Calls(), "by_action": a.world.CallsByAction()}, nil
}

func (a *API) listFaults(*http.Request) (any, error) {
	hits := a.faults.Hits()
	if hits == nil {
		hits = []fault.Hit{}
	}
	return map[string]any{"faults": a.faults.Rules(), "hits": hits}, nil
}

func (a *API) addFault(r *http.Request) (any, error) {
	var rule fault.Rule
	if err := decode(r, &rule); err != nil {
		return nil, err
	}
	return a.faults.Add(rule)
}

func (a *API) clearFaults(*http.Request) (any, error) {
	return map[string]int{"removed": a.faults.Clear()}, nil
}

func (a *API) removeFault(r *http.Request) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || !a.faults.Remove(id) {
		return nil, &statusError{http.StatusNotFound, fmt.Errorf("no fault has the id %q", r.PathValue("id"))}
	}
	return map[string]int{"removed": 1}, nil
}
