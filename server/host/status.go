package host

import (
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// State is what a slot is doing.
type State int

// The states of a slot.
const (
	Starting   State = iota // the first process is being started
	Serving                 // calls are served
	Restarting              // the process ended or did not start; the next one is on its way
	Stopped                 // the host is stopped
)

// String returns the state's name, for logs.
func (s State) String() string {
	switch s {
	case Starting:
		return "STARTING"
	case Serving:
		return "SERVING"
	case Restarting:
		return "RESTARTING"
	case Stopped:
		return "STOPPED"
	default:
		return "UNKNOWN"
	}
}

// Status is what is known of one adapter at a moment. What comes from the adapter itself is empty until its first generation
// served, and stays as it was when a generation ends.
type Status struct {
	// Name of the adapter, as in its file name.
	Name string
	// DisplayName is the adapter's name for people.
	DisplayName string
	// Marketplace that it speaks to.
	Marketplace string
	// State of the slot.
	State State
	// Generation is the number of the generation that serves, or served last; 0 when none has yet.
	Generation int64
	// Version is that generation's own.
	Version string
	// SHA256 of the binary, in hexadecimal; empty until it was read.
	SHA256 string
	// PID is the process id; 0 when no process serves.
	PID int
	// Protocol that the generation speaks, for example "relais.adapter.v1".
	Protocol string
	// StartTime is when the generation began to serve, UTC.
	StartTime time.Time
	// Leases is how many calls are in flight.
	Leases int
	// Restarts counts the processes that ended or did not start, since Start.
	Restarts int
	// Message says why the adapter is not serving; empty when it is. It may name files of the server.
	Message string
	// Description is what the adapter said of itself. It is shared: do not change it.
	Description *adapterv1.DescribeResponse
}
