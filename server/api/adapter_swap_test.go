package api_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

func TestSwapStreamsItsSteps(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	var files []string
	h.swap = func(_ context.Context, file string, report host.Report) error {
		files = append(files, file)
		report(host.Step{Kind: host.Register})
		report(host.Step{Kind: host.Register, Done: true, Took: time.Second, SHA256: "bb", Unchanged: true})
		for _, kind := range []host.StepKind{host.Launch, host.Probe, host.Publish} {
			report(host.Step{Kind: kind, Done: true, Took: time.Millisecond, SHA256: "bb", Version: "2", Generation: 3})
		}
		report(host.Step{Kind: host.Retire, Generation: 2, Calls: 5, Limit: time.Hour})
		report(host.Step{Kind: host.Retire, Done: true, Took: time.Minute, SHA256: "bb", Version: "2", Generation: 2, Cut: 4, Killed: true})
		return nil
	}
	client, _ := operators(t, h)
	step := func(kind marketplacev1.SwapStep_Kind) *marketplacev1.SwapStep {
		return &marketplacev1.SwapStep{
			Kind: kind, Done: true, Duration: durationpb.New(time.Millisecond), Sha256: "bb", Version: "2", Generation: 3,
		}
	}
	want := []*marketplacev1.SwapStep{
		{Kind: marketplacev1.SwapStep_KIND_REGISTER},
		{Kind: marketplacev1.SwapStep_KIND_REGISTER, Done: true, Duration: durationpb.New(time.Second), Sha256: "bb", Unchanged: true},
		step(marketplacev1.SwapStep_KIND_LAUNCH), step(marketplacev1.SwapStep_KIND_PROBE), step(marketplacev1.SwapStep_KIND_PUBLISH),
		{Kind: marketplacev1.SwapStep_KIND_RETIRE, Generation: 2, RetiringCalls: 5, RetireLimit: durationpb.New(time.Hour)},
		{
			Kind: marketplacev1.SwapStep_KIND_RETIRE, Done: true, Duration: durationpb.New(time.Minute), Sha256: "bb", Version: "2",
			Generation: 2, CutCalls: 4, Killed: true,
		},
		{Kind: marketplacev1.SwapStep_KIND_COMPLETE, Done: true, Adapter: wantAdapter()},
	}
	swap, err := client.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/one", File: "f"})
	if err != nil {
		t.Fatal(err)
	}
	rollback, err := client.RollbackAdapter(t.Context(), &marketplacev1.RollbackAdapterRequest{Name: "adapters/one"})
	if err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string]grpc.ServerStreamingClient[marketplacev1.SwapStep]{"swap": swap, "rollback": rollback} {
		got, err := all(stream)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// all receives a stream to its end.
func all[M any](stream grpc.ServerStreamingClient[M]) (messages []*M, err error) {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
}

// TestSwapByHash: the release is named by its hash in the place of a file, not beside one.
func TestSwapByHash(t *testing.T) {
	t.Parallel()
	h := newFakeHost()
	var asked []string
	h.swap = func(_ context.Context, release string, _ host.Report) error {
		asked = append(asked, release)
		return nil
	}
	client, _ := operators(t, h)
	swap := func(file, sum string) error {
		stream, err := client.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: "adapters/one", File: file, Sha256: sum})
		if err == nil {
			_, err = all(stream)
		}
		return err
	}
	if err := swap("", "aa"); err != nil {
		t.Error(err)
	}
	if err := swap("f", "aa"); status.Code(err) != codes.InvalidArgument || detailsOf(err).info.GetReason() != problem.ReasonInvalidField {
		t.Errorf("file and hash: %v, want INVALID_FIELD", err)
	}
	if diff := cmp.Diff([]string{"sha256 aa"}, asked); diff != "" {
		t.Errorf("the host was asked for (-want +got)\n%s", diff)
	}
}

func TestSwapFails(t *testing.T) {
	t.Parallel()
	refused := problem.New(problem.Precondition, problem.ReasonReleaseRefused, "no").With("step", "probe")
	for _, tt := range []struct {
		name    string
		adapter string
		err     error
		code    codes.Code
		reason  string
	}{
		{"no name", "", nil, codes.InvalidArgument, problem.ReasonInvalidField},
		{"unknown adapter", "adapters/two", nil, codes.NotFound, problem.ReasonAdapterNotFound},
		{"refused release", "adapters/one", refused, codes.FailedPrecondition, problem.ReasonReleaseRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newFakeHost()
			h.swap = func(context.Context, string, host.Report) error { return tt.err }
			h.unload = func(context.Context) error { return tt.err }
			client, _ := operators(t, h)
			stream, err := client.SwapAdapter(t.Context(), &marketplacev1.SwapAdapterRequest{Name: tt.adapter})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = all(stream); status.Code(err) != tt.code || detailsOf(err).info.GetReason() != tt.reason {
				t.Errorf("swap: %v, want %s %s", err, tt.code, tt.reason)
			}
			if tt.err == nil {
				return
			}
			if got := detailsOf(err).info.GetMetadata()["step"]; got != "probe" {
				t.Errorf("step %q, want probe", got)
			}
			if _, err := client.UnloadAdapter(t.Context(), &marketplacev1.UnloadAdapterRequest{Name: tt.adapter}); status.Code(err) != tt.code {
				t.Errorf("unload: %v, want %s", err, tt.code)
			}
		})
	}
}

// TestSwapEndsWithItsCallerAndItsServer: the context of the host's swap ends with both.
func TestSwapEndsWithItsCallerAndItsServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(cancel func(), service *api.Adapters)
		code codes.Code
		why  string // the reason that the host is told, if there is one
	}{
		{"the caller goes away", func(cancel func(), _ *api.Adapters) { cancel() }, codes.Canceled, ""},
		{"the server stops", func(_ func(), service *api.Adapters) { service.Stop() }, codes.Unavailable, problem.ReasonServerStopping},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newFakeHost()
			ended := make(chan error, 1)
			h.swap = func(ctx context.Context, _ string, report host.Report) error {
				report(host.Step{Kind: host.Register})
				<-ctx.Done()
				ended <- errors.Join(ctx.Err(), context.Cause(ctx))
				return ctx.Err()
			}
			client, service := operators(t, h)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := client.SwapAdapter(ctx, &marketplacev1.SwapAdapterRequest{Name: "adapters/one"})
			if err == nil {
				_, err = stream.Recv()
			}
			if err != nil {
				t.Fatal(err)
			}
			tt.end(cancel, service)
			if err := <-ended; !errors.Is(err, context.Canceled) || tt.why != "" && !problem.HasReason(err, tt.why) {
				t.Errorf("the swap's context: %v, want its end and %q", err, tt.why)
			}
			if _, err := stream.Recv(); status.Code(err) != tt.code {
				t.Errorf("stream: %v, want %s", err, tt.code)
			}
		})
	}
}
