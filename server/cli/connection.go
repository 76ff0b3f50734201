package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// maxMessage bounds one answer. A page of 500 orders is about 2 MiB; gRPC's default of 4 MiB would be tight.
const maxMessage = 16 << 20

// endpoint is where a server listens.
type endpoint struct {
	network string // "tcp" or "unix"
	address string
	hint    string // what to check when nobody answers
	other   string // what may be listening there instead, and which setting is meant
}

func (e endpoint) String() string {
	if e.network == "unix" {
		return "unix:" + e.address
	}
	return e.address
}

// isFile reports whether there is something else than a socket at the path of one.
func (e endpoint) isFile() bool {
	if e.network != "unix" {
		return false
	}
	info, err := os.Stat(e.address)
	return err == nil && info.Mode().Type() != fs.ModeSocket
}

// parseServer reads the value of --server. Only this machine is accepted: the API is not encrypted and not authenticated
// yet, and credentials must not cross a network in the clear. A tunnel ends on this machine too.
func parseServer(s string) (endpoint, error) {
	const hint = "is relais serve running there? the address is set with --server or $" + envServer
	const mistaken = "if it is the operators' socket, that belongs to --admin-socket: this command calls the public API, whose address is set " +
		"with --server or $" + envServer
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		path = strings.TrimPrefix(path, "//") // unix:///path means the same
		if path == "" {
			return endpoint{}, usagef("--server %q names no socket: write unix:/path", s)
		}
		return endpoint{"unix", path, hint, mistaken}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil || port == "" {
		return endpoint{}, usagef("--server %q is not an address: write host:port or unix:/path", s)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return endpoint{}, usagef("--server %q is not on this machine: the connection is not encrypted yet, "+
			"so only 127.0.0.1, [::1], localhost and unix sockets are accepted; use a tunnel", s)
	}
	return endpoint{"tcp", s, hint, mistaken}, nil
}

// connection is a gRPC connection to one endpoint that turns transport failures into sentences.
type connection struct {
	*grpc.ClientConn
	endpoint endpoint
	timeout  time.Duration

	mu      sync.Mutex // guards dialErr
	dialErr error      // why the last attempt to connect failed; nil after a success
}

// connect prepares a connection; the first call opens it.
func (a *app) connect(e endpoint) (*connection, error) {
	if a.timeout <= 0 {
		return nil, usagef("--timeout must be positive, for example 30s")
	}
	c := &connection{endpoint: e, timeout: a.timeout}
	authority := e.address
	if e.network == "unix" {
		authority = "localhost"
	}
	// The own dialer keeps the typed error for the report, and never uses a proxy.
	conn, err := grpc.NewClient("passthrough:///"+e.String(),
		grpc.WithContextDialer(c.dial),
		grpc.WithAuthority(authority),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithUserAgent("relais-cli/"+a.Version),
		grpc.WithChainUnaryInterceptor(c.unary),
		grpc.WithChainStreamInterceptor(c.stream),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection to %s: %w", e, err)
	}
	c.ClientConn = conn
	return c, nil
}

func (c *connection) dial(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, c.endpoint.network, c.endpoint.address)
	c.mu.Lock()
	c.dialErr = err
	c.mu.Unlock()
	return conn, err
}

// unary bounds every call by --timeout and explains transport failures.
func (c *connection) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.explain(invoke(ctx, method, req, reply, cc, opts...))
}

// stream explains transport failures of a stream, which may last as long as its context.
func (c *connection) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s, err := open(ctx, desc, cc, method, opts...)
	if err != nil {
		return nil, c.explain(err)
	}
	return &explainedStream{s, c}, nil
}

type explainedStream struct {
	grpc.ClientStream
	conn *connection
}

// RecvMsg receives like the stream below, and explains what failed.
func (s *explainedStream) RecvMsg(m any) error { return s.conn.explain(s.ClientStream.RecvMsg(m)) }

