package shipment

import (
	"time"

	"github.com/relaishq/relais/server/delivery"
)

// Kind is what kind of step an event is; empty is a remark. Storage keeps these words.
type Kind string

// The kinds of steps.
const (
	KindAccepted Kind = "ACCEPTED" // the shipment was taken in
	KindRead     Kind = "READ"     // the order was read
	KindSending  Kind = "SENDING"  // a request is about to leave; without a KindSent after it the server died in between
	KindSent     Kind = "SENT"     // the request left, and its answer came or was lost
	KindFailed   Kind = "FAILED"   // something failed before anything was sent
	KindPerson   Kind = "PERSON"   // somebody did something: retry, cancel, replace
)

// Event is one step in the life of a shipment, and the evidence of it.
type Event struct {
	Time    time.Time
	State   delivery.State // after the step
	Kind    Kind
	Message string // for a person

	Adapter string // through which the step was made; empty for a step without one
	Release string // of that adapter, "version@sha256"; empty where the step failed before one was reached
	Proof

	// Count is how often the step was made with the same result, one after the other; LastTime is the last of them. A new event
	// has neither: storage counts.
	Count    int32
	LastTime time.Time
}

// Proof is what a step sent or saw. The JSON form is what storage keeps.
type Proof struct {
	Requests     []MarketplaceRequest `json:"requests,omitempty"`      // of KindSending; none where the adapter cannot tell
	Outcome      delivery.Outcome     `json:"outcome,omitempty"`       // of KindSent
	NativeReason string               `json:"native_reason,omitempty"` // of KindSent: the marketplace's own code
	Observed     *Observation         `json:"observed,omitempty"`      // of KindRead, and of KindFailed after a read
}

// MarketplaceRequest is a request to the marketplace as a person reads it, every secret masked.
type MarketplaceRequest struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// Observation is what one read of the order showed.
type Observation struct {
	Found           bool     `json:"found"`
	NativeStatus    string   `json:"native_status,omitempty"` // the marketplace's own word
	TrackingNumbers []string `json:"tracking_numbers,omitempty"`
	CancelRequested bool     `json:"cancel_requested,omitempty"`
}
