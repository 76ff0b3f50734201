package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// readyOrders connects stores/demo through an adapter, makes orders that are ready to ship, and imports them.
func (s *system) readyOrders(adapter string, n int) []string {
	s.t.Helper()
	req := connectRequest("demo")
	if req.Store.Adapter = "adapters/" + adapter; adapter == "octopia" {
		req.Credentials = s.octopiaCredentials("demo")
	}
	if _, err := s.api.ConnectStore(s.t.Context(), req); err != nil {
		s.t.Fatalf("ConnectStore: %v", err)
	}
	numbers, err := s.sandbox.World().Create(world.Spec{Variety: world.HomeTracked, Count: n})
	if err != nil {
		s.t.Fatal(err)
	}
	s.imported()
	return numbers
}

// notifyAll ships orders and returns the names of the shipments.
func (s *system) notifyAll(numbers []string) []string {
	s.t.Helper()
	var names []string
	for _, number := range numbers {
		names = append(names, s.notify(number).GetName())
	}
	return names
}

// shippedOnce checks that the sandbox got one ship request for each order, besides those that a fault turned away.
func (s *system) shippedOnce(numbers []string) {
	s.t.Helper()
	for _, number := range numbers {
		writes := slices.DeleteFunc(s.shipWrites(number), func(w world.Write) bool { return w.Fault != "" && !w.Applied })
		if len(writes) != 1 || !writes[0].Applied {
			s.t.Errorf("order %s got %d ship requests: %+v", number, len(writes), writes)
		}
	}
}

// TestMisleadingAnswers: an answer that looks like refused credentials, or might, and is none costs a store a little time and no
// shipment, and asks for nobody.
func TestMisleadingAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, adapter string
		rule          fault.Rule
		suspected     bool // the adapter takes it for a refusal
	}{
		{"a page in place of a token", "cdiscount", fault.Rule{On: fault.Token, Kind: fault.HTML, Times: 1, Params: fault.Params{Status: 200}}, false},
		{"401 in place of a token", "cdiscount", fault.Rule{On: fault.Token, Kind: fault.HTML, Times: 1, Params: fault.Params{Status: 401}}, true},
		{"a page with 400 in place of a token", "octopia", fault.Rule{On: fault.Token, Kind: fault.HTML, Times: 1, Params: fault.Params{Status: 400}}, false},
		{"a page with 401 in place of a token", "octopia", fault.Rule{On: fault.Token, Kind: fault.HTML, Times: 1, Params: fault.Params{Status: 401}}, false},
		{"two tokens refused that were issued just now", "octopia", fault.Rule{On: fault.Get, Kind: fault.Problem, Times: 2, API: "octopia", Params: fault.Params{Status: 401}}, false},
		{"two tokens refused for a ship request", "octopia", fault.Rule{On: fault.Ship, Kind: fault.Problem, Times: 2, API: "octopia", Params: fault.Params{Status: 401}}, false},
	} {
		t.Run(c.adapter+", "+c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, "RELAIS_STORE_SUSPICION=2s") // the second try comes after a fifth of it
			numbers := s.readyOrders(c.adapter, 5)
			s.sandbox.World().ForgetTokens("demo")
			if c.rule.On != fault.Token {
				c.rule.Order = numbers[0]
			}
			s.inject(c.rule)
			names := s.notifyAll(numbers)
			for _, name := range names {
				s.settled(name, confirmed)
			}
			s.shippedOnce(numbers)
			waitFor(t, func() bool { return s.store().GetHealth().GetState() == marketplacev1.StoreHealth_STATE_HEALTHY })
			if strings.Contains(s.log.String(), "AUTH_REQUIRED") {
				t.Error("a person was asked for")
			}
			if suspected := strings.Contains(s.log.String(), "reason=MARKETPLACE_CREDENTIALS_REJECTED"); suspected != c.suspected {
				t.Errorf("the credentials were suspected: %v, want %v", suspected, c.suspected)
			}
			if hits := len(s.sandbox.Faults().Hits()); hits != c.rule.Times {
				t.Errorf("%d misleading answers, want %d", hits, c.rule.Times)
			}
		})
	}
}

