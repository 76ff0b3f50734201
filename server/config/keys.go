package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/relaishq/relais/server/order"
)

// Key documents one setting.
type Key struct {
	// Name in the YAML file; dots stand for nesting.
	Name string
	// Variable is the environment variable. An empty one counts as not set.
	Variable string
	// Flag of `relais serve` without dashes; empty when there is none.
	Flag string
	// Default as it would be written in the file. <data_dir> stands for that setting's value.
	Default string
	// Description says what the setting is for, what is allowed, and its unit.
	Description string
}

// setting is a key with how its text gets into a Config.
type setting struct {
	Key
	list bool // the file may hold a list of values
	bare bool // the flag alone means true
	set  func(c *Config, text string) error
}

// fileFlag names the configuration file; it is no key of that file itself.
const (
	fileFlag     = "config"
	fileVariable = "RELAIS_CONFIG"
	defaultFile  = "relais.yaml"
)

// environmentsKey is the root of the marketplace addresses, which have no fixed names.
const environmentsKey = "environments"

// dataDirMark in a default stands for the data directory.
const dataDirMark = "<data_dir>"

// settings is every setting, in the order of the documentation. data_dir comes before what lies in it.
func settings() []setting {
	return []setting{
		option("listen", "listen", "127.0.0.1:7443",
			"address of the public API: a loopback address and port, or `unix:/path` of a socket", setListen),
		option("data_dir", "data-dir", "./data",
			"directory for the key file and copies of adapter binaries", text(func(c *Config) *string { return &c.DataDir })),
		option("admin_socket", "admin-socket", dataDirMark+"/admin.sock",
			"path of the unix socket for operators, mode 0600", setAdminSocket),
		option("database", "database", "sqlite:"+dataDirMark+"/relais.db",
			"`sqlite:` and the path of the database file", setDatabase),
		option("key_file", "", dataDirMark+"/relais.key",
			"key that seals credentials, mode 0600, made on the first run; back it up with the database", text(func(c *Config) *string { return &c.KeyFile })),
		option("plugin_dir", "plugin-dir", "bin/plugins",
			"directory with the adapter binaries, `relais-adapter-*`", text(func(c *Config) *string { return &c.PluginDir })),
		bare(option("plugin_watch", "plugin-watch", "false",
			"`true`: a complete new `relais-adapter-{adapter}` of a known adapter in the plugin directory is swapped in by itself, after passing the probe",
			boolean(func(c *Config) *bool { return &c.PluginWatch }))),
		option("sandbox_url", "sandbox-url", "",
			"base URL of a running `relais-sandbox`; makes the environment `sandbox`", setSandboxURL),
		option("log_level", "log-level", "info", "`debug`, `info`, `warn` or `error`", setLogLevel),
		option("log_format", "log-format", "text", "`text` or `json`", setLogFormat),
		option("shutdown_timeout", "", "30s",
			"how long work under way may take when the server stops", duration(func(c *Config) *time.Duration { return &c.ShutdownTimeout })),
		option("adapters.call_timeout", "", "2m",
			"bound of one call of an adapter that is no stream of orders", duration(func(c *Config) *time.Duration { return &c.Adapters.CallTimeout })),
		option("adapters.stream_idle_timeout", "", "15m",
			"bound of the wait for the next piece of a stream of orders; one answer of a marketplace can take minutes",
			duration(func(c *Config) *time.Duration { return &c.Adapters.StreamIdleTimeout })),
		option("adapters.requests_per_second", "", "0",
			"how fast a store may call its marketplace, at most 1000; 0 leaves it to what each adapter declares for the real marketplace",
			decimal(0, 1000, func(c *Config, x float64) { c.Adapters.RequestsPerSecond = x })),
		option("adapters.burst", "", "10",
			"with `adapters.requests_per_second`: how many requests may be made at once, 1 to 1000",
			integer(1, 1000, func(c *Config, n int) { c.Adapters.Burst = n })),
		option("adapters.watch_interval", "", "15s",
			"time between two questions to an adapter's process that it must answer within 2s; one that misses three in a row is replaced",
			duration(func(c *Config) *time.Duration { return &c.Adapters.WatchInterval })),
		option("adapters.memory_limit", "", "1GiB",
			"memory of one adapter process, like `512MiB` or `2GiB`, at least 64MiB; one that has more is replaced (Linux). `0` means no limit",
			size(64<<20, func(c *Config) *int64 { return &c.Adapters.MemoryLimit })),
		option("adapters.crash_loop_failures", "", "5",
			"so many ends of an adapter's process within `adapters.crash_loop_window` are a crash loop, 1 to 1000: calls are refused at once then, "+
				"and one process is tried now and then",
			integer(1, 1000, func(c *Config, n int) { c.Adapters.CrashLoop.Failures = n })),
		option("adapters.crash_loop_window", "", "60s", "the time in which they are counted",
			duration(func(c *Config) *time.Duration { return &c.Adapters.CrashLoop.Window })),
		option("adapters.crash_loop_good_calls", "", "20",
			"a process that finished so many calls before it ended is not part of a crash loop, 1 to 1000000",
			integer(1, 1_000_000, func(c *Config, n int) { c.Adapters.CrashLoop.GoodCalls = n })),
		many(option("import.statuses", "", defaultStatuses(),
			"order statuses that marketplaces are asked for, a list; separated by commas in a variable", setStatuses)),
		option("import.workers", "", "16",
			"how many imports read at once through one adapter, 1 to 60; others wait their turn. Stores that move between two adapters "+
				"count apart from those that speak through one", integer(1, 60, func(c *Config, n int) { c.Import.Workers = n })),
		option("import.interval", "", "15m",
			"time between the starts of two imports of a store that nobody asked for, 1m to 24h, spread by a tenth; `0` means that only "+
				"stores with an interval of their own are imported by themselves. A store may have its own, or none", interval(func(c *Config) *time.Duration { return &c.Import.Interval })),
		option("store.suspicion", "", "5m",
			"how long a marketplace must go on refusing a store's credentials before relais believes it and asks for others; three times at least. "+
				"Meanwhile the store's work waits, and goes on as soon as they are taken", duration(func(c *Config) *time.Duration { return &c.Refusals.Suspicion })),
		option("store.probe_min", "", "15m",
			"first wait before refused credentials are tried again, in case that they were put right at the marketplace; it doubles. Also the "+
				"longest wait after answers that nobody can read",
			duration(func(c *Config) *time.Duration { return &c.Refusals.ProbeMin })),
		option("store.probe_max", "", "6h", "longest wait before refused credentials are tried again, at least `store.probe_min`",
			duration(func(c *Config) *time.Duration { return &c.Refusals.ProbeMax })),
		option("carriers.file", "", "",
			"file of carriers that relais does not know, or knows by other names: a list below the key `carriers`, in YAML, or in JSON when it ends in "+
				"`.json`. Each has a `name`, and may have `spellings`, `aliases`, `serves` and `tracking_page`. Read once, at start", setCarriers),
		option("migration.keep", "", "24h",
			"how long a store that moves to another adapter keeps speaking through both at least, so that the move can be undone",
			duration(func(c *Config) *time.Duration { return &c.Migration.Keep })),
		option("migration.patience", "", "6h",
			"how long the adapter that a store leaves may fail before the open orders that are left on it go to the other one",
			duration(func(c *Config) *time.Duration { return &c.Migration.Patience })),
		option("shipment.workers", "", "8",
			"how many shipments are worked on at once through one adapter, 1 to 1000; a quarter of them, or one, for one store", integer(1, 1000, func(c *Config, n int) { c.Shipment.Workers = n })),
		option("shipment.settle_delay", "", "30s",
			"how long a request whose answer was lost may take to become visible on the marketplace",
			duration(func(c *Config) *time.Duration { return &c.Shipment.SettleDelay })),
		option("shipment.still_ready_reads", "", "3",
			"how many reads in a row must show an order as still to be shipped before it is sent a second time, 1 to 100",
			integer(1, 100, func(c *Config, n int) { c.Shipment.StillReadyReads = int32(n) })), //nolint:gosec // at most 100
		option("shipment.retry_min", "", "5s", "first pause after a failure; it doubles",
			duration(func(c *Config) *time.Duration { return &c.Shipment.RetryMin })),
		option("shipment.retry_max", "", "15m", "longest pause after a failure, and between reads while waiting",
			duration(func(c *Config) *time.Duration { return &c.Shipment.RetryMax })),
		option("shipment.wait_margin", "", "168h",
			"how long after the ship-by time (or the request, if later) relais keeps trying before a person must look",
			duration(func(c *Config) *time.Duration { return &c.Shipment.WaitMargin })),
	}
}

