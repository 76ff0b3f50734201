package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// outputFormat is the value of --output.
type outputFormat string

// The formats.
const (
	outputTable outputFormat = "table"
	outputJSON  outputFormat = "json"
)

// String, Set and Type make outputFormat a pflag.Value.
func (f *outputFormat) String() string { return string(*f) }

// Set accepts one of the formats.
func (f *outputFormat) Set(s string) error {
	switch v := outputFormat(s); v {
	case outputTable, outputJSON:
		*f = v
		return nil
	}
	return fmt.Errorf("write %s or %s", outputTable, outputJSON)
}

// Type names the allowed words in the help.
func (f *outputFormat) Type() string { return "table|json" }

// marshaller writes zero values and empty lists, so that a script finds every field that is not an unset message.
var marshaller = protojson.MarshalOptions{EmitDefaultValues: true}

// indented is the protojson form of a message with a fixed layout: protojson varies its blanks on purpose.
func indented(m proto.Message, prefix string) ([]byte, error) {
	raw, err := marshaller.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode the answer as JSON: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, prefix, "  "); err != nil {
		return nil, fmt.Errorf("encode the answer as JSON: %w", err)
	}
	return b.Bytes(), nil
}

// print writes one message as JSON, or through describe as a table.
func (a *app) print(m proto.Message, describe func(*page)) error {
	if a.output == outputJSON {
		doc, err := indented(m, "")
		if err != nil {
			return err
		}
		return written(a.Out.Write(append(doc, '\n')))
	}
	var p page
	describe(&p)
	return written(p.buf.WriteTo(a.Out))
}

// written turns the result of a write into an error that says what failed.
func written[N int | int64](_ N, err error) error {
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// page is the description of one thing for a person: facts and tables below each other.
type page struct{ buf bytes.Buffer }

// fact is one line of a description. A fact with an empty value is left out.
type fact struct{ label, value string }

// facts adds aligned lines "Label:  value".
func (p *page) facts(facts ...fact) {
	w := newTabs(&p.buf)
	for _, f := range facts {
		if f.value != "" {
			fmt.Fprintf(w, "%s:\t%s\n", f.label, clean(f.value))
		}
	}
	w.Flush() //nolint:errcheck // a bytes.Buffer never fails
}

// table adds a table, below its title when it has one; nothing when there are no rows.
func (p *page) table(title string, header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if title != "" {
		fmt.Fprintf(&p.buf, "\n%s\n", title)
	}
	w := newTabs(&p.buf)
	writeRow(w, header)
	for _, row := range rows {
		writeRow(w, row)
	}
	w.Flush() //nolint:errcheck // a bytes.Buffer never fails
}

func newTabs(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

// writeRow writes one row. The last cell ends the line without a tab, so that no blanks trail.
func writeRow(w *tabwriter.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			io.WriteString(w, "\t") //nolint:errcheck // tabwriter reports at Flush
		}
		if cell == "" {
			cell = "-"
		}
		io.WriteString(w, clean(cell)) //nolint:errcheck // as above
	}
	io.WriteString(w, "\n") //nolint:errcheck // as above
}

// clean makes text from a marketplace or a seller safe to print: control characters would break a table, and escape
// sequences would reach the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return '\uFFFD' // control characters and changes of writing direction
		}
		return r
	}, s)
}
