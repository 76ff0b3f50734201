package cdiscount_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// sellerService answers GetSellerInformation, and refuses tokens that are not accepted.
func sellerService(accept func(token string) bool) func(http.ResponseWriter, received, int) {
	return func(w http.ResponseWriter, r received, _ int) {
		if !accept(r.token()) {
			write(w, 500, faultAnswer(tokenFaultCode, tokenUnknown))
			return
		}
		write(w, 200, envelope(r.Op, sellerAnswer))
	}
}

func anyToken(string) bool { return true }

// check runs CheckConnection and returns the state that the host would keep afterwards.
func check(t *testing.T, a *cdiscount.Adapter, store *adapterv1.StoreContext) []byte {
	t.Helper()
	resp, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetStateUpdate() != nil {
		return resp.GetStateUpdate().GetState()
	}
	return store.GetState()
}

// TestTokenIsKept: one token serves many calls, through memory and through the host's state, for 46 hours.
func TestTokenIsKept(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	now := at("2026-05-01T08:00:00Z")
	newAdapter := func() *cdiscount.Adapter { return cdiscount.New(cdiscount.WithClock(func() time.Time { return now })) }
	a := newAdapter()

	store := f.store()
	store.State = check(t, a, store)
	if !strings.Contains(string(store.GetState()), tokenNumber(1)) {
		t.Fatal("the token is not in the state")
	}
	if strings.Contains(string(store.GetState()), testPassword) {
		t.Fatal("the password is in the state")
	}
	check(t, a, store)
	if n := f.tokens(); n != 1 {
		t.Errorf("%d tokens for two calls of one process, want 1", n)
	}
	resp, err := newAdapter().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	if f.tokens() != 1 || resp.GetStateUpdate() != nil {
		t.Errorf("a new process bought a token (%d) or changed the state (%v)", f.tokens(), resp.GetStateUpdate() != nil)
	}
	now = now.Add(46*time.Hour - time.Second)
	if check(t, newAdapter(), store); f.tokens() != 1 {
		t.Errorf("%d tokens just before 46 hours, want 1", f.tokens())
	}
	now = now.Add(time.Second)
	state := check(t, newAdapter(), store)
	if f.tokens() != 2 || !strings.Contains(string(state), tokenNumber(2)) {
		t.Errorf("%d tokens at 46 hours, want a second one in the state", f.tokens())
	}
	check(t, a, store) // a process that holds the old one in memory
	if n := f.tokens(); n != 3 {
		t.Errorf("%d tokens, want 3: the other process renews too", n)
	}
	if got := f.realms[0]; got != "https://wsvc.cdiscount.com/MarketplaceAPIService.svc" {
		t.Errorf("realm %q", got)
	}
}

// TestRealmOfTheOperator: a realm in the configured address is kept.
func TestRealmOfTheOperator(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	store := f.store()
	store.Environment["sts_url"] += "?realm=https%3A%2F%2Fpreprod.example.com"
	check(t, cdiscount.New(), store)
	if got := f.realms[0]; got != "https://preprod.example.com" {
		t.Errorf("realm %q", got)
	}
}

// TestUnusableState: whatever the host sends as state, the call works and costs at most a token.
func TestUnusableState(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]string{
		"not JSON":        "token",
		"another version": `{"v":2,"token":"00000000000000000000000000000063"}`,
		"no owner":        `{"v":1,"token":"00000000000000000000000000000063","obtained":"2026-05-01T08:00:00Z"}`,
		"not a token":     `{"v":1,"token":"<x/>","obtained":"2026-05-01T08:00:00Z"}`,
		"none":            `{"v":1}`,
	} {
		f := newFake(t, sellerService(anyToken))
		store := f.store()
		store.State = []byte(state)
		check(t, cdiscount.New(cdiscount.WithClock(clock("2026-05-01T09:00:00Z"))), store)
		if got := f.seen()[0].token(); got != tokenNumber(1) {
			t.Errorf("%s: called with %s, want a new token", name, got)
		}
	}
}

