package api_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// oneStore is the database of stores/shop, which holds one order at most. What these tests do not need panics.
type oneStore struct {
	store.Repository

	mu    sync.Mutex // guards store
	store store.Store
}

func (o *oneStore) GetStore(context.Context, string) (store.Store, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.store, nil
}

func (o *oneStore) UpdateStore(_ context.Context, _ string, change func(*store.Store) error) (store.Store, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	changed := o.store
	if err := change(&changed); err != nil {
		return store.Store{}, err
	}
	o.store = changed
	return changed, nil
}

// oneOrder is the orders of the store.
type oneOrder struct {
	order.Repository
	order order.Stored
}

func (o oneOrder) GetOrder(context.Context, string, string) (order.Stored, error) {
	return o.order, nil
}

func (o oneOrder) ListOrders(context.Context, order.ListQuery) ([]order.Stored, error) {
	return []order.Stored{o.order}, nil
}

// oneDecision is the decisions about its orders.
type oneDecision struct {
	decision.Repository
	decision *decision.Decision
}

func (o oneDecision) Decisions(context.Context, string, []string) (map[string]decision.Decision, error) {
	if o.decision == nil {
		return nil, nil
	}
	return map[string]decision.Decision{"1": *o.decision}, nil
}

// shop is a server of one store, whose stores are imported every 15 minutes.
func shop(t *testing.T, st store.Store, o order.Stored, d *decision.Decision) *running {
	t.Helper()
	return shopAt(t, 15*time.Minute, st, o, d, func() {})
}

// shopAt is a server of one store. interval is the server's between two imports; wake is called whenever the schedule is told to look.
func shopAt(t *testing.T, interval time.Duration, st store.Store, o order.Stored, d *decision.Decision, wake func()) *running {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st.ID, o.StoreID = "shop", "shop"
	stores := store.NewService(store.Config{
		Repository: &oneStore{store: st}, ImportInterval: interval, Now: func() time.Time { return changed }, Log: log,
	})
	decisions := decision.NewService(decision.Config{Repository: oneDecision{decision: d}, Stores: stores, Workers: 1, Now: time.Now, Log: log})
	return serve(t, api.NewMarketplace(stores, oneOrder{order: o}, nil, decisions, nil, wake, log))
}

func euros(units int64) *marketplacev1.Money {
	return &marketplacev1.Money{CurrencyCode: "EUR", Units: units}
}

