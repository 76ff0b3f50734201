package main

import (
	"context"
	"slices"

	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/host"
)

// adapterHealth tells the health services of both listeners which adapters serve.
type adapterHealth struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// tellAdapterHealth tells it now and at each change, until stop.
func tellAdapterHealth(h *host.Host, servers ...*api.Server) *adapterHealth {
	ctx, cancel := context.WithCancel(context.Background())
	a := &adapterHealth{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		told := make(map[string]bool)
		for {
			changed := h.Changed()
			now := h.Adapters()
			for name := range told { // one that left does not serve
				if !slices.ContainsFunc(now, func(s host.Status) bool { return s.Name == name }) {
					delete(told, name)
					for _, server := range servers {
						server.SetAdapterHealth(name, false)
					}
				}
			}
			for _, s := range now {
				told[s.Name] = true
				for _, server := range servers {
					server.SetAdapterHealth(s.Name, serves(s))
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return a
}

// stop ends it. One that was never begun may be stopped.
func (a *adapterHealth) stop() {
	if a != nil {
		a.cancel()
		<-a.ended
	}
}

// serves reports whether calls of an adapter are served at this moment. Those of one whose process owes the watchdog an answer wait until it
// answers or is replaced.
func serves(s host.Status) bool { return s.State == host.Serving && !s.Generation.Unresponsive }
