package api_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
)

// private is what no caller may read: the text of an error that nobody wrote for callers.
const private = "Ada Invented, 5 rue Imaginaire"

// TestErrors: what a caller sees of each kind of error, from a unary call and from a stream alike.
func TestErrors(t *testing.T) {
	t.Parallel()
	problemOf := func(kind problem.Kind) *problem.Problem {
		return &problem.Problem{Kind: kind, Reason: "SOME_REASON", Message: "what failed; what to do", Cause: errors.New(private)}
	}
	retry := func(d time.Duration) *errdetails.RetryInfo {
		return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)}
	}
	info := &errdetails.ErrorInfo{Domain: "relais", Reason: "SOME_REASON"}
	internal := &errdetails.ErrorInfo{Domain: "relais", Reason: problem.ReasonInternal}
	throttled := problemOf(problem.Exhausted)
	throttled.RetryAfter = 90 * time.Second
	tests := []struct {
		name    string
		err     error
		code    codes.Code
		message string
		details details
		logged  bool // its cause stands in the log
	}{
		{name: "internal", err: problemOf(problem.Internal), code: codes.Internal, details: details{info: info}, logged: true},
		{name: "invalid", err: problemOf(problem.Invalid), code: codes.InvalidArgument, details: details{info: info}},
		{name: "not found", err: problemOf(problem.NotFound), code: codes.NotFound, details: details{info: info}},
		{name: "precondition", err: problemOf(problem.Precondition), code: codes.FailedPrecondition, details: details{info: info}},
		{name: "exists", err: problemOf(problem.Exists), code: codes.AlreadyExists, details: details{info: info}},
		{name: "exhausted", err: problemOf(problem.Exhausted), code: codes.ResourceExhausted, details: details{info: info, retry: retry(30 * time.Second)}},
		{name: "exhausted, with a delay", err: throttled, code: codes.ResourceExhausted, details: details{info: info, retry: retry(90 * time.Second)}},
		{name: "unavailable", err: problemOf(problem.Unavailable), code: codes.Unavailable, details: details{info: info, retry: retry(30 * time.Second)}},
		{name: "wrapped", err: fmt.Errorf("%s: %w", private, problemOf(problem.NotFound)), code: codes.NotFound, details: details{info: info}},
		{
			name: "fields", err: problem.InvalidField("store.settings", "is wrong"), code: codes.InvalidArgument, message: "store.settings: is wrong",
			details: details{
				info: &errdetails.ErrorInfo{Domain: "relais", Reason: problem.ReasonInvalidField},
				bad: &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
					{Field: "store.settings", Description: "is wrong", Reason: problem.ReasonInvalidField},
				}},
			},
		},
		{
			name: "metadata", err: problemOf(problem.Invalid).With("near_matches", "Colissimo"), code: codes.InvalidArgument,
			details: details{info: &errdetails.ErrorInfo{Domain: "relais", Reason: "SOME_REASON", Metadata: map[string]string{"near_matches": "Colissimo"}}},
		},
		{
			name: "text that is not UTF-8", err: problem.New(problem.NotFound, "SOME_REASON", "caf\xe9"), code: codes.NotFound, message: "caf?",
			details: details{info: info},
		},
		{name: "any other error", err: errors.New(private), code: codes.Internal, message: "the server's log tells more", details: details{info: internal}, logged: true},
		{name: "the caller gave up", err: fmt.Errorf("%s: %w", private, context.Canceled), code: codes.Canceled, message: "cancelled"},
		{name: "too slow", err: fmt.Errorf("%s: %w", private, context.DeadlineExceeded), code: codes.DeadlineExceeded, message: "deadline"},
		{name: "of gRPC itself", err: status.Error(codes.Unimplemented, "no such thing"), code: codes.Unimplemented, message: "no such thing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := serve(t, &fakeService{
				getStore: func(context.Context, *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
					return nil, tt.err
				},
				watchImport: func(*marketplacev1.WatchImportRequest, grpc.ServerStreamingServer[marketplacev1.Import]) error {
					return tt.err
				},
			})
			_, unary := r.client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{})
			stream, err := r.client.WatchImport(t.Context(), &marketplacev1.WatchImportRequest{})
			if err != nil {
				t.Fatal(err)
			}
			_, streamed := stream.Recv()
			message := tt.message
			if message == "" {
				message = "what failed; what to do"
			}
			for call, err := range map[string]error{"GetStore": unary, "WatchImport": streamed} {
				st := status.Convert(err)
				if st.Code() != tt.code || !strings.Contains(st.Message(), message) {
					t.Errorf("%s: %s %q, want %s with %q", call, st.Code(), st.Message(), tt.code, message)
				}
				if strings.Contains(fmt.Sprint(st.Proto()), "Imaginaire") {
					t.Errorf("%s shows what was not written for a caller: %v", call, st.Proto())
				}
				got := detailsOf(err)
				if diff := cmp.Diff(tt.details, got, protocmp.Transform(), cmp.AllowUnexported(details{})); diff != "" {
					t.Errorf("%s: details (-want +got)\n%s", call, diff)
				}
			}
			r.stop() // the log is written after the caller has its answer
			if logged := strings.Contains(r.log.String(), "Imaginaire"); logged != tt.logged {
				t.Errorf("the cause is in the log: %v, want %v\n%s", logged, tt.logged, r.log)
			}
		})
	}
}

// TestPanics: a handler that panics fails its own call, and tells neither caller nor log what it was holding.
func TestPanics(t *testing.T) {
	t.Parallel()
	r := serve(t, &fakeService{
		getStore: func(_ context.Context, req *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
			if req.GetName() == "stores/bad" {
				panic(errors.New(private))
			}
			return &marketplacev1.Store{Name: req.GetName()}, nil
		},
		watchImport: func(*marketplacev1.WatchImportRequest, grpc.ServerStreamingServer[marketplacev1.Import]) error {
			panic(private)
		},
	})
	_, unary := r.client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/bad"})
	stream, err := r.client.WatchImport(t.Context(), &marketplacev1.WatchImportRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, streamed := stream.Recv()
	for call, err := range map[string]error{"GetStore": unary, "WatchImport": streamed} {
		if info := detailsOf(err).info; status.Code(err) != codes.Internal || info.GetReason() != problem.ReasonInternal || info.GetDomain() != "relais" {
			t.Errorf("%s: %v, want INTERNAL, relais/INTERNAL", call, err)
		}
		if strings.Contains(fmt.Sprint(status.Convert(err).Proto()), "Imaginaire") {
			t.Errorf("%s shows the panic's value", call)
		}
	}
	if st, err := r.client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/good"}); err != nil || st.GetName() != "stores/good" {
		t.Errorf("next call: %v", err)
	}
	r.stop()
	log := r.log.String()
	for _, want := range []string{"handler panicked", `"panic":"*errors.errorString"`, `"panic":"string"`, "TestPanics"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q\n%s", want, log)
		}
	}
	if strings.Contains(log, "Imaginaire") {
		t.Errorf("the log shows the panic's value\n%s", log)
	}
}