// TestUpdateSettings: each path changes what it names, and what comes back is what is kept.
func TestUpdateSettings(t *testing.T) {
	t.Parallel()
	before := store.Settings{
		DisplayName:      "Shop",
		AcceptancePolicy: store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"A"}, MaxTotal: &store.Amount{Currency: "EUR", Units: 10}},
		ImportSchedule:   store.ImportSchedule{Disabled: true, Interval: time.Hour},
	}
	listed := func(total *marketplacev1.Money, skus ...string) *marketplacev1.AcceptancePolicy {
		return &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_LISTED, Skus: skus, MaxTotal: total}
	}
	all := &marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_ALL}
	hourly := &marketplacev1.ImportSchedule{Disabled: true, Interval: durationpb.New(time.Hour)}
	for _, c := range []struct {
		name       string
		paths      []string
		given      *marketplacev1.StoreSettings
		acceptance *marketplacev1.AcceptancePolicy
		schedule   *marketplacev1.ImportSchedule
	}{
		{"the list", []string{"settings.acceptance.skus"}, &marketplacev1.StoreSettings{Acceptance: listed(nil, "B", "C")}, listed(euros(10), "B", "C"), hourly},
		{"the limit", []string{"settings.acceptance.max_total"}, &marketplacev1.StoreSettings{Acceptance: listed(euros(20))}, listed(euros(20), "A"), hourly},
		{"no limit", []string{"settings.acceptance.max_total"}, &marketplacev1.StoreSettings{}, listed(nil, "A"), hourly},
		{"another mode ends list and limit", []string{"settings.acceptance.mode"},
			&marketplacev1.StoreSettings{Acceptance: all}, all, hourly},
		{"another mode by the fields that are set", nil, &marketplacev1.StoreSettings{Acceptance: all}, all, hourly},
		{"the same mode", []string{"settings.acceptance.mode"}, &marketplacev1.StoreSettings{Acceptance: listed(nil)}, listed(euros(10), "A"), hourly},
		{"the fields that are set", nil, &marketplacev1.StoreSettings{
			Acceptance: &marketplacev1.AcceptancePolicy{Skus: []string{"B"}}, ImportSchedule: &marketplacev1.ImportSchedule{},
		}, listed(euros(10), "B"), hourly},
		{"a duration that is set to none", nil, &marketplacev1.StoreSettings{
			ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(0)},
		}, listed(euros(10), "A"), &marketplacev1.ImportSchedule{Disabled: true}},
		{"a SKU of as many characters as there may be", []string{"settings.acceptance.skus"}, &marketplacev1.StoreSettings{
			Acceptance: listed(nil, strings.Repeat("é", 200))}, listed(euros(10), strings.Repeat("é", 200)), hourly},
		{"no field at all", nil, nil, listed(euros(10), "A"), hourly},
		{"all", []string{"settings"}, &marketplacev1.StoreSettings{DisplayName: "Shop", Acceptance: all}, all, &marketplacev1.ImportSchedule{}},
		{"all by the star", []string{"*"}, &marketplacev1.StoreSettings{DisplayName: "Shop", Acceptance: all}, all, &marketplacev1.ImportSchedule{}},
		{"no policy: a person decides", []string{"settings.acceptance"}, nil,
			&marketplacev1.AcceptancePolicy{Mode: marketplacev1.AcceptancePolicy_MODE_MANUAL}, hourly},
		{"the interval", []string{"settings.import_schedule.interval"},
			&marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(5 * time.Minute)}},
			listed(euros(10), "A"), &marketplacev1.ImportSchedule{Disabled: true, Interval: durationpb.New(5 * time.Minute)}},
		{"on again", []string{"settings.import_schedule.disabled"}, &marketplacev1.StoreSettings{}, listed(euros(10), "A"),
			&marketplacev1.ImportSchedule{Interval: durationpb.New(time.Hour)}},
		{"no schedule of its own", []string{"settings.import_schedule"}, nil, listed(euros(10), "A"), &marketplacev1.ImportSchedule{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			woken := make(chan struct{}, 10)
			s := shopAt(t, 0, store.Store{Settings: before}, order.Stored{}, nil, func() { woken <- struct{}{} })
			got, err := s.client.UpdateStore(t.Context(), &marketplacev1.UpdateStoreRequest{
				Store: &marketplacev1.Store{Name: "stores/shop", Settings: c.given}, UpdateMask: &fieldmaskpb.FieldMask{Paths: c.paths},
			})
			if err != nil {
				t.Fatal(err)
			}
			kept, err := s.client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/shop"})
			if err != nil {
				t.Fatal(err)
			}
			for what, settings := range map[string]*marketplacev1.StoreSettings{"answer": got.GetSettings(), "kept": kept.GetSettings()} {
				if diff := cmp.Diff([]proto.Message{c.acceptance, c.schedule},
					[]proto.Message{settings.GetAcceptance(), settings.GetImportSchedule()}, protocmp.Transform()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
				if settings.GetDisplayName() != "Shop" {
					t.Errorf("%s: the name is %q", what, settings.GetDisplayName())
				}
			}
			if len(woken) != 1 {
				t.Errorf("the schedule was told %d times", len(woken))
			}
		})
	}
}

