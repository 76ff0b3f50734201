package control

import (
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// faceView is a face as the control API tells it: what rules can say about it.
type faceView struct {
	Name       string          `json:"name"`
	Operations []operationView `json:"operations"`
	// QuotaTellsDelay says whether the face's volume quota tells how long to wait.
	QuotaTellsDelay bool `json:"quota_tells_delay"`
}

// operationView is an operation of a face, with what it can be for.
type operationView struct {
	Name    string         `json:"name"`
	Actions []fault.Action `json:"actions"`
}

func (a *API) listFaces(*http.Request) (any, error) {
	out := []faceView{}
	for _, f := range a.faces {
		api := f.API()
		v := faceView{Name: api.Name, QuotaTellsDelay: api.QuotaTellsDelay}
		for _, op := range api.Operations {
			v.Operations = append(v.Operations, operationView(op))
		}
		out = append(out, v)
	}
	return map[string]any{"faces": out}, nil
}
