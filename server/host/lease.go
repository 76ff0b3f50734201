package host

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// Lease is the right to make one call on a generation. It does not keep the process alive: should that end, the call fails with
// UNAVAILABLE.
type Lease struct {
	slot       *slot
	generation *generation
	store      string
	moved      <-chan struct{}
	share      float64
	good       atomic.Bool // an answer came
	released   sync.Once
}

// Conn returns the connection to the adapter. It must not be used after Release.
func (l *Lease) Conn() grpc.ClientConnInterface {
	return countingConn{l.generation.process.Conn(), &l.good}
}

// Generation returns the number of the generation.
func (l *Lease) Generation() int64 { return l.generation.number }

// Binary names the release that runs, as "version@sha256" with the hexadecimal hash of its file.
func (l *Lease) Binary() string {
	return l.generation.release.Version + "@" + l.generation.release.SHA256
}

// Description returns what the adapter said of itself. It is shared: do not change it.
func (l *Lease) Description() *adapterv1.DescribeResponse { return l.generation.description }

// Retiring is closed when a call that can be continued elsewhere, such as a stream, should end at its next opportunity and go on with
// another lease. That one is on another generation when another one serves in the place of this one, or the store was pinned or
// unpinned: a process that retires is ended at Config.RetireTimeout. It is on the same one, with a larger Share, when calls of the store
// on another generation have ended.
func (l *Lease) Retiring() <-chan struct{} { return l.moved }

// Gone is closed when the process ended, was told to end, or its connection was lost. A call may meet that a moment before.
func (l *Lease) Gone() <-chan struct{} { return l.generation.process.Done() }

// Suspect reports whether the watchdog waits for an answer of the process, or the process ended.
func (l *Lease) Suspect() bool { return !l.slot.usable(l.generation) }

// Share is the part of the store's rate budget that this call, and those of the store on the same generation before it, may use, in
// (0, 1]: what the store's calls on other generations leave, and a tenth when they have it all. So all together use the budget once, or
// up to a tenth more for each generation that began while an earlier one had it all.
func (l *Lease) Share() float64 { return l.share }

// Release gives the lease back. Releasing twice is fine.
func (l *Lease) Release() {
	l.released.Do(func() { l.slot.releaseLease(l.generation, l.store, l.good.Load()) })
}

// countingConn notes whether a call succeeded: a process that only fails is not one that works.
type countingConn struct {
	grpc.ClientConnInterface
	good *atomic.Bool
}

// Invoke implements grpc.ClientConnInterface.
func (c countingConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
	if err == nil {
		c.good.Store(true)
	}
	return err
}

// NewStream implements grpc.ClientConnInterface.
func (c countingConn) NewStream(
	ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
	if err != nil {
		return nil, err
	}
	return countingStream{stream, c.good}, nil
}

// countingStream succeeded when it ended well; a long one is not done before.
type countingStream struct {
	grpc.ClientStream
	good *atomic.Bool
}

// RecvMsg implements grpc.ClientStream.
func (s countingStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if errors.Is(err, io.EOF) {
		s.good.Store(true)
	}
	return err
}
