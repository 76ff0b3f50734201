package cli_test

import (
	"context"
	"errors"
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
func swapped(steps ...*marketplacev1.SwapStep) swapScript {
	return func(_ context.Context, send func(*marketplacev1.SwapStep) error) error {
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
	killed, killedBusy := proto.CloneOf(retired), proto.CloneOf(cut)
	killed.Killed, killedBusy.Killed, killedBusy.CutCalls = true, true, 1
	slow := func(_ context.Context, send func(*marketplacev1.SwapStep) error) error {
		begins := &marketplacev1.SwapStep{
			Kind: marketplacev1.SwapStep_KIND_RETIRE, Generation: 1, RetiringCalls: 2, RetireLimit: durationpb.New(150 * time.Second),
		}
		return errors.Join(send(begins), send(retired), send(complete()))
	}
	unchanged := step(marketplacev1.SwapStep_KIND_REGISTER, 20*time.Millisecond)
	unchanged.Unchanged = true
	whole := []*marketplacev1.SwapStep{
		step(marketplacev1.SwapStep_KIND_REGISTER, 34*time.Millisecond), step(marketplacev1.SwapStep_KIND_LAUNCH, 62*time.Millisecond),
		step(marketplacev1.SwapStep_KIND_PROBE, 4*time.Millisecond), step(marketplacev1.SwapStep_KIND_PUBLISH, 900*time.Microsecond),
	}
	tests := []struct {
		name    string
		args    []string
		swap    swapScript
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
			[]string{"generation 1 ended before its calls did, 3 calls cut short"}, cli.ExitOK},
		{"a release by its hash", []string{"swap", "cdiscount", "--sha256", "77aa"}, swapped(append(whole, retired, complete())...),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount", Sha256: "77aa"}, []string{"register", "retire"}, cli.ExitOK},
		{"a process that did not end", []string{"swap", "cdiscount"}, swapped(append(whole, killed, complete())...),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"},
			[]string{"generation 1 finished its calls, did not end by itself and was killed"}, cli.ExitOK},
		{"a process that hung", []string{"swap", "cdiscount"}, swapped(append(whole, killedBusy, complete())...),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"},
			[]string{"generation 1 did not end by itself and was killed, 1 call cut short"}, cli.ExitOK},
		{"calls that take a while", []string{"swap", "cdiscount"}, slow, &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{
			"retire           …  generation 1 finishes 2 calls, at most 2m30s; new calls go to the new process already", "retire      1.235s",
		}, cli.ExitOK},
		{"the release that serves", []string{"swap", "cdiscount"}, swapped(unchanged, complete()),
			&marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{"version 0.1.0 serves already, nothing changes"}, cli.ExitOK},
		{"a rollback", []string{"rollback", "cdiscount"}, swapped(append(whole, retired, complete())...),
			&marketplacev1.RollbackAdapterRequest{Name: "adapters/cdiscount"}, []string{"register", "retire"}, cli.ExitOK},
		{"a release that is refused", []string{"swap", "cdiscount"}, func(ctx context.Context, send func(*marketplacev1.SwapStep) error) error {
			if err := swapped(whole[:2]...)(ctx, send); err != nil {
				return err
			}
			return status.Error(codes.FailedPrecondition, "the release was refused at the step probe: it has no version")
		}, &marketplacev1.SwapAdapterRequest{Name: "adapters/cdiscount"}, []string{"launch", "refused at the step probe"}, cli.ExitPrecondition},
		{"nobody waits, and nothing changes", []string{"rollback", "cdiscount", "--no-wait"}, swapped(unchanged, complete()),
			&marketplacev1.RollbackAdapterRequest{Name: "adapters/cdiscount"}, []string{"serves already, nothing changes"}, cli.ExitOK},
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

// TestSwapNotWaitedFor: with --no-wait the command ends when the release serves, and what the old process still does is shown.
func TestSwapNotWaitedFor(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	f := newFake(t, &fake{swap: func(ctx context.Context, send func(*marketplacev1.SwapStep) error) error {
		defer close(left)
		if err := swapped(step(marketplacev1.SwapStep_KIND_PUBLISH, time.Millisecond))(ctx, send); err != nil {
			return err
		}
		<-ctx.Done() // the old process has calls
		return ctx.Err()
	}})
	got := run(t, f, "adapter", "rollback", "cdiscount", "--no-wait")
	if got.code != 0 || !strings.Contains(got.err, "new calls go to generation 2") || !strings.Contains(got.out, "UNTIL AT MOST") {
		t.Errorf("exit code %d:\n%s\n%s", got.code, got.out, got.err)
	}
	<-left // the stream is not left open
}

// TestSwapInterrupted: who interrupts a swap reads what becomes of it.
func TestSwapInterrupted(t *testing.T) {
	t.Parallel()
	const look = "; see it with relais adapter get cdiscount\n"
	retires := &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_RETIRE, Generation: 1}
	for _, tt := range []struct {
		name  string
		steps []*marketplacev1.SwapStep
		want  string
	}{
		{"at once", nil, "the swap was given up, and what served before serves on"},
		{"at launch", []*marketplacev1.SwapStep{step(marketplacev1.SwapStep_KIND_REGISTER, 0), {Kind: marketplacev1.SwapStep_KIND_LAUNCH}},
			"the swap was given up, and what served before serves on"},
		{"after the probe", []*marketplacev1.SwapStep{step(marketplacev1.SwapStep_KIND_PROBE, 0)},
			"the swap was given up, and what served before serves on"},
		{"at publish", []*marketplacev1.SwapStep{{Kind: marketplacev1.SwapStep_KIND_PUBLISH}}, "whether the release serves was being decided"},
		{"after publish", []*marketplacev1.SwapStep{step(marketplacev1.SwapStep_KIND_PUBLISH, 0)},
			"the release serves; the process before it finishes its calls without this command"},
		{"at retire", []*marketplacev1.SwapStep{step(marketplacev1.SwapStep_KIND_PUBLISH, 0), retires},
			"the release serves; generation 1 finishes its calls without this command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			// What the client's own gRPC says of an interrupt, but after every step has arrived.
			f := newFake(t, &fake{swap: func(_ context.Context, send func(*marketplacev1.SwapStep) error) error {
				for _, s := range tt.steps {
					if err := send(s); err != nil {
						return err
					}
				}
				return status.Error(codes.Canceled, "context canceled")
			}})
			got := run(t, f, "adapter", "swap", "cdiscount")
			if want := "relais: interrupted\n  " + tt.want + look; got.code != cli.ExitInterrupted || !strings.HasSuffix(got.err, want) {
				t.Errorf("exit code %d:\n%s\nwant at its end:\n%s", got.code, got.err, want)
			}
		})
	}
}

// TestLastSwap: what was asked for last, and what became of it, in one line each.
func TestLastSwap(t *testing.T) {
	t.Parallel()
	done := step(marketplacev1.SwapStep_KIND_RETIRE, time.Second)
	unchanged := step(marketplacev1.SwapStep_KIND_REGISTER, time.Second)
	unchanged.Unchanged = true
	for _, tt := range []struct {
		name string
		last *marketplacev1.LastSwap
		want []string
	}{
		{"none", nil, nil},
		{"refused", refusedSwap(), []string{
			"Last swap:        to relais-adapter-cdiscount, found by plugin_watch, 2024-03-05T08:30:00+01:00",
			"Outcome:          not served (sha256 b00cb00cb00c): the release was refused at the step probe: the adapter has no version; version 0.1.0 (generation 2) serves on",
		}},
		{"under way", &marketplacev1.LastSwap{StartTime: at(7, 0), File: "f", Step: &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_LAUNCH}}, []string{
			"Last swap:        to f, 2024-03-05T08:00:00+01:00", "Outcome:          under way: launch",
		}},
		{"cut off", &marketplacev1.LastSwap{StartTime: at(7, 0), File: "f", FailureMessage: "the server stopped during it"}, []string{
			"Last swap:        to f, 2024-03-05T08:00:00+01:00", "Outcome:          unknown: the server stopped during it",
		}},
		{"rolled back", &marketplacev1.LastSwap{StartTime: at(7, 0), EndTime: at(7, 1), Rollback: true, Step: done}, []string{
			"Last swap:        rollback, 2024-03-05T08:00:00+01:00", "Outcome:          served after 1m0s (version 0.1.0, sha256 9f2c)",
		}},
		{"by hash", &marketplacev1.LastSwap{StartTime: at(7, 0), EndTime: at(7, 1), Step: done}, []string{
			"Last swap:        by hash, 2024-03-05T08:00:00+01:00", "Outcome:          served after 1m0s (version 0.1.0, sha256 9f2c)",
		}},
		{"unchanged", &marketplacev1.LastSwap{StartTime: at(7, 0), EndTime: at(7, 1), File: "f", Step: unchanged}, []string{
			"Last swap:        to f, 2024-03-05T08:00:00+01:00", "Outcome:          it served already (version 0.1.0, sha256 9f2c)",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := cdiscount()
			now.LastSwap = tt.last
			f := newFake(t, &fake{swap: swapped(&marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_COMPLETE, Done: true, Adapter: now})})
			got := run(t, f, "adapter", "swap", "cdiscount")
			var lines []string
			for line := range strings.Lines(got.out) {
				if strings.HasPrefix(line, "Last swap:") || strings.HasPrefix(line, "Outcome:") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Errorf("lines (-want +got)\n%s", diff)
			}
		})
	}
}
