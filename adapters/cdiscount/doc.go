// Package cdiscount is the adapter for Cdiscount's SOAP marketplace API: an sdk.Adapter over HTTP.
//
// It is built in four layers, each in its own files and each knowing only the one below:
//
//   - mapping (order.go, line.go, address.go, delivery.go, status.go, paris.go, amount.go) turns the marketplace's words
//     into adapter.v1 messages and is pure;
//   - operations (connection.go, carriers.go, orders.go, products.go, shipments.go, preview.go and decisions.go with what they
//     share in validate.go and outcome.go) are the methods of sdk.Adapter, sdk.Decider, sdk.ProductReader and sdk.Previewer;
//   - session (session.go, token.go, state.go) makes one call of one store: token, rate budget, one repetition of a read;
//   - wire (request.go, reader.go, answer.go, wire.go, transport.go, patience.go, failure.go, quote.go) writes envelopes, walks
//     answers and says what failed.
//
// Two rules shape everything. A truncated or unreadable answer is an error, never a shorter list. A write is sent at most
// once: what became of it is told as an outcome, and OUTCOME_UNKNOWN when the answer was lost.
//
// Comments name the sections of the contract, cdiscount-soap.md. The package holds no secret longer than a token's life
// and never logs a request, an answer or a field of an order. What the marketplace does not say, it does not invent.
package cdiscount
