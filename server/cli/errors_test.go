package cli_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/relaishq/relais/server/cli"
)

// remote is an error as the server sends it.
type remote struct {
	code    codes.Code
	message string
	details []protoadapt.MessageV1
}

func remoteError(t *testing.T, r remote) error {
	t.Helper()
	s, err := status.New(r.code, r.message).WithDetails(r.details...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func info(reason string, metadata map[string]string) protoadapt.MessageV1 {
	return protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: reason, Domain: "relais", Metadata: metadata})
}

func violations(fields ...string) protoadapt.MessageV1 {
	bad := &errdetails.BadRequest{}
	for i := 0; i < len(fields); i += 2 {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: fields[i], Description: fields[i+1]})
	}
	return protoadapt.MessageV1Of(bad)
}

func retryIn(d time.Duration) protoadapt.MessageV1 {
	return protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
}

func throttled() remote {
	return remote{codes.ResourceExhausted, "The marketplace asks to slow down.", []protoadapt.MessageV1{
		info("THROTTLED", nil), retryIn(29500 * time.Millisecond),
	}}
}

// failing is a server that refuses every call.
func failing(t *testing.T, r remote) *fake {
	t.Helper()
	err := remoteError(t, r)
	return newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) { return nil, err }})
}

func TestReports(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		remote remote
		want   string
		code   int
	}{
		"reason": {
			remote{codes.NotFound, "There is no store \"tea\".", []protoadapt.MessageV1{info("STORE_NOT_FOUND", nil)}},
			"relais: There is no store \"tea\" (STORE_NOT_FOUND)\n  relais store list shows the stores\n", cli.ExitNotFound,
		},
		"one field": {
			remote{codes.InvalidArgument, "name: write stores/{store}", []protoadapt.MessageV1{
				info("INVALID_FIELD", nil), violations("name", "write stores/{store}"),
			}},
			"relais: name: write stores/{store} (INVALID_FIELD)\n", cli.ExitUsage,
		},
		"several fields": {
			remote{codes.InvalidArgument, "The shipment is malformed", []protoadapt.MessageV1{
				info("INVALID_FIELD", nil), violations("shipment.carrier", "must not be empty", "shipment.items[0].quantity", "at most 3"),
			}},
			"relais: The shipment is malformed (INVALID_FIELD)\n  shipment.carrier: must not be empty\n  shipment.items[0].quantity: at most 3\n", cli.ExitUsage,
		},
		"metadata that the sentence does not tell": {
			remote{codes.AlreadyExists, "The order has an open shipment", []protoadapt.MessageV1{
				info("SHIPMENT_ALREADY_OPEN", map[string]string{"shipment": "stores/tea/shipments/s1", "none": ""}),
			}},
			"relais: The order has an open shipment (SHIPMENT_ALREADY_OPEN)\n  shipment: stores/tea/shipments/s1\n" +
				"  relais shipment notify --replaces SHIPMENT corrects it\n", cli.ExitPrecondition,
		},
		"near matches are told once": {
			remote{codes.InvalidArgument, "carrier \"Colisimo\" is not one. Near: Colissimo, Colis Privé", []protoadapt.MessageV1{
				info("CARRIER_UNKNOWN", map[string]string{"near_matches": "Colissimo, Colis Privé"}),
				violations("shipment.carrier", "carrier \"Colisimo\" is not one. Near: Colissimo, Colis Privé"),
			}},
			"relais: carrier \"Colisimo\" is not one. Near: Colissimo, Colis Privé (CARRIER_UNKNOWN)\n  relais carrier list STORE shows the carriers\n", cli.ExitUsage,
		},
		"carrier of another list": {
			remote{codes.InvalidArgument, "carrier \"X\" is not one; ListCarriers of adapters/octopia shows them all", []protoadapt.MessageV1{
				info("CARRIER_UNKNOWN", map[string]string{"adapter": "octopia"}),
			}},
			"relais: carrier \"X\" is not one; ListCarriers of adapters/octopia shows them all (CARRIER_UNKNOWN)\n" +
				"  relais carrier list STORE --adapter octopia shows the carriers\n", cli.ExitUsage,
		},
		"paused": {
			remote{codes.FailedPrecondition, "store \"tea\" is paused; resume it with ResumeStore", []protoadapt.MessageV1{info("STORE_PAUSED", nil)}},
			"relais: store \"tea\" is paused; resume it with ResumeStore (STORE_PAUSED)\n  relais store resume STORE ends the pause\n", cli.ExitPrecondition,
		},
		"no migration": {
			remote{codes.NotFound, "store \"tea\" never moved", []protoadapt.MessageV1{info("MIGRATION_NOT_FOUND", nil)}},
			"relais: store \"tea\" never moved (MIGRATION_NOT_FOUND)\n  relais store migrate STORE --to ADAPTER moves a store\n", cli.ExitNotFound,
		},
		"retry": {throttled(), "relais: The marketplace asks to slow down (THROTTLED)\n  retry in 30s\n", cli.ExitRetry},
		"down": {
			remote{codes.Unavailable, "The marketplace does not answer", []protoadapt.MessageV1{info("MARKETPLACE_DOWN", nil), retryIn(time.Minute)}},
			"relais: The marketplace does not answer (MARKETPLACE_DOWN)\n  retry in 1m0s\n", cli.ExitRetry,
		},
		"no details": {
			remote{codes.FailedPrecondition, "not now", nil}, "relais: not now (FAILED_PRECONDITION)\n", cli.ExitPrecondition,
		},
		"control characters": {
			remote{codes.Internal, "bad\x1b[2J\nanswer", []protoadapt.MessageV1{info("MALFORMED_ANSWER", nil)}},
			"relais: bad\uFFFD[2J answer (MALFORMED_ANSWER)\n", cli.ExitFailure,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, failing(t, tt.remote), "store", "get", "tea")
			if diff := cmp.Diff(result{tt.code, "", tt.want}, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAccountMismatch: the flag that helps is named where it exists, and not to somebody who has given it.
func TestAccountMismatch(t *testing.T) {
	t.Parallel()
	f := failing(t, remote{codes.FailedPrecondition, "The account is another one", []protoadapt.MessageV1{info("ACCOUNT_MISMATCH", nil)}})
	for args, want := range map[string]bool{
		"store|migrate|tea|--to|x|-c|login=v":                true,
		"store|migrate|tea|--to|x|-c|login=v|--same-account": false,
		"store|rotate-credentials|tea|-c|login=v":            false,
	} {
		got := run(t, f, strings.Split(args, "|")...)
		if named := strings.Contains(got.err, "--same-account says so"); got.code != cli.ExitPrecondition || named != want {
			t.Errorf("%s: exit code %d, the flag is named: %v, want %v; report:\n%s", args, got.code, named, want, got.err)
		}
	}
}

// TestCredentialsRejected: who has just given credentials is not told to replace those of a store that there is not.
func TestCredentialsRejected(t *testing.T) {
	t.Parallel()
	f := failing(t, remote{codes.FailedPrecondition, "The marketplace refuses the credentials", []protoadapt.MessageV1{
		info("MARKETPLACE_CREDENTIALS_REJECTED", nil),
	}})
	const head = "relais: The marketplace refuses the credentials (MARKETPLACE_CREDENTIALS_REJECTED)\n"
	for args, want := range map[string]string{
		"store|connect|--adapter|x|-c|login=v":    "  nothing was stored; run the command again with credentials that the marketplace takes\n",
		"store|migrate|tea|--to|x|-c|login=v":     "  nothing was stored; run the command again with credentials that the marketplace takes\n",
		"store|rotate-credentials|tea|-c|login=v": "  nothing was stored; run the command again with credentials that the marketplace takes\n",
		"store|check|tea":                         "  relais store rotate-credentials STORE gives a connected store others\n",
	} {
		if got := run(t, f, strings.Split(args, "|")...); got.err != head+want || got.code != cli.ExitPrecondition {
			t.Errorf("%s: exit code %d, report:\n%s", args, got.code, got.err)
		}
	}
}

func TestExitCodeOfEachStatus(t *testing.T) {
	t.Parallel()
	want := map[codes.Code]int{
		codes.Canceled: 130, codes.Unknown: 1, codes.InvalidArgument: 2, codes.DeadlineExceeded: 5, codes.NotFound: 3,
		codes.AlreadyExists: 4, codes.PermissionDenied: 1, codes.ResourceExhausted: 5, codes.FailedPrecondition: 4,
		codes.Aborted: 5, codes.OutOfRange: 2, codes.Unimplemented: 1, codes.Internal: 1, codes.Unavailable: 5,
		codes.DataLoss: 1, codes.Unauthenticated: 1,
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			f := failing(t, remote{code, "no", []protoadapt.MessageV1{info("SOME_REASON", nil)}})
			if got := run(t, f, "store", "get", "tea"); got.code != want[code] || got.err == "" {
				t.Errorf("exit code %d, want %d; report %q", got.code, want[code], got.err)
			}
		})
	}
	if got := cli.ExitCode(nil); got != 0 {
		t.Errorf("exit code %d without an error", got)
	}
	if got := cli.ExitCode(fmt.Errorf("serve: %w", context.Canceled)); got != 130 {
		t.Errorf("exit code %d for an interrupt, want 130", got)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	listener.Close()
	socket := filepath.Join(t.TempDir(), "none.sock")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		want string
	}{
		"a file": {
			[]string{"adapter", "list", "--admin-socket", file},
			"relais: cannot reach relais at unix:" + file + ": it is no socket\n" +
				"  is relais serve running on this machine, as this user? the path is set with --admin-socket or $RELAIS_ADMIN_SOCKET\n",
		},
		"nobody listens": {
			[]string{"store", "list", "--server", closed},
			"relais: cannot reach relais at " + closed + ": nothing listens there\n" +
				"  is relais serve running there? the address is set with --server or $RELAIS_SERVER\n",
		},
		"no socket": {
			[]string{"store", "list", "--server", "unix:" + socket},
			"relais: cannot reach relais at unix:" + socket + ": the socket does not exist\n" +
				"  is relais serve running there? the address is set with --server or $RELAIS_SERVER\n",
		},
		"no admin socket": {
			[]string{"adapter", "list", "--admin-socket", socket},
			"relais: cannot reach relais at unix:" + socket + ": the socket does not exist\n" +
				"  is relais serve running on this machine, as this user? the path is set with --admin-socket or $RELAIS_ADMIN_SOCKET\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, &fake{}, tt.args...)
			if diff := cmp.Diff(result{cli.ExitRetry, "", tt.want}, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestWrongDoor: who takes the operators' socket for the public API, or the other way round, reads which setting is meant.
func TestWrongDoor(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "relais-cli") // as in newFake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer() // it has neither service
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })
	const public = "  if it is the operators' socket, that belongs to --admin-socket: this command calls the public API, " +
		"whose address is set with --server or $RELAIS_SERVER\n"
	const operators = "  if it is the public API, that belongs to --server: this command calls the operators' socket, " +
		"whose path is set with --admin-socket or $RELAIS_ADMIN_SOCKET\n"
	for name, tt := range map[string]struct{ args, hint string }{
		"a store command":           {"store|list|--server|unix:" + socket, public},
		"one that follows":          {"import|watch|tea|i1|--server|unix:" + socket, public},
		"an adapter command":        {"adapter|list|--admin-socket|" + socket, operators},
		"an adapter command's swap": {"adapter|swap|cdiscount|--admin-socket|" + socket, operators},
		"a move":                    {"store|migration|tea|--admin-socket|" + socket, operators},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, &fake{}, strings.Split(tt.args, "|")...)
			want := "relais: the server at unix:" + socket + " does not take this command\n" + tt.hint
			if diff := cmp.Diff(result{cli.ExitUsage, "", want}, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestServerOnUnixSocket(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{}) // its unix socket serves all services
	for _, server := range []string{"unix:" + f.admin, "unix://" + f.admin} {
		if got := run(t, f, "store", "get", "tea", "--server", server); got.code != 0 {
			t.Errorf("%s: exit code %d: %s", server, got.code, got.err)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	got := run(t, f, "store", "check", "tea", "--timeout", "50ms")
	if got.code != cli.ExitRetry || !strings.Contains(got.err, "no answer from relais at "+f.server+" within 50ms (--timeout)") {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	f := newFake(t, &fake{answer: func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		interrupt()
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	got := process{}.run(ctx, f, "store", "check", "tea")
	if diff := cmp.Diff(result{cli.ExitInterrupted, "", "relais: interrupted\n"}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
