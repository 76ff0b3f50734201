package cli

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// requests adds requests to a marketplace, each as a person reads it, below a title; nothing when there are none.
func (p *page) requests(title string, requests []*marketplacev1.MarketplaceRequest) {
	for _, r := range requests {
		fmt.Fprintf(&p.buf, "\n%s\n  %s\n", clean(title), clean(joined(" ", r.GetMethod(), r.GetUrl())))
		for _, name := range slices.Sorted(maps.Keys(r.GetHeaders())) {
			fmt.Fprintf(&p.buf, "  %s: %s\n", clean(name), clean(r.GetHeaders()[name]))
		}
		for _, line := range bodyLines(r.GetBody()) {
			fmt.Fprintf(&p.buf, "    %s\n", strings.TrimRight(clean(line), " "))
		}
	}
}

// bodyLines is a body in lines: JSON and XML indented, anything else as it is.
func bodyLines(body string) []string {
	body = strings.TrimSpace(body)
	if body == "" {
		return nil
	}
	if json.Valid([]byte(body)) {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(body), "", "  "); err == nil {
			return strings.Split(b.String(), "\n")
		}
	}
	if lines, ok := xmlLines(body); ok {
		return lines
	}
	return strings.Split(body, "\n")
}

// xmlLines indents XML without changing a character of its tags and texts; false when it is none.
func xmlLines(body string) (lines []string, ok bool) {
	if !strings.HasPrefix(body, "<") {
		return nil, false
	}
	decoder := xml.NewDecoder(strings.NewReader(body))
	depth, leaf := 0, false // leaf: the last line is an element that holds no other yet
	for begin := int64(0); ; begin = decoder.InputOffset() {
		token, err := decoder.RawToken()
		if errors.Is(err, io.EOF) {
			return lines, depth == 0
		} else if err != nil {
			return nil, false
		}
		text := body[begin:decoder.InputOffset()]
		own := func() { lines = append(lines, strings.Repeat("  ", max(0, depth))+strings.TrimSpace(text)) }
		switch token.(type) {
		case xml.StartElement:
			own()
			depth, leaf = depth+1, true
		case xml.EndElement:
			depth--
			if leaf { // also <element/>, whose end has no text
				lines[len(lines)-1] += text
			} else {
				own()
			}
			leaf = false
		case xml.CharData:
			if strings.TrimSpace(text) == "" {
				break
			}
			if leaf {
				lines[len(lines)-1] += text
			} else {
				own()
			}
		default:
			own()
			leaf = false
		}
	}
}
