package octopia_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestRefusedCredentialsAreNotRepeated: for a minute nobody asks again with them, but who wants to know whether they work; others go
// through at once.
func TestRefusedCredentialsAreNotRepeated(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	f.token = func(w http.ResponseWriter, _ *http.Request, n int) {
		if strings.Contains(f.form(n), "client_secret=wrong") {
			write(w, http.StatusUnauthorized, `{"error":"invalid_client"}`)
			return
		}
		write(w, http.StatusOK, tokenAnswer("t", 7200))
	}
	c := &moving{}
	a := octopia.New(octopia.WithClock(c.now))
	wrong := f.store()
	wrong.Credentials["client_secret"] = "wrong"
	for range 3 {
		if _, err := carriers(t, a, wrong); reason(err) != "CREDENTIALS_REJECTED" {
			t.Fatalf("error %v", err)
		}
	}
	if f.tokens() != 1 {
		t.Errorf("%d token requests, want 1", f.tokens())
	}
	if _, err := carriers(t, a, f.store()); err != nil {
		t.Errorf("right credentials: %v", err)
	}
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: wrong}); reason(err) != "CREDENTIALS_REJECTED" || f.tokens() != 3 {
		t.Errorf("error %v, %d token requests after a check, want 3", err, f.tokens())
	}
	c.advance(time.Minute)
	if _, err := carriers(t, a, wrong); reason(err) != "CREDENTIALS_REJECTED" || f.tokens() != 4 {
		t.Errorf("error %v, %d token requests after a minute, want 4", err, f.tokens())
	}
}

// TestTokenQuota: a fault that makes every call ask for a token does not use up the client's hour, whatever the secret and the
// seller; and a delay that the token service names is kept without asking again.
func TestTokenQuota(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	var usedUp atomic.Bool
	f.token = func(w http.ResponseWriter, _ *http.Request, n int) {
		if usedUp.Load() {
			w.Header().Set("Retry-After", "600")
			write(w, http.StatusTooManyRequests, "")
			return
		}
		write(w, http.StatusOK, tokenAnswer(tokenNumber(n), 7200))
	}
	c := &moving{}
	a := octopia.New(octopia.WithClock(c.now), octopia.WithTokenRate(360, 3))
	ask := func(secret string) error {
		store := f.store()
		store.Credentials["client_secret"] = secret
		_, err := carriers(t, a, store)
		return err
	}
	for i := range 3 {
		if err := ask(fmt.Sprint("secret-", i)); err != nil {
			t.Fatal(err)
		}
	}
	err := ask("secret-3")
	if reason(err) != "THROTTLED" || asSDK(err).RetryAfter != 10*time.Second || f.tokens() != 3 {
		t.Fatalf("error %v after %v, %d tokens", err, asSDK(err), f.tokens())
	}
	c.advance(10 * time.Second)
	if err := ask("secret-3"); err != nil || f.tokens() != 4 {
		t.Errorf("error %v, %d tokens", err, f.tokens())
	}

	usedUp.Store(true)
	c.advance(time.Minute)
	for i := range 3 {
		err := ask("secret-4")
		if reason(err) != "THROTTLED" || asSDK(err).RetryAfter != 10*time.Minute || f.tokens() != 5 {
			t.Fatalf("call %d: error %v, %d tokens", i, err, f.tokens())
		}
	}
}

// TestOneRefreshAtATime: however many calls need a token, one request asks for it.
func TestOneRefreshAtATime(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	arrived, release := make(chan struct{}), make(chan struct{})
	f.token = func(w http.ResponseWriter, r *http.Request, n int) {
		arrived <- struct{}{}
		<-release
		write(w, http.StatusOK, tokenAnswer("t", 7200))
	}
	a := octopia.New()
	// The caller that starts the request leaves; the others get its token all the same.
	impatient, leave := context.WithCancel(short(t))
	first := make(chan error, 1)
	go func() {
		_, err := a.ListCarriers(impatient, &adapterv1.ListCarriersRequest{Store: f.store()})
		first <- err
	}()
	<-arrived
	var group sync.WaitGroup
	var failed atomic.Int32
	waiting := make(chan struct{}, 20)
	for i := range 20 {
		group.Go(func() {
			store := f.store()
			store.StoreId = fmt.Sprint("store-", i)
			waiting <- struct{}{}
			if _, err := a.ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: store}); err != nil {
				failed.Add(1)
			}
		})
	}
	for range 20 {
		<-waiting
	}
	octopia.AwaitWaiters(a, f.server.URL+"/token", testClient, testSecret, 21)
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left got %v", err)
	}
	close(release)
	group.Wait()
	if failed.Load() != 0 || f.tokens() != 1 {
		t.Errorf("%d calls failed, %d token requests", failed.Load(), f.tokens())
	}
}

// TestRefreshEndsWithItsLastCaller: nobody waits, so the request is cut; the next caller starts another.
func TestRefreshEndsWithItsLastCaller(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	arrived, ended := make(chan struct{}), make(chan struct{})
	f.token = func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 1 {
			write(w, http.StatusOK, tokenAnswer("t", 7200))
			return
		}
		close(arrived)
		<-r.Context().Done()
		close(ended)
	}
	a := octopia.New()
	ctx, cancel := context.WithCancel(short(t))
	result := make(chan error, 1)
	go func() {
		_, err := a.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()})
		result <- err
	}()
	<-arrived
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-ended
	if _, err := carriers(t, a, f.store()); err != nil || f.tokens() != 2 {
		t.Errorf("error %v, %d tokens", err, f.tokens())
	}
}

// TestNobodyJoinsAnAbandonedRefresh: who comes while a request that nobody waits for is still ending starts one of its own.
func TestNobodyJoinsAnAbandonedRefresh(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	arrived, cancelled, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var requests atomic.Int32
	a := octopia.New()
	octopia.ReplaceTransports(a, func(own *http.Transport, _ bool) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			if requests.Add(1) > 1 {
				return own.RoundTrip(req)
			}
			close(arrived)
			<-req.Context().Done()
			close(cancelled)
			<-release
			return nil, req.Context().Err()
		})
	})
	ctx, cancel := context.WithCancel(short(t))
	result := make(chan error, 1)
	go func() {
		_, err := a.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()})
		result <- err
	}()
	<-arrived
	cancel()
	<-cancelled
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if _, err := a.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()}); err != nil {
		t.Errorf("the next caller: %v", err)
	}
	close(release)
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller that left: %v", err)
	}
}

// TestCallerDeadlineDuringRefresh: who runs out of time is told so, as a marketplace that does not answer.
func TestCallerDeadlineDuringRefresh(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusOK, `[]`))
	f.token = func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := octopia.New().ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()})
	if reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("error %v", err)
	}
}
