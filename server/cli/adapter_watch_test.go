package cli_test

import (
	"testing"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// TestWatchShowsPins: stores that are pinned to one release are told together, since they share its process.
func TestWatchShowsPins(t *testing.T) {
	t.Parallel()
	adapter := pinned()
	adapter.Pins = append(adapter.Pins, adapter.GetPins()[0])
	f := newFake(t, &fake{watchAdapters: func(send func(*marketplacev1.WatchAdaptersResponse) error) error {
		return send(&marketplacev1.WatchAdaptersResponse{Adapters: []*marketplacev1.Adapter{adapter}})
	}})
	got := run(t, f, "adapter", "watch")
	if got.code != cli.ExitOK {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
	golden(t, "adapter_watch_pins", got.out)
}
