package conformance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// gate stands between an adapter and the sandbox: it passes requests on, keeps what went by, and can hold requests without an
// answer until the adapter hangs up.
type gate struct {
	url    string
	behind string // base address of the sandbox; empty for none: requests are answered with 502
	hold   func(request int) bool
	server *http.Server
	client *http.Client
	served chan struct{} // closed when serving ended
	done   chan struct{} // closed by close; ends what is held

	// caught is told each request that is held.
	caught chan struct{}

	mu        sync.Mutex // guards the fields below
	requests  int
	open      int // requests that are held and not given up by the adapter
	changed   chan struct{}
	exchanges []exchange
}

// exchange is one request and its answer, as they went by.
type exchange struct {
	method, path  string
	header        http.Header
	request, body []byte
}

// newGate opens a gate on this machine. hold decides by the number of a request, from 1 on, whether it is held; requests that come
// at once ask it at once.
func newGate(ctx context.Context, behind string, hold func(request int) bool) (*gate, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the adapter: %w", err)
	}
	g := &gate{
		url: "http://" + listener.Addr().String(), behind: behind, hold: hold,
		served: make(chan struct{}), done: make(chan struct{}), caught: make(chan struct{}, 1024), changed: make(chan struct{}, 1),
		client: &http.Client{
			Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(g.served)
		_ = g.server.Serve(listener) // ends with close
	}()
	return g, nil
}

// close ends everything that is held and waits for the server's end.
func (g *gate) close() {
	close(g.done)
	_ = g.server.Close() // what is still open is cut
	<-g.served
}

// store returns a copy of a store whose addresses lead through the gate.
func (g *gate) store(store *adapterv1.StoreContext) *adapterv1.StoreContext {
	out := clone(store)
	for key, address := range out.GetEnvironment() {
		out.Environment[key] = g.url + strings.TrimPrefix(address, g.behind)
	}
	return out
}

// ServeHTTP passes a request on or holds it.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Reading the body to its end lets the server notice when the adapter hangs up.
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		return
	}
	g.mu.Lock()
	g.requests++
	n := g.requests
	g.mu.Unlock()
	if g.hold(n) {
		g.keep(r)
		return
	}
	if g.behind == "" {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	g.pass(w, r, body)
}

// keep holds a request until the adapter hangs up or the gate closes.
func (g *gate) keep(r *http.Request) {
	g.mu.Lock()
	g.open++
	g.mu.Unlock()
	g.caught <- struct{}{}
	select {
	case <-r.Context().Done():
	case <-g.done:
	}
	g.mu.Lock()
	g.open--
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default:
	}
	panic(http.ErrAbortHandler) // no answer
}

// pass sends a request on and its answer back.
func (g *gate) pass(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, g.behind+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	req.Header = r.Header.Clone()
	resp, err := g.client.Do(req)
	if err != nil {
		panic(http.ErrAbortHandler) // as the sandbox did
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	g.mu.Lock()
	g.exchanges = append(g.exchanges, exchange{method: r.Method, path: r.URL.RequestURI(), header: r.Header.Clone(), request: body, body: answer})
	g.mu.Unlock()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer) // fails only when the adapter has gone
}

// released waits until the adapter has hung up on everything that is held, and reports whether it did within patience.
func (g *gate) released(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		g.mu.Lock()
		open := g.open
		g.mu.Unlock()
		if open == 0 {
			return true
		}
		select {
		case <-g.changed:
		case <-timer.C:
			return false
		}
	}
}

// count returns how many requests have come.
func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests
}

// seen returns what went by from the given exchange on.
func (g *gate) seen(from int) []exchange {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]exchange(nil), g.exchanges[min(from, len(g.exchanges)):]...)
}
