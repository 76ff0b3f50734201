package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/relaishq/relais/server/config"
)

// TestStartWhereItCannotServe: a server that cannot listen, or whose files have nowhere to lie, says why and what to do, and leaves
// nothing behind: no database, no key, no directory, no port.
func TestStartWhereItCannotServe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		settings func(dir, taken string) []string // taken is an address in use
		want     string                           // DIR and TAKEN stand for what settings was given
	}{
		{"the port is in use",
			func(_, taken string) []string { return []string{"LISTEN=" + taken} },
			"listen: cannot listen on TAKEN: another program listens there; stop it, or choose another address"},
		{"a data directory in a tree that is not there",
			func(dir, _ string) []string { return []string{"DATA_DIR=" + dir + "/a/data"} },
			"data_dir: DIR/a is not there, so DIR/a/data cannot be made; make it, or choose another path"},
		{"the admin socket is taken",
			func(dir, _ string) []string {
				return []string{"ADMIN_SOCKET=" + dir + "/taken.sock", "DATABASE=sqlite:" + dir + "/x/relais.db"}
			},
			"admin_socket: cannot listen on DIR/taken.sock: another server listens there; stop it, or choose another path"},
		{"the public socket is taken",
			func(dir, _ string) []string { return []string{"LISTEN=unix:" + dir + "/taken.sock"} },
			"listen: cannot listen on DIR/taken.sock: another server listens there; stop it, or choose another path"},
		{"a file stands where the admin socket should be",
			func(dir, _ string) []string { return []string{"ADMIN_SOCKET=" + dir + "/file"} },
			"admin_socket: cannot listen on DIR/file: there is a file that is no socket; move it away, or choose another path"},
		{"a database in a tree that is not there",
			func(dir, _ string) []string { return []string{"DATABASE=sqlite:" + dir + "/a/b/relais.db"} },
			"database: DIR/a is not there, so DIR/a/b cannot be made; make it, or choose another path"},
		{"a file stands where a directory should be",
			func(dir, _ string) []string { return []string{"KEY_FILE=" + dir + "/file/relais.key"} },
			"key_file: DIR/file is no directory; choose another path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "relais") // as in newSystemAt
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			taken, socket := listenFor(t, "tcp", "127.0.0.1:0"), listenFor(t, "unix", filepath.Join(dir, "taken.sock"))
			free := listenFor(t, "tcp", "127.0.0.1:0")
			_ = free.Close() // this server may have it
			before := entries(t, dir)

			settings := append([]string{
				"LISTEN=" + free.Addr().String(), "DATA_DIR=" + dir + "/data", "PLUGIN_DIR=" + filepath.Join(binDir, "plugins"),
			}, tt.settings(dir, taken.Addr().String())...)
			cfg := configOf(t, settings)
			started, err := start(t.Context(), cfg, slog.New(slog.DiscardHandler), time.Now)
			if err == nil {
				t.Fatalf("it serves; stopped: %v", started.stop(t.Context()))
			}
			want := strings.NewReplacer("DIR", dir, "TAKEN", taken.Addr().String()).Replace(tt.want)
			if got := fmt.Sprint(err); got != want {
				t.Errorf("error:\n%s\nwant:\n%s", got, want)
			}
			if diff := cmp.Diff(before, entries(t, dir)); diff != "" {
				t.Errorf("the start changed the disk (-before +after):\n%s", diff)
			}
			listenFor(t, "tcp", free.Addr().String())
			if conn, err := net.Dial("unix", socket.Addr().String()); err != nil {
				t.Errorf("the server that was there is gone: %v", err)
			} else {
				_ = conn.Close()
			}
		})
	}
}

// configOf is the configuration that RELAIS_ variables make; the last word counts.
func configOf(t *testing.T, settings []string) config.Config {
	t.Helper()
	last := map[string]string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		last[name] = value
	}
	var environ []string
	for name, value := range last {
		environ = append(environ, "RELAIS_"+name+"="+value)
	}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(flags)
	cfg, err := config.Load(flags, environ)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func listenFor(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}
