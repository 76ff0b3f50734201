package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// decisionReads answers AcceptOrder and RefuseOrder with a queued decision and each GetOrder with the next of the states, the
// last one for ever. An error in place of a state is returned.
func decisionReads(kind marketplacev1.Decision_Kind, states ...any) func(context.Context, proto.Message) (proto.Message, error) {
	return readsOf[*marketplacev1.GetOrderRequest](states, pendingOrder(kind, marketplacev1.Decision_STATE_QUEUED), func(s marketplacev1.Decision_State) proto.Message {
		return pendingOrder(kind, s)
	})
}

func TestDecisionIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	const (
		queued       = marketplacev1.Decision_STATE_QUEUED
		sending      = marketplacev1.Decision_STATE_SENDING
		acknowledged = marketplacev1.Decision_STATE_ACKNOWLEDGED
		confirmed    = marketplacev1.Decision_STATE_CONFIRMED
		newer        = marketplacev1.Decision_State(77) // a state of a newer server is not final
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
		"rejected":          {[]any{queued, marketplacev1.Decision_STATE_REJECTED}, cli.ExitJobFailed, "REJECTED", "relais: the decision ended REJECTED: ORDER_NOT_PENDING: The order has ended on the marketplace.\n"},
		"needs attention":   {[]any{marketplacev1.Decision_STATE_NEEDS_ATTENTION}, cli.ExitJobFailed, "NEEDS_ATTENTION", "ended NEEDS_ATTENTION"},
		"a newer state":     {[]any{newer, confirmed}, cli.ExitOK, "CONFIRMED", ""},
		"server restarts":   {[]any{away, away, queued, away, confirmed}, cli.ExitOK, "CONFIRMED", ""},
		"server stays away": {[]any{away}, cli.ExitRetry, "", "cannot reach relais"},
		"read refused":      {[]any{status.Error(codes.Internal, "oops")}, cli.ExitFailure, "", "oops (INTERNAL)"},
	}
	for name, tt := range tests {
		for verb, kind := range map[string]marketplacev1.Decision_Kind{
			"accept": marketplacev1.Decision_KIND_ACCEPT, "refuse": marketplacev1.Decision_KIND_REFUSE,
		} {
			t.Run(name+" by "+verb, func(t *testing.T) {
				t.Parallel()
				f := newFake(t, &fake{answer: decisionReads(kind, tt.reads...)})
				got := run(t, f, "order", verb, "tea", "2403051200DDDDD", "--wait", "--progress", "none")
				if got.code != tt.code || (tt.report == "") != (got.err == "") || !strings.Contains(got.err, tt.report) {
					t.Errorf("exit code %d, want %d; report %q, want %q", got.code, tt.code, got.err, tt.report)
				}
				if tt.state == "" && got.out != "" || tt.state != "" && !strings.Contains(got.out, strings.ToUpper(verb)+", "+tt.state) {
					t.Errorf("printed %q, want a decision %s", got.out, tt.state)
				}
				told := 0
				for _, r := range f.received() {
					if read, ok := r.(*marketplacev1.GetOrderRequest); !ok {
						told++
					} else if read.GetName() != "stores/tea/orders/2403051200DDDDD" {
						t.Errorf("reads %q", read.GetName())
					}
				}
				if told != 1 {
					t.Errorf("told %d times", told)
				}
			})
		}
	}
}

// TestDecisionStepsAreNotedOnce: every step appears once on standard error, however often the order is read.
func TestDecisionStepsAreNotedOnce(t *testing.T) {
	t.Parallel()
	const queued, confirmed = marketplacev1.Decision_STATE_QUEUED, marketplacev1.Decision_STATE_CONFIRMED
	away := status.Error(codes.Unavailable, "the server is stopping")
	f := newFake(t, &fake{answer: decisionReads(marketplacev1.Decision_KIND_ACCEPT, queued, queued, away, queued, confirmed)})
	got := run(t, f, "order", "accept", "tea", "2403051200DDDDD", "--wait")
	want := "2024-03-05T10:30:00+01:00  QUEUED  Stored.\n2024-03-05T10:31:00+01:00  CONFIRMED  The marketplace shows it.\n"
	if diff := cmp.Diff(want, got.err); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

func TestDecisionWaitTimeout(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: decisionReads(marketplacev1.Decision_KIND_REFUSE, marketplacev1.Decision_STATE_SENDING)})
	got := run(t, f, "order", "refuse", "tea", "A1", "--wait", "--wait-timeout", "50ms", "--progress", "none")
	want := "relais: the decision had not ended after 50ms (--wait-timeout)\n" +
		"  the decision goes on; see it with relais order get stores/tea/orders/A1\n"
	if diff := cmp.Diff(result{cli.ExitRetry, "", want}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
