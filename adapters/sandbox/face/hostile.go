package face

import (
	"io"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// Frame is a document around one text and one number, for answers that are made to harm their reader. Before ends where the
// text begins and Between where the number does, both as values of the document's syntax without what would quote them.
type Frame struct {
	Before, Between, After string
	// WrongTypes and Duplicates are whole documents: values of other types than expected, and every member twice.
	WrongTypes, Duplicates string
	// XML tells the syntax; else it is JSON. An XML document begins with its root element.
	XML bool
}

// How large hostile answers are.
const (
	hostileDepth = 100_000
	hostileField = 64 << 20
	bombLevels   = 10 // of ten entities each: ten billion letters in all
	bombEscapes  = 1 << 20
	chunk        = 64 << 10
)

// Hostile is an answer of the kind Hostile with that code. It is streamed, and an endless one ends when the client hangs up or
// the sandbox stops.
func (s Sandbox) Hostile(code string, status int, contentType string, frame Frame) Answer {
	return Answer{Status: status, ContentType: contentType, Write: func(w io.Writer) error {
		out := &printer{w: w}
		switch code {
		case fault.HostileWrongTypes:
			out.print(frame.WrongTypes)
		case fault.HostileDuplicateKeys:
			out.print(frame.Duplicates)
		case fault.HostileEndless:
			out.print(frame.Before)
			for out.err == nil {
				out.repeat(" ", chunk)
				if out.err == nil && !s.Wait(time.Millisecond) {
					return errCut
				}
			}
		default:
			frame.write(out, code)
		}
		return out.err
	}}
}

// write writes the frame with a text or a number that does harm.
func (f Frame) write(out *printer, code string) {
	if f.XML && code == fault.HostileBomb {
		out.bomb()
	}
	out.print(f.Before)
	switch {
	case code == fault.HostileDeep && f.XML:
		out.repeat("<a>", hostileDepth)
		out.repeat("</a>", hostileDepth)
	case code == fault.HostileDeep:
		out.repeat("[", hostileDepth)
		out.repeat("]", hostileDepth)
	case code == fault.HostileBomb && f.XML:
		out.print("&j;")
	case code == fault.HostileBomb:
		out.print(`"`)
		out.repeat(`\u0041`, bombEscapes)
		out.print(`"`)
	default: // fault.HostileHugeField
		out.quote(f.XML)
		out.repeat("A", hostileField)
		out.quote(f.XML)
	}
	out.print(f.Between)
	if code == fault.HostileBomb && !f.XML {
		out.print("1")
		out.repeat("0", bombEscapes)
		out.print("e999999999")
	} else {
		out.print("1")
	}
	out.print(f.After)
}

// printer writes until the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) print(texts ...string) {
	for _, text := range texts {
		if p.err == nil {
			_, p.err = io.WriteString(p.w, text)
		}
	}
}

func (p *printer) quote(xml bool) {
	if !xml {
		p.print(`"`)
	}
}

// repeat writes text n times, in pieces.
func (p *printer) repeat(text string, n int) {
	each := max(1, chunk/len(text))
	piece := strings.Repeat(text, min(n, each))
	for n > 0 && p.err == nil {
		now := min(n, each)
		p.print(piece[:now*len(text)])
		n -= now
	}
}

// bomb writes a document type whose entity j is ten entities i, each of which is ten entities h, and so on.
func (p *printer) bomb() {
	p.print(`<!DOCTYPE bomb [<!ENTITY a "AAAAAAAAAA">`)
	for level := 1; level < bombLevels; level++ {
		name, inner := string(rune('a'+level)), string(rune('a'+level-1))
		p.print(`<!ENTITY `, name, ` "`, strings.Repeat("&"+inner+";", 10), `">`)
	}
	p.print(`]>`)
}
