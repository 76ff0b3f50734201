package face

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"strconv"
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

// dripper calls pause after each piece of that many bytes.
type dripper struct {
	to          io.Writer
	piece, left int64
	pause       func() error
}

func (d *dripper) Write(p []byte) (int, error) {
	written := 0
	for {
		n, err := d.to.Write(p[written:min(int64(len(p)), int64(written)+d.left)])
		written += n
		d.left -= int64(n)
		if err != nil || d.left > 0 {
			return written, err
		}
		if err := d.pause(); err != nil {
			return written, err
		}
		d.left = d.piece
	}
}

// counter counts bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// portion is how much of a body a decision lets through at all, and for a slow drip in pieces of how many bytes.
func portion(a Answer, d fault.Decision) (limit, piece int64) {
	var size counter
	_ = a.Write(&size) // a counter does not fail
	if d.Kind == fault.SlowDrip {
		pieces := int64(cmp.Or(d.Params.Pieces, 10))
		return math.MaxInt64, max(1, (int64(size)+pieces-1)/pieces)
	}
	return int64(float64(size) * cmp.Or(d.Params.Fraction, 0.5)), 0
}

// sender sends one body through its buffers.
type sender struct {
	w        http.ResponseWriter
	zip      *gzip.Writer // nil when the body is not compressed
	buffered *bufio.Writer
}

// flush sends on what lies in the buffers.
func (s *sender) flush() error {
	if err := s.buffered.Flush(); err != nil {
		return err
	}
	if s.zip != nil {
		if err := s.zip.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(s.w).Flush()
}

// Deliver sends an answer as the decision has it. It streams: nothing but a small buffer is held.
func (s Sandbox) Deliver(w http.ResponseWriter, r *http.Request, a Answer, d fault.Decision) {
	if d.Kind == fault.CutAfter || d.Kind == fault.ApplyLate {
		HangUp(w)
		return
	}
	if a.Write == nil {
		a.Write = func(io.Writer) error { return nil }
	}
	header := w.Header()
	maps.Copy(header, a.Header)
	if a.ContentType != "" {
		header.Set("Content-Type", a.ContentType)
	}
	out := &sender{w: w}
	var body io.Writer = w
	if a.Compress && acceptsGzip(r) {
		header.Set("Content-Encoding", "gzip")
		header.Set("Vary", "Accept-Encoding")
		out.zip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // the level is valid
		body = out.zip
	}
	out.buffered = bufio.NewWriterSize(body, 32<<10)
	to := io.Writer(out.buffered)
	switch d.Kind {
	case fault.Truncated, fault.CutMid:
		limit, _ := portion(a, d)
		to = &cutter{to: out.buffered, left: limit}
	case fault.SlowDrip:
		_, piece := portion(a, d)
		to = &dripper{to: out.buffered, piece: piece, left: piece, pause: func() error {
			if err := out.flush(); err != nil {
				return err
			}
			if !s.Wait(d.Params.Pause()) {
				return errCut
			}
			return nil
		}}
	default:
		if out.zip == nil && a.Length > 0 {
			header.Set("Content-Length", strconv.FormatInt(a.Length, 10))
		}
	}
	w.WriteHeader(a.Status)
	err := a.Write(to)
	switch {
	case (d.Kind == fault.SlowDrip || d.Kind == fault.Hostile) && errors.Is(err, errCut): // the sandbox stops
		HangUp(w)
	case err != nil && !errors.Is(err, errCut):
		// the client has gone
	case d.Kind == fault.CutMid:
		_ = out.flush() // the connection ends here anyway
		reset(w)
	case out.buffered.Flush() == nil && out.zip != nil:
		_ = out.zip.Close() // fails only when the client has gone
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

// HangUp closes the connection without an answer.
func HangUp(w http.ResponseWriter) {
	conn := takeOver(w)
	_ = conn.Close()
}

// reset breaks the connection off, so that the client sees a reset in mid body.
func reset(w http.ResponseWriter) {
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
