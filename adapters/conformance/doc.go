// Package conformance tells whether an adapter binary keeps the promises of the plugin protocol (relais.adapter.v1).
//
// It starts the binary as the server does, calls it through the protocol and nothing else, and steers the marketplace that the
// adapter talks to through the control API of a relais sandbox. It knows no adapter and no marketplace: what it needs to know of
// either, Describe and the control API tell.
//
// Verify runs the checks and reports one Result for each; Checks lists them. Package conformancetest runs them as Go subtests,
// and `relais adapter verify` prints them. Every check has at least one broken adapter in internal/broken that fails it.
package conformance
