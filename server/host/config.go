package host

import (
	"log/slog"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host/release"
)

// Config says where the adapters are and how they are kept running. Durations and counts that are zero get their default.
type Config struct {
	// PluginDir holds the adapter binaries, files named relais-adapter-{adapter}, or relais-adapter-{adapter}@{label} for others of
	// the same adapter. Required.
	PluginDir string
	// WorkDir is a directory for this host alone, made with mode 0700: copies of the binaries, sockets, a lock. The copies are kept
	// between runs of the server. Required.
	WorkDir string
	// Releases keeps which release each slot is meant to serve. Required.
	Releases release.Repository
	// Stores tells what a release must be able to do. Required.
	Stores release.Stores
	// Addresses says why an adapter that describes itself so cannot be called in an environment: it has no address there. A release is
	// refused when stores that are connected could not be called any more. The error is shown to the operator and says what to
	// configure. Nil means that every environment has every address.
	Addresses func(environment, adapter string, d *adapterv1.DescribeResponse) error
	// Logger takes the host's log and the adapters', with the attributes adapter and generation. Default: discard.
	Logger *slog.Logger
	// LogLevel is the lowest level that adapters are asked to log. Default: INFO.
	LogLevel slog.Level
	// Env holds more environment variables for every adapter ("KEY=value"). Adapters do not get the server's own, except those
	// for proxies and certificates.
	Env []string

	// StartTimeout bounds the start of a process until its connection is ready, and then its first answer to Describe. Default: 10 s.
	StartTimeout time.Duration
	// KillTimeout is how long a process that was asked to end may take before it is killed. Default: 3 s.
	KillTimeout time.Duration
	// GateTimeout is how long a caller waits for a generation to serve, whatever its deadline. Longer than it takes to replace a process
	// that hangs: WatchMisses times 1.25 WatchTimeout, and a start. Default: 10 s.
	GateTimeout time.Duration
	// RetireTimeout is how long a generation that was replaced may take to finish its calls; then they are cut. Longer than the longest
	// lease: relais sets two call timeouts and 30 s. Streams do not count: they are continued elsewhere. Default: 150 s.
	RetireTimeout time.Duration

	// BackoffMin is the pause before a process that ended is replaced; it doubles with each failure. Default: 250 ms.
	BackoffMin time.Duration
	// BackoffMax is the longest such pause. Default: 30 s.
	BackoffMax time.Duration
	// HealthyAfter is how long a generation must have served for the pause to begin at BackoffMin again. One that finished
	// BreakerGoodCalls calls is as good. Default: 60 s.
	HealthyAfter time.Duration

	// BreakerFailures is how many failures within BreakerWindow are a crash loop, when between each two of them fewer than
	// BreakerGoodCalls calls succeeded: the slot then refuses calls at once instead of letting callers wait. Default: 5.
	BreakerFailures int
	// BreakerWindow is the time in which they are counted. Default: 60 s.
	BreakerWindow time.Duration
	// BreakerGoodCalls is how many calls a generation must have finished to be out of the loop. Default: 20.
	BreakerGoodCalls int
	// BreakerPause is how long the slot refuses calls before one more process is tried; it doubles up to ten times as much.
	// Default: 30 s.
	BreakerPause time.Duration

	// WatchInterval is the time between two questions of the watchdog, while they are answered. Default: 15 s.
	WatchInterval time.Duration
	// WatchTimeout is how long an adapter may take to answer it. One that did not gets no new calls and is asked again after a quarter of
	// this time. Default: 2 s.
	WatchTimeout time.Duration
	// WatchMisses is how many unanswered questions in a row end a process. Default: 3.
	WatchMisses int

	// MemoryLimit is how many bytes of memory a process of an adapter may have resident; one that has more is replaced. The
	// adapter's Go runtime is told to keep below nine tenths of it (GOMEMLIMIT). Zero means no limit; elsewhere than on Linux only the
	// runtime is told.
	MemoryLimit int64
	// MemoryInterval is the time between two looks at the memory. Default: 1 s.
	MemoryInterval time.Duration

	// PinInterval is the time between two looks at the pins themselves: whether their time has come by a clock that somebody set, and
	// whether their stores are connected still. Default: 1 min.
	PinInterval time.Duration

	// PluginWatch is the time between two looks at the plugin directory for a complete new relais-adapter-{adapter} of those that are
	// known, which is swapped in. One whose swap failed for a reason that may pass is tried again, after pauses from PluginWatch to a
	// minute, or to an hour when it took too long to start. Zero means that nobody looks.
	PluginWatch time.Duration
}

// withDefaults returns a copy with every value set.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{
		{&c.StartTimeout, 10 * time.Second},
		{&c.KillTimeout, 3 * time.Second},
		{&c.GateTimeout, 10 * time.Second},
		{&c.RetireTimeout, 150 * time.Second},
		{&c.BackoffMin, 250 * time.Millisecond},
		{&c.BackoffMax, 30 * time.Second},
		{&c.HealthyAfter, time.Minute},
		{&c.BreakerWindow, time.Minute},
		{&c.BreakerPause, 30 * time.Second},
		{&c.WatchInterval, 15 * time.Second},
		{&c.WatchTimeout, 2 * time.Second},
		{&c.MemoryInterval, time.Second},
		{&c.PinInterval, time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.initial
		}
	}
	for _, n := range []struct {
		value   *int
		initial int
	}{
		{&c.BreakerFailures, 5},
		{&c.BreakerGoodCalls, 20},
		{&c.WatchMisses, 3},
	} {
		if *n.value <= 0 {
			*n.value = n.initial
		}
	}
	return c
}
