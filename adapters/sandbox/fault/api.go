package fault

import "slices"

// Action is what an operation is for, in words that all faces share.
type Action string

// The actions.
const (
	Token    Action = "token"    // get a token
	Account  Action = "account"  // check the connection: tell about the seller's account
	List     Action = "list"     // list orders
	Get      Action = "get"      // read orders that the call names
	Count    Action = "count"    // count orders
	Ship     Action = "ship"     // ship an order, or say that it cannot be
	Decide   Action = "decide"   // accept or refuse an order
	Carriers Action = "carriers" // list the carriers
	Products Action = "products" // look up articles
)

// Actions lists all actions.
func Actions() []Action {
	return []Action{Token, Account, List, Get, Count, Ship, Decide, Carriers, Products}
}

// STS is the operation name of the Cdiscount token service. Any stands for all operations, or all actions, in a rule.
const (
	STS = "STS"
	Any = "*"
)

// API is what rules can say about one face of the sandbox.
type API struct {
	Name       string // of the face: the first segment of its paths
	Operations []Operation
	Kinds      []Kind // that it shows beside those that every face shows
	// QuotaTellsDelay is true when the face's answer of the kind Quota says how long to wait.
	QuotaTellsDelay bool
}

// Operation is one operation of a face.
type Operation struct {
	Name    string   // in the face's words
	Actions []Action // what it can be for; the face tells with each call which it is
}

// shows reports whether a call for that action can fail like that.
func (a API) shows(k Kind, action Action) bool {
	if action == Token && k.needsToken() {
		return false
	}
	return slices.Contains(neutralKinds(), k) || slices.Contains(a.Kinds, k)
}
