package example

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
)

// maxDepth is how deep an answer may nest.
const maxDepth = 32

// decode reads an answer strictly: one value, whole, not too deep, and no member twice; encoding/json alone takes the last of two.
// Errors name what is wrong and quote nothing.
func decode(text []byte, out any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := walk(dec, 0); err != nil {
		return sdk.MalformedAnswer("the answer is not JSON as promised: %s", plainly(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return sdk.MalformedAnswer("something follows the answer")
	}
	if err := json.Unmarshal(text, out); err != nil {
		return sdk.MalformedAnswer("the answer has other types than promised: %s", plainly(err))
	}
	return nil
}

// errShape says that an answer is built otherwise than any of the bazaar's.
var errShape = errors.New("it nests too deep or says something twice")

// walk reads one value.
func walk(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	opening, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return errShape
	}
	members := map[string]bool{}
	for dec.More() {
		if opening == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			name := fmt.Sprint(key)
			if members[name] {
				return errShape
			}
			members[name] = true
		}
		if err := walk(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// plainly tells an error without what the answer held.
func plainly(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return "in " + kind.Field
	case errors.As(err, &syntax):
		return fmt.Sprintf("at byte %d", syntax.Offset)
	case errors.Is(err, errShape):
		return err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends early"
	}
	return "a value cannot be read"
}

// errValue says that a value is neither of the two forms in which the versions write it.
var errValue = errors.New("a value cannot be read")

// amount is a decimal: a text, or a number in the second version.
type amount string

// UnmarshalJSON keeps the decimal as it stands.
func (a *amount) UnmarshalJSON(text []byte) error {
	var number json.Number // takes both forms, and checks them
	if err := json.Unmarshal(text, &number); err != nil {
		return errValue
	}
	*a = amount(number)
	return nil
}

// instant is a moment: RFC 3339, or milliseconds in the second version; zero for none.
type instant struct{ time.Time }

// UnmarshalJSON reads either form.
func (i *instant) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if ms, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		i.Time = time.UnixMilli(ms).UTC()
		return nil
	}
	return i.Time.UnmarshalJSON(text)
}
