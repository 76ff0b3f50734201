package cdiscount_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// ship sends one shipment and returns its outcome.
func ship(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) string {
	t.Helper()
	resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetResults()[0].GetOutcome().String()
}

// TestWritesSpeakHTTP1: HTTP/2 repeats streams that the server refused, so writes do not speak it, even to a server that
// offers it and that reads use it with.
func TestWritesSpeakHTTP1(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	protocols := make(map[string]string)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/sts/") {
			writeToken(w, tokenNumber(1))
			return
		}
		op := strings.Trim(r.Header.Get("SOAPAction"), `"`)
		op = op[strings.LastIndexByte(op, '/')+1:]
		mu.Lock()
		protocols[op] = r.Proto
		mu.Unlock()
		if op == "ValidateOrderList" {
			write(w, 200, shipAnswer(orderNumber, "TSHIRT-BLU-M"))
			return
		}
		write(w, 200, envelope(op, sellerAnswer))
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	a := cdiscount.New()
	cdiscount.ReplaceTransports(a, func(own *http.Transport, _ bool) http.RoundTripper {
		own.TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		return own
	})
	store := (&fake{server: server}).store()
	check(t, a, store)
	if got := ship(t, a, store); got != applied {
		t.Fatalf("outcome %s", got)
	}
	if protocols["GetSellerInformation"] != "HTTP/2.0" || protocols["ValidateOrderList"] != "HTTP/1.1" {
		t.Errorf("protocols %v, want HTTP/2.0 for the read, which shows that it was offered, and HTTP/1.1 for the write", protocols)
	}
}

// TestWritesCannotBeRewound: without a way to get its body again nothing below the adapter can send a write twice. Reads
// have one, and the mark that lets net/http use it.
func TestWritesCannotBeRewound(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if r.Op == "ValidateOrderList" {
			write(w, 200, shipAnswer(orderNumber, "TSHIRT-BLU-M"))
			return
		}
		write(w, 200, envelope(r.Op, sellerAnswer))
	})
	a := cdiscount.New()
	sent := make(map[bool]*http.Request) // by write
	cdiscount.ReplaceTransports(a, func(own *http.Transport, write bool) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			sent[write] = r
			return own.RoundTrip(r)
		})
	})
	check(t, a, f.store())
	if got := ship(t, a, f.store()); got != applied {
		t.Fatalf("outcome %s", got)
	}
	_, marked := sent[true].Header["Idempotency-Key"]
	if sent[true].GetBody != nil || marked {
		t.Errorf("a write can be sent again: its body can be had again: %v, it is marked as safe: %v", sent[true].GetBody != nil, marked)
	}
	if _, marked := sent[false].Header["Idempotency-Key"]; sent[false].GetBody == nil || !marked {
		t.Error("a read cannot be sent again")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWriteIsNotRepeatedByHTTP: a server that reads a write and closes the connection gets it once, also when a connection
// was kept alive before. net/http repeats requests by itself unless it is kept from doing so.
func TestWriteIsNotRepeatedByHTTP(t *testing.T) {
	t.Parallel()
	var writes atomic.Int32
	f := newFake(t, func(w http.ResponseWriter, r received, n int) {
		if r.Op != "ValidateOrderList" {
			write(w, 200, envelope(r.Op, sellerAnswer))
			return
		}
		writes.Add(1)
		if got := r.Header.Get("Connection"); got != "close" {
			t.Errorf("Connection: %q, want close: a write has a connection of its own", got)
		}
		cut(w, r, n)
	})
	a := cdiscount.New()
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()}); err != nil {
		t.Fatal(err)
	}
	resp, err := a.NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.GetResults()[0].GetOutcome().String(); got != unknown || writes.Load() != 1 {
		t.Errorf("outcome %s after %d writes, want %s after 1", got, writes.Load(), unknown)
	}
}

