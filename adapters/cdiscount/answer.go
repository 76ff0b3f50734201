package cdiscount

import (
	"errors"
	"io"

	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull"
)

// answer is what every operation's result holds before its own fields (cdiscount-soap.md 3.3).
type answer struct {
	success     bool
	successSeen bool
	message     string // of the marketplace, often set beside a success (4.1)
	errors      []wireError
	sellerLogin string
}

// wireError is an Error of the service.
type wireError struct {
	Type    string
	Message string
}

// fieldReader consumes one own field of an operation's result; head holds what came before it.
type fieldReader func(r *answerReader, head *answer) error

// readAnswer reads the answer of an operation to its end and gives each own field of the result to its reader; fields
// without one are skipped. The answer counts only when the envelope was closed, nothing follows it and OperationSuccess was
// seen. watch bounds the waits for the source; it may be nil. Errors: *fault, *malformedError, *lostError, and a
// *consumerError of a reader.
func readAnswer(body io.Reader, op operation, fields map[string]fieldReader, watch *patience) (*answer, error) {
	r := readers.Get().(*answerReader)
	defer func() {
		r.source = meter{}
		readers.Put(r)
	}()
	r.source = meter{r: body, watch: watch, left: answerLimit}
	r.xml.Reset(&r.source)
	r.text, r.pending, r.seen = r.text[:0], r.pending[:0], r.seen[:0]
	head, err := r.envelope(op, fields)
	if err == nil {
		return head, nil
	}
	return nil, r.explain(err)
}

// envelope reads from the first byte to the last.
func (r *answerReader) envelope(op operation, fields map[string]fieldReader) (*answer, error) {
	if err := r.root(); err != nil {
		return nil, err
	}
	head := &answer{}
	var failure *fault
	found := false
	err := r.members(map[string]func() error{"Body": func() error {
		return r.members(map[string]func() error{
			"Fault": func() error {
				failure = &fault{}
				return failure.read(r)
			},
			string(op) + "Response": func() error {
				return r.members(map[string]func() error{string(op) + "Result": func() error {
					found = true
					return r.result(head, fields)
				}})
			},
		})
	}})
	if err != nil {
		return nil, err
	}
	// The envelope is closed; nothing but white space and comments may follow.
	if _, err := r.xml.Next(); !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case failure != nil:
		failure.trim()
		return nil, failure
	case !found:
		return nil, &malformedError{reason: "no " + string(op) + "Result in the answer"}
	case !head.successSeen:
		return nil, &malformedError{reason: "no OperationSuccess in the answer"}
	}
	return head, nil
}

// root reads the first tag, which must open an envelope. What is broken before it, or another document, was not written by
// a SOAP service.
func (r *answerReader) root() error {
	if _, err := r.xml.Next(); err != nil {
		var broken *xmlpull.SyntaxError
		if errors.As(err, &broken) && r.source.lost == nil {
			return &malformedError{reason: "not a SOAP envelope", foreign: true}
		}
		err = r.explain(err)
		var malformed *malformedError
		if errors.As(err, &malformed) {
			malformed.foreign = true
		}
		return err
	}
	if string(r.xml.Name()) != "Envelope" || string(r.xml.Space()) != nsEnvelope {
		return &malformedError{reason: "not a SOAP envelope", foreign: true}
	}
	return nil
}

// result reads the children of the operation's result.
func (r *answerReader) result(head *answer, fields map[string]fieldReader) error {
	members := map[string]func() error{
		"ErrorMessage":     r.into(&head.message),
		"OperationSuccess": func() error { return r.success(head) },
		"ErrorList":        r.errorsInto(&head.errors),
		"SellerLogin":      r.into(&head.sellerLogin),
	}
	for name, read := range fields {
		members[name] = func() error {
			if !head.successSeen {
				// The base fields come first, always (cdiscount-soap.md 3.3); what follows depends on this one.
				return &malformedError{reason: "OperationSuccess does not come before the operation's own fields"}
			}
			return read(r, head)
		}
	}
	return r.members(members)
}

// success reads OperationSuccess.
func (r *answerReader) success(head *answer) error {
	value, err := r.string()
	if err != nil {
		return err
	}
	success, ok := parseBool(value)
	if !ok {
		return &malformedError{reason: "OperationSuccess is neither true nor false"}
	}
	head.success, head.successSeen = success, true
	return nil
}

// items calls read for every child of that name of the element under way. Nil elements say nothing and are left out, others are
// skipped.
func (r *answerReader) items(name string, read func() error) error {
	return r.children(func(element []byte) error {
		if string(element) != name || r.isNil() {
			return r.skip()
		}
		return read()
	})
}

// errorsInto makes a reader of a list of Error.
func (r *answerReader) errorsInto(list *[]wireError) func() error {
	return func() error {
		return r.items("Error", func() error {
			var e wireError
			err := r.members(map[string]func() error{"ErrorType": r.into(&e.Type), "Message": r.into(&e.Message)})
			*list = append(*list, e)
			return err
		})
	}
}

// read reads a SOAP fault.
func (e *fault) read(r *answerReader) error {
	return r.members(map[string]func() error{"faultcode": r.into(&e.Code), "faultstring": r.into(&e.Text)})
}
