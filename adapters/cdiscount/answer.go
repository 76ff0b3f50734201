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
	r.text, r.pending = r.text[:0], r.pending[:0]
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
	err := r.children(func(part []byte) error {
		if string(part) != "Body" {
			return r.skip()
		}
		return r.children(func(content []byte) error {
			switch string(content) {
			case "Fault":
				failure = &fault{}
				return failure.read(r)
			case string(op) + "Response":
				return r.children(func(result []byte) error {
					if string(result) != string(op)+"Result" {
						return r.skip()
					}
					found = true
					return r.result(head, fields)
				})
			}
			return r.skip()
		})
	})
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
	return r.children(func(field []byte) (err error) {
		switch string(field) {
		case "ErrorMessage":
			head.message, err = r.string()
			return err
		case "OperationSuccess":
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
		case "ErrorList":
			head.errors, err = r.errorList()
			return err
		case "SellerLogin":
			head.sellerLogin, err = r.string()
			return err
		}
		if read := fields[string(field)]; read != nil {
			if !head.successSeen {
				// The base fields come first, always (cdiscount-soap.md 3.3); what follows depends on this one.
				return &malformedError{reason: "OperationSuccess does not come before the operation's own fields"}
			}
			return read(r, head)
		}
		return r.skip()
	})
}

// errorList reads a list of Error.
func (r *answerReader) errorList() (list []wireError, err error) {
	err = r.children(func(element []byte) error {
		if string(element) != "Error" || r.isNil() {
			return r.skip()
		}
		var e wireError
		err := r.children(func(field []byte) (err error) {
			switch string(field) {
			case "ErrorType":
				e.Type, err = r.string()
			case "Message":
				e.Message, err = r.string()
			default:
				err = r.skip()
			}
			return err
		})
		list = append(list, e)
		return err
	})
	return list, err
}

// read reads a SOAP fault.
func (e *fault) read(r *answerReader) error {
	return r.children(func(field []byte) (err error) {
		switch string(field) {
		case "faultcode":
			e.Code, err = r.string()
		case "faultstring":
			e.Text, err = r.string()
		default:
			err = r.skip()
		}
		return err
	})
}
