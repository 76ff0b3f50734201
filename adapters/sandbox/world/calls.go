package world

// CallKey names what is counted as one kind of call.
type CallKey struct {
	API       string // name of the face
	Operation string // in the face's words
	Action    string // what it is for, in words that all faces share; empty when it is none of them
}

// CountCall counts one call.
func (w *World) CountCall(key CallKey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[key]++
}

// Calls returns how often each operation was called.
func (w *World) Calls() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string]int, len(w.calls))
	for key, n := range w.calls {
		out[key.Operation] += n
	}
	return out
}

// CallsByAction returns how often each face was called for each action.
func (w *World) CallsByAction() map[string]map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]map[string]int{}
	for key, n := range w.calls {
		if key.Action == "" {
			continue
		}
		if out[key.API] == nil {
			out[key.API] = map[string]int{}
		}
		out[key.API][key.Action] += n
	}
	return out
}
