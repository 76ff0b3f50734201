package cli_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// script is how the fake serves one watch.
type script = func(ctx context.Context, send func(*marketplacev1.Import) error) error

// sends is a watch that sends the imports and ends with err.
func sends(err error, imports ...*marketplacev1.Import) script {
	return func(_ context.Context, send func(*marketplacev1.Import) error) error {
		for _, i := range imports {
			if err := send(i); err != nil {
				return err
			}
		}
		return err
	}
}

// inTurn serves each watch with the next script and the last one for ever.
func inTurn(scripts ...script) script {
	var turn atomic.Int64
	return func(ctx context.Context, send func(*marketplacev1.Import) error) error {
		n := min(int(turn.Add(1)), len(scripts))
		return scripts[n-1](ctx, send)
	}
}

func interrupted() *marketplacev1.Import {
	i := running(30)
	i.State = marketplacev1.Import_STATE_INTERRUPTED
	return i
}

func TestImportIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	away := status.Error(codes.Unavailable, "the server is stopping")
	tests := map[string]struct {
		watch   func() script // made for each run: scripts in turn have a memory
		code    int
		state   string // in the printed import; empty when none is printed
		report  string
		watches int
	}{
		"succeeds": {
			func() script { return sends(nil, running(0), running(50), succeeded()) },
			cli.ExitOK, "SUCCEEDED", "", 1,
		},
		"fails": {
			func() script { return sends(nil, running(0), failed()) }, cli.ExitJobFailed, "FAILED",
			"relais: the import ended FAILED: MARKETPLACE_DOWN: The marketplace does not answer; import again later.\n", 1,
		},
		"interrupted": {
			func() script { return sends(nil, interrupted()) },
			cli.ExitJobFailed, "INTERRUPTED", "relais: the import ended INTERRUPTED\n", 1,
		},
		"server restarts": {
			func() script { return inTurn(sends(away, running(10)), sends(away), sends(nil, interrupted())) },
			cli.ExitJobFailed, "INTERRUPTED", "the import ended INTERRUPTED", 3,
		},
		"watch ends early": {
			func() script { return inTurn(sends(nil, running(10)), sends(nil, succeeded())) },
			cli.ExitOK, "SUCCEEDED", "", 2,
		},
		"server stays away": {
			func() script { return sends(away) }, cli.ExitRetry, "", "cannot reach relais", 9,
		},
		"never a word": {
			func() script { return sends(nil) },
			cli.ExitFailure, "", "the server ended the watch before the import ended", 9,
		},
		"watch refused": {
			func() script { return sends(status.Error(codes.NotFound, "no such import")) },
			cli.ExitNotFound, "", "no such import (NOT_FOUND)", 1,
		},
		"watch stays open": {
			func() script {
				return func(ctx context.Context, send func(*marketplacev1.Import) error) error {
					if err := send(succeeded()); err != nil {
						return err
					}
					<-ctx.Done()
					return ctx.Err()
				}
			},
			cli.ExitOK, "SUCCEEDED", "", 1,
		},
	}
	for name, tt := range tests {
		for _, args := range [][]string{{"order", "import", "tea"}, {"import", "watch", "tea", "i3"}} {
			t.Run(name+" by "+args[0]+" "+args[1], func(t *testing.T) {
				t.Parallel()
				f := newFake(t, &fake{watch: tt.watch()})
				got := run(t, f, append(args, "--progress", "none")...)
				if got.code != tt.code || (tt.report == "") != (got.err == "") || !strings.Contains(got.err, tt.report) {
					t.Errorf("exit code %d, want %d; report %q, want %q", got.code, tt.code, got.err, tt.report)
				}
				if tt.state == "" && got.out != "" || !strings.Contains(got.out, tt.state) {
					t.Errorf("printed %q, want an import %s", got.out, tt.state)
				}
				var watches int
				for _, r := range f.received() {
					if w, ok := r.(*marketplacev1.WatchImportRequest); ok {
						watches++
						if w.GetName() != "stores/tea/imports/i3" {
							t.Errorf("watches %q", w.GetName())
						}
					}
				}
				if watches != tt.watches {
					t.Errorf("watched %d times, want %d", watches, tt.watches)
				}
			})
		}
	}
}