// TestReadSurvivesStaleConnection: the same failure is invisible for a read, which may be repeated.
func TestReadSurvivesStaleConnection(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, n int) {
		if n == 2 {
			cut(w, r, n)
			return
		}
		write(w, 200, envelope(r.Op, sellerAnswer))
	})
	a := cdiscount.New()
	for range 2 {
		if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRedirectsAreRefused: no operator configured where a redirect leads. Neither the login nor a write goes there.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed.Add(1)
		if strings.HasPrefix(r.URL.Path, "/sts/") {
			writeToken(w, tokenNumber(1))
			return
		}
		write(w, 200, shipAnswer(orderNumber, "TSHIRT-BLU-M"))
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		f := newFake(t, func(w http.ResponseWriter, _ received, _ int) {
			w.Header().Set("Location", other.URL+"/service")
			w.WriteHeader(status)
		})
		if got := ship(t, cdiscount.New(), f.store()); got != unknown || len(f.seen()) != 1 {
			t.Errorf("%d: outcome %s after %d requests, want %s after one", status, got, len(f.seen()), unknown)
		}
		f.sts = func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Location", other.URL+"/sts/")
			w.WriteHeader(status)
		}
		if _, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()}); reason(err) != "MALFORMED_ANSWER" {
			t.Errorf("%d from the token service: error %v", status, err)
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d requests went where a redirect pointed", n)
	}
}

// TestWriteRetryAfter: how long a throttled write is to wait is passed on.
func TestWriteRetryAfter(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, _ received, _ int) {
		w.Header().Set("Retry-After", "17")
		write(w, http.StatusTooManyRequests, "")
	})
	resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if err != nil || resp.GetResults()[0].GetRetryAfter().GetSeconds() != 17 {
		t.Errorf("%v, error %v; want a retry after 17s", resp.GetResults(), err)
	}
}

// TestWriteAfterAFailedRenewal: a token ran out and there is no new one: nothing more is sent, and every item says so.
func TestWriteAfterAFailedRenewal(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(500, faultAnswer(tokenFaultCode, tokenUnknown)))
	f.sts = func(w http.ResponseWriter, _ *http.Request, n int) {
		if n > 1 {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		writeToken(w, tokenNumber(n))
	}
	resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{shipment("a", "N1"), shipment("b", "N2")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range resp.GetResults() {
		if r.GetOutcome().String() != retry || r.GetMessage() == "" {
			t.Errorf("%s: %s %q, want %s with a message", r.GetKey(), r.GetOutcome(), r.GetMessage(), retry)
		}
	}
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}

// TestRefusedLoginIsNotRepeated: the token service is not asked again with credentials that it has just refused, but by who wants to
// know whether they work; other ones, and the same ones after a while, go through.
func TestRefusedLoginIsNotRepeated(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	now := at("2026-05-01T09:00:00Z")
	a := cdiscount.New(cdiscount.WithClock(func() time.Time { return now }))
	store := f.store()
	store.Credentials["password"] = "wrong"
	try := func() string {
		_, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store})
		return reason(err)
	}
	for range 3 {
		if got := try(); got != "CREDENTIALS_REJECTED" {
			t.Fatalf("%q", got)
		}
	}
	if n := f.tokens(); n != 1 {
		t.Errorf("%d logins with refused credentials, want one", n)
	}
	good := f.store()
	check(t, a, good)
	_, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if reason(err) != "CREDENTIALS_REJECTED" || f.tokens() != 3 {
		t.Errorf("error %v after %d logins, want a third one for a check", err, f.tokens())
	}
	now = now.Add(time.Minute)
	if got := try(); got != "CREDENTIALS_REJECTED" || f.tokens() != 4 {
		t.Errorf("%q after %d logins, want a fourth one after a minute", got, f.tokens())
	}
	// What is not about the credentials is not remembered.
	f.sts = func(w http.ResponseWriter, _ *http.Request, n int) {
		if n == 5 {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		writeToken(w, tokenNumber(n))
	}
	now = now.Add(time.Minute)
	if got := try(); got != "MARKETPLACE_DOWN" {
		t.Errorf("%q, want MARKETPLACE_DOWN", got)
	}
	if got := try(); got != "" {
		t.Errorf("%q right after, want none", got)
	}
}
