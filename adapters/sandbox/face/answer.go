package face

import (
	"cmp"
	"io"
	"net/http"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// HTMLContent is the content type of pages.
const HTMLContent = "text/html; charset=utf-8"

// Answer is what goes back to the client.
type Answer struct {
	Status      int
	ContentType string      // empty for none
	Header      http.Header // beside the content type; nil for none
	// Write writes the body. It may be called more than once and writes the same each time; nil means no body.
	Write func(w io.Writer) error
	// Length is how many bytes Write writes; zero means unknown.
	Length int64
	// Compress lets the body be compressed for a client that accepts it.
	Compress bool
}

// Text is an answer with a fixed body.
func Text(status int, contentType, body string) Answer {
	return Answer{Status: status, ContentType: contentType, Length: int64(len(body)), Write: func(w io.Writer) error {
		_, err := io.WriteString(w, body)
		return err
	}}
}

// Page is what the kind HTML answers: Params.Body, or a page about maintenance, with Params.Status, or the given one.
func Page(p fault.Params, status int) Answer {
	const maintenance = `<!DOCTYPE html><html><head><meta charset="utf-8"><title>Maintenance</title></head>` +
		`<body>Site en maintenance<br>&eacute;</body></html>`
	return Text(cmp.Or(p.Status, status), HTMLContent, cmp.Or(p.Body, maintenance))
}
