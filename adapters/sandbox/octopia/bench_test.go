package octopia_test

import (
	"net/http"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/octopia"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// benchmarkCall makes one call again and again in a world of 100,000 orders, without a network in between.
func benchmarkCall(b *testing.B, path string) {
	b.Helper()
	e, err := emulator.New(emulator.Config{World: world.Config{Orders: 100_000, Seed: 7, Start: start, Frozen: true}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	e.World().AddClientToken("demo-client", "token")
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, octopia.APIPath+path, http.NoBody)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("SellerId", "10001")
		w := &sink{header: http.Header{}}
		if e.ServeHTTP(w, req); w.status != http.StatusOK {
			b.Fatalf("HTTP %d", w.status)
		}
	}
}

// sink throws away what it is sent.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
