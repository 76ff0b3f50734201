package cli

import (
	"fmt"
	"io"
	"strings"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// progressMode is the value of --progress.
type progressMode string

// The modes.
const (
	progressAuto  progressMode = "auto"  // a bar on a terminal, lines elsewhere
	progressBar   progressMode = "bar"   // one line that is drawn again
	progressPlain progressMode = "plain" // a line now and then, for logs
	progressNone  progressMode = "none"
)

func progressModes() []string {
	return []string{string(progressAuto), string(progressBar), string(progressPlain), string(progressNone)}
}

// String, Set and Type make progressMode a pflag.Value.
func (m *progressMode) String() string { return string(*m) }

// Set accepts one of the modes.
func (m *progressMode) Set(s string) error {
	switch v := progressMode(s); v {
	case progressAuto, progressBar, progressPlain, progressNone:
		*m = v
		return nil
	}
	return fmt.Errorf("write %s", strings.Join(progressModes(), ", "))
}

// Type names the allowed words in the help.
func (m *progressMode) Type() string { return strings.Join(progressModes(), "|") }

// progressView shows how far an import is.
type progressView interface {
	show(*marketplacev1.Import)
	// close leaves the terminal at the begin of a line.
	close()
}

func (a *app) newProgressView(mode progressMode) progressView {
	if mode == progressAuto {
		mode = progressPlain
		if isTerminal(a.Err) {
			mode = progressBar
		}
	}
	switch mode {
	case progressBar:
		return &barView{w: a.Err}
	case progressPlain:
		return &plainView{w: a.Err}
	}
	return noView{}
}

// barWidth is the number of cells of the bar; with the counts the line stays under 80 columns.
const barWidth = 24

// barView draws one line again and again.
type barView struct {
	w     io.Writer
	drawn bool
}

func (v *barView) show(i *marketplacev1.Import) {
	percent := shownPercent(i)
	full := percent * barWidth / 100
	// Return to the begin of the line, draw, erase what a longer line left.
	fmt.Fprintf(v.w, "\r[%s%s] %s\x1b[K", strings.Repeat("#", full), strings.Repeat("-", barWidth-full), progressLine(i, percent))
	v.drawn = true
}

func (v *barView) close() {
	if v.drawn {
		fmt.Fprintln(v.w)
	}
}

// plainView prints a line at the begin, at each further tenth and at the end.
type plainView struct {
	w     io.Writer
	tenth int    // 1 + the last tenth printed; zero before the first line
	last  string // the last line printed
}

func (v *plainView) show(i *marketplacev1.Import) {
	percent, ended := shownPercent(i), importEnded(i)
	tenth, line := percent/10+1, progressLine(i, percent)
	switch {
	case percent == 100 && !ended: // the end says so, with the counts that stay
	case tenth > v.tenth, ended && line != v.last:
		v.tenth, v.last = tenth, line
		fmt.Fprintln(v.w, line)
	}
}

func (*plainView) close() {}

type noView struct{}

func (noView) show(*marketplacev1.Import) {}
func (noView) close()                     {}

// shownPercent keeps a percentage inside the bar whatever the server says.
func shownPercent(i *marketplacev1.Import) int {
	return max(0, min(100, int(i.GetProgress().GetPercent())))
}

func progressLine(i *marketplacev1.Import, percent int) string {
	done := i.GetProgress()
	return fmt.Sprintf("%3d%%  %d read, %d new, %d changed",
		percent, done.GetOrdersRead(), done.GetOrdersCreated(), done.GetOrdersChanged())
}
