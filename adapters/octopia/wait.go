package octopia

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// retryAfter reads the header Retry-After: seconds, or a date (RFC 9110, 10.2.3). Zero when it is absent or not readable.
// That the API sends it is not confirmed (octopia-rest.md 2).
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}

// How a delay stands in a text: as a .NET TimeSpan, "00:11:35" or "1.02:03:04.5", or in words, "in 5 seconds" (both were
// recorded or announced, octopia-rest.md 2).
var (
	clockDelay = regexp.MustCompile(`(?:(\d{1,4})\.)?(\d{1,3}):(\d{2}):(\d{2})(?:\.\d+)?`)
	wordDelay  = regexp.MustCompile(`(?i)\bin\s+(\d{1,6})\s*(s|sec|second|m|min|minute|h|hour)s?\b`)
)

// waitIn returns the delay that a text names, zero when it names none.
func waitIn(text string) time.Duration {
	if m := clockDelay.FindStringSubmatch(text); m != nil {
		wait := times(m[1], 24*time.Hour) + times(m[2], time.Hour) + times(m[3], time.Minute) + times(m[4], time.Second)
		return min(wait, maxWait)
	}
	if m := wordDelay.FindStringSubmatch(text); m != nil {
		unit := time.Second
		switch strings.ToLower(m[2])[0] {
		case 'm':
			unit = time.Minute
		case 'h':
			unit = time.Hour
		}
		return min(times(m[1], unit), maxWait)
	}
	return 0
}

// times returns a number of units; no digits are none. Nine digits of days still fit a Duration's range of 292 years.
func times(digits string, unit time.Duration) time.Duration {
	n, err := strconv.ParseUint(digits, 10, 20)
	if err != nil {
		return 0
	}
	return time.Duration(n) * unit
}

// speaksOfQuota reports whether a text says that too many calls were made. The recorded one is "Out of call volume quota.
// Quota will be replenished in 00:11:35."; others are taken by their words.
func speaksOfQuota(text string) bool {
	text = strings.ToLower(text)
	for _, words := range []string{"quota", "rate limit", "too many requests", "throttl"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
