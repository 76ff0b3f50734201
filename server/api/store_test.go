package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// TestPausedHealth: a pause is told with its own time and nobody's failure, a second one changes nothing, and its end tells the
// health that was.
func TestPausedHealth(t *testing.T) {
	t.Parallel()
	down := store.Health{State: store.MarketplaceDown, Reason: problem.ReasonMarketplaceDown, Message: "no answer", Since: changed.Add(-time.Hour)}
	shown := &marketplacev1.StoreHealth{
		State: marketplacev1.StoreHealth_STATE_MARKETPLACE_DOWN, Reason: down.Reason, Message: down.Message, SinceTime: timestamppb.New(down.Since),
	}
	paused := func(since *timestamppb.Timestamp) *marketplacev1.StoreHealth {
		return &marketplacev1.StoreHealth{
			State: marketplacev1.StoreHealth_STATE_PAUSED, Message: "paused; resume with ResumeStore", SinceTime: since,
		}
	}
	for _, c := range []struct {
		name   string
		before store.Store
		paused *marketplacev1.StoreHealth
	}{
		{"a store that works on", store.Store{Health: down}, paused(timestamppb.New(changed))},
		{"a paused store", store.Store{Health: down, Paused: true, PauseTime: changed.Add(-time.Minute)}, paused(timestamppb.New(changed.Add(-time.Minute)))},
		{"a store that was paused before that was kept", store.Store{Health: down, Paused: true}, paused(nil)},
		{"refused credentials", store.Store{Health: down, NextProbe: changed}, paused(timestamppb.New(changed))},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := shop(t, c.before, order.Stored{}, nil)
			got, err := s.client.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: "stores/shop"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.paused, got.GetHealth(), protocmp.Transform()); diff != "" {
				t.Errorf("paused (-want +got):\n%s", diff)
			}
		})
	}
	for name, before := range map[string]store.Store{
		"after a pause": {Health: down, Paused: true, PauseTime: changed}, "without a pause": {Health: down},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stores := store.NewService(store.Config{Repository: &oneStore{store: before}, Now: func() time.Time { return changed }})
			got, err := stores.Resume(t.Context(), "shop")
			if err != nil {
				t.Fatal(err)
			}
			want := before
			want.Paused, want.PauseTime, want.UpdateTime = false, time.Time{}, changed
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("resumed (-want +got):\n%s", diff)
			}
		})
	}
	s := shop(t, store.Store{Health: down}, order.Stored{}, nil)
	got, err := s.client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/shop"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shown, got.GetHealth(), protocmp.Transform()); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

// TestScheduleChange: a store is due at once when its interval becomes another one, and only then.
func TestScheduleChange(t *testing.T) {
	t.Parallel()
	const server = 15 * time.Minute
	planned := changed.Add(time.Hour)
	every := func(d time.Duration) *marketplacev1.ImportSchedule {
		return &marketplacev1.ImportSchedule{Interval: durationpb.New(d)}
	}
	for _, c := range []struct {
		name     string
		interval time.Duration // the server's
		before   store.ImportSchedule
		given    *marketplacev1.ImportSchedule
		want     time.Time // of the next import; zero means none
	}{
		{"another interval", server, store.ImportSchedule{}, every(5 * time.Minute), changed},
		{"a longer one", server, store.ImportSchedule{Interval: time.Minute}, every(time.Hour), changed},
		{"the server's own, said", server, store.ImportSchedule{}, every(server), planned},
		{"the server's own, no longer said", server, store.ImportSchedule{Interval: server}, nil, planned},
		{"nothing new", server, store.ImportSchedule{Interval: time.Hour}, every(time.Hour), planned},
		{"off", server, store.ImportSchedule{}, &marketplacev1.ImportSchedule{Disabled: true}, time.Time{}},
		{"on again", server, store.ImportSchedule{Disabled: true}, nil, changed},
		{"another interval of what is off", server, store.ImportSchedule{Disabled: true},
			&marketplacev1.ImportSchedule{Disabled: true, Interval: durationpb.New(time.Hour)}, time.Time{}},
		{"the first one where the server has none", 0, store.ImportSchedule{}, every(time.Hour), changed},
		{"none any more", 0, store.ImportSchedule{Interval: time.Hour}, nil, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := store.Store{NextImport: planned, Settings: store.Settings{DisplayName: "Shop", ImportSchedule: c.before}}
			s := shopAt(t, c.interval, before, order.Stored{}, nil, func() {})
			got, err := s.client.UpdateStore(t.Context(), &marketplacev1.UpdateStoreRequest{
				Store:      &marketplacev1.Store{Name: "stores/shop", Settings: &marketplacev1.StoreSettings{ImportSchedule: c.given}},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"settings.import_schedule"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			var want *timestamppb.Timestamp
			if !c.want.IsZero() {
				want = timestamppb.New(c.want)
			}
			if diff := cmp.Diff(want, got.GetNextImportTime(), protocmp.Transform()); diff != "" {
				t.Errorf("next import (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPolicyChange: another policy is noted until the orders that wait have been judged by it, and nothing else is.
func TestPolicyChange(t *testing.T) {
	t.Parallel()
	limit := func(units int64) *store.Amount { return &store.Amount{Currency: "EUR", Units: units} }
	listed := store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"A", "B"}, MaxTotal: limit(1)}
	for _, c := range []struct {
		name   string
		change func(*store.Settings)
		noted  bool
	}{
		{"another setting", func(s *store.Settings) { s.DisplayName = "x" }, false},
		{"the same policy", func(s *store.Settings) { s.AcceptancePolicy.MaxTotal = limit(1) }, false},
		{"another limit", func(s *store.Settings) { s.AcceptancePolicy.MaxTotal = limit(2) }, true},
		{"no limit", func(s *store.Settings) { s.AcceptancePolicy.MaxTotal = nil }, true},
		{"another list", func(s *store.Settings) { s.AcceptancePolicy.SKUs = []string{"A"} }, true},
		{"another mode", func(s *store.Settings) { s.AcceptancePolicy = store.AcceptancePolicy{Mode: store.AcceptAll} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stores := store.NewService(store.Config{
				Repository: &oneStore{store: store.Store{Settings: store.Settings{AcceptancePolicy: listed}}},
				Now:        func() time.Time { return changed },
			})
			got, err := stores.Update(t.Context(), "shop", c.change)
			if err != nil {
				t.Fatal(err)
			}
			if noted := got.PolicyChange.Equal(changed); noted != c.noted {
				t.Errorf("noted: %t (%s)", noted, got.PolicyChange)
			}
		})
	}
}
