package serve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	"github.com/relaishq/relais/adapters/sdk/serve"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestMain makes this binary an adapter as well, when it is started under an adapter's name.
func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), handshake.FilePrefix) {
		serve.Main(&sdktest.Adapter{Description: sdktest.Description("good")})
		return
	}
	goleak.VerifyTestMain(m)
}

// dial serves the adapter on a local socket, through the same server as a plugin binary.
func dial(t *testing.T, a sdk.Adapter) adapterv1.MarketplaceAdapterServiceClient {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := serve.NewServer(a)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-served
	})
	return adapterv1.NewMarketplaceAdapterServiceClient(conn)
}

func TestErrorMapping(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		code   codes.Code
		reason string
		retry  time.Duration
		field  string
		text   string
	}{
		{name: "credentials", err: sdk.CredentialsRejected("no"), code: codes.FailedPrecondition, reason: "CREDENTIALS_REJECTED", text: "no"},
		{name: "authorisation", err: sdk.SellerNotAuthorized("no"), code: codes.FailedPrecondition, reason: "SELLER_NOT_AUTHORIZED", text: "no"},
		{name: "inactive", err: sdk.SellerInactive("no"), code: codes.FailedPrecondition, reason: "SELLER_INACTIVE", text: "no"},
		{name: "refused", err: sdk.MarketplaceRefused("no"), code: codes.FailedPrecondition, reason: "MARKETPLACE_REFUSED", text: "no"},
		{name: "throttled", err: sdk.Throttled(90*time.Second, "slow"), code: codes.ResourceExhausted, reason: "THROTTLED", retry: 90 * time.Second, text: "slow"},
		{name: "throttled without a delay", err: sdk.Throttled(0, "slow"), code: codes.ResourceExhausted, reason: "THROTTLED", text: "slow"},
		{name: "down", err: sdk.MarketplaceDown(time.Second, "503"), code: codes.Unavailable, reason: "MARKETPLACE_DOWN", retry: time.Second, text: "503"},
		{name: "malformed", err: sdk.MalformedAnswer("html"), code: codes.Internal, reason: "MALFORMED_ANSWER", text: "html"},
		{name: "invalid", err: sdk.InvalidRequest("statuses", "empty"), code: codes.InvalidArgument, reason: "INVALID_REQUEST", field: "statuses", text: "empty"},
		{name: "internal", err: sdk.Internal("bug"), code: codes.Internal, reason: "INTERNAL", text: "bug"},
		{name: "wrapped", err: fmt.Errorf("read: %w", sdk.MalformedAnswer("html")), code: codes.Internal, reason: "MALFORMED_ANSWER", text: "html"},
		{name: "anything else", err: io.ErrUnexpectedEOF, code: codes.Internal, reason: "INTERNAL", text: "unexpected EOF"},
		{name: "a time-out of the adapter's own", err: context.DeadlineExceeded, code: codes.Internal, reason: "INTERNAL", text: "deadline"},
		{name: "text that is not UTF-8", err: sdk.MalformedAnswer("caf\xe9"), code: codes.Internal, reason: "MALFORMED_ANSWER", text: "caf\uFFFD"},
		{name: "no answer", err: nil, code: codes.Internal, reason: "INTERNAL", text: "neither an answer nor an error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := dial(t, &sdktest.Adapter{
				OnCheckConnection: func(context.Context, *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
					return nil, tt.err
				},
			})
			_, err := client.CheckConnection(t.Context(), &adapterv1.CheckConnectionRequest{})
			st := status.Convert(err)
			if st.Code() != tt.code || !strings.Contains(st.Message(), tt.text) {
				t.Errorf("status = %v %q, want %v with %q", st.Code(), st.Message(), tt.code, tt.text)
			}
			var reason, domain, field string
			var retry time.Duration
			for _, detail := range st.Details() {
				switch d := detail.(type) {
				case *errdetails.ErrorInfo:
					reason, domain = d.GetReason(), d.GetDomain()
				case *errdetails.RetryInfo:
					retry = d.GetRetryDelay().AsDuration()
				case *errdetails.BadRequest:
					field = d.GetFieldViolations()[0].GetField()
				}
			}
			if reason != tt.reason || domain != "relais.adapter" || retry != tt.retry || field != tt.field {
				t.Errorf("details = %q %q %v %q, want %q relais.adapter %v %q", reason, domain, retry, field, tt.reason, tt.retry, tt.field)
			}
		})
	}
}

func TestLongMessagesAreCut(t *testing.T) {
	t.Parallel()
	client := dial(t, &sdktest.Adapter{
		OnCheckConnection: func(context.Context, *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
			return nil, sdk.MalformedAnswer("%s", strings.Repeat("é", 1<<20))
		},
	})
	_, err := client.CheckConnection(t.Context(), &adapterv1.CheckConnectionRequest{})
	if message := status.Convert(err).Message(); len(message) > 1100 || !strings.HasSuffix(message, "é…") {
		t.Errorf("message of %d bytes, want it cut at a character", len(message))
	}
}

