package control

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/relaishq/relais/adapters/sandbox/world"
)

// orderView is an order as it really is, with the state that reads show.
type orderView struct {
	world.Order
	VisibleState world.State `json:"visible_state"`
}

func (a *API) view(number string) (orderView, error) {
	truth, ok := a.world.Truth(number)
	visible, alsoOK := a.world.Read(number)
	if !ok || !alsoOK {
		return orderView{}, fmt.Errorf("%w: %s", world.ErrNoOrder, number)
	}
	return orderView{Order: truth, VisibleState: visible.State}, nil
}

// listOrders lists the heads of orders as reads show them, newest first: of ?seller=account (all), in ?state=word (any), of
// ?variety=word (any), at most ?limit=n (all).
func (a *API) listOrders(r *http.Request) (any, error) {
	q := r.URL.Query()
	limit := -1
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("limit=%q is not a positive number", s)
		}
		limit = n
	}
	heads, known := []world.Head{}, false
	for _, s := range a.world.Sellers() {
		if seller := q.Get("seller"); seller != "" && seller != s.Account {
			continue
		}
		known = true
		a.world.Find(s.Account, func(h world.Head) bool {
			if state := q.Get("state"); state != "" && state != string(h.State) {
				return false
			}
			if variety := q.Get("variety"); variety != "" && variety != string(h.Variety) {
				return false
			}
			if limit < 0 || len(heads) < limit {
				heads = append(heads, h)
			}
			return false
		})
	}
	if !known {
		return nil, fmt.Errorf("%w: %s", world.ErrNoSeller, q.Get("seller"))
	}
	return map[string]any{"orders": heads}, nil
}

func (a *API) createOrders(r *http.Request) (any, error) {
	var spec world.Spec
	if err := decode(r, &spec); err != nil {
		return nil, err
	}
	numbers, err := a.world.Create(spec)
	if err != nil {
		return nil, err
	}
	return map[string]any{"numbers": numbers}, nil
}

func (a *API) getOrder(r *http.Request) (any, error) { return a.view(r.PathValue("number")) }

func (a *API) changeOrder(r *http.Request) (any, error) {
	var patch world.Patch
	if err := decode(r, &patch); err != nil {
		return nil, err
	}
	if err := a.world.Update(r.PathValue("number"), patch); err != nil {
		return nil, err
	}
	return a.view(r.PathValue("number"))
}

func (a *API) removeOrder(r *http.Request) (any, error) {
	number := r.PathValue("number")
	if err := a.world.Remove(number); err != nil {
		return nil, err
	}
	return map[string]string{"removed": number}, nil
}
