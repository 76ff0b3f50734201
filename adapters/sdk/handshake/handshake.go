// Package handshake holds what an adapter process and its host must agree on before they can talk: the names of environment
// variables, the protocol version and the limits of the connection. It holds constants only; package serve uses them in the
// adapter, package launch in the host.
package handshake

import "time"

// The magic cookie tells an adapter that a relais host started it. It is a courtesy to people who run the binary by hand, not
// a protection.
const (
	// CookieKey is the name of the environment variable.
	CookieKey = "RELAIS_ADAPTER"
	// CookieValue is its value.
	CookieValue = "b1ae4a7e-marketplace-adapter"
)

// ProtocolVersion is the major version of the plugin protocol: relais.adapter.v1. The next one gets a service of its own.
const ProtocolVersion = 1

// ProtocolName is the protobuf package of ProtocolVersion.
const ProtocolName = "relais.adapter.v1"

// PluginName is the name under which the service of ProtocolVersion is registered with go-plugin.
const PluginName = "MarketplaceAdapterService"

// Environment variables that the host sets for the adapter.
const (
	// LifelineFDEnv names the inherited file descriptor whose end of file tells the adapter that its host is gone.
	LifelineFDEnv = "RELAIS_LIFELINE_FD"
	// LogLevelEnv is the lowest level that the host wants logged, as slog writes it ("DEBUG", "INFO", …).
	LogLevelEnv = "RELAIS_LOG_LEVEL"
)

// FilePrefix is how the file name of every adapter binary begins; the adapter's name follows.
const FilePrefix = "relais-adapter-"

// MaxMessageBytes is the largest gRPC message in either direction. The protocol asks for messages of about 1 MiB; the rest is
// room for a batch answer or one huge order.
const MaxMessageBytes = 8 << 20

// Keepalive of the connection. The adapter must permit pings as often as KeepaliveMinTime, also without a call in flight:
// grpc's default policy answers the host's pings with "too many pings" and ends every call after some 40 seconds.
const (
	// KeepaliveMinTime is the shortest interval between pings that an adapter accepts.
	KeepaliveMinTime = 5 * time.Second
	// KeepaliveTime is how long the connection is silent before the host pings.
	KeepaliveTime = 30 * time.Second
	// KeepaliveTimeout is how long the host waits for the answer. It is generous: the watchdog, not the keepalive, decides
	// whether a slow adapter is wedged.
	KeepaliveTimeout = 20 * time.Second
)
