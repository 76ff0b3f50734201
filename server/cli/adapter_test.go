package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// swapped are the steps of a swap: each begins, and is done.
func swapped(steps ...*marketplacev1.SwapStep) func(send func(*marketplacev1.SwapStep) error) error {
	return func(send func(*marketplacev1.SwapStep) error) error {
		for _, s := range steps {
			if s.GetKind() != marketplacev1.SwapStep_KIND_COMPLETE {
				if err := send(&marketplacev1.SwapStep{Kind: s.GetKind()}); err != nil {
					return err
				}
			}
			if err := send(s); err != nil {
				return err
			}
		}
		return nil
	}
}

// step is one that was done.
func step(kind marketplacev1.SwapStep_Kind, took time.Duration) *marketplacev1.SwapStep {
	return &marketplacev1.SwapStep{Kind: kind, Done: true, Duration: durationpb.New(took), Sha256: "9f2c", Version: "0.1.0", Generation: 2}
}

func complete() *marketplacev1.SwapStep {
	return &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_COMPLETE, Done: true, Adapter: cdiscount()}
}

func TestSwap(t *testing.T) {
	t.Parallel()
	retired := step(marketplacev1.SwapStep_KIND_RETIRE, 1234567*time.Microsecond)
	retired.Generation = 1
	cut := proto.CloneOf(retired)
	cut.CutCalls = 3
	unchanged := step(marketplacev1.SwapStep_KIND_REGISTER, 20*time.Millisecond)
	unchanged.Unchanged = true
	whole := []*marketplacev1.SwapStep{
		step(marketplacev1.SwapStep_KIND_REGISTER, 34*time.Millisecond), step(marketplacev1.SwapStep_KIND_LAUNCH, 62*time.Millisecond),
		step(marketplacev1.SwapStep_KIND_PROBE, 4*time.Millisecond), step(marketplacev1.SwapStep_KIND_PUBLISH, 900*time.Microsecond),
	}
	tests := []struct {
		name    string
		args    []string
		swap    func(send func(*marketplacev1.SwapStep) error) error
		request proto.Message
		says    []string // on standard error, in this order
		code    int
	}{
		{"an adapter's own file", []string{"swap", "cdiscount"}, swapped(append(whole, retired, complete())...),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{
				"register      34ms  sha256 9f2c", "launch        62ms  generation 2", "probe          4ms  version 0.1.0",
				"publish      900µs  new calls go to generation 2", "retire      1.235s  generation 1 finished its calls and ended",
			}, cli.ExitOK},
		{"a file by name", []string{"swap", "adapters/cdiscount", "relais-adapter-cdiscount@next"}, swapped(append(whole, cut, complete())...),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount", File: "relais-adapter-cdiscount@next"},
			[]string{"generation 1 ended, 3 calls were cut short"}, cli.ExitOK},
		{"the release that serves", []string{"swap", "cdiscount"}, swapped(unchanged, complete()),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{"version 0.1.0 serves already, nothing changes"}, cli.ExitOK},
		{"a rollback", []string{"rollback", "cdiscount"}, swapped(append(whole, retired, complete())...),
			&marketplacev1.RollbackAdapterRequest{Name: "adapters/cdiscount"}, []string{"register", "retire"}, cli.ExitOK},
		{"a release that is refused", []string{"swap", "cdiscount"}, func(send func(*marketplacev1.SwapStep) error) error {
			if err := swapped(whole[:2]...)(send); err != nil {
				return err
			}
			return status.Error(codes.FailedPrecondition, "the release was refused at the step probe: it has no version")
		}, &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{"launch", "refused at the step probe"}, cli.ExitPrecondition},
		{"an end without completion", []string{"swap", "cdiscount"}, swapped(whole...),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{"relais adapter get cdiscount"}, cli.ExitFailure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{swap: tt.swap})
			got := run(t, f, append([]string{"adapter"}, tt.args...)...)
			if got.code != tt.code {
				t.Fatalf("exit code %d, want %d: %s", got.code, tt.code, got.err)
			}
			rest := got.err
			for _, words := range tt.says {
				_, after, found := strings.Cut(rest, words)
				if !found {
					t.Errorf("standard error lacks %q in its place:\n%s", words, got.err)
				}
				rest = after
			}
			if ok := strings.Contains(got.out, "Adapter:          adapters/cdiscount"); ok != (tt.code == cli.ExitOK) {
				t.Errorf("output:\n%s", got.out)
			}
			if diff := cmp.Diff([]proto.Message{tt.request}, f.received(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got)\n%s", diff)
			}
		})
	}
}

func TestWatchAdapters(t *testing.T) {
	t.Parallel()
	other := &marketplacev1.Adapter{
		Name: "adapters/octopia", State: marketplacev1.Adapter_STATE_CRASH_LOOPING, RestartCount: 9, Message: "signal: killed\x1b",
		Generation: &marketplacev1.Generation{Number: 9},
	}
	f := newFake(t, &fake{watchAdapters: func(send func(*marketplacev1.WatchAdaptersResponse) error) error {
		for _, adapters := range [][]*marketplacev1.Adapter{{cdiscount()}, {cdiscount(), other}} {
			if err := send(&marketplacev1.WatchAdaptersResponse{Adapters: adapters}); err != nil {
				return err
			}
		}
		return status.Error(codes.Unavailable, "the server is stopping")
	}})
	got := run(t, f, "adapter", "watch")
	if got.code != cli.ExitRetry {
		t.Errorf("exit code %d at the end of the server, want %d: %s", got.code, cli.ExitRetry, got.err)
	}
	golden(t, "adapter_watch", got.out)
}
