package config_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/relaishq/relais/server/config"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/store"
)

// sources are the places a configuration comes from.
type sources struct {
	file  string // content; none when empty
	env   []string
	flags []string
}

// load loads a configuration; its file, if any, is named by flag.
func load(t *testing.T, s sources) (config.Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(flags)
	args := s.flags
	if s.file != "" {
		args = append([]string{"--config", write(t, s.file)}, args...)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return config.Load(flags, s.env)
}

// write makes a configuration file.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, s sources) config.Config {
	t.Helper()
	c, err := load(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// ignored is what comparisons of configurations leave out: the file's name, addresses, and carriers, which TestCarriers looks up.
func ignored() cmp.Option {
	return cmp.Options{cmpopts.IgnoreFields(config.Config{}, "File", "Carriers"), cmpopts.IgnoreUnexported(config.Config{})}
}

// defaults is what an empty configuration means.
func defaults() config.Config {
	return config.Config{
		Listen: config.Address{Network: "tcp", Address: "127.0.0.1:7443"}, AdminSocket: "./data/admin.sock",
		Database: "./data/relais.db", PluginDir: "bin/plugins", DataDir: "./data", KeyFile: "./data/relais.key",
		LogLevel: slog.LevelInfo, LogFormat: config.LogText, ShutdownTimeout: 30 * time.Second,
		Adapters: config.Adapters{CallTimeout: 2 * time.Minute, StreamIdleTimeout: 15 * time.Minute, Burst: 10, WatchInterval: 15 * time.Second, MemoryLimit: 1 << 30, CrashLoop: config.CrashLoop{Failures: 5, Window: time.Minute, GoodCalls: 20}},
		Import: config.Import{Statuses: []order.Status{
			order.PendingAcceptance, order.Processing, order.ReadyToShip, order.Shipped, order.Delivered, order.Cancelled, order.Refused,
		}, Workers: 16, Interval: 15 * time.Minute},
		Shipment: config.Shipment{
			Workers: 8, SettleDelay: 30 * time.Second, StillReadyReads: 3,
			RetryMin: 5 * time.Second, RetryMax: 15 * time.Minute, WaitMargin: 7 * 24 * time.Hour,
		},
		Refusals:  store.RefusalPolicy{Suspicion: 5 * time.Minute, ProbeMin: 15 * time.Minute, ProbeMax: 6 * time.Hour},
		Migration: store.MigrationPolicy{Keep: 24 * time.Hour, Patience: 6 * time.Hour},
	}
}

const everything = `
listen: unix:/run/relais/api.sock
admin_socket: /run/relais/admin.sock
database: sqlite:/var/lib/relais/orders.db
plugin_dir: /usr/lib/relais
plugin_watch: true
data_dir: /var/lib/relais
key_file: /etc/relais/key
sandbox_url: http://127.0.0.1:7480/
log_level: WARN
log_format: json
shutdown_timeout: 1m
adapters:
  call_timeout: 20s
  stream_idle_timeout: 30s
  requests_per_second: 2.5
  burst: 4
  watch_interval: 3s
  memory_limit: 96MiB
  crash_loop_failures: 3
  crash_loop_window: 30s
  crash_loop_good_calls: 7
import:
  statuses: [READY_TO_SHIP, cancelled, READY_TO_SHIP]
  workers: 3
  interval: 2m
shipment:
  workers: 2
  settle_delay: 1s
  still_ready_reads: 5
  retry_min: 2s
  retry_max: 3s
  wait_margin: 4h
carriers:
  file: testdata/carriers.yaml
migration:
  keep: 1m
  patience: 2m
store:
  suspicion: 3m
  probe_min: 4m
  probe_max: 5m
`

func TestLoad(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   sources
		want func(*config.Config)
	}{
		{"nothing", sources{}, func(*config.Config) {}},
		{"everything in a file", sources{file: everything}, func(c *config.Config) {
			*c = config.Config{
				Listen: config.Address{Network: "unix", Address: "/run/relais/api.sock"}, AdminSocket: "/run/relais/admin.sock",
				Database: "/var/lib/relais/orders.db", PluginDir: "/usr/lib/relais", PluginWatch: true, DataDir: "/var/lib/relais", KeyFile: "/etc/relais/key",
				SandboxURL: "http://127.0.0.1:7480", LogLevel: slog.LevelWarn, LogFormat: config.LogJSON, ShutdownTimeout: time.Minute,
				Adapters: config.Adapters{
					CallTimeout: 20 * time.Second, StreamIdleTimeout: 30 * time.Second, RequestsPerSecond: 2.5, Burst: 4,
					WatchInterval: 3 * time.Second, MemoryLimit: 96 << 20, CrashLoop: config.CrashLoop{Failures: 3, Window: 30 * time.Second, GoodCalls: 7},
				},
				Import: config.Import{Statuses: []order.Status{order.ReadyToShip, order.Cancelled}, Workers: 3, Interval: 2 * time.Minute},
				Shipment: config.Shipment{Workers: 2, SettleDelay: time.Second, StillReadyReads: 5,
					RetryMin: 2 * time.Second, RetryMax: 3 * time.Second, WaitMargin: 4 * time.Hour},
				Refusals:  store.RefusalPolicy{Suspicion: 3 * time.Minute, ProbeMin: 4 * time.Minute, ProbeMax: 5 * time.Minute},
				Migration: store.MigrationPolicy{Keep: time.Minute, Patience: 2 * time.Minute},
			}
		}},
		{"flags", sources{flags: []string{"--listen=[::1]:0", "--admin-socket=a", "--database=sqlite:b", "--plugin-dir=c", "--data-dir=d",
			"--sandbox-url=https://sandbox.example", "--log-level=debug", "--log-format=json"}}, func(c *config.Config) {
			c.Listen.Address, c.AdminSocket, c.Database, c.PluginDir, c.DataDir, c.KeyFile = "[::1]:0", "a", "b", "c", "d", "d/relais.key"
			c.SandboxURL, c.LogLevel, c.LogFormat = "https://sandbox.example", slog.LevelDebug, config.LogJSON
		}},
		{"what lies in the data directory moves with it", sources{env: []string{"RELAIS_DATA_DIR=/d"}}, func(c *config.Config) {
			c.DataDir, c.KeyFile, c.AdminSocket, c.Database = "/d", "/d/relais.key", "/d/admin.sock", "/d/relais.db"
		}},
		{"flags go before variables before the file", sources{
			file:  "plugin_dir: file\nlisten: localhost:1\nshipment: {workers: 1, still_ready_reads: 1}\n",
			env:   []string{"RELAIS_PLUGIN_DIR=variable", "RELAIS_LISTEN=localhost:2", "RELAIS_SHIPMENT_WORKERS=2"},
			flags: []string{"--plugin-dir=flag"},
		}, func(c *config.Config) {
			c.PluginDir, c.Listen.Address, c.Shipment.Workers, c.Shipment.StillReadyReads = "flag", "localhost:2", 2, 1
		}},
		{"a flag's default does not go before the file", sources{file: "log_level: error\n", flags: []string{"--plugin-dir=x"}}, func(c *config.Config) {
			c.LogLevel, c.PluginDir = slog.LevelError, "x"
		}},
		{"a flag alone", sources{flags: []string{"--plugin-watch"}}, func(c *config.Config) { c.PluginWatch = true }},
		{"a flag that says no", sources{file: "plugin_watch: true\n", flags: []string{"--plugin-watch=false"}}, func(*config.Config) {}},
		{"no limit", sources{file: "adapters: {memory_limit: 0}\n"}, func(c *config.Config) { c.Adapters.MemoryLimit = 0 }},
		{"a limit in bytes", sources{file: "adapters: {memory_limit: 100000000}\n"}, func(c *config.Config) { c.Adapters.MemoryLimit = 100_000_000 }},
		{"an empty variable is not set", sources{file: "log_level: error\n", env: []string{"RELAIS_LOG_LEVEL="}}, func(c *config.Config) {
			c.LogLevel = slog.LevelError
		}},
		{"variables of the client are not the server's", sources{env: []string{"RELAIS_SERVER=elsewhere:1", "RELAIS", "HOME=/x"}},
			func(*config.Config) {}},
		{"misspelt variables are named", sources{env: []string{"RELAIS_IMPORT_WORKER=3", "RELAIS_LOG_LEVEL=", "RELAIS_X="}}, func(c *config.Config) {
			c.UnknownVariables = []string{"RELAIS_IMPORT_WORKER"}
		}},
		{"a list in a variable", sources{env: []string{"RELAIS_IMPORT_STATUSES=shipped, refused"}}, func(c *config.Config) {
			c.Import.Statuses = []order.Status{order.Shipped, order.Refused}
		}},
		{"headings with nothing below", sources{file: "import:\nshipment: {}\nenvironments:\nsandbox_url:\n"}, func(*config.Config) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := defaults()
			c.want(&want)
			got := mustLoad(t, c.in)
			if diff := cmp.Diff(want, got, ignored()); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if (got.File != "") != (c.in.file != "") {
				t.Errorf("read from file %q", got.File)
			}
		})
	}
}

