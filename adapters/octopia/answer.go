package octopia

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Limits of an answer. A page of 100 orders is some 300 KiB.
const (
	// answerLimit bounds a whole answer.
	answerLimit = 64 << 20
	// pieceLimit bounds what is read for one piece: the whole of a small answer, or one element of a list. Larger is not an
	// answer of this API.
	pieceLimit = 4 << 20
	// depthLimit bounds the nesting of a piece; an order has six levels.
	depthLimit = 64
	// elementLimit bounds the elements of one list: a page has at most 100, and there are 66 carriers.
	elementLimit = 1000
)

// answerReader walks one JSON answer and holds no more of it than one piece.
type answerReader struct {
	source *meter
	json   *json.Decoder
}

// readAnswer gives the answer to read and makes sure that read took all of it: whatever follows the value makes the answer
// unreadable, and so does its early end. Errors: *lostError, *malformedError, and those of read.
func readAnswer(body io.Reader, read func(*answerReader) error) error {
	source := &meter{r: body, left: answerLimit, piece: pieceLimit}
	r := &answerReader{source: source, json: json.NewDecoder(source)}
	err := read(r)
	if err == nil {
		source.nextPiece()
		if _, err = r.json.Token(); err == nil {
			return &malformedError{reason: "something follows the end of the answer"}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
	return source.explain(err)
}

// value reads the next value into v. at is its place, for errors.
func (r *answerReader) value(at string, v any) error {
	r.source.nextPiece()
	var raw json.RawMessage
	if err := r.json.Decode(&raw); err != nil {
		return err
	}
	return decodePiece(at, raw, v)
}

// object reads the next value, an object, and calls member for each of its members; member reads the value. A name that
// comes twice is an error.
func (r *answerReader) object(at string, member func(name string) error) error {
	if err := r.open(at, '{'); err != nil {
		return err
	}
	names := make(nameSet)
	for r.json.More() {
		token, err := r.json.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)                       // the decoder lets nothing else stand here
		if strings.ContainsRune(name, utf8.RuneError) { // what the decoder makes of bytes that are not UTF-8
			return &malformedError{reason: at + " has a name that is not valid UTF-8"}
		}
		if !names.add(name) {
			return &malformedError{reason: at + " has a member twice"}
		}
		if len(names) > maxMembers {
			return &malformedError{reason: at + " has too many members"}
		}
		if err := member(name); err != nil {
			return err
		}
		r.source.nextPiece()
	}
	return r.close()
}

// array reads the next value, an array, and calls element for each of its elements; element reads the value.
func (r *answerReader) array(at string, element func(i int) error) error {
	if err := r.open(at, '['); err != nil {
		return err
	}
	for i := 0; r.json.More(); i++ {
		if i == elementLimit {
			return &malformedError{reason: at + " has too many elements"}
		}
		if err := element(i); err != nil {
			return err
		}
		r.source.nextPiece()
	}
	return r.close()
}

// skip reads the next value and forgets it.
func (r *answerReader) skip(at string) error {
	var raw json.RawMessage
	return r.value(at, &raw)
}

// open reads the begin of an object or array.
func (r *answerReader) open(at string, begin json.Delim) error {
	r.source.nextPiece()
	token, err := r.json.Token()
	if err != nil {
		return err
	}
	if token != begin {
		return &malformedError{reason: fmt.Sprintf("%s is %s, want %s", at, describe(token), describe(begin))}
	}
	return nil
}

// close reads the end of an object or array. More is false at the end of the input too, so only this proves that all came.
func (r *answerReader) close() error {
	_, err := r.json.Token()
	return err
}

// describe names the kind of a token.
func describe(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return "an object"
		}
		return "an array"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	}
	return "a number"
}

// decodePiece decodes one value. encoding/json reads the names of members without regard to case and lets the last of two
// equal ones win; checkShape refuses what would read differently elsewhere.
func decodePiece(at string, raw []byte, v any) error {
	if err := checkShape(raw); err != nil {
		return &malformedError{reason: at + " " + err.Error()}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return &malformedError{reason: fmt.Sprintf("%s holds a value of the wrong type", place(at, wrong.Field))}
		}
		return &malformedError{reason: at + " cannot be read"} // the error's text may quote the answer
	}
	return nil
}

// place joins the place of a value and of a field in it.
func place(at, field string) string {
	if field == "" {
		return at
	}
	return at + "." + field
}

// meter bounds what is read of an answer and remembers how the source failed.
type meter struct {
	r        io.Reader
	left     int64 // of the answer
	piece    int64 // of the piece under way
	exceeded bool  // a limit was hit
	lost     error // what the source failed with, other than its end
}

var errTooLarge = errors.New("answer too large")

// nextPiece allows another pieceLimit bytes, within the limit of the answer.
func (m *meter) nextPiece() { m.piece = pieceLimit }

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	allowed := min(m.left, m.piece)
	if allowed <= 0 {
		m.exceeded = true
		return 0, errTooLarge
	}
	if int64(len(p)) > allowed {
		p = p[:allowed]
	}
	n, err := m.r.Read(p)
	m.left -= int64(n)
	m.piece -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		m.lost = err
	}
	return n, err
}

// explain tells a lost connection from an unreadable answer, and never quotes it.
func (m *meter) explain(err error) error {
	var malformed *malformedError
	switch {
	case errors.As(err, &malformed):
		return err
	case m.lost != nil:
		return &lostError{cause: m.lost, sent: true, answered: true}
	case m.exceeded:
		return &malformedError{reason: "the answer, or a piece of it, is larger than any the contract knows"}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &malformedError{reason: "the answer ends early"}
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return &malformedError{reason: fmt.Sprintf("the answer is not JSON, at byte %d", syntax.Offset)}
	}
	return &malformedError{reason: "the answer cannot be read"}
}

// newBody returns a body that is in memory.
func newBody(b []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(b)) }
