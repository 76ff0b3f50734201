package cdiscount

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull"
)

// answerLimit bounds how many bytes of an answer may be read for one piece: the whole of a small answer, or one element of
// a list, since the reader of a list calls answerReader.nextPiece. Larger is not an answer of this API.
const answerLimit = 4 << 20

// answerReader walks one SOAP answer, element by element, and never holds more of it than the element under way. Readers
// move through it in one way only: child gives the next child of the element under way, and whoever got it consumes it, with
// skip, string, later or another loop over child.
type answerReader struct {
	xml    *xmlpull.Decoder
	source meter

	// Text that later collected, and where it belongs: all values of an order are cut out of one string, which costs one
	// allocation instead of one for each.
	text    []byte
	pending []pendingText

	// seen holds the values that the records under way have had so far, each record's behind those of the one around it.
	seen []*string

	order wireOrder // reused from order to order
}

// What the contract never has. Where it is found the answer is not the one that is known, and whatever was read from it might be
// false. No name is told: it is the marketplace's text.
var (
	errNested = &malformedError{reason: "an element holds others where the contract has text"}
	errText   = &malformedError{reason: "an element holds text where the contract has others"}
	errTwice  = &malformedError{reason: "an element that the contract has once comes twice"}
)

// pendingText is a value that settle will set.
type pendingText struct {
	into     *string
	from, to int // in answerReader.text
}

// readers keeps the buffers of answers that were read.
var readers = sync.Pool{New: func() any { return &answerReader{xml: xmlpull.NewDecoder(nil)} }}

// child advances to the next child of the element under way and returns its local name, which is valid until something else
// is read; ok is false at the end of the element under way. Text between children is only white space.
func (r *answerReader) child() (name []byte, ok bool, err error) {
	for {
		kind, err := r.xml.Next()
		switch {
		case err != nil:
			return nil, false, err
		case kind == xmlpull.Start:
			return r.xml.Name(), true, nil
		case kind == xmlpull.End:
			return nil, false, nil
		case kind == xmlpull.Text && len(bytes.Trim(r.xml.Text(), " \t\r\n")) > 0:
			return nil, false, errText
		}
	}
}

// children calls visit for every child of the element under way; visit consumes the child.
func (r *answerReader) children(visit func(name []byte) error) error {
	for {
		name, ok, err := r.child()
		if err != nil || !ok {
			return err
		}
		if err := visit(name); err != nil {
			return err
		}
	}
}

// members calls the reader of each child of the element under way that has one, and skips the others. A child that has a reader
// comes at most once.
func (r *answerReader) members(readers map[string]func() error) error {
	return r.children(func(name []byte) error {
		read, used := readers[string(name)]
		switch {
		case !used:
			return r.skip()
		case read == nil:
			return errTwice
		}
		readers[string(name)] = nil
		return read()
	})
}

// into makes a reader of an element that holds text.
func (r *answerReader) into(value *string) func() error {
	return func() (err error) {
		*value, err = r.string()
		return err
	}
}

// once returns an error when the value is one of those that the record, which began at from, has had. Records are short.
func (r *answerReader) once(value *string, from int) error {
	if slices.Contains(r.seen[from:], value) {
		return errTwice
	}
	r.seen = append(r.seen, value)
	return nil
}

// skip consumes the element under way.
func (r *answerReader) skip() error { return r.xml.Skip() }

// collect consumes the element under way and appends its text to r.text.
func (r *answerReader) collect() error {
	for {
		kind, err := r.xml.Next()
		switch {
		case err != nil:
			return err
		case kind == xmlpull.Text:
			r.text = append(r.text, r.xml.Text()...)
		case kind == xmlpull.End:
			return nil
		default:
			return errNested
		}
	}
}

// later consumes an element; settle will set into to its text. A nil element reads as empty.
func (r *answerReader) later(into *string) error {
	from := len(r.text)
	err := r.collect()
	r.pending = append(r.pending, pendingText{into: into, from: from, to: len(r.text)})
	return err
}

// settle sets what later was asked for since the last call.
func (r *answerReader) settle() {
	all := string(r.text)
	for _, p := range r.pending {
		*p.into = all[p.from:p.to]
	}
	r.text, r.pending = r.text[:0], r.pending[:0]
}

// string consumes an element and returns its text, without the white space around it. A nil element reads as empty.
func (r *answerReader) string() (string, error) {
	from := len(r.text)
	err := r.collect()
	value := strings.TrimSpace(string(r.text[from:]))
	r.text = r.text[:from]
	return value, err
}

// isNil reports whether the element that child has just given says that it has no value.
func (r *answerReader) isNil() bool {
	if !r.xml.HasAttrs() {
		return false
	}
	value, ok := r.xml.Attr(nsInstance, "nil")
	if !ok {
		return false
	}
	isNil, _ := parseBool(string(value))
	return isNil
}

// nextPiece allows another answerLimit bytes. The reader of a list calls it before each element.
func (r *answerReader) nextPiece() { r.source.left = answerLimit }

// explain tells a lost connection from an unreadable answer.
func (r *answerReader) explain(err error) error {
	var broken *xmlpull.SyntaxError
	var limit *xmlpull.LimitError
	var consumer *consumerError
	var malformed *malformedError
	var f *fault
	switch {
	case errors.As(err, &consumer), errors.As(err, &malformed), errors.As(err, &f):
		return err
	case r.source.lost != nil:
		return &lostError{cause: r.source.lost, sent: true}
	case errors.Is(err, io.ErrNoProgress):
		return &lostError{cause: err, sent: true}
	case r.source.exceeded, errors.As(err, &limit):
		return &malformedError{reason: "an element is larger than any the contract knows"}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &malformedError{reason: "the answer ends early"}
	case errors.As(err, &broken):
		return &malformedError{reason: "the answer is not well-formed: " + broken.Error()}
	}
	return &malformedError{reason: "the answer cannot be read: " + err.Error()}
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

// meter counts what is read, watches how long each wait takes, and remembers how the source failed.
type meter struct {
	r        io.Reader
	watch    *patience // may be nil
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
	m.watch.begin()
	n, err := m.r.Read(p)
	m.watch.end()
	m.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		m.lost = err
	}
	return n, err
}
