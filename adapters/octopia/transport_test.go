package octopia_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestGzip: answers are asked for and read compressed; a truncated one is an error.
func TestGzip(t *testing.T) {
	t.Parallel()
	body := zipped(page(homeOrder("N1")))
	for _, whole := range []bool{true, false} {
		f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.Path, "/count") {
				_, _ = io.WriteString(w, "1")
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			if whole {
				_, _ = w.Write(body)
			} else {
				_, _ = w.Write(body[:len(body)-20])
			}
		})
		out := &sink{}
		err := octopia.New().ListOrders(short(t), createdWindow(f.store(), at("2026-09-01T00:00:00Z"), at("2026-09-03T00:00:00Z")), out)
		if whole && (err != nil || len(out.orders) != 1) || !whole && (err == nil || len(out.orders) != 0) {
			t.Errorf("whole: %v: %d orders, error %v", whole, len(out.orders), err)
		}
	}
}

// TestRedirectsAreRefused: credentials, tokens and writes go nowhere that no operator configured.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		followed.Add(1)
		write(w, http.StatusOK, tokenAnswer("t", 7200))
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		f := newFake(t, func(w http.ResponseWriter, _ received, _ int) {
			w.Header().Set("Location", other.URL+"/")
			write(w, status, "")
		})
		if _, err := carriers(t, octopia.New(), f.store()); reason(err) != "MALFORMED_ANSWER" {
			t.Errorf("%d: read: %v", status, err)
		}
		if r := ship(t, octopia.New(), f.store(), notification("N1")); r.GetOutcome() != unknown || len(f.seen()) != 2 {
			t.Errorf("%d: write: %s, %d requests", status, r.GetOutcome(), len(f.seen()))
		}
		f = newFake(t, always(http.StatusOK, `[]`))
		f.token = func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Location", other.URL+"/")
			write(w, status, "")
		}
		if _, err := carriers(t, octopia.New(), f.store()); reason(err) != "MALFORMED_ANSWER" {
			t.Errorf("%d: token: %v", status, err)
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestReadIsRepeatedAfterReset: once, and only when nothing of the answer had come. The token is there already, so that no kept
// connection makes net/http repeat by itself.
func TestReadIsRepeatedAfterReset(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, _ received, n int) {
		if n == 1 {
			cut(w)
			return
		}
		write(w, http.StatusOK, `[]`)
	})
	if _, err := carriers(t, octopia.New(), f.store()); err != nil || len(f.seen()) != 2 {
		t.Errorf("cut once: %v, %d requests", err, len(f.seen()))
	}
	f = newFake(t, func(w http.ResponseWriter, _ received, _ int) { cut(w) })
	store := f.store()
	now := time.Now()
	store.State = octopia.StateOf(store.GetEnvironment()["token_url"], testClient, testSecret, "t", now, now.Add(time.Hour))
	if _, err := carriers(t, octopia.New(), store); reason(err) != "MARKETPLACE_DOWN" || len(f.seen()) != 2 {
		t.Errorf("cut always: %v, %d requests", err, len(f.seen()))
	}
	f = newFake(t, func(w http.ResponseWriter, _ received, _ int) {
		w.Header().Set("Content-Length", "100")
		write(w, http.StatusOK, `[{"code":`)
	})
	if _, err := carriers(t, octopia.New(), f.store()); reason(err) != "MARKETPLACE_DOWN" || len(f.seen()) != 1 {
		t.Errorf("cut in the middle: %v, %d requests", err, len(f.seen()))
	}
}

// TestWriteIsNotRepeated: a write whose connection was cut went out once, whatever net/http would like.
func TestWriteIsNotRepeated(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if r.Method == http.MethodPost {
			cut(w)
			return
		}
		write(w, http.StatusOK, `[]`)
	})
	a := octopia.New()
	if _, err := carriers(t, a, f.store()); err != nil { // a connection that could be kept
		t.Fatal(err)
	}
	if r := ship(t, a, f.store(), notification("N1")); r.GetOutcome() != unknown || len(f.seen()) != 2 {
		t.Errorf("%s, %d requests", r.GetOutcome(), len(f.seen()))
	}
}

// TestWritesSpeakHTTP1: over a connection of their own; HTTP/2 would repeat streams by itself.
func TestWritesSpeakHTTP1(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(w http.ResponseWriter, r received, _ int) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
			return
		}
		write(w, http.StatusOK, `[]`)
	}}
	f.server = httptest.NewUnstartedServer(f)
	f.server.EnableHTTP2 = true
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	a := octopia.New()
	octopia.ReplaceTransports(a, func(own *http.Transport, write bool) http.RoundTripper {
		if own.TLSClientConfig.MinVersion < tls.VersionTLS12 {
			t.Errorf("TLS from version %x on", own.TLSClientConfig.MinVersion)
		}
		own.TLSClientConfig.RootCAs = f.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if write && req.GetBody != nil {
				t.Error("the body of a write can be had again")
			}
			return own.RoundTrip(req)
		})
	})
	if _, err := carriers(t, a, f.store()); err != nil {
		t.Fatal(err)
	}
	if r := ship(t, a, f.store(), notification("N1")); r.GetOutcome() != applied {
		t.Fatalf("%s %s", r.GetOutcome(), r.GetMessage())
	}
	seen := f.seen()
	if seen[0].Proto != "HTTP/2.0" || seen[1].Proto != "HTTP/1.1" {
		t.Errorf("read over %s, write over %s", seen[0].Proto, seen[1].Proto)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestTimeouts: an exchange ends with its own time, the caller's, or the caller, and says which.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	hanging := func() *fake {
		f := newFake(t, nil)
		f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				f.serveToken(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body) // only then is the client's leaving noticed
			<-r.Context().Done()
		})
		return f
	}
	f := hanging()
	if _, err := carriers(t, octopia.New(octopia.WithRequestTimeout(50*time.Millisecond)), f.store()); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("own time: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := octopia.New().ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()}); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("the caller's time: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := octopia.New().ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()}); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller: %v", err)
	}
}

