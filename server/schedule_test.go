package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// scheduled counts the scheduled imports of stores/demo that have ended.
func (s *system) scheduled() int {
	s.t.Helper()
	list, err := s.api.ListImports(s.t.Context(), &marketplacev1.ListImportsRequest{Parent: "stores/demo", PageSize: 500})
	if err != nil {
		s.t.Fatalf("ListImports: %v", err)
	}
	n := 0
	for _, run := range list.GetImports() {
		if run.GetScheduled() && run.GetState() != marketplacev1.Import_STATE_RUNNING {
			n++
		}
	}
	return n
}

// pass lets time pass, for the schedule and for probes too.
func (s *system) pass(d time.Duration) {
	s.t.Helper()
	s.advance(d)
	s.server.schedule.Wake()
	s.server.prober.Wake()
}

// updateSettings changes settings of stores/demo.
func (s *system) updateSettings(settings *marketplacev1.StoreSettings, paths ...string) {
	s.t.Helper()
	_, err := s.api.UpdateStore(s.t.Context(), &marketplacev1.UpdateStoreRequest{
		Store: &marketplacev1.Store{Name: "stores/demo", Settings: settings}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
	})
	if err != nil {
		s.t.Fatalf("UpdateStore: %v", err)
	}
}

// TestScheduledImports: orders come in without anybody asking: at once after the store is connected, then at its interval, after an
// outage at once, and not while the store is paused or its credentials are refused.
func TestScheduledImports(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 10, "RELAIS_IMPORT_INTERVAL=10m")
	s.connect()
	waitFor(t, func() bool { return s.scheduled() == 1 })
	if n := len(s.orders(nil)); n == 0 {
		t.Error("the first import brought no orders")
	}
	waitFor(t, func() bool { // planned after the import ended
		next := s.store().GetNextImportTime().AsTime().Sub(s.clock.now())
		return next > 8*time.Minute && next < 11*time.Minute
	})

	number := s.create(world.Spec{Variety: world.HomeTracked})
	s.pass(12 * time.Minute)
	waitFor(t, func() bool { return s.scheduled() == 2 })
	s.order(number)

	// Another interval counts at once.
	s.updateSettings(&marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(2 * time.Minute)}},
		"settings.import_schedule")
	waitFor(t, func() bool { return s.scheduled() == 3 })
	s.pass(3 * time.Minute)
	waitFor(t, func() bool { return s.scheduled() == 4 })

	// Paused, nothing is imported; resumed, what was missed is.
	if _, err := s.api.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	s.pass(time.Hour)
	missed := s.create(world.Spec{Variety: world.HomeTracked})
	if _, err := s.api.ResumeStore(t.Context(), &marketplacev1.ResumeStoreRequest{Name: "stores/demo"}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return s.scheduled() == 5 })
	waitFor(t, func() bool { return s.orders(nil)[missed] != nil })

	// A dead marketplace fails imports and does not stop them; the health heals by itself.
	s.inject(fault.Rule{Operation: fault.Any, Kind: fault.HTTP503})
	s.pass(3 * time.Minute)
	waitFor(t, func() bool {
		return s.store().GetHealth().GetState() == marketplacev1.StoreHealth_STATE_MARKETPLACE_DOWN
	})
	s.sandbox.Faults().Clear()
	waitFor(t, func() bool {
		s.pass(3 * time.Minute)
		return s.store().GetHealth().GetState() == marketplacev1.StoreHealth_STATE_HEALTHY
	})

	// Refused credentials stop imports, and say so, until they are replaced.
	secret := "another-password"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Password: &secret}); err != nil {
		t.Fatal(err)
	}
	s.sandbox.World().ForgetTokens("demo")
	waitFor(t, func() bool {
		s.pass(3 * time.Minute)
		return s.store().GetHealth().GetState() == marketplacev1.StoreHealth_STATE_AUTH_REQUIRED
	})
	before := s.scheduled()
	s.pass(time.Hour)
	credentials := demoCredentials()
	credentials.Values["password"] = secret
	if _, err := s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{Name: "stores/demo", Credentials: credentials}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return s.scheduled() > before })

	// A server that was away imports at once.
	s.stop()
	s.advance(24 * time.Hour)
	away := s.create(world.Spec{Variety: world.HomeTracked})
	s.start()
	waitFor(t, func() bool { return s.orders(nil)[away] != nil })

	// Switched off, imports start on request only.
	s.updateSettings(&marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Disabled: true}}, "settings.import_schedule")
	waitFor(t, func() bool { return !s.imported().GetScheduled() }) // the first may join the last scheduled one
	ended := s.scheduled()
	s.pass(time.Hour)
	s.imported()
	if n := s.scheduled(); n != ended {
		t.Errorf("%d imports were started by a schedule that is off", n-ended)
	}
}

