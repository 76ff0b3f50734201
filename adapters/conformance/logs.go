package conformance

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// maxCaptured bounds what is kept of an adapter's log, in bytes.
const maxCaptured = 8 << 20

// capture is a slog.Handler that keeps every record as text.
type capture struct {
	mu   sync.Mutex // guards the fields below
	text bytes.Buffer
	// lost counts the records that did not fit.
	lost int
}

// Enabled takes every level.
func (c *capture) Enabled(context.Context, slog.Level) bool { return true }

// Handle keeps the record.
func (c *capture) Handle(ctx context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.text.Len() > maxCaptured {
		c.lost++
		return nil
	}
	return slog.NewTextHandler(&c.text, &slog.HandlerOptions{Level: slog.LevelDebug}).Handle(ctx, r)
}

// WithAttrs keeps nothing of the attributes: those of the host say nothing about the adapter.
func (c *capture) WithAttrs([]slog.Attr) slog.Handler { return c }

// WithGroup keeps nothing of the group.
func (c *capture) WithGroup(string) slog.Handler { return c }

// String returns all that was logged.
func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// tee is a slog.Handler that gives each record to two.
type tee struct{ first, second slog.Handler }

// Enabled reports whether one of them takes the level.
func (t tee) Enabled(ctx context.Context, level slog.Level) bool {
	return t.first.Enabled(ctx, level) || t.second.Enabled(ctx, level)
}

// Handle gives the record to those that take its level.
func (t tee) Handle(ctx context.Context, r slog.Record) error {
	if t.first.Enabled(ctx, r.Level) {
		if err := t.first.Handle(ctx, r.Clone()); err != nil {
			return err
		}
	}
	if t.second.Enabled(ctx, r.Level) {
		return t.second.Handle(ctx, r)
	}
	return nil
}

// WithAttrs passes the attributes to both.
func (t tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tee{t.first.WithAttrs(attrs), t.second.WithAttrs(attrs)}
}

// WithGroup passes the group to both.
func (t tee) WithGroup(name string) slog.Handler {
	return tee{t.first.WithGroup(name), t.second.WithGroup(name)}
}
