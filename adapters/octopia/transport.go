package octopia

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/relaishq/relais/adapters/sdk/httpclient"
)

// httpPort makes HTTP exchanges. Reads and token requests share connections; every write gets a fresh one.
//
// net/http repeats a request by itself when a kept-alive connection turns out to be closed, and HTTP/2 repeats streams that
// the server refused. A read may be repeated; for a write, "it may have been applied once" must be the worst that can
// happen. So writes go out over HTTP/1.1 on a connection of their own, with a body that net/http cannot rewind, and a
// failure before that connection existed proves that nothing was sent.
type httpPort struct {
	reads   *http.Client
	writes  *http.Client
	agent   string
	timeout time.Duration // of one exchange; a shorter deadline of the caller wins
}

// newHTTPPort returns a port that calls itself agent.
func newHTTPPort(agent string, timeout time.Duration) *httpPort {
	reads, writes := httpclient.New()
	return &httpPort{reads: reads, writes: writes, agent: agent, timeout: timeout}
}

// exchange sends a request and gives the answer to receive, which reads as much of it as it needs. A connection that could
// not be made or broke is a *lostError, also when it broke while receive was reading.
func (p *httpPort) exchange(ctx context.Context, req *http.Request, write bool, receive func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	client := p.reads
	if write {
		client = p.writes
		req.GetBody = nil
	}
	req.Header.Set("User-Agent", p.agent)
	// Set as soon as a connection was there to write to, and not before: dial, proxy and TLS failures leave it false.
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	resp, err := client.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return explain(ctx, &lostError{cause: bareCause(err), sent: connected.Load()})
	}
	defer func() { _ = resp.Body.Close() }() // the answer was read or is given up: nothing is left to lose
	return explain(ctx, receive(resp))
}

// explain gives a lost connection its true cause when it was this side that gave up: net/http then reports whatever it met first.
func explain(ctx context.Context, err error) error {
	var lost *lostError
	if errors.As(err, &lost) && ctx.Err() != nil {
		return &lostError{cause: ctx.Err(), sent: lost.sent, answered: lost.answered}
	}
	return err
}

// bareCause drops the URL that net/http puts in front of an error: it may hold what the operator wrote into it, and order
// numbers; the cause says enough.
func bareCause(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// smallAnswer bounds the answers that are read in one piece: of the token service, of writes, and of refusals.
const smallAnswer = 64 << 10

// readSmall reads a small answer to its end. Errors: *lostError, *malformedError.
func readSmall(body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, smallAnswer+1))
	switch {
	case err != nil:
		return nil, &lostError{cause: err, sent: true, answered: true}
	case len(b) > smallAnswer:
		return nil, &malformedError{reason: "the answer is larger than any the contract knows"}
	}
	return b, nil
}

// tokenTransport is what package oauth2 calls to get a token: it reads the whole answer within bounds, so that what breaks is
// told apart from what is wrong.
type tokenTransport struct{ port *httpPort }

// RoundTrip implements http.RoundTripper. The answer's body is in memory.
func (t tokenTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", t.port.agent)
	resp, err := t.port.reads.Transport.RoundTrip(req)
	if err != nil {
		return nil, &lostError{cause: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readSmall(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("token answer: %w", err)
	}
	resp.Body = newBody(body)
	return resp, nil
}