func TestEveryKeyHasAVariable(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"listen": "unix:/run/relais/api.sock", "admin_socket": "/run/relais/admin.sock", "database": "sqlite:/var/lib/relais/orders.db",
		"plugin_dir": "/usr/lib/relais", "data_dir": "/var/lib/relais", "key_file": "/etc/relais/key", "sandbox_url": "http://127.0.0.1:7480/",
		"log_level": "WARN", "log_format": "json", "shutdown_timeout": "1m", "adapters.call_timeout": "20s",
		"adapters.stream_idle_timeout": "30s", "import.statuses": "READY_TO_SHIP,CANCELLED", "import.workers": "3", "import.interval": "2m", "shipment.workers": "2",
		"shipment.settle_delay": "1s", "shipment.still_ready_reads": "5", "shipment.retry_min": "2s", "shipment.retry_max": "3s",
		"shipment.wait_margin": "4h", "adapters.requests_per_second": "2.5", "adapters.burst": "4",
		"plugin_watch": "true", "adapters.watch_interval": "3s", "adapters.memory_limit": "96MiB", "adapters.crash_loop_failures": "3", "adapters.crash_loop_window": "30s", "adapters.crash_loop_good_calls": "7",
		"carriers.file": "testdata/carriers.json", "migration.keep": "1m", "migration.patience": "2m",
		"store.suspicion": "3m", "store.probe_min": "4m", "store.probe_max": "5m",
	}
	var env []string
	for _, k := range config.Keys() {
		if v, ok := values[k.Name]; ok {
			env = append(env, k.Variable+"="+v)
			delete(values, k.Name)
		} else if !strings.HasPrefix(k.Name, "environments.") {
			t.Errorf("key %s is not tested", k.Name)
		}
	}
	if len(values) > 0 {
		t.Errorf("not documented: %v", values)
	}
	want, got := mustLoad(t, sources{file: everything}), mustLoad(t, sources{env: env})
	if diff := cmp.Diff(want, got, ignored()); diff != "" {
		t.Errorf("configuration from variables (-file +variables):\n%s", diff)
	}
}

