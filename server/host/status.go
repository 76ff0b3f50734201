package host

import (
	"cmp"
	"maps"
	"slices"
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
	CrashLooping              // processes end again and again, or none can be started: calls are refused at once, and one process is tried now and then
	Unloaded                  // the operator took the adapter out of service, or has not loaded it since its file came
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
	// Retiring are the generations that served before, pinned stores or all, and have calls to finish, the oldest first.
	Retiring []Generation
	// Desired is which release the slot is meant to serve.
	Desired release.Desired
	// Pins are the stores that are held on a release, ordered by store; also those that ended before their time.
	Pins []Pin
	// LastSwap is the swap that is under way, or was last, also before Start; nil when there was none.
	LastSwap *LastSwap
	// Restarts counts the processes that ended or did not start, since Start, those of pinned stores left out.
	Restarts int
	// LastRestart is the last of these; zero when there was none.
	LastRestart Restart
	// RetryTime is when the next process is started, UTC; zero when one serves or is being started.
	RetryTime time.Time
	// Message says why the adapter is not serving; empty when it is. It may name files of the server.
	Message string
	// Description is what the adapter said of itself. It is shared: do not change it.
	Description *adapterv1.DescribeResponse
}

// Restart is the end of a process that served, or the failure to start one.
type Restart struct {
	// Time is when it was noticed, UTC.
	Time time.Time
	// Reason says why, as Status.Message does.
	Reason string
}

// Pin is a store that is held on a release.
type Pin struct {
	// Pin as it was saved.
	release.Pin
	// State of the release's own processes; Stopped when the pin ended before its time.
	State State
	// Message says why the store's calls do not go to the release; empty when they do.
	Message string
	// Generation that serves the store, or served it last; the zero Generation when none did since the server started.
	Generation Generation
	// Restarts counts the release's own processes that ended or did not start, since it runs beside the one that serves.
	Restarts int
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
	// RetireTime is since when it gets no new calls and finishes those that it has, UTC; zero while it serves.
	RetireTime time.Time
	// RetireDeadline is when it is ended with the calls that it still has then, UTC; zero while it serves.
	RetireDeadline time.Time
	// Leases is how many calls are in flight.
	Leases int
	// Unresponsive is true while it owes the watchdog an answer: new calls wait until it comes, or the process is replaced.
	Unresponsive bool
}

// status describes the slot.
func (s *slot) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{
		Name: s.name, DisplayName: s.name, State: s.state, Restarts: s.restarts, LastRestart: s.restart, Message: s.message, Desired: s.desired,
		Generation: Generation{Release: s.desired.Release},
	}
	if !s.retryAt.IsZero() {
		status.RetryTime = s.retryAt.UTC()
	}
	if g := s.last; g != nil {
		status.DisplayName, status.Marketplace = g.description.GetDisplayName(), g.description.GetMarketplace()
		status.Description = g.description
		status.Generation = s.lastLocked()
	}
	if s.lastSwap != nil {
		last := *s.lastSwap
		status.LastSwap = &last
	}
	for _, slot := range append([]*slot{s}, s.canaries...) {
		for _, g := range slot.retiring {
			retires := g.statusLocked()
			retires.RetireTime, retires.RetireDeadline = g.retireAt, g.retireAt.Add(s.cfg.RetireTimeout)
			status.Retiring = append(status.Retiring, retires)
		}
	}
	slices.SortFunc(status.Retiring, func(a, b Generation) int { return cmp.Compare(a.Number, b.Number) })
	for _, store := range slices.Sorted(maps.Keys(s.pins)) {
		status.Pins = append(status.Pins, s.pins[store].statusLocked())
	}
	return status
}

// lastLocked describes the generation that serves, or served last.
func (s *slot) lastLocked() Generation {
	last := s.last.statusLocked()
	if s.last != s.serving {
		last.PID, last.Leases, last.Unresponsive = 0, 0, false
	}
	return last
}

func (p *pin) statusLocked() Pin {
	status := Pin{Pin: p.Pin, State: Stopped, Message: p.Ended}
	if c := p.canary; c != nil {
		status.State, status.Message, status.Restarts = c.state, c.message, c.restarts
		if c.last != nil {
			status.Generation = c.lastLocked()
		}
	}
	return status
}

func (g *generation) statusLocked() Generation {
	return Generation{
		Number: g.number, Release: g.release, PID: g.process.PID(), Protocol: handshake.ProtocolName,
		StartTime: g.startTime, Leases: g.leases, Unresponsive: g.unresponsive,
	}
}
