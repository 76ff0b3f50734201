package cli

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// fileRow is a statement as a file has it.
type fileRow struct {
	line int // where it stands in the file, from 1

	Order          string `json:"order"`
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"tracking_number"`
	TrackingURL    string `json:"tracking_url"`
	Service        string `json:"service"`
	CarrierFee     string `json:"carrier_fee"`
	ShipTime       string `json:"ship_time"`
	RequestID      string `json:"request_id"`
	Replaces       string `json:"replaces"`
}

// column is a field of a row by the name that files have for it.
type column struct {
	name  string
	value *string
}

// requiredColumns is how many columns, from the first on, every row must fill.
const requiredColumns = 3

// columns are the fields of a row; the names are the same in JSON.
func (r *fileRow) columns() []column {
	return []column{
		{"order", &r.Order},
		{"carrier", &r.Carrier},
		{"tracking_number", &r.TrackingNumber},
		{"tracking_url", &r.TrackingURL},
		{"service", &r.Service},
		{"carrier_fee", &r.CarrierFee},
		{"ship_time", &r.ShipTime},
		{"request_id", &r.RequestID},
		{"replaces", &r.Replaces},
	}
}

// check wants the required columns.
func (r *fileRow) check() error {
	for _, c := range r.columns()[:requiredColumns] {
		if *c.value == "" {
			return usagef("line %d: %s is empty", r.line, c.name)
		}
	}
	return nil
}

// columnNames are the names of all columns.
func columnNames() []string {
	var names []string
	for _, c := range new(fileRow).columns() {
		names = append(names, c.name)
	}
	return names
}

// readRows reads a whole file of statements: CSV with a header, or JSON lines when it begins with "{". A line that cannot be read is
// an error for the file: a half-read one must not be half sent.
func readRows(r io.Reader) ([]fileRow, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if err := checkLines(text); err != nil {
		return nil, err
	}
	in := bufio.NewReader(bytes.NewReader(text))
	if bom, err := in.Peek(3); err == nil && bytes.Equal(bom, []byte("\uFEFF")) { // as spreadsheets write it
		_, _ = in.Discard(len(bom))
	}
	read := readCSV
	for {
		c, _, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			return nil, usagef("the file is empty: write a header such as order,carrier,tracking_number, and a line for each shipment")
		} else if err != nil {
			return nil, err
		}
		if unicode.IsSpace(c) && c != '\t' {
			continue // blank lines at the begin: neither format minds
		}
		switch c {
		case '{':
			read = readJSONLines
		case '[':
			return nil, usagef("the file holds a JSON list: write one object a line, without brackets and commas around them")
		}
		if err := in.UnreadRune(); err != nil {
			return nil, err
		}
		return read(in)
	}
}

// checkLines wants text in UTF-8: a spreadsheet may save the accents of a carrier's name in the code page of its system.
func checkLines(text []byte) error {
	line := 0
	for content := range bytes.Lines(text) {
		if line++; !utf8.Valid(content) {
			return usagef("line %d: %s; save the file as UTF-8", line, notUTF8)
		}
	}
	return nil
}

// readCSV reads CSV with a header, separated by commas, semicolons or tabs.
func readCSV(in *bufio.Reader) ([]fileRow, error) {
	header, err := in.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	records := csv.NewReader(io.MultiReader(strings.NewReader(header), in))
	for _, separator := range ";\t" {
		if strings.ContainsRune(header, separator) && !strings.Contains(header, ",") {
			records.Comma = separator
		}
	}
	columns, err := records.Read()
	if err != nil {
		return nil, usagef("the header cannot be read: %v", err)
	}
	places, err := placesOf(columns)
	if err != nil {
		return nil, err
	}
	var rows []fileRow
	for {
		record, err := records.Read()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
				return nil, usagef("line %d: %v", bad.StartLine, bad.Err)
			}
			return nil, err
		}
		line, _ := records.FieldPos(0)
		row := fileRow{line: line}
		fields := row.columns()
		for i, place := range places {
			*fields[place].value = strings.TrimSpace(record[i])
		}
		if err := row.check(); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
}

// placesOf tells which field of a row each column of a header is. It wants every required one, none twice, and none that is unknown:
// a misspelt one would be lost in silence.
func placesOf(header []string) ([]int, error) {
	names := columnNames()
	var places []int
	for _, column := range header {
		place := slices.Index(names, strings.ToLower(strings.ReplaceAll(strings.TrimSpace(column), " ", "_")))
		switch {
		case place < 0:
			return nil, usagef("column %q is unknown: the columns are %s", column, strings.Join(names, ", "))
		case slices.Contains(places, place):
			return nil, usagef("column %q is there twice", column)
		}
		places = append(places, place)
	}
	for place, name := range names[:requiredColumns] {
		if !slices.Contains(places, place) {
			return nil, usagef("column %q is missing: the first line must be a header such as order,carrier,tracking_number", name)
		}
	}
	return places, nil
}

// readJSONLines reads an object a line.
func readJSONLines(in *bufio.Reader) ([]fileRow, error) {
	var rows []fileRow
	for line, last := 1, false; !last; line++ {
		text, err := in.ReadBytes('\n')
		if last = errors.Is(err, io.EOF); err != nil && !last {
			return nil, err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		row, err := readJSON(text, line)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// readJSON reads one object.
func readJSON(text []byte, line int) (fileRow, error) {
	row := fileRow{line: line}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&row)
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		return row, usagef("line %d: %s must be a text, in quotes", line, orElse(wrongType.Field, "a field"))
	case err != nil:
		return row, usagef("line %d: is no shipment: %s; the fields are %s", line, strings.TrimPrefix(err.Error(), "json: "), strings.Join(columnNames(), ", "))
	case decoder.More():
		return row, usagef("line %d: has more than one object; write one a line", line)
	}
	return row, row.check()
}

// statement builds the call for a row.
func (a *app) statement(store string, r fileRow, how treatment) (*marketplacev1.NotifyShipmentRequest, error) {
	bad := func(err error) error { return usagef("line %d: %s", r.line, strings.TrimPrefix(err.Error(), "--")) }
	order, err := childName(collectionOrders, []string{store, r.Order})
	if err != nil {
		return nil, bad(err)
	}
	s := &marketplacev1.Shipment{
		Order: order, Carrier: r.Carrier, TrackingNumber: r.TrackingNumber, TrackingUrl: r.TrackingURL, Service: r.Service,
	}
	if r.CarrierFee != "" {
		if s.CarrierFee, err = parseMoney("carrier_fee", r.CarrierFee); err != nil {
			return nil, bad(err)
		}
	}
	if r.ShipTime != "" {
		if s.ShipTime, err = a.parseTime("ship_time", r.ShipTime); err != nil {
			return nil, bad(err)
		}
	}
	if r.Replaces != "" {
		if s.Replaces, err = childName(collectionShipments, []string{store, r.Replaces}); err != nil {
			return nil, bad(err)
		}
	}
	return how.apply(&marketplacev1.NotifyShipmentRequest{Shipment: s, RequestId: r.RequestID}), nil
}