// explain replaces what gRPC says about the transport. Errors that the server made itself carry details and stay.
func (c *connection) explain(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok || len(s.Details()) > 0 {
		return err
	}
	switch s.Code() {
	case codes.Unavailable:
		c.mu.Lock()
		cause := c.dialErr
		c.mu.Unlock()
		return &hintError{&unreachableError{c.endpoint, cause, err}, c.endpoint.hint}
	case codes.Unimplemented:
		if strings.HasPrefix(s.Message(), unknownService) {
			return &hintError{&wrongDoorError{c.endpoint, err}, c.endpoint.other}
		}
	case codes.DeadlineExceeded:
		return &noAnswerError{c.endpoint, c.timeout, err}
	}
	return err
}

// unreachableError is a server that did not answer, or a connection that broke.
type unreachableError struct {
	endpoint endpoint
	dialErr  error // nil when the connection broke later
	call     error // what gRPC said
}

func (e *unreachableError) Error() string {
	why := "the connection broke"
	switch {
	case e.dialErr == nil:
	case errors.Is(e.dialErr, syscall.ECONNREFUSED) && e.endpoint.isFile():
		why = "it is no socket"
	case errors.Is(e.dialErr, syscall.ECONNREFUSED):
		why = "nothing listens there"
	case errors.Is(e.dialErr, fs.ErrNotExist):
		why = "the socket does not exist"
	case errors.Is(e.dialErr, fs.ErrPermission):
		why = "this user may not open the socket"
	default:
		why = e.dialErr.Error()
	}
	return fmt.Sprintf("cannot reach relais at %s: %s", e.endpoint, why)
}

// Unwrap keeps the status code.
func (e *unreachableError) Unwrap() error { return e.call }

// unknownService begins what gRPC answers to a call of a service that a server does not have.
const unknownService = "unknown service "

// wrongDoorError is a server that does not have the service that was called: the public API and the operators' socket were mixed up, or
// it is no relais.
type wrongDoorError struct {
	endpoint endpoint
	call     error
}

func (e *wrongDoorError) Error() string {
	return fmt.Sprintf("the server at %s does not take this command", e.endpoint)
}

// Unwrap keeps the status code.
func (e *wrongDoorError) Unwrap() error { return e.call }

// noAnswerError is a call that took longer than --timeout. Whether the server did it is not known.
type noAnswerError struct {
	endpoint endpoint
	timeout  time.Duration
	call     error
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("no answer from relais at %s within %s (--timeout); the server may still be doing what was asked",
		e.endpoint, e.timeout)
}

// Unwrap keeps the status code.
func (e *noAnswerError) Unwrap() error { return e.call }

// runE is what cobra calls.
type runE = func(*cobra.Command, []string) error

// marketplace makes a command out of a function that calls the MarketplaceService.
func (a *app) marketplace(f func(context.Context, marketplacev1.MarketplaceServiceClient, []string) error) runE {
	return func(cmd *cobra.Command, args []string) error {
		e, err := parseServer(a.server)
		if err != nil {
			return err
		}
		conn, err := a.connect(e)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // nothing is pending; the command's own error matters
		return f(cmd.Context(), marketplacev1.NewMarketplaceServiceClient(conn), args)
	}
}

// onAdminSocket makes a command out of a function that calls one of the operators' services on the admin socket.
func onAdminSocket[C any](
	a *app, client func(grpc.ClientConnInterface) C, f func(context.Context, C, []string) error,
) runE {
	return func(cmd *cobra.Command, args []string) error {
		path := strings.TrimPrefix(a.adminSocket, "unix:")
		if path == "" {
			return usagef("--admin-socket is empty: write the path of the server's admin socket")
		}
		conn, err := a.connect(endpoint{
			"unix", path,
			"is relais serve running on this machine, as this user? the path is set with --admin-socket or $" + envAdminSocket,
			"if it is the public API, that belongs to --server: this command calls the operators' socket, whose path is set " +
				"with --admin-socket or $" + envAdminSocket,
		})
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // as in marketplace
		return f(cmd.Context(), client(conn), args)
	}
}
