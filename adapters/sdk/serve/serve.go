// Package serve turns an sdk.Adapter into a plugin binary. Only plugins/*/main.go and tests import it:
//
//	func main() { serve.Main(cdiscount.New()) }
//
// It owns everything that is about being a process: the handshake with the host, the gRPC server and its limits, recovery from
// panics, the mapping of errors to statuses, logging, and ending together with the host. It knows nothing of marketplaces.
package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // marketplaces speak local time, and the host's machine may have no zone database

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// gcPercent makes the collector run more often than by default. An adapter makes garbage fast, keeps nearly nothing, and runs
// beside others of its kind: its memory should not tell how many orders it has read. It costs a few percent of speed.
const gcPercent = 75

// Main serves the adapter to the relais host that started this process, and returns when the host is done with it. Started by
// anything else it prints a sentence and exits with status 1.
//
// From here on slog (and package log) write to the host's log. Nothing may be printed to standard output before Main: the first
// line there is the handshake.
func Main(a sdk.Adapter) {
	if os.Getenv(handshake.CookieKey) != handshake.CookieValue {
		explain(os.Stderr, a)
		os.Exit(1)
	}
	// A service manager signals every process of the service at once. The host decides when an adapter ends, after the calls in
	// flight; the lifeline covers a host that cannot.
	signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
	debug.SetGCPercent(gcPercent)
	slog.SetDefault(newLogger(os.Stderr, os.Getenv(handshake.LogLevelEnv)))
	if err := holdLifeline(os.Getenv(handshake.LifelineFDEnv), os.Exit); err != nil {
		slog.Error("cannot watch the host", slog.Any("error", err))
		os.Exit(1)
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  handshake.ProtocolVersion,
			MagicCookieKey:   handshake.CookieKey,
			MagicCookieValue: handshake.CookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			handshake.ProtocolVersion: {handshake.PluginName: &grpcPlugin{adapter: a}},
		},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, serverOptions()...)...)
		},
		// go-plugin's own remarks are of no use to an operator; what matters is an error on the way up, which is written to
		// standard error with the rest.
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr, JSONFormat: true}),
	})
}

// explain tells a person who started the binary by hand what it is for.
func explain(w io.Writer, a sdk.Adapter) {
	d := a.Describe()
	_, _ = fmt.Fprintf(w, "This is the relais adapter %s %s. The relais server starts it: put the file into the server's plugin\n"+
		"directory (relais serve --plugin-dir DIR) under the name %s%s.\n",
		d.GetAdapter(), d.GetVersion(), handshake.FilePrefix, d.GetAdapter())
}

// grpcPlugin registers the adapter's service with go-plugin's server.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	adapter sdk.Adapter
}

// GRPCServer registers the service.
func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	Register(s, p.adapter)
	return nil
}

// GRPCClient is the host's side and never called in an adapter.
func (p *grpcPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("package serve has no client side")
}
