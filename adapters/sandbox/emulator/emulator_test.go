package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStartRefusesAddressesOfOtherMachines(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"0.0.0.0:0":      "listens on this machine only",
		":0":             "listens on this machine only",
		"[::]:0":         "listens on this machine only",
		"192.0.2.7:7480": "listens on this machine only",
		"example.com:1":  "listens on this machine only",
		"127.0.0.1":      "not of the form host:port",
	} {
		s, err := emulator.Start(t.Context(), addr, emulator.Config{})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want …%s…", addr, err, want)
		}
	}
}

func TestStartServesUntilClose(t *testing.T) {
	t.Parallel()
	s, err := emulator.Start(t.Context(), "localhost:0", emulator.Config{World: world.Config{Orders: 3}})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(s.URL() + "/sandbox/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("HTTP %d", resp.StatusCode)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if resp, err := client.Get(s.URL() + "/sandbox/health"); err == nil {
		_ = resp.Body.Close()
		t.Error("it still answers after Close")
	}
}

func TestNewRefusesABrokenWorld(t *testing.T) {
	t.Parallel()
	if _, err := emulator.New(emulator.Config{World: world.Config{Orders: -1}}); err == nil {
		t.Error("a negative number of orders was taken")
	}
}
