// Package cli is the client half of the relais command: `relais store`, `order`, `import`, `shipment`, `carrier` and
// `adapter`. It speaks the public API over gRPC like any other client and knows nothing else of the server: no core
// package, no storage, no host. `relais adapter` and the commands that move a store speak to the operators' services on the
// admin socket. `relais adapter verify` speaks to no server: it prints what package conformance finds.
//
// What a command found goes to standard output: an aligned table, or with --output json one JSON document, which is the
// answer's protojson form. Everything else (progress, notes, errors) goes to standard error, so that output can be piped.
// Credentials are read from files, variables, a prompt or the command line and never printed.
//
// The exit code tells a script what to do next; see the Exit constants and `relais help exit-codes`.
package cli
