// Package emulator puts the sandbox together: one world of orders, the API faces over it, fault injection and the control
// API. The binary relais-sandbox serves it; Go tests start it in their own process with Start.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/cdiscount"
	"github.com/relaishq/relais/adapters/sandbox/control"
	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/octopia"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// Config says what the sandbox starts with.
type Config struct {
	World world.Config
	Log   *slog.Logger // one debug line for each call, without personal data; nil means none
	// Prerender writes the orders that the world starts with once, at the start, so that serving a list of them costs
	// next to nothing but copying. It is for benchmarks: it takes the memory that the XML of all orders takes.
	Prerender bool
	// Faces are further faces over the same world, beside the built-in ones, for marketplaces that tests invent.
	Faces []Face
}

// Face is a marketplace API over the world.
type Face = face.Face

// Sandbox is what a face works on.
type Sandbox = face.Sandbox

// Emulator is the sandbox as an http.Handler.
type Emulator struct {
	world  *world.World
	faults *fault.Set
	faces  []Face
	mux    *http.ServeMux
	done   chan struct{}
	once   sync.Once
}

// New makes an emulator. Close ends what it still waits for.
func New(cfg Config) (*Emulator, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w, err := world.New(cfg.World)
	if err != nil {
		return nil, err
	}
	faces := append([]Face{cdiscount.New(), octopia.New()}, cfg.Faces...)
	apis := make([]fault.API, len(faces))
	for i, f := range faces {
		apis[i] = f.API()
		for _, other := range apis[:i] {
			if other.Name == apis[i].Name {
				return nil, fmt.Errorf("two faces are called %q", other.Name)
			}
		}
	}
	e := &Emulator{
		world: w, faults: fault.NewSet(w.Clock().Wall, apis...), faces: faces, mux: http.NewServeMux(), done: make(chan struct{}),
	}
	for _, f := range faces {
		f.Register(e.mux, Sandbox{World: w, Faults: e.faults, Log: cfg.Log, Done: e.done})
		if p, ok := f.(face.Prerenderer); ok && cfg.Prerender {
			p.Prerender()
		}
	}
	control.New(w, e.faults, faces...).Register(e.mux)
	return e, nil
}

// ServeHTTP serves the API faces and the control API.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.mux.ServeHTTP(w, r) }

// World is the world behind the faces.
func (e *Emulator) World() *world.World { return e.world }

// Faults are the faults in force.
func (e *Emulator) Faults() *fault.Set { return e.faults }

// Addresses are the paths of all faces.
func (e *Emulator) Addresses() []face.Address {
	var out []face.Address
	for _, f := range e.faces {
		out = append(out, f.Addresses()...)
	}
	return out
}

// Close ends injected waits; calls that wait are cut. It may be called more than once.
func (e *Emulator) Close() { e.once.Do(func() { close(e.done) }) }

// Server is an Emulator that listens on an address of this machine.
type Server struct {
	*Emulator
	url    string
	server *http.Server
	served chan error // what Serve returned, once
	once   sync.Once
	err    error
}

// Start listens on addr, for example "127.0.0.1:0", and serves until Close. ctx bounds the start only. It refuses addresses
// that other machines could reach: the sandbox has no authentication of its own.
func Start(ctx context.Context, addr string, cfg Config) (*Server, error) {
	if err := checkLoopback(addr); err != nil {
		return nil, err
	}
	e, err := New(cfg)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Emulator: e, url: "http://" + listener.Addr().String(), served: make(chan error, 1),
		server: &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { s.served <- s.server.Serve(listener) }()
	return s, nil
}

// URL is the base address, for example "http://127.0.0.1:7480".
func (s *Server) URL() string { return s.url }

// Shutdown stops listening, ends injected waits, lets calls under way finish until ctx ends, and cuts the rest. Every later
// call returns the same.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(func() {
		s.Emulator.Close()
		if err := s.server.Shutdown(ctx); err != nil {
			_ = s.server.Close() // the time is over; the listener is closed already
		}
		if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
			s.err = err
		}
	})
	return s.err
}

// Close stops at once and cuts the calls under way.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return s.Shutdown(ctx)
}

// checkLoopback refuses an address that is not this machine's own.
func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("address %q is not of the form host:port: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("the sandbox has no authentication, so it listens on this machine only: use 127.0.0.1 or [::1] instead of %q", host)
}