// TestTokenFromTheFuture: a state written under a clock that was ahead must not cost a token at every call.
func TestTokenFromTheFuture(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	store := f.store()
	store.State = check(t, cdiscount.New(cdiscount.WithClock(clock("2027-01-01T00:00:00Z"))), store)
	a := cdiscount.New(cdiscount.WithClock(clock("2026-05-01T09:00:00Z")))
	for range 3 {
		check(t, a, store)
	}
	if n := f.tokens(); n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
}

// TestRotatedCredentials: the token of the old password is never used for the new one.
func TestRotatedCredentials(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(anyToken))
	a := cdiscount.New()
	store := f.store()
	store.State = check(t, a, store)
	store.Credentials["password"] = "another"
	state := check(t, a, store)
	if got := f.seen()[1].token(); got != tokenNumber(2) {
		t.Errorf("called with %s, want a token of the new credentials", got)
	}
	if bytes.Contains(state, []byte(tokenNumber(1))) {
		t.Error("the state still holds the old credentials' token")
	}
	check(t, cdiscount.New(), store) // a new process that knows the state only
	if n := f.tokens(); n != 3 {
		t.Errorf("%d tokens, want 3", n)
	}
}

// TestReadRenewsToken: a token fault costs one token and one repetition; every text of the table is one.
func TestReadRenewsToken(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Token id is not correctly formatted.", tokenUnknown, "Your token xyz has expired, sorry.", "YOUR TOKEN DOES NOT EXIST",
	} {
		f := newFake(t, func(w http.ResponseWriter, r received, n int) {
			if n == 1 {
				write(w, 500, faultAnswer(tokenFaultCode, text))
				return
			}
			write(w, 200, envelope(r.Op, sellerAnswer))
		})
		state := check(t, cdiscount.New(), f.store())
		seen := f.seen()
		if len(seen) != 2 || seen[0].token() != tokenNumber(1) || seen[1].token() != tokenNumber(2) {
			t.Errorf("%s: %d requests, want two with two tokens", text, len(seen))
		}
		if !bytes.Contains(state, []byte(tokenNumber(2))) {
			t.Errorf("%s: the new token is not in the state", text)
		}
	}
}

// TestStateWithARefusedToken: a new process starts with the host's token, learns that it is refused, and does not go back to
// it although the host keeps sending it.
func TestStateWithARefusedToken(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(func(token string) bool { return token != tokenNumber(1) }))
	store := f.store()
	// The first process got the token, and used it where it was still accepted.
	lenient := f.store()
	lenient.Environment["service_url"] = newFake(t, sellerService(anyToken)).store().GetEnvironment()["service_url"]
	store.State = check(t, cdiscount.New(cdiscount.WithClock(clock("2026-05-01T09:00:00Z"))), lenient)
	a := cdiscount.New(cdiscount.WithClock(clock("2026-05-01T10:00:00Z")))
	for range 3 {
		check(t, a, store)
	}
	var used []string
	for _, r := range f.seen() {
		used = append(used, r.token())
	}
	want := []string{tokenNumber(1), tokenNumber(2), tokenNumber(2), tokenNumber(2)}
	if diff := cmp.Diff(want, used); diff != "" {
		t.Errorf("tokens used (-want +got):\n%s", diff)
	}
	if n := f.tokens(); n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
}

// TestRenewalHappensOnce: a service that refuses every token gets two calls, not a loop.
func TestRenewalHappensOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t, sellerService(func(string) bool { return false }))
	_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
	if reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("error %v, want MARKETPLACE_DOWN", err)
	}
	if len(f.seen()) != 2 || f.tokens() != 2 {
		t.Errorf("%d calls and %d tokens, want 2 and 2", len(f.seen()), f.tokens())
	}
}

// TestOtherFaultsDoNotRenew: only token faults cost a token.
func TestOtherFaultsDoNotRenew(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"rights":    faultAnswer(tokenFaultCode, notAuthorized),
		"internal":  faultAnswer(internalFault, "It has expired."),
		"formatter": faultAnswer(formatterFault, "x has expired"),
	} {
		f := newFake(t, always(500, answer))
		_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
		if err == nil || len(f.seen()) != 1 || f.tokens() != 1 {
			t.Errorf("%s: error %v after %d calls and %d tokens, want an error after 1 and 1", name, err, len(f.seen()), f.tokens())
		}
	}
}

