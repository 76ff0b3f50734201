package cdiscount

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/relaishq/relais/adapters/sdk/httpclient"
)

// httpPort makes HTTP exchanges. Reads share connections; every write gets a fresh one.
//
// net/http repeats a request by itself when a kept-alive connection turns out to be closed, and HTTP/2 repeats streams that
// the server refused. A read may be repeated; for a write, "it may have been applied once" must be the worst that can
// happen. So writes go out over HTTP/1.1 on a connection of their own, with a body that net/http cannot rewind, and a
// failure before that connection existed proves that nothing was sent.
type httpPort struct {
	reads   *http.Client
	writes  *http.Client
	agent   string
	timeout time.Duration // how long one exchange may wait for the marketplace; a shorter deadline of the caller wins
}

// newHTTPPort returns a port that calls itself agent.
func newHTTPPort(agent string, timeout time.Duration) *httpPort {
	reads, writes := httpclient.New()
	return &httpPort{reads: reads, writes: writes, agent: agent, timeout: timeout}
}

// get makes a GET with HTTP Basic credentials and gives the answer to receive.
func (p *httpPort) get(ctx context.Context, address, login, password string, receive receiver) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.SetBasicAuth(login, password)
	return p.exchange(p.reads, req, 0, receive)
}

// message is a SOAP request.
type message struct {
	address  string
	op       operation
	envelope []byte
	write    bool          // it must not be sent twice, whatever happens
	stall    time.Duration // how long one wait for the answer may take; zero for no bound but that of all waits
}

// receiver takes an answer. watch bounds the waits for it: whoever reads the body tells it when a wait begins and ends.
type receiver func(resp *http.Response, watch *patience) error

// newRequest returns the request that carries the envelope.
func (m message) newRequest(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.address, bytes.NewReader(m.envelope))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	// Both forms are used against the real service; quoted is what SOAP 1.1 says (cdiscount-soap.md 1).
	// Spelled as SOAP does, not as net/http would.
	req.Header["SOAPAction"] = []string{strconv.Quote(soapActionPrefix + string(m.op))}
	return req, nil
}

// post sends an envelope and gives the answer to receive.
func (p *httpPort) post(ctx context.Context, m message, receive receiver) error {
	req, err := m.newRequest(ctx)
	if err != nil {
		return err
	}
	if m.write {
		req.GetBody = nil
		return p.exchange(p.writes, req, m.stall, receive)
	}
	// Marks the POST as safe to repeat on a stale connection; a key without values is not sent (net/http, Transport).
	req.Header["Idempotency-Key"] = nil
	return p.exchange(p.reads, req, m.stall, receive)
}

// exchange sends the request and reports a failure as *lostError.
func (p *httpPort) exchange(client *http.Client, req *http.Request, stall time.Duration, receive receiver) error {
	req.Header.Set("User-Agent", p.agent)
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	watch := newPatience(p.timeout, stall, cancel)
	// Set as soon as a connection was there to write to, and not before: dial, proxy and TLS failures leave it false.
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	watch.begin()
	resp, err := client.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	watch.end()
	if err != nil {
		// The URL that net/http puts in front may hold what the operator wrote into it; the cause says enough.
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return watch.explain(ctx, &lostError{cause: err, sent: connected.Load()})
	}
	defer func() { _ = resp.Body.Close() }() // the answer was read or is given up: nothing is left to lose
	return watch.explain(ctx, receive(resp, watch))
}

// receiveSOAP returns a receiver that reads the answer of an operation into head.
func receiveSOAP(op operation, fields map[string]fieldReader, head **answer) receiver {
	return func(resp *http.Response, watch *patience) error {
		switch resp.StatusCode {
		case http.StatusOK, http.StatusInternalServerError:
		default:
			return newHTTPError(resp)
		}
		// A fault comes with 500 (cdiscount-soap.md 4.3); a 500 that is none was not written by the service.
		got, err := readAnswer(resp.Body, op, fields, watch)
		var f *fault
		if resp.StatusCode != http.StatusOK && !errors.As(err, &f) {
			return newHTTPError(resp)
		}
		*head = got
		return err
	}
}

// newHTTPError returns the error of an answer without SOAP.
func newHTTPError(resp *http.Response) *httpError {
	e := &httpError{status: resp.StatusCode}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.retryAfter = time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	return e
}

// readSmall reads a body of at most limit bytes; a longer one is cut.
func readSmall(body io.Reader, limit int64, watch *patience) ([]byte, error) {
	watch.begin()
	b, err := io.ReadAll(io.LimitReader(body, limit))
	watch.end()
	if err != nil {
		return nil, &lostError{cause: err, sent: true}
	}
	return b, nil
}
