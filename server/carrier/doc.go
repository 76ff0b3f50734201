// Package carrier answers three questions about the carrier that a seller names: which row of the marketplace's own list is
// meant, on which page the buyer follows the parcel, and whether the carrier can bring it to the order's pickup point.
//
// What it knows is data, in carriers.json: carriers, what sellers' systems call them, how marketplaces spell them, and their
// public tracking pages as commonly used in France. Such addresses change, so they are defaults that an operator's
// configuration replaces (Table.Extend), never a promise. The rows by which marketplaces take any other carrier are data too.
//
// A spelling is another name of the same carrier, never of a relative: Cdiscount's SOAP list has "Asendia HK", the company of that
// group in Hong Kong, and Octopia's has "Asendia". A parcel of one announced under the other could not be followed, so neither
// stands for the other: it is told as a near match, and who means it writes it.
//
// The package is plain Go: no I/O, no clock, nothing shared that changes. It never guesses: what fits two rows, or none, is an
// error with near matches, since a parcel announced with the wrong carrier cannot be followed.
package carrier
