package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relaishq/relais/server/order"
)

// maxSocketPath is what the system's socket addresses hold, on the systems that hold least.
const maxSocketPath = 103

// text sets a value that is any text but none.
func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, s string) error {
		if s == "" {
			return errors.New("must not be empty")
		}
		*field(c) = s
		return nil
	}
}

// duration sets a positive duration.
func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is no duration above zero; write it like 30s, 5m or 2h", s)
		}
		*field(c) = d
		return nil
	}
}

// interval sets a duration of a minute to a day, or none.
func interval(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d != 0 && (d < time.Minute || d > 24*time.Hour) {
			return fmt.Errorf("%q is no duration from 1m to 24h; 0 means none", s)
		}
		*field(c) = d
		return nil
	}
}

// boolean sets a yes or no.
func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, s string) error {
		switch s {
		case "true":
			*field(c) = true
		case "false":
			*field(c) = false
		default:
			return fmt.Errorf("%q is neither true nor false", s)
		}
		return nil
	}
}

// size sets a number of bytes that is none or at least so many.
func size(least int64, field func(*Config) *int64) func(*Config, string) error {
	return func(c *Config, s string) error {
		number, factor := s, int64(1)
		for unit, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
			if rest, ok := strings.CutSuffix(s, unit); ok {
				number, factor = strings.TrimSpace(rest), bytes
			}
		}
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/factor || n > 0 && n*factor < least {
			return fmt.Errorf("%q is no number of bytes from %dMiB on; write it like 512MiB or 2GiB, 0 for no limit", s, least>>20)
		}
		*field(c) = n * factor
		return nil
	}
}

// integer sets a whole number within bounds.
func integer(least, most int, set func(*Config, int)) func(*Config, string) error {
	return func(c *Config, s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is no whole number from %d to %d", s, least, most)
		}
		set(c, n)
		return nil
	}
}

// decimal sets a number within bounds.
func decimal(least, most float64, set func(*Config, float64)) func(*Config, string) error {
	return func(c *Config, s string) error {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !(x >= least && x <= most) { // not a number is neither
			return fmt.Errorf("%q is no number from %v to %v", s, least, most)
		}
		set(c, x)
		return nil
	}
}

func setListen(c *Config, s string) error {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if err := checkSocketPath(path); err != nil {
			return err
		}
		c.Listen = Address{Network: "unix", Address: path}
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address; write it like 127.0.0.1:7443 or unix:/run/relais/relais.sock", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port number from 0 to 65535", s)
	}
	if !loopback(host) {
		return fmt.Errorf("%q can be reached from other machines, and callers are not authenticated: relais serves loopback "+
			"addresses (127.0.0.1, [::1], localhost) and unix sockets only until authentication lands", s)
	}
	c.Listen = Address{Network: "tcp", Address: s}
	return nil
}

// loopback reports whether a host cannot be reached from, or lead to, another machine.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func setAdminSocket(c *Config, s string) error {
	s = strings.TrimPrefix(s, "unix:")
	if err := checkSocketPath(s); err != nil {
		return err
	}
	c.AdminSocket = s
	return nil
}

func checkSocketPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path of the socket is missing")
	case len(path) > maxSocketPath:
		return fmt.Errorf("the socket's path %q has %d bytes, the system takes %d; choose a shorter one", path, len(path), maxSocketPath)
	}
	return nil
}

func setDatabase(c *Config, s string) error {
	scheme, path, ok := strings.Cut(s, ":")
	switch {
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		// Not quoted: it may hold a password.
		return errors.New("PostgreSQL is not supported yet; write sqlite: and the path of a file")
	case !ok || scheme != "sqlite":
		return errors.New("must be sqlite: and the path of a file, like sqlite:./data/relais.db")
	case path == "" || path == ":memory:":
		return fmt.Errorf("%q names no file; write it like sqlite:./data/relais.db", s)
	}
	c.Database = path
	return nil
}

func setSandboxURL(c *Config, s string) error {
	if s == "" {
		c.SandboxURL = ""
		return nil
	}
	u, err := checkURL(s)
	if err != nil {
		return err
	}
	if u.RawQuery != "" {
		return fmt.Errorf("%q must have no query: paths are added to it", u.Redacted())
	}
	c.SandboxURL = strings.TrimRight(s, "/")
	return nil
}

// checkURL refuses addresses over which credentials would leave the machine unprotected.
func checkURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("is no URL") // the cause quotes it, and it may hold a password
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("%q must not hold a user or password", u.Redacted())
	case u.Hostname() == "" || u.Opaque != "":
		return nil, fmt.Errorf("%q is no absolute URL; write it like https://marketplace.example/service", s)
	case u.Fragment != "":
		return nil, fmt.Errorf("%q must have no fragment", s)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, fmt.Errorf("%q would carry credentials unprotected; use https (http is for loopback addresses only)", s)
	}
	return nil, fmt.Errorf("%q must start with https://", s)
}

func setLogLevel(c *Config, s string) error {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	level, ok := levels[strings.ToLower(s)]
	if !ok {
		return fmt.Errorf("%q is none of debug, info, warn, error", s)
	}
	c.LogLevel = level
	return nil
}

func setLogFormat(c *Config, s string) error {
	switch f := LogFormat(strings.ToLower(s)); f {
	case LogText, LogJSON:
		c.LogFormat = f
		return nil
	}
	return fmt.Errorf("%q is none of text, json", s)
}

func setStatuses(c *Config, s string) error {
	var statuses []order.Status
	for word := range strings.SplitSeq(s, ",") {
		status := order.Status(strings.ToUpper(strings.TrimSpace(word)))
		switch {
		case status == order.Unrecognized:
			return fmt.Errorf("%s cannot be asked for: it is what relais calls a status that it does not know, and such orders come always", status)
		case !slices.Contains(order.Statuses(), status):
			return fmt.Errorf("%q is none of %s", word, strings.ReplaceAll(defaultStatuses(), ",", ", "))
		case !slices.Contains(statuses, status):
			statuses = append(statuses, status)
		}
	}
	c.Import.Statuses = statuses
	return nil
}
