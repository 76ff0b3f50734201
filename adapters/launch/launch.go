package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"

	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// Config says what to start and how. It is copied before use.
type Config struct {
	// Path of the adapter binary. Required.
	Path string
	// Name is how errors call the file where Path says nothing to their reader, since it is a copy. Default: Path.
	Name string
	// SHA256 is the hash that the file must have, in hexadecimal. Empty means that it is not checked.
	SHA256 string
	// Logger takes what the adapter logs and prints, and what happens to its process. Give it the attributes that tell one
	// process from another. Default: discard.
	Logger *slog.Logger
	// LogLevel is the lowest level that the adapter is asked to log. Default: INFO.
	LogLevel slog.Level
	// Env holds more environment variables for the adapter ("KEY=value"). It gets these, the proxy and certificate variables of
	// this process, and nothing else.
	Env []string
	// SocketDir is where the private directory of the connection's socket is made. Default, and fallback when the path would be
	// too long for a socket address: the system's directory for temporary files.
	SocketDir string
	// StartTimeout is how long starting may take until the connection is ready. Default: 10 s.
	StartTimeout time.Duration
	// KillTimeout is how long a process that was asked to end may take before it is killed. Default: 3 s.
	KillTimeout time.Duration
}

// withDefaults returns a copy with every number set.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.StartTimeout <= 0 {
		c.StartTimeout = 10 * time.Second
	}
	if c.KillTimeout <= 0 {
		c.KillTimeout = 3 * time.Second
	}
	return c
}

// Start starts the adapter and returns when its connection is ready. The context bounds starting only; the process lives until
// Stop, or until it ends by itself.
//
// The error is a *StartError that says why and what to do, wraps ErrNoSocketDir, or is the context's. Nothing is left behind then: no process, no
// goroutine, no file.
func Start(ctx context.Context, cfg Config) (*Process, error) {
	p, err := startProcess(ctx, cfg.withDefaults())
	if startErr, ok := errors.AsType[*StartError](err); ok {
		startErr.Name = cfg.Name
	}
	return p, err
}

func startProcess(ctx context.Context, cfg Config) (*Process, error) {
	path, err := checkFile(cfg)
	if err != nil {
		return nil, err
	}
	dir, err := makeSocketDir(cfg.SocketDir)
	if err != nil {
		return nil, err
	}
	logs := newLogQueue(cfg.Logger)
	run := newProcessRunner(path, dir, cfg, logs)
	clientConfig := &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey: handshake.CookieKey, MagicCookieValue: handshake.CookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			handshake.ProtocolVersion: {handshake.PluginName: &hostPlugin{}},
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			run.prepare(spec.Env)
			return run, nil
		},
		// Ours is shorter and gives the better error.
		StartTimeout:     cfg.StartTimeout + time.Second,
		AutoMTLS:         true,
		SkipHostEnv:      true,
		GRPCDialOptions:  dialOptions(),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: dir},
		// What the adapter prints after the handshake comes through go-plugin's stream.
		SyncStdout: logs.writer(streamStdout),
		SyncStderr: logs.writer(streamStderr),
		// The log belongs to us: go-plugin's parser panics on a line whose "@message" is not a string.
		Logger: hclog.NewNullLogger(),
	}
	p := newProcess(cfg, path, dir, plugin.NewClient(clientConfig), run, logs)
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// How much an adapter may send ahead: about one message of orders on a stream, and several streams at once.
const (
	streamWindow     = 1 << 20
	connectionWindow = 8 << 20
)

// dialOptions are the limits of the host's end of the connection.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(handshake.MaxMessageBytes),
			grpc.MaxCallSendMsgSize(handshake.MaxMessageBytes),
		),
		// Fixed windows: gRPC would let them grow to 16 MiB, full of orders that the host has not stored yet.
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: handshake.KeepaliveTime, Timeout: handshake.KeepaliveTimeout, PermitWithoutStream: true,
		}),
		// An idle connection would leave READY and look like a dead process.
		grpc.WithIdleTimeout(0),
		// Whether a call is made again is decided where its meaning is known.
		grpc.WithDisableRetry(),
		grpc.WithChainUnaryInterceptor(unaryGone),
		grpc.WithChainStreamInterceptor(streamGone),
	}
}

// connect runs the handshake and returns the connection when it is ready.
func connect(ctx context.Context, client *plugin.Client) (*grpc.ClientConn, error) {
	protocol, err := client.Client()
	if err != nil {
		return nil, err
	}
	grpcClient, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return nil, fmt.Errorf("unexpected protocol client %T", protocol)
	}
	conn := grpcClient.Conn
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.TransientFailure || state == connectivity.Shutdown {
			return nil, errNoConnection
		}
		if !conn.WaitForStateChange(ctx, state) {
			return nil, ctx.Err()
		}
	}
	return conn, nil
}

// checkFile finds the problems that can be told before anything runs, and returns the absolute path.
func checkFile(cfg Config) (string, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return "", fmt.Errorf("path of the adapter: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &StartError{Path: path, Reason: ErrNotFound, Advice: "build it, or correct the path"}
	case err != nil:
		return "", &StartError{Path: path, Reason: ErrNotFound, Advice: "check the permissions of the directory", cause: err}
	case !info.Mode().IsRegular():
		return "", &StartError{Path: path, Reason: ErrNotExecutable, Detail: "it is not a regular file", Advice: "give the adapter's binary"}
	case info.Mode().Perm()&0o111 == 0:
		return "", &StartError{Path: path, Reason: ErrNotExecutable, Detail: "no execute permission", Advice: "chmod +x the file"}
	}
	if cfg.SHA256 == "" { // nothing to compare it with but its own word
		return path, checkComplete(path)
	}
	sum, err := hashFile(path)
	if err != nil {
		return "", fmt.Errorf("hash the adapter: %w", err)
	}
	if sum != cfg.SHA256 {
		return "", &StartError{
			Path: path, Reason: ErrWrongHash, Detail: fmt.Sprintf("it has sha256 %s, expected %s", sum, cfg.SHA256),
			Advice: "install the release again",
		}
	}
	return path, nil
}

// checkComplete is CheckComplete for a path.
func checkComplete(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return nil // to be executable is enough, and whether it is shows when it is started
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err == nil {
		err = CheckComplete(file, info.Size())
	}
	switch {
	case errors.Is(err, ErrCutOff):
		return &StartError{Path: path, Reason: err}
	case err != nil:
		return fmt.Errorf("read the adapter: %w", err)
	}
	return nil
}

// hashFile returns a file's SHA-256 in hexadecimal.
func hashFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// hostPlugin tells go-plugin that version 1 speaks gRPC. The connection is used directly, so nothing is dispensed.
type hostPlugin struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer is the adapter's side and never called in a host.
func (hostPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("package launch has no server side")
}

// GRPCClient returns the connection.
func (hostPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
