// Package octopia is the adapter for Octopia's Seller REST API v2, through which Cdiscount's marketplace is reached: an
// sdk.Adapter over HTTP and JSON.
//
// It is built in four layers, each in its own files and each knowing only the one below:
//
//   - mapping (order.go, totals.go, line.go, address.go, delivery.go, status.go, amount.go, date.go) turns the marketplace's words
//     into adapter.v1 messages and is pure;
//   - operations (connection.go, carriers.go, products.go, orders.go with window.go and page.go, get.go, count.go,
//     shipments.go, decisions.go and preview.go with what they share in write.go and outcome.go) are the methods of
//     sdk.Adapter and of the optional interfaces;
//   - session (session.go, token.go, tokens.go, state.go) makes one call of one store: token, rate budget, one repetition of a
//     read;
//   - wire (request.go, transport.go, answer.go, shape.go, wire.go, problem.go, wait.go, failure.go, quote.go) writes requests, reads
//     answers piece by piece and says what failed.
//
// Three rules shape everything. A truncated or unreadable answer is an error, never a shorter list. Pages of a set that moves
// while it is read are read until nothing new turns up. A write whose answer was lost is never repeated: what became of it is
// told as an outcome, OUTCOME_UNKNOWN.
//
// Comments name the sections of the contract, octopia-rest.md; what it lists as uncertain (section 13) is handled both ways
// where that is possible, and said at its place. The package holds no secret longer than a token's life and never logs a
// request, an answer or a field of an order. What the marketplace does not say, it does not invent.
package octopia
