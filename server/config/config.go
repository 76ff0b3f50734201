// Package config reads the operator's configuration once, at start: from weakest to strongest the defaults, a YAML file,
// RELAIS_* variables and flags. What Load returns is checked as a whole and never changes; it names no adapter.
package config

import (
	"log/slog"
	"time"

	"github.com/relaishq/relais/server/carrier"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// Config is a checked configuration. Keys documents where each value comes from and its default.
type Config struct {
	// File is the configuration file that was read; empty when there was none.
	File string

	// Listen is where the public API is served: a loopback address, or a unix socket.
	Listen Address
	// AdminSocket is the path of the unix socket of the operators' services.
	AdminSocket string
	// Database is the path of the SQLite file.
	Database string
	// PluginDir holds the adapter binaries.
	PluginDir string
	// PluginWatch is true when a new relais-adapter-{adapter} in it is swapped in by itself.
	PluginWatch bool
	// DataDir holds what relais keeps beside the database: the key file and copies of adapter binaries.
	DataDir string
	// KeyFile is the path of the key that seals credentials.
	KeyFile string
	// SandboxURL is the base of a relais sandbox, without a slash at the end; empty for none.
	SandboxURL string

	// LogLevel is the lowest level that is logged.
	LogLevel slog.Level
	// LogFormat is LogText or LogJSON.
	LogFormat LogFormat
	// ShutdownTimeout is how long work under way may take when the server is asked to stop.
	ShutdownTimeout time.Duration

	// Refusals says when refused credentials are believed to be wrong, and when they are tried again.
	Refusals store.RefusalPolicy
	// Adapters is how adapters are called.
	Adapters Adapters
	// Import is how orders are imported.
	Import Import
	// Shipment is how shipments are delivered to marketplaces.
	Shipment Shipment
	// Carriers is the carriers that relais knows: its own, extended by the operator's.
	Carriers carrier.Table
	// Migration says when an adapter that a store leaves is given up.
	Migration store.MigrationPolicy

	// UnknownVariables names RELAIS_* variables that are set and mean nothing: misspelt, most likely.
	UnknownVariables []string

	environments map[string]map[string]map[string]string // name, adapter, key: URL
}

// Address is where a server listens, as net.Listen takes it.
type Address struct {
	Network string // "tcp" or "unix"
	Address string // "127.0.0.1:7443", or the path of the socket
}

// LogFormat is how log lines look.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text" // key=value, for people
	LogJSON LogFormat = "json" // one object a line, for machines
)

// Adapters is how adapters are called.
type Adapters struct {
	// CallTimeout bounds one call that is no stream of orders.
	CallTimeout time.Duration
	// StreamIdleTimeout bounds the wait for the next piece of a stream of orders.
	StreamIdleTimeout time.Duration
	// RequestsPerSecond is how fast a store may call its marketplace, and Burst how many requests may be made at once. Zero
	// leaves it to what each adapter declares for the real marketplace.
	RequestsPerSecond float64
	Burst             int
	// WatchInterval is the time between two questions of the watchdog.
	WatchInterval time.Duration
	// MemoryLimit is how many bytes one process may have resident; zero for no limit.
	MemoryLimit int64
	// CrashLoop says when processes of an adapter that end again and again are not just replaced.
	CrashLoop CrashLoop
}

// CrashLoop is Failures ends of a process within Window, none of which had finished GoodCalls calls.
type CrashLoop struct {
	Failures  int
	Window    time.Duration
	GoodCalls int
}

// Import is how orders are imported.
type Import struct {
	// Statuses that marketplaces are asked for by name; never empty. An order whose status an adapter does not know comes
	// always.
	Statuses []order.Status
	// Workers is how many imports read at once.
	Workers int
	// Interval is the time between the starts of two imports that nobody asked for, of a store without an interval of its own; zero
	// means that there are none.
	Interval time.Duration
}

// Shipment is how shipments are delivered to marketplaces.
type Shipment struct {
	// Workers is how many shipments are worked on at once.
	Workers int
	// SettleDelay is how long a request whose answer was lost may take to become visible, and the time between reads.
	SettleDelay time.Duration
	// StillReadyReads is how many reads in a row must show "still ready" before a request is sent a second time.
	StillReadyReads int32
	// RetryMin and RetryMax bound the back-off after a failure, and between reads while waiting.
	RetryMin, RetryMax time.Duration
	// WaitMargin is how long after max(ship-by, accepted) relais keeps trying before a person must look.
	WaitMargin time.Duration
}

var _ store.Environments = Config{}
