// Package xmlpull reads XML documents token by token from a stream, over one buffer that is used again and again: walking a
// document allocates nothing once its buffers have grown.
//
// It reads the subset that SOAP 1.1 allows (UTF-8, no document type) and is strict where leniency would let a damaged answer
// look whole: start and end tags match, there is exactly one root, the document ends outside of every element, entities and
// characters are those of XML 1.0, and depth and size are bounded. What it leaves out on purpose: attribute names may repeat,
// and prefixes need not be declared, unless somebody asks for their namespace.
//
// Errors never quote the document: it may hold personal data.
package xmlpull
