package xmlpull

import "errors"

// SyntaxError is a document that is not well-formed, or uses what this package does not read.
type SyntaxError struct{ what string }

// Error tells the rule that was broken, never the document's content.
func (e *SyntaxError) Error() string { return "xml: " + e.what }

// LimitError is a document that is larger than this package reads.
type LimitError struct{ what string }

// Error tells the limit.
func (e *LimitError) Error() string { return "xml: " + e.what }

// errMore says that the buffer does not hold the whole token.
var errMore = errors.New("more input is needed")

func syntax(what string) error { return &SyntaxError{what: what} }