// hangs sends one import and stays silent.
func hangs(ctx context.Context, send func(*marketplacev1.Import) error) error {
	if err := send(running(10)); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestImportWaitTimeout(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{watch: hangs})
	got := run(t, f, "order", "import", "tea", "--wait-timeout", "100ms", "--progress", "none")
	want := "relais: the import had not ended after 100ms (--wait-timeout)\n" +
		"  the import goes on; see it with relais import get stores/tea/imports/i3\n"
	if diff := cmp.Diff(result{cli.ExitRetry, "", want}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImportWaitInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	f := newFake(t, &fake{watch: func(ctx context.Context, send func(*marketplacev1.Import) error) error {
		interrupt()
		return hangs(ctx, send)
	}})
	got := process{}.run(ctx, f, "order", "import", "tea", "--progress", "none")
	want := "relais: interrupted\n  the import goes on; see it with relais import get stores/tea/imports/i3\n"
	if diff := cmp.Diff(result{cli.ExitInterrupted, "", want}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImportProgress(t *testing.T) {
	t.Parallel()
	watch := sends(nil, running(0), running(4), running(9), running(10), running(55), running(58), running(100), running(100), succeeded())
	tests := map[string]struct{ mode, want string }{
		"plain": {"plain", "  0%  0 read, 0 new, 0 changed\n 10%  100 read, 10 new, 0 changed\n" +
			" 55%  550 read, 55 new, 0 changed\n100%  1000 read, 100 new, 0 changed\n"},
		"auto is plain without a terminal": {"auto", "  0%  0 read, 0 new, 0 changed\n 10%  100 read, 10 new, 0 changed\n" +
			" 55%  550 read, 55 new, 0 changed\n100%  1000 read, 100 new, 0 changed\n"},
		"none": {"none", ""},
		"bar": {"bar", "\r[------------------------]   0%  0 read, 0 new, 0 changed\x1b[K" +
			"\r[------------------------]   4%  40 read, 4 new, 0 changed\x1b[K" +
			"\r[##----------------------]   9%  90 read, 9 new, 0 changed\x1b[K" +
			"\r[##----------------------]  10%  100 read, 10 new, 0 changed\x1b[K" +
			"\r[#############-----------]  55%  550 read, 55 new, 0 changed\x1b[K" +
			"\r[#############-----------]  58%  580 read, 58 new, 0 changed\x1b[K" +
			strings.Repeat("\r[########################] 100%  1000 read, 100 new, 0 changed\x1b[K", 3) + "\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, newFake(t, &fake{watch: watch}), "order", "import", "tea", "--progress", tt.mode)
			if diff := cmp.Diff(tt.want, got.err); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
			golden(t, "import_succeeded", got.out)
		})
	}
}

// TestPlainProgressSaysEachLineOnce: also when an import ends where it was last seen.
func TestPlainProgressSaysEachLineOnce(t *testing.T) {
	t.Parallel()
	grown := failed()
	grown.Progress.OrdersRead += 7
	for name, tt := range map[string]struct {
		watch script
		want  string
	}{
		"ends where it stood": {sends(nil, running(50), failed()), " 50%  500 read, 50 new, 0 changed\n"},
		"ends a little later": {sends(nil, running(50), grown), " 50%  500 read, 50 new, 0 changed\n 50%  507 read, 50 new, 0 changed\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, newFake(t, &fake{watch: tt.watch}), "order", "import", "tea", "--progress", "plain")
			progress, _, _ := strings.Cut(got.err, "relais: ")
			if diff := cmp.Diff(tt.want, progress); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}

// shipmentReads answers NotifyShipment with a queued shipment and each GetShipment with the next of the states, the last one
// for ever. An error in place of a state is returned.
func shipmentReads(states ...any) func(context.Context, proto.Message) (proto.Message, error) {
	return readsOf[*marketplacev1.GetShipmentRequest](states, shipment(marketplacev1.Shipment_STATE_QUEUED), func(s marketplacev1.Shipment_State) proto.Message {
		answer := shipment(s)
		if s == marketplacev1.Shipment_STATE_REJECTED {
			answer.Reason, answer.Message = "SHIPMENT_REJECTED", "The tracking number is too short."
		}
		return answer
	})
}

// readsOf answers each read with the next of the states, the last one for ever, and every other call with begun. An error in place of
// a state is returned.
func readsOf[Read proto.Message, State any](states []any, begun proto.Message, at func(State) proto.Message) func(context.Context, proto.Message) (proto.Message, error) {
	var turn atomic.Int64
	return func(_ context.Context, m proto.Message) (proto.Message, error) {
		if _, ok := m.(Read); !ok {
			return begun, nil
		}
		switch s := states[min(int(turn.Add(1)), len(states))-1].(type) {
		case error:
			return nil, s
		case State:
			return at(s), nil
		}
		return nil, status.Error(codes.Internal, "the script holds something else")
	}
}

func TestShipmentIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	const (
		queued       = marketplacev1.Shipment_STATE_QUEUED
		sending      = marketplacev1.Shipment_STATE_SENDING
		acknowledged = marketplacev1.Shipment_STATE_ACKNOWLEDGED
		confirmed    = marketplacev1.Shipment_STATE_CONFIRMED
		newer        = marketplacev1.Shipment_State(77) // a state of a newer server is not final
	)
	away := status.Error(codes.Unavailable, "the server is stopping")
	tests := map[string]struct {
		reads  []any
		code   int
		state  string
		report string
	}{
		"confirmed":         {[]any{queued, sending, acknowledged, confirmed}, cli.ExitOK, "CONFIRMED", ""},
		"at once":           {[]any{confirmed}, cli.ExitOK, "CONFIRMED", ""},
		"rejected":          {[]any{queued, marketplacev1.Shipment_STATE_REJECTED}, cli.ExitJobFailed, "REJECTED", "relais: the shipment ended REJECTED: SHIPMENT_REJECTED: The tracking number is too short.\n"},
		"needs attention":   {[]any{marketplacev1.Shipment_STATE_NEEDS_ATTENTION}, cli.ExitJobFailed, "NEEDS_ATTENTION", "ended NEEDS_ATTENTION"},
		"superseded":        {[]any{marketplacev1.Shipment_STATE_SUPERSEDED}, cli.ExitJobFailed, "SUPERSEDED", "ended SUPERSEDED"},
		"cancelled":         {[]any{marketplacev1.Shipment_STATE_CANCELLED}, cli.ExitJobFailed, "CANCELLED", "ended CANCELLED"},
		"a newer state":     {[]any{newer, confirmed}, cli.ExitOK, "CONFIRMED", ""},
		"server restarts":   {[]any{away, away, queued, away, confirmed}, cli.ExitOK, "CONFIRMED", ""},
		"server stays away": {[]any{away}, cli.ExitRetry, "", "cannot reach relais"},
		"read refused":      {[]any{status.Error(codes.Internal, "oops")}, cli.ExitFailure, "", "oops (INTERNAL)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{answer: shipmentReads(tt.reads...)})
			got := run(t, f, "shipment", "notify", "tea", "A1", "--carrier", "c", "--tracking-number", "T-1", "--wait", "--progress", "none")
			if got.code != tt.code || (tt.report == "") != (got.err == "") || !strings.Contains(got.err, tt.report) {
				t.Errorf("exit code %d, want %d; report %q, want %q", got.code, tt.code, got.err, tt.report)
			}
			if tt.state == "" && got.out != "" || !strings.Contains(got.out, tt.state) {
				t.Errorf("printed %q, want a shipment %s", got.out, tt.state)
			}
			var notified int
			for _, r := range f.received() {
				if _, ok := r.(*marketplacev1.NotifyShipmentRequest); ok {
					notified++
				}
			}
			if notified != 1 {
				t.Errorf("notified %d times", notified)
			}
		})
	}
}

// TestShipmentStepsAreNotedOnce: every event appears once on standard error, however often the shipment is read.
func TestShipmentStepsAreNotedOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: shipmentReads(marketplacev1.Shipment_STATE_QUEUED, marketplacev1.Shipment_STATE_QUEUED, marketplacev1.Shipment_STATE_CONFIRMED)})
	got := run(t, f, "shipment", "notify", "tea", "A1", "--carrier", "c", "--tracking-number", "T-1", "--wait")
	want := "2024-03-05T12:01:00+01:00  QUEUED  Stored.\n2024-03-05T12:02:00+01:00  CONFIRMED  The marketplace answered.\n"
	if diff := cmp.Diff(want, got.err); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestShipmentHeldIsNotedOnce: a wait for a shipment that its store holds back says so, once for each reason, in words that no event has.