// TestOwnTimeIsTold: when this side gives up, whatever net/http meets first, the error says that time ran out.
func TestOwnTimeIsTold(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	a := octopia.New(octopia.WithRequestTimeout(time.Second))
	octopia.ReplaceTransports(a, func(own *http.Transport, _ bool) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.HasSuffix(req.URL.Path, "/token") {
				return own.RoundTrip(req)
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: closing{req.Context()}}, nil
		})
	})
	_, err := carriers(t, a, f.store())
	if reason(err) != "MARKETPLACE_DOWN" || !strings.Contains(err.Error(), "in time") {
		t.Errorf("error %v", err)
	}
}

// closing is a body whose connection is closed under the reader when the call ends.
type closing struct{ ctx context.Context }

func (c closing) Read([]byte) (int, error) {
	<-c.ctx.Done()
	return 0, net.ErrClosed
}

func (closing) Close() error { return nil }

// TestRateBudget: a turn that comes after the deadline is told at once, with the wait, and nothing is sent.
func TestRateBudget(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	a := octopia.New()
	store := f.store()
	store.RateBudget = &adapterv1.RateBudget{RequestsPerSecond: 0.01, Burst: 2}
	if _, err := carriers(t, a, store); err != nil { // the token and the call
		t.Fatal(err)
	}
	_, err := carriers(t, a, store)
	if reason(err) != "THROTTLED" || asSDK(err).RetryAfter < 90*time.Second || len(f.seen()) != 1 {
		t.Errorf("read: %v after %v, %d requests", err, asSDK(err), len(f.seen()))
	}
	r := ship(t, a, store, notification("N1"))
	if r.GetOutcome() != retry || r.GetRetryAfter().AsDuration() < 90*time.Second || len(f.seen()) != 1 {
		t.Errorf("write: %s after %s, %d requests", r.GetOutcome(), r.GetRetryAfter().AsDuration(), len(f.seen()))
	}
	store.Credentials["client_secret"] = "rotated" // needs a token first
	_, err = carriers(t, a, store)
	if reason(err) != "THROTTLED" || asSDK(err).RetryAfter < 90*time.Second || f.tokens() != 1 {
		t.Errorf("token: %v after %v, %d tokens", err, asSDK(err), f.tokens())
	}
}

// TestInvalidStores: what is missing or wrong is named, before anything is sent.
func TestInvalidStores(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, field string
		change      func(*adapterv1.StoreContext)
	}{
		{"no client id", "store.credentials.client_id", func(s *adapterv1.StoreContext) { delete(s.Credentials, "client_id") }},
		{"no secret", "store.credentials.client_secret", func(s *adapterv1.StoreContext) { s.Credentials["client_secret"] = "" }},
		{"no seller", "store.credentials.seller_id", func(s *adapterv1.StoreContext) { delete(s.Credentials, "seller_id") }},
		{"seller is no number", "store.credentials.seller_id", func(s *adapterv1.StoreContext) { s.Credentials["seller_id"] = "demo-shop" }},
		{"seller with a line break", "store.credentials.seller_id", func(s *adapterv1.StoreContext) { s.Credentials["seller_id"] = "1\r\nX: 2" }},
		{"no token address", "store.environment.token_url", func(s *adapterv1.StoreContext) { delete(s.Environment, "token_url") }},
		{"token address without scheme", "store.environment.token_url", func(s *adapterv1.StoreContext) { s.Environment["token_url"] = "auth.example/token" }},
		{"API address of a file", "store.environment.api_url", func(s *adapterv1.StoreContext) { s.Environment["api_url"] = "file:///x" }},
		{"API address with a query", "store.environment.api_url", func(s *adapterv1.StoreContext) { s.Environment["api_url"] += "?a=b" }},
		{"nothing", "store.credentials.client_id", func(s *adapterv1.StoreContext) { s.Credentials, s.Environment = nil, nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(http.StatusOK, `[]`))
			store := f.store()
			tt.change(store)
			_, err := carriers(t, octopia.New(), store)
			if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != tt.field || f.tokens() != 0 {
				t.Errorf("error %v of field %q, %d tokens", err, asSDK(err).Field, f.tokens())
			}
		})
	}
}
