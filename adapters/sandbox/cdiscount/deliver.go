package cdiscount

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/relaishq/relais/adapters/sandbox/fault"
)

// errCut stops a body that is to be sent in part only.
var errCut = errors.New("body cut")

// cutter lets left bytes through.
type cutter struct {
	to   io.Writer
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) <= c.left {
		c.left -= int64(len(p))
		return c.to.Write(p)
	}
	n, err := c.to.Write(p[:c.left])
	c.left = 0
	if err == nil {
		err = errCut
	}
	return n, err
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// deliver sends an answer as the decision has it. It streams: nothing but a small buffer is held.
func deliver(w http.ResponseWriter, r *http.Request, a answer, d fault.Decision) {
	if d.Kind == fault.CutAfter {
		hangUp(w)
		return
	}
	cut := d.Kind == fault.Truncated || d.Kind == fault.CutMid
	limit := int64(0)
	if cut {
		fraction := d.Params.Fraction
		if fraction == 0 {
			fraction = 0.5
		}
		var size counter
		_ = a.write(&size) // a counter does not fail
		limit = int64(float64(size) * fraction)
	}

	header := w.Header()
	if a.contentType != "" {
		header.Set("Content-Type", a.contentType)
	}
	var body io.Writer = w
	var zip *gzip.Writer
	if acceptsGzip(r) && a.contentType == xmlContent {
		header.Set("Content-Encoding", "gzip")
		header.Set("Vary", "Accept-Encoding")
		zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is valid
		body = zip
	}
	w.WriteHeader(a.status)
	buffered := bufio.NewWriterSize(body, 32<<10)
	to := io.Writer(buffered)
	if cut {
		to = &cutter{to: buffered, left: limit}
	}
	err := a.write(to)
	if err != nil && !errors.Is(err, errCut) {
		return // the client has gone
	}
	if buffered.Flush() != nil {
		return
	}
	if d.Kind == fault.CutMid {
		if zip != nil {
			_ = zip.Flush() // the connection ends here anyway
		}
		reset(w)
		return
	}
	if zip != nil {
		_ = zip.Close() // fails only when the client has gone
	}
}

func acceptsGzip(r *http.Request) bool {
	for _, field := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(field), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && strings.TrimSpace(parameters) != "q=0" {
			return true
		}
	}
	return false
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) {
	conn := takeOver(w)
	_ = conn.Close()
}

// reset sends what was written so far and breaks the connection off, so that the client sees a reset in mid body.
func reset(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush()
	conn := takeOver(w)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func takeOver(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no connection of our own, as under HTTP/2: the server cuts it
	}
	return conn
}
