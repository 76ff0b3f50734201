package cdiscount

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// answerLimit bounds how many bytes of an answer may be read for one piece: the whole of a small answer, or one element of
// a list, since the reader of a list calls answerReader.nextPiece. Larger is not an answer of this API.
const answerLimit = 4 << 20

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
	Type    string `xml:"ErrorType"`
	Message string `xml:"Message"`
}

// fieldReader consumes one own field of an operation's result; head holds what came before it.
type fieldReader func(r *answerReader, start xml.StartElement, head *answer) error

// answerReader walks one SOAP answer, token by token, and never holds more of it than the element under way. It is the only
// place that knows the tokenizer: a faster one replaces it here, with the checks that encoding/xml does by itself (matching
// tags, entities, no clean end inside an element).
type answerReader struct {
	dec    *xml.Decoder
	source *meter
}

// readAnswer reads the answer of an operation to its end and gives each own field of the result to its reader; fields
// without one are skipped. The answer counts only when the envelope was closed, nothing follows it and OperationSuccess was
// seen. Errors: *fault, *malformedError, *lostError, and a *consumerError of a reader.
func readAnswer(body io.Reader, op operation, fields map[string]fieldReader) (*answer, error) {
	source := &meter{r: body, left: answerLimit}
	r := &answerReader{dec: xml.NewDecoder(source), source: source}
	head, err := r.envelope(op, fields)
	if err == nil {
		return head, nil
	}
	return nil, r.explain(err)
}

// explain tells a lost connection from an unreadable answer: the tokenizer reports both as its own errors.
func (r *answerReader) explain(err error) error {
	var syntax *xml.SyntaxError
	var consumer *consumerError
	switch {
	case errors.As(err, &consumer):
		return err
	case r.source.lost != nil:
		return &lostError{cause: r.source.lost, sent: true}
	case r.source.exceeded:
		return &malformedError{reason: "an element is larger than any the contract knows"}
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &malformedError{reason: "the answer ends early"}
	case errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF"):
		return &malformedError{reason: "the answer ends early"}
	case errors.As(err, &syntax):
		return &malformedError{reason: "the answer is not well-formed XML"}
	}
	return err
}

// envelope reads from the first byte to the last.
func (r *answerReader) envelope(op operation, fields map[string]fieldReader) (*answer, error) {
	root, err := r.root()
	if err != nil {
		return nil, err
	}
	if root.Name.Local != "Envelope" || root.Name.Space != nsEnvelope {
		return nil, &malformedError{reason: "not a SOAP envelope", foreign: true}
	}
	head := &answer{}
	var failure *fault
	found := false
	err = r.children(func(part xml.StartElement) error {
		if part.Name.Local != "Body" {
			return r.dec.Skip()
		}
		return r.children(func(content xml.StartElement) error {
			switch content.Name.Local {
			case "Fault":
				failure = &fault{}
				return r.dec.DecodeElement(failure, &content)
			case string(op) + "Response":
				return r.children(func(result xml.StartElement) error {
					if result.Name.Local != string(op)+"Result" {
						return r.dec.Skip()
					}
					found = true
					return r.result(head, fields)
				})
			}
			return r.dec.Skip()
		})
	})
	if err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
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

// root returns the first element.
func (r *answerReader) root() (xml.StartElement, error) {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return xml.StartElement{}, r.notXML(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t, nil
		case xml.Directive:
			// A document type: HTML begins with one, SOAP forbids it.
			return xml.StartElement{}, &malformedError{reason: "not a SOAP envelope", foreign: true}
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return xml.StartElement{}, &malformedError{reason: "not a SOAP envelope", foreign: true}
			}
		}
	}
}

// notXML marks an answer that is broken before its first element as foreign: no SOAP service wrote it.
func (r *answerReader) notXML(err error) error {
	err = r.explain(err)
	var malformed *malformedError
	if errors.As(err, &malformed) {
		malformed.foreign = true
	}
	return err
}

// result reads the children of the operation's result.
func (r *answerReader) result(head *answer, fields map[string]fieldReader) error {
	return r.children(func(field xml.StartElement) error {
		switch field.Name.Local {
		case "ErrorMessage":
			return r.string(field, &head.message)
		case "OperationSuccess":
			var value string
			if err := r.string(field, &value); err != nil {
				return err
			}
			success, ok := parseBool(value)
			if !ok {
				return &malformedError{reason: "OperationSuccess is neither true nor false"}
			}
			head.success, head.successSeen = success, true
			return nil
		case "ErrorList":
			var list struct {
				Errors []wireError `xml:"Error"`
			}
			if err := r.decode(field, &list); err != nil {
				return err
			}
			head.errors = list.Errors
			return nil
		case "SellerLogin":
			return r.string(field, &head.sellerLogin)
		}
		if read := fields[field.Name.Local]; read != nil {
			return read(r, field, head)
		}
		return r.dec.Skip()
	})
}

// children calls visit for every child of the element under way, until that element ends. visit consumes the child.
func (r *answerReader) children(visit func(xml.StartElement) error) error {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if err := visit(t); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		case xml.Directive:
			return &malformedError{reason: "a document type declaration inside the answer"}
		}
	}
}

// end reads what follows the envelope: nothing but white space and comments.
func (r *answerReader) end() error {
	for {
		t, err := r.dec.Token()
		if errors.Is(err, io.EOF) && r.source.lost == nil {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return &malformedError{reason: "text after the end of the envelope"}
			}
		case xml.StartElement, xml.Directive:
			return &malformedError{reason: "an element after the end of the envelope"}
		}
	}
}

// nextPiece allows another answerLimit bytes. The reader of a list calls it before each element.
func (r *answerReader) nextPiece() { r.source.left = answerLimit }

// decode reads an element into a struct with xml tags.
func (r *answerReader) decode(start xml.StartElement, into any) error {
	return r.dec.DecodeElement(into, &start)
}

// string reads an element's text, without the white space around it. A nil element reads as empty.
func (r *answerReader) string(start xml.StartElement, into *string) error {
	var value string
	if err := r.dec.DecodeElement(&value, &start); err != nil {
		return err
	}
	*into = strings.TrimSpace(value)
	return nil
}

// parseBool reads xs:boolean; ok is false for anything else.
func parseBool(s string) (value, ok bool) {
	switch strings.TrimSpace(s) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// meter counts what is read and remembers how the source failed, which a tokenizer on top of it may hide.
type meter struct {
	r        io.Reader
	left     int64
	exceeded bool  // the limit was hit
	lost     error // what the source failed with, other than its end
}

var errTooLarge = errors.New("answer too large")

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		m.exceeded = true
		return 0, errTooLarge
	}
	if int64(len(p)) > m.left {
		p = p[:m.left]
	}
	n, err := m.r.Read(p)
	m.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		m.lost = err
	}
	return n, err
}
