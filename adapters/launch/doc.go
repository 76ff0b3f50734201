// Package launch is the host's side of one adapter process: it starts a binary, shakes hands, gives a gRPC connection, notices
// the end and cleans up. The server's host and the conformance checks use it; it knows processes and pipes, neither slots nor
// marketplaces.
//
// It stands on hashicorp/go-plugin for the handshake and mutual TLS, and owns the process itself, because a process must end
// with its host however that happens:
//
//   - the adapter holds one end of a pipe, the lifeline, and exits when the host's end is gone;
//   - on Linux the kernel kills it as well when the host dies, even when it is stopped (Pdeathsig);
//   - it leads a process group of its own, which is killed as a whole;
//   - Stop is bounded: what does not end when asked is killed.
//
// A process is used once. When it ends, or its connection is no longer ready, it is dead: nothing reconnects.
package launch
