package serve

import (
	"io"
	"log/slog"
	"time"
)

// logTimeFormat is hclog's time format.
const logTimeFormat = "2006-01-02T15:04:05.000000Z07:00"

// newLogger returns a logger that writes one JSON object a line, in the form of hclog ("@level", "@message", "@timestamp"), so
// that the host gets level, message and attributes apart. level is the lowest that is written, INFO when it is empty.
func newLogger(w io.Writer, level string) *slog.Logger {
	lowest := slog.LevelInfo
	// An unknown level is not worth failing for: INFO stays.
	_ = lowest.UnmarshalText([]byte(level))
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: lowest, ReplaceAttr: toHclog}))
}

// toHclog renames slog's own three attributes. Those of an author that happen to have one of their names are mostly told apart
// by their kind.
func toHclog(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch value := a.Value.Any().(type) {
	case time.Time:
		if a.Key == slog.TimeKey {
			return slog.String("@timestamp", value.Format(logTimeFormat))
		}
	case slog.Level:
		if a.Key == slog.LevelKey {
			return slog.String("@level", hclogLevel(value))
		}
	case string:
		if a.Key == slog.MessageKey {
			return slog.String("@message", value)
		}
	}
	return a
}

// hclogLevel returns hclog's name of the nearest level below.
func hclogLevel(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warn"
	case level >= slog.LevelInfo:
		return "info"
	case level >= slog.LevelDebug:
		return "debug"
	default:
		return "trace"
	}
}