// TestTable shows that the documentation tells the defaults that Load uses: written to a file, they change nothing.
func TestTable(t *testing.T) {
	t.Parallel()
	table := config.Table()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(flags)
	for _, k := range config.Keys() {
		if k.Description == "" || k.Variable == "" || strings.Contains(k.Description, "|") {
			t.Errorf("key %s: description %q, variable %q", k.Name, k.Description, k.Variable)
		}
		if !strings.Contains(table, "| `"+k.Name+"` | `"+k.Variable+"` |") {
			t.Errorf("the table has no row for %s", k.Name)
		}
		if k.Flag != "" && flags.Lookup(k.Flag) == nil {
			t.Errorf("there is no flag --%s", k.Flag)
		}
		if k.Default == "" {
			continue
		}
		file := fmt.Sprintf("%s: %q", k.Name, strings.ReplaceAll(k.Default, "<data_dir>", "./data"))
		if strings.Contains(k.Name, ".") {
			group, line, _ := strings.Cut(file, ".")
			file = fmt.Sprintf("%s: {%s}", group, line)
		}
		got := mustLoad(t, sources{file: file})
		if diff := cmp.Diff(defaults(), got, ignored()); diff != "" {
			t.Errorf("%s is not the default (-want +got):\n%s", file, diff)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   sources
		want []string
	}{
		{"unknown key", sources{file: "listn: x\n"}, []string{`test.yaml: unknown key "listn"`}},
		{"list where a value belongs", sources{file: "listen: ['127.0.0.1:1']\n"}, []string{"listen (", "must be a single value"}},
		{"unknown nested key", sources{file: "shipment: {workerz: 3}\n"}, []string{`unknown key "shipment.workerz"`}},
		{"value where keys belong", sources{file: "shipment: 3\n"}, []string{`unknown key "shipment"`}},
		{"keys where a value belongs", sources{file: "listen: {host: x}\n"}, []string{`unknown key "listen.host"`}},
		{"no YAML", sources{file: "listen: [\n"}, []string{"configuration file", "test.yaml"}},
		{"named file missing", sources{flags: []string{"--config", "/nowhere/relais.yaml"}}, []string{"/nowhere/relais.yaml", "no such file"}},
		{"file named by variable missing", sources{env: []string{"RELAIS_CONFIG=/nowhere/relais.yaml"}}, []string{"/nowhere/relais.yaml", "no such file"}},
		{"file is a directory", sources{flags: []string{"--config", "/"}}, []string{"directory"}},

		{"listen everywhere", sources{flags: []string{"--listen", ":7443"}}, []string{"listen (--listen)", "until authentication lands"}},
		{"listen on every IPv4 address", sources{env: []string{"RELAIS_LISTEN=0.0.0.0:7443"}}, []string{"listen (RELAIS_LISTEN)", "until authentication lands"}},
		{"listen on every IPv6 address", sources{flags: []string{"--listen", "[::]:7443"}}, []string{"until authentication lands"}},
		{"listen on a network", sources{file: "listen: 192.0.2.7:7443\n"}, []string{"listen (", "test.yaml)", "until authentication lands"}},
		{"listen on a name", sources{flags: []string{"--listen", "relais.example:7443"}}, []string{"until authentication lands"}},
		{"listen without port", sources{flags: []string{"--listen", "127.0.0.1"}}, []string{"is no address; write it like"}},
		{"listen with a wrong port", sources{flags: []string{"--listen", "127.0.0.1:70000"}}, []string{"port"}},
		{"listen on no socket", sources{flags: []string{"--listen", "unix:"}}, []string{"path of the socket is missing"}},
		{"socket path too long", sources{flags: []string{"--admin-socket", "/" + strings.Repeat("x", 103)}}, []string{"104 bytes", "choose a shorter one"}},

		{"PostgreSQL", sources{flags: []string{"--database", "postgres://user:hunter2@db/relais"}}, []string{"PostgreSQL is not supported yet"}},
		{"database without scheme", sources{flags: []string{"--database", "relais.db"}}, []string{"sqlite:./data/relais.db"}},
		{"database of another kind", sources{flags: []string{"--database", "mysql:x"}}, []string{"sqlite:"}},
		{"database without file", sources{flags: []string{"--database", "sqlite:"}}, []string{"names no file"}},
		{"database in memory", sources{flags: []string{"--database", "sqlite::memory:"}}, []string{"names no file"}},

		{"no plugin directory", sources{flags: []string{"--plugin-dir", ""}}, []string{"plugin_dir (--plugin-dir): must not be empty"}},
		{"sandbox without protection", sources{flags: []string{"--sandbox-url", "http://sandbox.example"}}, []string{"use https"}},
		{"sandbox without scheme", sources{flags: []string{"--sandbox-url", "localhost:7480"}}, []string{"no absolute URL"}},
		{"sandbox of another scheme", sources{flags: []string{"--sandbox-url", "ftp://localhost/"}}, []string{"must start with https://"}},
		{"sandbox with password", sources{flags: []string{"--sandbox-url", "https://user:hunter2@sandbox.example"}}, []string{"must not hold a user or password"}},
		{"sandbox with query", sources{flags: []string{"--sandbox-url", "https://sandbox.example/?a=b"}}, []string{"no query"}},
		{"sandbox with fragment", sources{flags: []string{"--sandbox-url", "https://sandbox.example/#a"}}, []string{"no fragment"}},
		{"sandbox no URL", sources{flags: []string{"--sandbox-url", "http://hunter2:x:y"}}, []string{"is no URL"}},

		{"log level", sources{flags: []string{"--log-level", "loud"}}, []string{`"loud" is none of debug, info, warn, error`}},
		{"log format", sources{flags: []string{"--log-format", "xml"}}, []string{`"xml" is none of text, json`}},
		{"no duration", sources{file: "shutdown_timeout: 30\n"}, []string{`"30" is no duration above zero`}},
		{"negative duration", sources{file: "shipment: {settle_delay: -1s}\n"}, []string{"shipment.settle_delay", "above zero"}},
		{"neither yes nor no", sources{flags: []string{"--plugin-watch=maybe"}}, []string{"plugin_watch (--plugin-watch)", "neither true nor false"}},
		{"memory without number", sources{file: "adapters: {memory_limit: much}\n"}, []string{"adapters.memory_limit", "write it like 512MiB"}},
		{"memory below the least", sources{file: "adapters: {memory_limit: 63MiB}\n"}, []string{"64MiB"}},
		{"memory beyond all", sources{file: "adapters: {memory_limit: 99999999999GiB}\n"}, []string{"adapters.memory_limit"}},
		{"no number", sources{file: "shipment: {workers: many}\n"}, []string{"whole number from 1 to 1000"}},
		{"number out of bounds", sources{env: []string{"RELAIS_SHIPMENT_STILL_READY_READS=0"}}, []string{"RELAIS_SHIPMENT_STILL_READY_READS", "from 1 to 100"}},
		{"no import at once", sources{file: "import: {workers: 0}\n"}, []string{"import.workers", "from 1 to 60"}},
		{"too many imports at once", sources{file: "import: {workers: 61}\n"}, []string{"from 1 to 60"}},
		{"retries upside down", sources{file: "shipment: {retry_min: 1h, retry_max: 1m}\n"}, []string{"shipment.retry_max", "below shipment.retry_min"}},
		{"probes upside down", sources{file: "store: {probe_min: 1h, probe_max: 1m}\n"}, []string{"store.probe_max", "below store.probe_min"}},
		{"unknown status", sources{file: "import: {statuses: [SHIPPED, LOST]}\n"}, []string{`"LOST" is none of PENDING_ACCEPTANCE, `}},
		{"status that is none", sources{file: "import: {statuses: [UNRECOGNIZED]}\n"}, []string{"cannot be asked for"}},
		{"no statuses", sources{file: "import: {statuses: []}\n"}, []string{"import.statuses"}},

		{"address without protection", sources{file: "environments: {staging: {alpha: {api_url: 'http://market.example'}}}\n"},
			[]string{"environments.staging.alpha.api_url", "use https"}},
		{"address in a variable", sources{env: []string{"RELAIS_ENVIRONMENTS__STAGING__ALPHA__API_URL=market"}},
			[]string{"environments.staging.alpha.api_url (RELAIS_ENVIRONMENTS__STAGING__ALPHA__API_URL)", "no absolute URL"}},
		{"address too deep", sources{file: "environments: {staging: {alpha: {api: {url: 'https://market.example'}}}}\n"},
			[]string{"environments.staging.alpha.api.url", "must be environments.<name>.<adapter>.<key>"}},
		{"address not deep enough", sources{file: "environments: {staging: 'https://market.example'}\n"}, []string{"must be environments.<name>.<adapter>.<key>"}},
		{"environment with a wrong name", sources{file: "environments: {Staging: {alpha: {api_url: 'https://market.example'}}}\n"}, []string{"must be environments."}},
		{"address that is a list", sources{file: "environments: {staging: {alpha: {api_url: ['https://market.example', b]}}}\n"}, []string{"environments.staging.alpha.api_url", "must be a single value"}},

		{"several at once", sources{flags: []string{"--log-level", "loud", "--listen", ":1"}, env: []string{"RELAIS_SHIPMENT_WORKERS=x"}},
			[]string{"the configuration has 3 errors:\nlisten (--listen): ", "\nlog_level (--log-level): ", "\nshipment.workers (RELAIS_SHIPMENT_WORKERS): "}},
		{"several unknown keys", sources{file: "listn: x\nlog: y\n"}, []string{"the configuration has 2 errors:\nconfiguration file "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, c.in)
			if err == nil {
				t.Fatal("it was accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q tells a password", err)
			}
		})
	}
}

// TestDefaultFile reads relais.yaml of the working directory when nobody names another.
func TestDefaultFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if c := mustLoad(t, sources{}); c.File != "" {
		t.Errorf("read %q where there is none", c.File)
	}
	if err := os.WriteFile("relais.yaml", []byte("plugin_dir: here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := mustLoad(t, sources{}); c.File != "relais.yaml" || c.PluginDir != "here" {
		t.Errorf("file %q, plugin directory %q", c.File, c.PluginDir)
	}
	if c := mustLoad(t, sources{env: []string{"RELAIS_CONFIG=" + write(t, "plugin_dir: there\n")}}); c.PluginDir != "there" {
		t.Errorf("plugin directory %q", c.PluginDir)
	}
}