func TestCallerGaveUp(t *testing.T) {
	t.Parallel()
	seen := make(chan error, 1)
	client := dial(t, &sdktest.Adapter{
		OnGetOrders: func(ctx context.Context, _ *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
			<-ctx.Done()
			seen <- ctx.Err()
			return nil, sdk.MarketplaceDown(0, "request failed: %w", ctx.Err())
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.GetOrders(ctx, &adapterv1.GetOrdersRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
	if err := <-seen; err == nil {
		t.Error("the adapter was not told")
	}
}

func TestPanicsFailOneCall(t *testing.T) {
	t.Parallel()
	client := dial(t, &sdktest.Adapter{
		Description: sdktest.Description("good"),
		OnListOrders: func(context.Context, *adapterv1.ListOrdersRequest, sdk.OrderSink) error {
			var missing map[string]int
			missing["x"]++ //nolint:staticcheck // the panic is the point
			return nil
		},
	})
	stream, err := client.ListOrders(t.Context(), &adapterv1.ListOrdersRequest{})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "nil map") {
		t.Errorf("got %v, want INTERNAL without the panic's text", err)
	}
	if _, err := client.Describe(t.Context(), &adapterv1.DescribeRequest{}); err != nil {
		t.Errorf("next call: %v", err)
	}
}

// TestOptionalServices checks that an adapter answers for what it implements and no more.
func TestOptionalServices(t *testing.T) {
	t.Parallel()
	accept := func(context.Context, *adapterv1.AcceptOrdersRequest) (*adapterv1.AcceptOrdersResponse, error) {
		return &adapterv1.AcceptOrdersResponse{}, nil
	}
	products := func(context.Context, *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
		return &adapterv1.GetProductsResponse{}, nil
	}
	tests := []struct {
		name             string
		adapter          *sdktest.Adapter
		decides, readsIt codes.Code
	}{
		{name: "neither", adapter: &sdktest.Adapter{}, decides: codes.Unimplemented, readsIt: codes.Unimplemented},
		{name: "decisions", adapter: &sdktest.Adapter{OnAcceptOrders: accept}, decides: codes.OK, readsIt: codes.Unimplemented},
		{name: "products", adapter: &sdktest.Adapter{OnGetProducts: products}, decides: codes.Unimplemented, readsIt: codes.OK},
		{name: "both", adapter: &sdktest.Adapter{OnAcceptOrders: accept, OnGetProducts: products}, decides: codes.OK, readsIt: codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := dial(t, tt.adapter.Full())
			_, accepted := client.AcceptOrders(t.Context(), &adapterv1.AcceptOrdersRequest{})
			_, refused := client.RefuseOrders(t.Context(), &adapterv1.RefuseOrdersRequest{})
			_, read := client.GetProducts(t.Context(), &adapterv1.GetProductsRequest{})
			if status.Code(accepted) != tt.decides || status.Code(refused) != tt.decides || status.Code(read) != tt.readsIt {
				t.Errorf("AcceptOrders %v, RefuseOrders %v, GetProducts %v, want %v, %v, %v",
					status.Code(accepted), status.Code(refused), status.Code(read), tt.decides, tt.decides, tt.readsIt)
			}
			if status.Code(accepted) == codes.Unimplemented && !strings.Contains(accepted.Error(), "AcceptOrders") {
				t.Errorf("%q does not name the method", accepted)
			}
		})
	}
}

// adapterCommand is this binary as an adapter.
func adapterCommand(t *testing.T) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), handshake.FilePrefix+"good")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return exec.Command(path)
}

func TestRunByHand(t *testing.T) {
	t.Parallel()
	output, err := adapterCommand(t).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit status 1", err)
	}
	for _, want := range []string{"relais adapter good 1.0.0", "--plugin-dir", handshake.FilePrefix + "good"} {
		if !strings.Contains(string(output), want) {
			t.Errorf("it says %q, which lacks %q", output, want)
		}
	}
}

// TestLifeline starts an adapter without launch, so that nothing but the pipe ends it.
func TestLifeline(t *testing.T) {
	t.Parallel()
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	sockets, err := os.MkdirTemp("", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	command := adapterCommand(t)
	command.Env = []string{
		handshake.CookieKey + "=" + handshake.CookieValue, handshake.LifelineFDEnv + "=3",
		"PLUGIN_PROTOCOL_VERSIONS=1", "PLUGIN_UNIX_SOCKET_DIR=" + sockets,
	}
	command.ExtraFiles = []*os.File{theirs}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	hello := make([]byte, 8)
	if _, err := io.ReadFull(stdout, hello); err != nil || string(hello) != "1|1|unix" {
		t.Errorf("handshake = %q, %v", hello, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it ended before its host: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	_ = ours.Close()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		_ = command.Process.Kill()
		t.Error("it outlives its host")
	}
}

func TestBrokenLifelineIsAnError(t *testing.T) {
	t.Parallel()
	for _, fd := range []string{"nonsense", "1", "-3", "77"} {
		command := adapterCommand(t)
		var stderr bytes.Buffer
		command.Stderr = &stderr
		command.Env = []string{handshake.CookieKey + "=" + handshake.CookieValue, handshake.LifelineFDEnv + "=" + fd}
		if err := command.Run(); err == nil || !strings.Contains(stderr.String(), `"@level":"error","@message":"cannot watch the host"`) {
			t.Errorf("lifeline %q: %v, %s", fd, err, stderr.String())
		}
	}
}

// ExampleMain is the whole main.go of a plugin.
func ExampleMain() {
	serve.Main(&sdktest.Adapter{Description: sdktest.Description("example")})
}