// TestStoreIntervalOnly: where the server has no interval, a store that has one is imported by itself, and no other.
func TestStoreIntervalOnly(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0, "RELAIS_IMPORT_INTERVAL=0")
	s.connect()
	if next := s.store().GetNextImportTime(); next != nil {
		t.Errorf("an import is planned for %s", next.AsTime())
	}
	s.pass(time.Hour)
	s.imported() // takes a while, in which none was started
	if n := s.scheduled(); n != 0 {
		t.Errorf("%d imports were started by themselves", n)
	}
	s.updateSettings(&marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(5 * time.Minute)}})
	waitFor(t, func() bool { return s.scheduled() == 1 })
	waitFor(t, func() bool {
		next := s.store().GetNextImportTime().AsTime().Sub(s.clock.now())
		return next > 4*time.Minute && next < 6*time.Minute
	})
	s.pass(6 * time.Minute)
	waitFor(t, func() bool { return s.scheduled() == 2 })
}

// TestAcceptancePolicy: orders that the policy allows are accepted when an import shows them; the others wait for a person.
func TestAcceptancePolicy(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	s.updateSettings(&marketplacev1.StoreSettings{Acceptance: &marketplacev1.AcceptancePolicy{
		Mode: marketplacev1.AcceptancePolicy_MODE_LISTED, Skus: []string{"MUG", "TRAY"},
		MaxTotal: &marketplacev1.Money{CurrencyCode: "EUR", Units: 50},
	}}, "settings.acceptance")
	line := func(sku, total string) world.Line {
		amount, err := world.ParseAmount(total)
		if err != nil {
			t.Fatal(err)
		}
		return world.Line{SKU: sku, Total: amount}
	}
	waiting := func(lines ...world.Line) string {
		return s.create(world.Spec{Variety: world.WaitingAcceptance, Lines: lines, Fees: []world.Fee{}})
	}
	listed, dear := waiting(line("MUG", "20.00"), line("TRAY", "20.00")), waiting(line("MUG", "60.00"))
	leaving, mug := waiting(line("MUG", "7.00")), "MUG"
	s.change(leaving, world.Patch{CancelRequested: &mug})
	other, refused := waiting(line("MUG", "5.00"), line("HAT", "5.00")), waiting(line("HAT", "5.00"))
	s.advance(15 * time.Minute) // their states are told
	s.imported()
	d := s.decided(listed)
	if d.GetState() != marketplacev1.Decision_STATE_CONFIRMED || d.GetKind() != accept ||
		d.GetDecidedBy() != "every article is in the list and the total is not above 50.00 EUR" {
		t.Errorf("the listed order was decided as %v", d)
	}
	const (
		notListed  = marketplacev1.NotAccepted_REASON_LINE_NOT_LISTED
		aboveLimit = marketplacev1.NotAccepted_REASON_TOTAL_ABOVE_LIMIT
		cancelling = marketplacev1.NotAccepted_REASON_CANCEL_REQUESTED
	)
	for number, reason := range map[string]marketplacev1.NotAccepted_Reason{dear: aboveLimit, other: notListed, refused: notListed, leaving: cancelling} {
		o := s.order(number)
		if d := o.GetDecision(); d != nil {
			t.Errorf("the order with %s was decided: %v", reason, d)
		}
		if n := o.GetNotAccepted(); len(n) != 1 || n[0].GetReason() != reason || n[0].GetMessage() == "" {
			t.Errorf("left to a person because of %v, want %s", n, reason)
		}
	}
	if n := s.order(listed).GetNotAccepted(); n != nil {
		t.Errorf("the listed order was left to a person: %v", n)
	}

	// The buyer stays: the order is judged again, as it is then.
	s.change(leaving, world.Patch{LineStates: map[string]world.LineState{mug: world.LineNone}})
	s.imported()
	if d := s.decided(leaving); d.GetState() != marketplacev1.Decision_STATE_CONFIRMED || d.GetDecidedBy() == "" {
		t.Errorf("the order that changed was decided as %v", d)
	}
	// What a person decided stays, whatever the policy says later.
	if _, err := s.decide(refused, refuse); err != nil {
		t.Fatal(err)
	}
	if d := s.decided(refused); d.GetState() != marketplacev1.Decision_STATE_CONFIRMED || d.GetDecidedBy() != "" {
		t.Errorf("refused by a person: %v", d)
	}
	// Another policy counts at once, also where no import will ever start by itself.
	s.updateSettings(&marketplacev1.StoreSettings{
		Acceptance:     &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_ALL},
		ImportSchedule: &marketplacev1.ImportSchedule{Disabled: true},
	})
	for _, number := range []string{dear, other} {
		waitFor(t, func() bool { return s.order(number).GetDecision() != nil })
		if d := s.decided(number); d.GetState() != marketplacev1.Decision_STATE_CONFIRMED || d.GetDecidedBy() != "every order is accepted" {
			t.Errorf("with all accepted: %v", d)
		}
	}
	if d := s.order(refused).GetDecision(); d.GetKind() != refuse {
		t.Errorf("the refused order: %v", d)
	}
}
