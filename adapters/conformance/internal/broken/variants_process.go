package broken

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// swallowing takes answers that cannot be read for nothing.
func swallowing(h *hooks) {
	h.fail = func(err error) error {
		if e := sdk.AsError(err); e != nil && e.Reason == adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER {
			return nil
		}
		return err
	}
}

func hostileVariants() []Variant {
	return []Variant{
		{"crashes on deep nesting", "hostile-nesting", func(h *hooks) {
			h.fail = func(err error) error {
				if e := sdk.AsError(err); e != nil && e.Reason == adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER {
					os.Exit(2) // as a stack that overflows does
				}
				return err
			}
		}},
		{"takes answers that swell for nothing", "hostile-bomb", swallowing},
		{"takes huge fields for nothing", "hostile-huge-field", swallowing},
		{"takes wrong types for nothing", "hostile-wrong-types", swallowing},
		{"reads on as long as something comes", "hostile-endless", func(h *hooks) { h.transport = &patient{next: h.transport} }},
		{"takes what is said twice for nothing", "hostile-duplicates", swallowing},
	}
}

// patient reads every answer to its end before anybody may look at it.
type patient struct{ next http.RoundTripper }

// RoundTrip waits for the end of the answer, and forgets what came: an answer that ends is asked for again.
func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(req)
	if err != nil || req.Method != http.MethodGet {
		return resp, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	return p.next.RoundTrip(req)
}

// contexts changes the context of every call.
func contexts(change func(context.Context) context.Context) func(h *hooks) {
	return func(h *hooks) {
		h.begin = func(ctx context.Context, _ *adapterv1.StoreContext) (context.Context, error) { return change(ctx), nil }
	}
}

// always does something in every call.
func always(do func(store *adapterv1.StoreContext) error) func(h *hooks) {
	return func(h *hooks) {
		h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
			return ctx, do(store)
		}
	}
}

func processVariants() []Variant {
	return []Variant{
		{"knows a store by its id alone", "stores-apart", firstCredentials},
		{"answers one call at a time", "calls-concurrent", func(h *hooks) {
			var working atomic.Int64
			h.begin = func(ctx context.Context, _ *adapterv1.StoreContext) (context.Context, error) {
				if working.Add(1) > 8 {
					working.Add(-1)
					return ctx, sdk.Internal("busy")
				}
				context.AfterFunc(ctx, func() { working.Add(-1) })
				return ctx, nil
			}
		}},
		{"works on after the deadline", "deadline-kept", contexts(context.WithoutCancel)},
		{"works on after a cancellation", "cancel-kept", contexts(func(ctx context.Context) context.Context {
			on := context.WithoutCancel(ctx)
			if at, ok := ctx.Deadline(); ok {
				limited, cancel := context.WithDeadline(on, at)
				context.AfterFunc(limited, cancel)
				return limited
			}
			return on
		})},
		{"logs the password", "secrets-untold", always(func(store *adapterv1.StoreContext) error {
			slog.Debug("call", slog.String("with", store.GetCredentials()["password"]))
			return nil
		})},
		{"quotes refusals, shortened", "secrets-untold", quotingRefusals(func(string) bool { return true })},
		{"quotes refusals to log in", "secrets-untold", quotingLogins},
		{"quotes the token in errors", "secrets-untold", func(h *hooks) { h.transport = &quoting{next: h.transport} }},
		{"logs whom an order goes to", "personal-data-untold", changing(func(o *adapterv1.Order) {
			slog.Info("order read", slog.String("to", o.GetShipTo().GetLastName()))
		})},
		{"quotes refusals", "personal-data-untold", quotingRefusals(func(string) bool { return true })},
		{"quotes words without capitals and digits", "personal-data-untold", quotingRefusals(func(word string) bool {
			return !strings.ContainsFunc(word, func(r rune) bool { return unicode.IsUpper(r) || unicode.IsDigit(r) || r == '@' })
		})},
		{"quotes answers in errors", "personal-data-untold", func(h *hooks) { h.transport = &quoting{next: h.transport} }},
		{"remembers 8 KB of every call", "memory-flat", remembering(8 << 10)},
		{"forgets to close", "descriptors-flat", func(h *hooks) {
			var mu sync.Mutex
			var files []*os.File
			always(func(*adapterv1.StoreContext) error {
				file, err := os.Open(os.DevNull)
				if err != nil {
					return sdk.Internal("open: %w", err)
				}
				mu.Lock()
				defer mu.Unlock()
				files = append(files, file)
				return nil
			})(h)
		}},
		{"ignores its rate", "rate-budget-kept", always(func(store *adapterv1.StoreContext) error {
			store.RateBudget = nil
			return nil
		})},
	}
}

// quoting turns an answer that is not a good one into an error that holds all of it, and the request's token.
type quoting struct{ next http.RoundTripper }

// RoundTrip quotes.
func (q *quoting) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := q.next.RoundTrip(req)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	_ = resp.Body.Close()
	return nil, sdk.MarketplaceRefused("HTTP %d with the token %s: %s", resp.StatusCode, req.Header.Get("X-Token"), body)
}

// remembering keeps so many bytes of every call for good.
func remembering(size int) func(h *hooks) {
	return func(h *hooks) {
		var mu sync.Mutex
		var memory [][]byte
		always(func(*adapterv1.StoreContext) error {
			mu.Lock()
			defer mu.Unlock()
			memory = append(memory, bytes.Repeat([]byte{1}, size)) // ones take memory indeed
			return nil
		})(h)
	}
}