// option makes a setting. Its variable follows from its name.
func option(name, flag, initial, description string, set func(*Config, string) error) setting {
	variable := "RELAIS_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
	return setting{Key: Key{Name: name, Variable: variable, Flag: flag, Default: initial, Description: description}, set: set}
}

// many lets a setting take a list.
func many(s setting) setting {
	s.list = true
	return s
}

// bare lets a flag stand alone.
func bare(s setting) setting {
	s.bare = true
	return s
}

// Keys documents every setting, in reading order.
func Keys() []Key {
	var keys []Key
	for _, s := range settings() {
		keys = append(keys, s.Key)
	}
	return append(keys, Key{
		Name:     environmentsKey + ".<name>.<adapter>.<key>",
		Variable: environmentPrefix + "<NAME>__<ADAPTER>__<KEY>",
		Description: "a marketplace address, `https` only (`http` for loopback): a new environment, or another address in a built-in one. " +
			"Built in are `production` and, with `sandbox_url`, `sandbox`. Which keys an adapter needs is in its README",
	})
}

// Table is the documentation of all keys as a Markdown table, for README.md beside this file.
func Table() string {
	var b strings.Builder
	b.WriteString("| key | variable | flag | default | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, k := range Keys() {
		flag := ""
		if k.Flag != "" {
			flag = "--" + k.Flag
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(k.Name), code(k.Variable), code(flag), code(k.Default), k.Description)
	}
	return b.String()
}

// code is a cell of code; an empty one stays empty.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// AddFlags adds the flags that Load reads.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(fileFlag, defaultFile, "configuration file (YAML)")
	for _, s := range settings() {
		if s.Flag != "" {
			flags.String(s.Flag, s.Default, strings.ReplaceAll(s.Description, "`", ""))
			if s.bare {
				flags.Lookup(s.Flag).NoOptDefVal = "true"
			}
		}
	}
}

// defaultStatuses is everything that an open or a just-ended order can be. Asking only for what is to be shipped would
// never show a cancellation (design section 6).
func defaultStatuses() string {
	var words []string
	for _, s := range order.Statuses() {
		if s != order.Unrecognized {
			words = append(words, string(s))
		}
	}
	return strings.Join(words, ",")
}
