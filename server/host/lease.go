package host

import (
	"sync"

	"google.golang.org/grpc"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Lease is the right to make one call on a generation. It does not keep the process alive: should that end, the call fails with
// UNAVAILABLE.
type Lease struct {
	slot       *slot
	generation *generation
	released   sync.Once
}

// Conn returns the connection to the adapter. It must not be used after Release.
func (l *Lease) Conn() grpc.ClientConnInterface { return l.generation.process.Conn() }

// Generation returns the number of the generation.
func (l *Lease) Generation() int64 { return l.generation.number }

// Binary names the release that runs, as "version@sha256" with the hexadecimal hash of its file.
func (l *Lease) Binary() string {
	return l.generation.description.GetVersion() + "@" + l.generation.release.sha256
}

// Description returns what the adapter said of itself. It is shared: do not change it.
func (l *Lease) Description() *adapterv1.DescribeResponse { return l.generation.description }

// Release gives the lease back. Releasing twice is fine.
func (l *Lease) Release() {
	l.released.Do(func() { l.slot.releaseLease(l.generation) })
}