// TestSettingsRefused: the error names the field.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	const (
		listed = marketplacev1.AcceptancePolicy_MODE_LISTED
		all    = marketplacev1.AcceptancePolicy_MODE_ALL
		manual = marketplacev1.AcceptancePolicy_MODE_MANUAL
	)
	const settings = "store.settings."
	policy := func(change func(*marketplacev1.AcceptancePolicy)) *marketplacev1.StoreSettings {
		p := &marketplacev1.AcceptancePolicy{Mode: listed, Skus: []string{"A"}, MaxTotal: euros(1)}
		change(p)
		return &marketplacev1.StoreSettings{Acceptance: p}
	}
	every := func(d time.Duration) *marketplacev1.StoreSettings {
		return &marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{Interval: durationpb.New(d)}}
	}
	for _, c := range []struct {
		name  string
		given *marketplacev1.StoreSettings
		field string
	}{
		{"a mode of a newer relais", policy(func(p *marketplacev1.AcceptancePolicy) { p.Mode = 9 }), settings + "acceptance.mode"},
		{"an empty list", policy(func(p *marketplacev1.AcceptancePolicy) { p.Skus = nil }), settings + "acceptance.skus"},
		{"an empty SKU", policy(func(p *marketplacev1.AcceptancePolicy) { p.Skus = []string{"A", " "} }), settings + "acceptance.skus[1]"},
		{"a long SKU", policy(func(p *marketplacev1.AcceptancePolicy) { p.Skus = []string{strings.Repeat("x", 201)} }), settings + "acceptance.skus[0]"},
		{"a SKU with a blank before it", policy(func(p *marketplacev1.AcceptancePolicy) { p.Skus = []string{" A"} }), settings + "acceptance.skus[0]"},
		{"a SKU with a blank behind it", policy(func(p *marketplacev1.AcceptancePolicy) { p.Skus = []string{"A", "B\u00a0"} }), settings + "acceptance.skus[1]"},
		{"a list that all would ignore", policy(func(p *marketplacev1.AcceptancePolicy) { p.Mode, p.MaxTotal = all, nil }), settings + "acceptance.skus"},
		{"a limit that all would ignore", policy(func(p *marketplacev1.AcceptancePolicy) { p.Mode, p.Skus = all, nil }), settings + "acceptance.max_total"},
		{"a list that a person would ignore", policy(func(p *marketplacev1.AcceptancePolicy) { p.Mode, p.MaxTotal = manual, nil }), settings + "acceptance.skus"},
		{"a limit without a mode", policy(func(p *marketplacev1.AcceptancePolicy) { p.Mode, p.Skus = 0, nil }), settings + "acceptance.max_total"},
		{"a limit of nothing", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.Units = 0 }), settings + "acceptance.max_total"},
		{"too many SKUs", policy(func(p *marketplacev1.AcceptancePolicy) { p.Skus = slices.Repeat([]string{"A"}, 10_001) }), settings + "acceptance.skus"},
		{"no currency", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.CurrencyCode = "" }), settings + "acceptance.max_total.currency_code"},
		{"a currency in small letters", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.CurrencyCode = "eur" }), settings + "acceptance.max_total.currency_code"},
		{"a currency of digits", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.CurrencyCode = "978" }), settings + "acceptance.max_total.currency_code"},
		{"a negative limit", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.Units = -1 }), settings + "acceptance.max_total.units"},
		{"a fraction of more than a unit", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.Nanos = 1_000_000_000 }), settings + "acceptance.max_total.nanos"},
		{"a negative fraction", policy(func(p *marketplacev1.AcceptancePolicy) { p.MaxTotal.Nanos = -1 }), settings + "acceptance.max_total.nanos"},
		{"too often", every(time.Minute - 1), settings + "import_schedule.interval"},
		{"too seldom", every(24*time.Hour + 1), settings + "import_schedule.interval"},
		{"backwards", every(-time.Hour), settings + "import_schedule.interval"},
		{"no duration", &marketplacev1.StoreSettings{ImportSchedule: &marketplacev1.ImportSchedule{
			Interval: &durationpb.Duration{Seconds: 600, Nanos: -1},
		}}, settings + "import_schedule.interval"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := shop(t, store.Store{}, order.Stored{}, nil)
			for _, paths := range [][]string{nil, {"settings"}, {"settings.acceptance", "settings.acceptance.mode", "settings.import_schedule"}} {
				_, err := s.client.UpdateStore(t.Context(), &marketplacev1.UpdateStoreRequest{
					Store: &marketplacev1.Store{Name: "stores/shop", Settings: c.given}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
				})
				d := detailsOf(err)
				if status.Code(err) != codes.InvalidArgument || len(d.bad.GetFieldViolations()) != 1 || d.bad.GetFieldViolations()[0].GetField() != c.field {
					t.Errorf("with %v: error %v, fields %v; want %s", paths, err, d.bad.GetFieldViolations(), c.field)
				}
			}
		})
	}
}

