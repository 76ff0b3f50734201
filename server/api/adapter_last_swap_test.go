package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
)

// TestLastSwapIsShown: a swap under way, what became of it and who asked for it; and a process that does not answer.
func TestLastSwapIsShown(t *testing.T) {
	t.Parallel()
	ended := started.Add(time.Second)
	for _, tt := range []struct {
		name string
		last *host.LastSwap
		want *marketplacev1.LastSwap
	}{
		{"none", nil, nil},
		{
			"under way",
			&host.LastSwap{StartTime: started, File: "relais-adapter-one", Watched: true, Step: host.Step{Kind: host.Launch, SHA256: "cc"}},
			&marketplacev1.LastSwap{
				StartTime: timestamppb.New(started), File: "relais-adapter-one", Origin: marketplacev1.LastSwap_ORIGIN_PLUGIN_WATCH,
				Step: &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_LAUNCH, Sha256: "cc"},
			},
		},
		{
			"rolled back",
			&host.LastSwap{
				StartTime: started, EndTime: ended, Rollback: true,
				Step: host.Step{Kind: host.Retire, Done: true, Took: time.Minute, SHA256: "aa", Version: "1", Generation: 3, Cut: 2},
			},
			&marketplacev1.LastSwap{
				StartTime: timestamppb.New(started), EndTime: timestamppb.New(ended), Rollback: true, Origin: marketplacev1.LastSwap_ORIGIN_OPERATOR,
				Step: &marketplacev1.SwapStep{
					Kind: marketplacev1.SwapStep_KIND_RETIRE, Done: true, Duration: durationpb.New(time.Minute), Sha256: "aa", Version: "1",
					Generation: 3, CutCalls: 2,
				},
			},
		},
		{
			"refused",
			&host.LastSwap{StartTime: started, EndTime: ended, Step: host.Step{Kind: host.Probe}, Failure: release.Failure{
				Reason: "RELEASE_REFUSED", Message: "it has no version", Metadata: map[string]string{"step": "probe"},
			}},
			&marketplacev1.LastSwap{
				StartTime: timestamppb.New(started), EndTime: timestamppb.New(ended), Origin: marketplacev1.LastSwap_ORIGIN_OPERATOR,
				Step:          &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_PROBE},
				FailureReason: "RELEASE_REFUSED", FailureMessage: "it has no version",
			},
		},
		{
			"given up",
			&host.LastSwap{StartTime: started, EndTime: ended, Step: host.Step{Kind: host.Launch}, Failure: release.Failure{Message: "swap: context canceled"}},
			&marketplacev1.LastSwap{
				StartTime: timestamppb.New(started), EndTime: timestamppb.New(ended), Origin: marketplacev1.LastSwap_ORIGIN_OPERATOR,
				Step:           &marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_LAUNCH},
				FailureMessage: "swap: context canceled",
			},
		},
		{
			"cut off",
			&host.LastSwap{StartTime: started, Failure: release.Failure{Message: "the server stopped during it"}},
			&marketplacev1.LastSwap{
				StartTime: timestamppb.New(started), Origin: marketplacev1.LastSwap_ORIGIN_OPERATOR, FailureMessage: "the server stopped during it",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newFakeHost()
			h.status.LastSwap, h.status.Generation.Unresponsive = tt.last, true
			client, _ := operators(t, h)
			got, err := client.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/one"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.GetLastSwap(), protocmp.Transform()); diff != "" {
				t.Errorf("last swap (-want +got)\n%s", diff)
			}
			if !got.GetGeneration().GetUnresponsive() {
				t.Error("the process that does not answer passes for one that does")
			}
		})
	}
}
