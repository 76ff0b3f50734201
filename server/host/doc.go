// Package host keeps the adapters running. It finds their binaries, launches a copy of each, watches the processes, replaces those
// that end or stop answering, and lends callers a connection to the one that serves. It knows processes, not marketplaces, and
// decides nothing about the meaning of a call: whether a failed one may be repeated is its caller's business.
//
// There is one slot for each adapter, in which one release serves: a binary, known by its hash, of which the host keeps a copy. A process
// of it is a generation, with a number of its own. A caller takes a lease for each call; while a slot has no serving generation, callers
// wait for the next one within their deadline, so that a crash costs the calls in flight and no others.
//
// A swap brings another release: its first generation is started and probed beside the one that serves, then takes its place in one
// instant, and the old one retires when its leases are given back. The release before is kept, to roll back to. A store can be pinned to a
// release for a while, a canary, which has a slot of its own beside the adapter's. What serves, and what is pinned, is in the database,
// so that a restart serves the same.
package host