// TestNextImportTime is told only where an import will start.
func TestNextImportTime(t *testing.T) {
	t.Parallel()
	planned, due := changed.Add(time.Hour), changed.Add(-time.Minute)
	stored := func(changes ...func(*store.Store)) store.Store {
		s := store.Store{NextImport: planned, UpdateTime: due, Health: store.Health{State: store.Healthy}}
		for _, change := range changes {
			change(&s)
		}
		return s
	}
	own := func(s *store.Store) { s.Settings.ImportSchedule.Interval = time.Minute }
	for _, c := range []struct {
		name     string
		store    store.Store
		interval time.Duration // the server's
		want     time.Time     // zero means unset
	}{
		{"planned", stored(), time.Hour, planned},
		{"never imported: due since it was connected", stored(func(s *store.Store) { s.NextImport = time.Time{} }), time.Hour, due},
		{"paused", stored(func(s *store.Store) { s.Paused = true }), time.Hour, time.Time{}},
		{"disconnected", stored(func(s *store.Store) { s.DisconnectTime = due }), time.Hour, time.Time{}},
		{"no schedule", stored(func(s *store.Store) { s.Settings.ImportSchedule.Disabled = true }), time.Hour, time.Time{}},
		{"no interval", stored(), 0, time.Time{}},
		{"an interval of its own", stored(own), 0, planned},
		{"an interval of its own, switched off", stored(own, func(s *store.Store) { s.Settings.ImportSchedule.Disabled = true }), 0, time.Time{}},
		{"credentials refused", stored(func(s *store.Store) { s.NextProbe = planned }), time.Hour, time.Time{}},
		{"the account is inactive: it is asked again", stored(func(s *store.Store) { s.Health.State = store.AuthRequired }), time.Hour, planned},
		{"the marketplace is down", stored(func(s *store.Store) { s.Health.State = store.MarketplaceDown }), time.Hour, planned},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := shopAt(t, c.interval, c.store, order.Stored{}, nil, func() {}).client.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/shop"})
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

// TestOrderAcceptance: who decided, until when the order waits, and what the policy has against it.
func TestOrderAcceptance(t *testing.T) {
	t.Parallel()
	deadline := changed.Add(48 * time.Hour)
	policy := store.AcceptancePolicy{Mode: store.AcceptListed, SKUs: []string{"A"}, MaxTotal: &store.Amount{Currency: "EUR", Units: 10}}
	waiting := order.Stored{Order: order.Order{
		Number: "1", Status: order.PendingAcceptance, AcceptBy: deadline, Total: &order.Money{Currency: "EUR", Units: 12},
		Lines: []order.Line{{ID: "7", SKU: "B"}},
	}}
	with := func(change func(*order.Stored)) order.Stored {
		o := waiting
		change(&o)
		return o
	}
	against := []*marketplacev1.NotAccepted{
		{Reason: marketplacev1.NotAccepted_REASON_LINE_NOT_LISTED, LineId: "7", Message: `article "B" of line 7 is not in the list`},
		{Reason: marketplacev1.NotAccepted_REASON_TOTAL_ABOVE_LIMIT, Message: "the total of 12.00 EUR is above the limit of 10.00 EUR"},
	}
	decided := func(by string, state delivery.State, reason string) *decision.Decision {
		return &decision.Decision{StoreID: "shop", OrderNumber: "1", Kind: decision.Accept, DecidedBy: by, Delivery: delivery.Delivery{State: state, Reason: reason}}
	}
	for _, c := range []struct {
		name        string
		policy      store.AcceptancePolicy
		order       order.Stored
		decision    *decision.Decision
		deadline    bool
		notAccepted []*marketplacev1.NotAccepted
		decidedBy   string
	}{
		{"left to a person", policy, waiting, nil, true, against, ""},
		{"everything is left to a person", store.AcceptancePolicy{}, waiting, nil, true, nil, ""},
		{"accepted with the next import", store.AcceptancePolicy{Mode: store.AcceptAll}, waiting, nil, true, nil, ""},
		{"the marketplace does not say until when", policy, with(func(o *order.Stored) { o.AcceptBy = time.Time{} }), nil, false, against, ""},
		{"decided by a rule", policy, waiting, decided("the rule", delivery.Sending, ""), true, nil, "the rule"},
		{"decided by a person", policy, waiting, decided("", delivery.Sending, ""), true, nil, ""},
		{"taken back by the rule", policy, waiting, decided("the rule", delivery.NeedsAttention, problem.ReasonRuleNotMet), true, against, "the rule"},
		{"it waits no more", policy, with(func(o *order.Stored) { o.Status = order.ReadyToShip }), nil, false, nil, ""},
		{"nobody knows whether it waits", store.AcceptancePolicy{Mode: store.AcceptAll}, with(func(o *order.Stored) { o.Status = order.Unrecognized }), nil, false,
			[]*marketplacev1.NotAccepted{{
				Reason:  marketplacev1.NotAccepted_REASON_STATUS,
				Message: "the status is UNRECOGNIZED, only PENDING_ACCEPTANCE orders wait for the seller",
			}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := shop(t, store.Store{Settings: store.Settings{AcceptancePolicy: c.policy}}, c.order, c.decision)
			got, err := s.client.GetOrder(t.Context(), &marketplacev1.GetOrderRequest{Name: "stores/shop/orders/1"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.notAccepted, got.GetNotAccepted(), protocmp.Transform()); diff != "" {
				t.Errorf("against it (-want +got):\n%s", diff)
			}
			if until := got.GetAcceptanceDeadlineTime(); (until != nil) != c.deadline || c.deadline && !until.AsTime().Equal(deadline) {
				t.Errorf("it waits until %v", until)
			}
			if by := got.GetDecision().GetDecidedBy(); by != c.decidedBy {
				t.Errorf("decided by %q, want %q", by, c.decidedBy)
			}
			decider := marketplacev1.Decision_DECIDER_UNSPECIFIED
			switch {
			case c.decidedBy != "":
				decider = marketplacev1.Decision_DECIDER_POLICY
			case c.decision != nil:
				decider = marketplacev1.Decision_DECIDER_PERSON
			}
			if by := got.GetDecision().GetDecider(); by != decider {
				t.Errorf("the decider is %s, want %s", by, decider)
			}
			list, err := s.client.ListOrders(t.Context(), &marketplacev1.ListOrdersRequest{Parent: "stores/shop"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]*marketplacev1.Order{got}, list.GetOrders(), protocmp.Transform()); diff != "" {
				t.Errorf("in the list (-got +listed):\n%s", diff)
			}
		})
	}
}

// TestEveryObjectionHasAWord: none is shown as unspecified.
func TestEveryObjectionHasAWord(t *testing.T) {
	t.Parallel()
	for _, r := range []decision.ObjectionReason{
		decision.ObjectionStatus, decision.ObjectionCancelRequested, decision.ObjectionNoLines, decision.ObjectionLineStatus,
		decision.ObjectionLineNotListed, decision.ObjectionTotalUnknown, decision.ObjectionCurrency, decision.ObjectionTotalAboveLimit,
	} {
		if marketplacev1.NotAccepted_Reason_value["REASON_"+string(r)] == 0 {
			t.Errorf("the API has no word for %s", r)
		}
	}
}
