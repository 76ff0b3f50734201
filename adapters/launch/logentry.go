package launch

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// entryTimeFormat is hclog's time format.
const entryTimeFormat = "2006-01-02T15:04:05.000000Z07:00"

// logEntry is a line that an adapter wrote with a logger.
type logEntry struct {
	time    time.Time // zero when the line has none
	level   slog.Level
	message string
	attrs   []slog.Attr // sorted by key
}

// parseEntry reads a line of hclog's JSON form; false means that it is something else. The line is not to be trusted: go-plugin's
// own reader panics, and with it the host, when "@message" is a number.
func parseEntry(line string) (logEntry, bool) {
	if !strings.HasPrefix(line, "{") {
		return logEntry{}, false
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		return logEntry{}, false
	}
	message, isText := fields["@message"].(string)
	levelName, hasLevel := fields["@level"].(string)
	if !isText || !hasLevel {
		return logEntry{}, false
	}
	entry := logEntry{level: parseLevel(levelName), message: message}
	if stamp, ok := fields["@timestamp"].(string); ok {
		if t, err := time.Parse(entryTimeFormat, stamp); err == nil {
			entry.time = t
		}
	}
	for key, value := range fields {
		if !strings.HasPrefix(key, "@") {
			entry.attrs = append(entry.attrs, slog.Any(key, value))
		}
	}
	slices.SortFunc(entry.attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return entry, true
}

// parseLevel maps hclog's names; what is not known is worth reading.
func parseLevel(name string) slog.Level {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}
