package host

import (
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host/release"
)

// State is what a slot is doing.
type State int

// The states of a slot.
const (
	Starting     State = iota // the first process is being started
	Serving                   // calls are served
	Restarting                // the process ended or did not start; the next one is on its way
	CrashLooping              // processes end again and again: calls are refused at once, and one process is tried now and then
	Unloaded                  // the operator took the adapter out of service
	Stopped                   // the host is stopped
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
	case CrashLooping:
		return "CRASH_LOOPING"
	case Unloaded:
		return "UNLOADED"
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
	// Generation that serves, or served last; the zero Generation when none has yet.
	Generation Generation
	// Retiring are the generations that served before and have calls to finish, the oldest first.
	Retiring []Generation
	// Desired is which release the slot is meant to serve.
	Desired release.Desired
	// Restarts counts the processes that ended or did not start, since Start.
	Restarts int
	// RetryTime is when the next process is started, UTC; zero when one serves or is being started.
	RetryTime time.Time
	// Message says why the adapter is not serving; empty when it is. It may name files of the server.
	Message string
	// Description is what the adapter said of itself. It is shared: do not change it.
	Description *adapterv1.DescribeResponse
}

// Generation is one process of an adapter.
type Generation struct {
	// Number counts the processes that were started, from 1.
	Number int64
	// Release that it runs.
	Release release.Release
	// PID is the process id; 0 when the process ended.
	PID int
	// Protocol that it speaks, for example "relais.adapter.v1".
	Protocol string
	// StartTime is when it began to serve, UTC.
	StartTime time.Time
	// Leases is how many calls are in flight.
	Leases int
}

// status describes the slot.
func (s *slot) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{
		Name: s.name, DisplayName: s.name, State: s.state, Restarts: s.restarts, Message: s.message, Desired: s.desired,
		Generation: Generation{Release: s.desired.Release},
	}
	if !s.retryAt.IsZero() {
		status.RetryTime = s.retryAt.UTC()
	}
	if g := s.last; g != nil {
		status.DisplayName, status.Marketplace = g.description.GetDisplayName(), g.description.GetMarketplace()
		status.Description = g.description
		status.Generation = g.statusLocked()
		if g != s.serving {
			status.Generation.PID, status.Generation.Leases = 0, 0
		}
	}
	for _, g := range s.retiring {
		status.Retiring = append(status.Retiring, g.statusLocked())
	}
	return status
}

func (g *generation) statusLocked() Generation {
	return Generation{
		Number: g.number, Release: g.release, PID: g.process.PID(), Protocol: handshake.ProtocolName,
		StartTime: g.startTime, Leases: g.leases,
	}
}
