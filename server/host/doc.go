// Package host keeps the adapters running. It finds their binaries, launches a copy of each, watches the processes, replaces those
// that end or stop answering, and lends callers a connection to the one that serves. It knows processes, not marketplaces, and
// decides nothing about the meaning of a call: whether a failed one may be repeated is its caller's business.
//
// There is one slot for each adapter. A slot runs at most one process at a time, which is a generation with a number of its own. A
// caller takes a lease for each call; while a slot has no serving generation, callers wait for the next one within their deadline,
// so that a crash costs the calls in flight and no others.
package host
