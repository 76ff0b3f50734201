package cli_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// TestWatchAdapters: what would be the same line again is no news.
func TestWatchAdapters(t *testing.T) {
	t.Parallel()
	busier, restarted := cdiscount(), cdiscount()
	busier.Generation.Leases++
	restarted.RestartCount++
	restarted.Retiring[0].Leases = 0
	restarted.LastSwap = &marketplacev1.LastSwap{StartTime: at(7, 0), FailureMessage: "the server stopped during it"} // not under way any more
	other := &marketplacev1.Adapter{
		Name: "adapters/octopia", State: marketplacev1.Adapter_STATE_CRASH_LOOPING, RestartCount: 9, Message: "signal: killed\x1b",
		Generation: &marketplacev1.Generation{Number: 9},
		LastSwap:   &marketplacev1.LastSwap{StartTime: at(7, 0), Step: &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_PROBE}},
	}
	f := newFake(t, &fake{watchAdapters: func(send func(*marketplacev1.WatchAdaptersResponse) error) error {
		for _, adapters := range [][]*marketplacev1.Adapter{{cdiscount()}, {cdiscount(), other}, {busier, other}, {restarted, other}, {cdiscount(), other}} {
			if err := send(&marketplacev1.WatchAdaptersResponse{Adapters: adapters}); err != nil {
				return err
			}
		}
		return status.Error(codes.Unavailable, "the server is stopping")
	}})
	got, all := run(t, f, "adapter", "watch"), run(t, f, "adapter", "watch", "--output", "json")
	if n := strings.Count(all.out, `"adapters/cdiscount"`); n != 4 {
		t.Errorf("%d documents of cdiscount, want one for each change:\n%s", n, all.out)
	}
	if got.code != cli.ExitRetry {
		t.Errorf("exit code %d at the end of the server, want %d: %s", got.code, cli.ExitRetry, got.err)
	}
	golden(t, "adapter_watch", got.out)
}

// TestWatchShowsPins: stores that are pinned to one release are told together, since they share its process.
func TestWatchShowsPins(t *testing.T) {
	t.Parallel()
	adapter := pinned()
	for _, store := range []string{"a", "b", "c"} {
		pin := proto.CloneOf(adapter.GetPins()[0])
		pin.Store = "stores/" + store
		adapter.Pins = append(adapter.Pins, pin)
	}
	adapter.Pins[2].Generation = &marketplacev1.Generation{Number: 5, Pid: 4545, Unresponsive: true}
	f := newFake(t, &fake{watchAdapters: func(send func(*marketplacev1.WatchAdaptersResponse) error) error {
		return send(&marketplacev1.WatchAdaptersResponse{Adapters: []*marketplacev1.Adapter{adapter}})
	}})
	got := run(t, f, "adapter", "watch")
	if got.code != cli.ExitOK {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
	golden(t, "adapter_watch_pins", got.out)
}
