package octopia

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// readJSON reads a body of one JSON value.
func (c *call) readJSON(v any) *problem {
	if media, _, _ := strings.Cut(c.request.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		return &problem{Title: "Unsupported Media Type", Status: http.StatusUnsupportedMediaType}
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	if err := dec.Decode(v); err != nil {
		return invalid("$", "The JSON value could not be converted.")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return invalid("$", "The body holds more than one JSON value.")
	}
	return nil
}

// entry is a write as the log has it, without what its body asks for.
func (c *call) entry() world.Write {
	return world.Write{
		API: api, Operation: c.name(), Seller: c.seller.Account, Order: c.order, Lines: []world.WriteLine{}, Fault: c.fault,
	}
}

// refuse answers with a problem and records the write that it kept from being carried out, if the call is one. A nil problem is
// a fault that swallowed the call: nobody sees the answer.
func (f *Face) refuse(c *call, p *problem) face.Answer {
	var reason, text string
	a := face.Answer{}
	if p != nil {
		reason, text, a = p.reason(), p.text(), p.answer()
	}
	if c.describe != nil {
		w := c.describe(f, c)
		w.ErrorType, w.Message = reason, text
		f.World.Record(w)
	}
	return a
}

// judgement is what a face decides about a write, seeing the order as it is.
type judgement func(o world.Order) (world.Change, *problem)

// perform carries a write out, now or late, and answers.
func (f *Face) perform(c *call, judge judgement) face.Answer {
	w := c.describe(f, c)
	var p *problem
	decide := func(o world.Order, known bool) (world.Change, *world.Refusal) {
		var change world.Change
		if !known {
			p = notFound()
		} else {
			change, p = judge(o)
		}
		if p == nil {
			return change, nil
		}
		return change, &world.Refusal{ErrorType: p.reason(), Message: p.text()}
	}
	if c.late > 0 {
		f.World.PerformLater(w, c.late, decide)
		return face.Answer{Status: http.StatusAccepted} // nobody sees it
	}
	f.World.Perform(w, decide)
	if p != nil {
		return p.answer()
	}
	return face.Answer{Status: f.World.Settings().WriteStatus} // without a body
}

// reason is a problem in one word, for the log of writes: the field that is wrong, or the title.
func (p *problem) reason() string {
	for field := range p.Errors {
		return field
	}
	return p.Title
}

// text is what a problem says to a person.
func (p *problem) text() string {
	for _, texts := range p.Errors {
		return strings.Join(texts, " ")
	}
	return p.Detail
}