// TestRefusedCredentialsHeal: credentials that are really refused ask for a person within minutes, at the price of a few calls,
// whatever waits. Put right at the marketplace they are found to work by themselves, by another process too, and what was held is
// sent once.
func TestRefusedCredentialsHeal(t *testing.T) {
	t.Parallel()
	for _, adapter := range []string{"cdiscount", "octopia"} {
		t.Run(adapter, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m")
			numbers := s.readyOrders(adapter, 20)
			const wrong = "changed-at-the-marketplace"
			secret := func(value string) {
				t.Helper()
				patch := world.SellerPatch{Account: "demo", ClientSecret: &value}
				if adapter == "cdiscount" {
					patch = world.SellerPatch{Account: "demo", Password: &value}
				}
				if _, err := s.sandbox.World().PutSeller(patch); err != nil {
					t.Fatal(err)
				}
				s.sandbox.World().ForgetTokens("demo")
			}
			right := world.DefaultPassword
			if adapter == "octopia" {
				right = s.octopiaCredentials("demo").GetValues()["client_secret"]
			}
			logins := func() int { return s.sandbox.World().CallsByAction()[adapter]["token"] }

			secret(wrong)
			before := logins()
			names := s.notifyAll(numbers)
			health := func() *marketplacev1.StoreHealth { return s.store().GetHealth() }
			// tried passes the time of the next probe and waits until it is made.
			tried := func() {
				t.Helper()
				next := health().GetNextProbeTime().AsTime()
				s.pass(next.Sub(s.clock.now()) + time.Second)
				waitFor(t, func() bool { at := health().GetNextProbeTime(); return at == nil || at.AsTime().After(next) })
			}
			waitFor(t, func() bool { return health().GetReason() == "MARKETPLACE_CREDENTIALS_REJECTED" })
			began := s.clock.now()
			for range 2 {
				if h := health(); h.GetState() != marketplacev1.StoreHealth_STATE_RETRYING {
					t.Fatalf("health %v after %s", h, s.clock.now().Sub(began))
				}
				tried()
			}
			// The health is written after how the credentials stand.
			waitFor(t, func() bool { return health().GetState() == marketplacev1.StoreHealth_STATE_AUTH_REQUIRED })
			if took := s.clock.now().Sub(began); took > 7*time.Minute {
				t.Fatalf("it took %s", took)
			}
			h := health()
			if n := logins() - before; n > 3 {
				t.Errorf("%d logins with refused credentials before a person was asked for, want at most 3", n)
			}
			if wait := h.GetNextProbeTime().AsTime().Sub(s.clock.now()); wait < 14*time.Minute || wait > 19*time.Minute {
				t.Errorf("the next probe comes in %s", wait)
			}
			imports := s.scheduled()
			for range 3 {
				tried()
			}
			if n := logins() - before; n > 6 {
				t.Errorf("%d logins with refused credentials, want at most 6", n)
			}
			if s.scheduled() != imports {
				t.Error("orders were imported with refused credentials")
			}
			for _, number := range numbers {
				if n := len(s.shipWrites(number)); n != 0 {
					t.Fatalf("order %s got %d ship requests with refused credentials", number, n)
				}
			}

			s.stop()
			secret(right)
			s.start()
			if h := health(); h.GetState() != marketplacev1.StoreHealth_STATE_AUTH_REQUIRED || h.GetNextProbeTime() == nil {
				t.Errorf("health after a restart %v", h)
			}
			tried()
			for _, name := range names {
				s.settled(name, confirmed)
			}
			s.shippedOnce(numbers)
			waitFor(t, func() bool {
				return health().GetState() == marketplacev1.StoreHealth_STATE_HEALTHY && s.scheduled() > imports
			})
		})
	}
}

// TestCredentialsRefusedWithNothing: a token service that answers refused credentials with an empty page, as any page may be
// answered, is not asked for every shipment. Nobody believes it, but a person is told what to check, and the store heals by itself.
func TestCredentialsRefusedWithNothing(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=10m")
	numbers := s.readyOrders("cdiscount", 20)
	settings := s.sandbox.World().Settings()
	settings.LoginFailure = world.FailureEmpty
	if err := s.sandbox.World().SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	password := func(value string) {
		t.Helper()
		if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Password: &value}); err != nil {
			t.Fatal(err)
		}
		s.sandbox.World().ForgetTokens("demo")
	}
	logins := func() int { return s.sandbox.World().CallsByAction()["cdiscount"]["token"] }
	health := func() *marketplacev1.StoreHealth { return s.store().GetHealth() }

	password("changed-at-the-marketplace")
	before, imports := logins(), s.scheduled()
	names := s.notifyAll(numbers)
	waitFor(t, func() bool { return health().GetNextProbeTime() != nil })
	for range 120 { // minutes
		due := health().GetNextProbeTime().AsTime()
		s.pass(time.Minute)
		s.server.worker.Wake()
		if !due.After(s.clock.now()) {
			waitFor(t, func() bool { return health().GetNextProbeTime().AsTime().After(due) })
		}
	}
	waitFor(t, func() bool { return strings.Contains(health().GetMessage(), "check that these are still right") })
	h := health()
	if h.GetState() != marketplacev1.StoreHealth_STATE_RETRYING {
		t.Errorf("health after two hours %v", h)
	}
	t.Logf("%d logins in two hours", logins()-before)
	if n := logins() - before; n > 30 {
		t.Errorf("%d logins in two hours, want at most 30", n)
	}
	if n := s.scheduled() - imports; n > 1 {
		t.Errorf("%d imports began while the work was held", n)
	}

	password(world.DefaultPassword)
	s.pass(h.GetNextProbeTime().AsTime().Sub(s.clock.now()) + time.Second)
	waitFor(t, func() bool { return health().GetState() == marketplacev1.StoreHealth_STATE_HEALTHY })
	s.pass(time.Hour)
	s.server.worker.Wake()
	for _, name := range names {
		s.settled(name, confirmed)
	}
	s.shippedOnce(numbers)
}