// TestOneRefreshAtATime: many callers that find the token refused buy one new token between them.
func TestOneRefreshAtATime(t *testing.T) {
	t.Parallel()
	const callers = 16
	var together sync.WaitGroup
	together.Add(callers)
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if r.token() == tokenNumber(1) {
			// All callers have used the old token before any learns that it is refused.
			together.Done()
			together.Wait()
			write(w, 500, faultAnswer(tokenFaultCode, tokenUnknown))
			return
		}
		write(w, 200, envelope(r.Op, sellerAnswer))
	})
	a := cdiscount.New()
	store := f.store()
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			resp, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
			if err != nil {
				t.Error(err)
			} else if !bytes.Contains(resp.GetStateUpdate().GetState(), []byte(tokenNumber(2))) {
				t.Error("a caller got another state than the second token")
			}
		})
	}
	callersDone.Wait()
	if n := f.tokens(); n != 2 {
		t.Errorf("%d tokens for %d callers, want 2", n, callers)
	}
}

// TestWaitingForTheTokenEndsWithTheCaller: a caller that waits for another one's refresh gives up when its own time is over,
// and the refresh goes on for the other.
func TestWaitingForTheTokenEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	asked, proceed := make(chan struct{}), make(chan struct{})
	f := newFake(t, sellerService(anyToken))
	f.sts = func(w http.ResponseWriter, _ *http.Request, n int) {
		close(asked)
		<-proceed
		writeToken(w, tokenNumber(n))
	}
	a := cdiscount.New()
	store := f.store()
	first := make(chan error, 1)
	go func() {
		_, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: store}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := a.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: store}); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("error %v, want MARKETPLACE_DOWN", err)
	}
	close(proceed)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if n := f.tokens(); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
}

// TestTokenServiceFailures is the table of what the token service may say.
func TestTokenServiceFailures(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ int) { write(w, status, body) }
	}
	for _, tc := range []struct {
		name string
		sts  func(http.ResponseWriter, *http.Request, int)
		want string
	}{
		{"401", answer(401, "no"), "CREDENTIALS_REJECTED"},
		{"403", answer(403, "no"), "CREDENTIALS_REJECTED"},
		{"its own page", answer(200, "<html><title>Cdiscount STS</title></html>"), "CREDENTIALS_REJECTED"},
		{"another page", answer(200, "<html><title>Maintenance</title></html>"), "MALFORMED_ANSWER"},
		{"empty", answer(200, ""), "MALFORMED_ANSWER"},
		{"31 digits", func(w http.ResponseWriter, _ *http.Request, _ int) { writeToken(w, tokenNumber(1)[1:]) }, "MALFORMED_ANSWER"},
		{"not hexadecimal", func(w http.ResponseWriter, _ *http.Request, _ int) { writeToken(w, strings.Repeat("g", 32)) }, "MALFORMED_ANSWER"},
		{"another namespace", answer(200, "<string>"+tokenNumber(1)+"</string>"), "MALFORMED_ANSWER"},
		{"400", answer(400, "no"), "MALFORMED_ANSWER"},
		{"404", answer(404, ""), "MALFORMED_ANSWER"},
		{"408", answer(408, ""), "MARKETPLACE_DOWN"},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "MALFORMED_ANSWER"},
		{"429", answer(429, ""), "THROTTLED"},
		{"500", answer(500, ""), "MARKETPLACE_DOWN"},
		{"503", answer(503, ""), "MARKETPLACE_DOWN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, sellerService(anyToken))
			f.sts = tc.sts
			_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
			if reason(err) != tc.want {
				t.Errorf("error %v, want %s", err, tc.want)
			}
			if err != nil && (strings.Contains(err.Error(), testPassword) || strings.Contains(err.Error(), tokenNumber(1)[1:])) {
				t.Errorf("the error quotes a secret: %v", err)
			}
			if len(f.seen()) != 0 {
				t.Error("the service was called without a token")
			}
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		f := newFake(t, sellerService(anyToken))
		store := f.store()
		f.server.Close()
		_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
		if reason(err) != "MARKETPLACE_DOWN" {
			t.Errorf("error %v, want MARKETPLACE_DOWN", err)
		}
	})
}
