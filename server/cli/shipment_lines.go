package cli

import (
	"strings"
	"unicode/utf8"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// resultLines prints what became of the shipments of a file, a batch at a time, in columns of one width for all of them: what the file
// says is known from the begin, and of the rest the longest that is usual.
type resultLines struct {
	app    *app
	widths []int // of the columns, in characters
	begun  bool
}

// What only an answer tells is at most this long, most often.
const (
	longestReason   = len("PARTIAL_SHIPMENT_UNSUPPORTED")
	lengthOfID      = len("01890a5d-ac96-774b-bcce-b302099a8057")
	usualCarrierLen = len("Mondial Relay")
)

// newResultLines makes the lines of a file. Those of a single batch are as wide as what they say.
func (a *app) newResultLines(rows []fileRow, severalBatches, checkOnly bool) *resultLines {
	l := &resultLines{app: a}
	if !severalBatches {
		return l
	}
	for _, name := range resultHeader()[:6] {
		l.widths = append(l.widths, len(name))
	}
	l.widths[3], l.widths[5] = longestReason, usualCarrierLen
	if !checkOnly { // else no shipment is made
		l.widths[4] = lengthOfID
	}
	for _, r := range rows {
		for i, cell := range statedCells(r) {
			l.widths[i] = max(l.widths[i], utf8.RuneCountInString(cell))
		}
	}
	return l
}

// resultHeader names the columns.
func resultHeader() []string {
	return []string{"LINE", "ORDER", "TRACKING NUMBER", "RESULT", "SHIPMENT", "CARRIER", "MESSAGE"}
}

// statedCells are the columns that the file tells.
func statedCells(r fileRow) []string {
	return []string{count(r.line), shortName(r.Order), r.TrackingNumber}
}

// print prints a line for each result, below a header the first time.
func (l *resultLines) print(rows []fileRow, results []*marketplacev1.NotifyShipmentResult) error {
	w := newTabs(l.app.Out)
	if !l.begun {
		l.begun = true
		writeRow(w, l.padded(resultHeader()))
	}
	for i, r := range results {
		row := statedCells(rows[i])
		if e := r.GetError(); e != nil {
			row = append(row, failureWord(e), "", "", failureMessage(e))
		} else {
			s := r.GetShipment()
			row = append(row, orElse(word(s.GetState()), "VALID"), shortName(s.GetName()), s.GetMarketplaceCarrier(), s.GetMessage())
		}
		writeRow(w, l.padded(row))
	}
	return written(0, w.Flush())
}

// padded fills the cells up to the widths of their columns. The last column has none.
func (l *resultLines) padded(cells []string) []string {
	for i, width := range l.widths {
		cells[i] = orElse(cells[i], "-") // as writeRow prints it
		cells[i] += strings.Repeat(" ", max(0, width-utf8.RuneCountInString(cells[i])))
	}
	return cells
}