func TestShipmentHeldIsNotedOnce(t *testing.T) {
	t.Parallel()
	type seen struct{ reason, message string }
	paused := seen{"STORE_PAUSED", "the store is paused"}
	script := []any{
		paused, paused, seen{"MARKETPLACE_CREDENTIALS_REJECTED", "refused, tried again at 12:00"}, seen{"MARKETPLACE_CREDENTIALS_REJECTED", "refused, tried again at 13:00"},
		seen{"", "waiting"}, seen{"MARKETPLACE_DOWN", "Stored."} /* as its event says */, paused, seen{},
	}
	f := newFake(t, &fake{answer: readsOf[*marketplacev1.GetShipmentRequest](script, shipment(marketplacev1.Shipment_STATE_QUEUED), func(at seen) proto.Message {
		s := shipment(marketplacev1.Shipment_STATE_QUEUED)
		if at == (seen{}) {
			s = shipment(marketplacev1.Shipment_STATE_CONFIRMED)
		}
		s.Reason, s.Message = at.reason, at.message
		return s
	})})
	got := run(t, f, "shipment", "notify", "tea", "A1", "--carrier", "c", "--tracking-number", "T-1", "--wait")
	var notes []string
	for line := range strings.Lines(got.err) {
		if strings.HasPrefix(line, "QUEUED") {
			notes = append(notes, line)
		}
	}
	want := []string{
		"QUEUED  STORE_PAUSED: the store is paused\n", "QUEUED  MARKETPLACE_CREDENTIALS_REJECTED: refused, tried again at 12:00\n",
		"QUEUED  STORE_PAUSED: the store is paused\n",
	}
	if diff := cmp.Diff(want, notes); diff != "" || got.code != cli.ExitOK {
		t.Errorf("exit code %d, notes (-want +got):\n%s", got.code, diff)
	}
}

func TestShipmentWaitTimeout(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: shipmentReads(marketplacev1.Shipment_STATE_QUEUED)})
	got := run(t, f, "shipment", "notify", "tea", "A1", "--carrier", "c", "--tracking-number", "T-1", "--wait", "--wait-timeout", "50ms", "--progress", "none")
	want := "relais: the shipment had not ended after 50ms (--wait-timeout)\n" +
		"  the shipment goes on; see it with relais shipment get stores/tea/shipments/s1\n"
	if diff := cmp.Diff(result{cli.ExitRetry, "", want}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
