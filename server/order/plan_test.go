package order

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/store"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatalf("parse time: %v", err)
	}
	return v
}

// TestPlan holds the look-back rule of design section 6 at its boundaries.
func TestPlan(t *testing.T) {
	t.Parallel()
	const start = "2026-03-29T12:00:00Z"
	type window struct{ axis, since, until string }
	tests := []struct {
		name     string
		start    string
		previous string // empty: first import
		attempt  string // of the first import; empty: none
		look     store.LookBack
		want     []window
	}{
		{
			name: "first import reads 29 days of 24 hours",
			want: []window{{"CREATED", "2026-02-28T12:00:00Z", start}},
		},
		{
			name: "first import over a change to summer time still reads 29 times 24 hours", start: "2026-04-01T00:30:00Z",
			want: []window{{"CREATED", "2026-03-03T00:30:00Z", "2026-04-01T00:30:00Z"}},
		},
		{
			name: "later import reads 30 days of new orders and modifications since 24 hours before the previous start", previous: "2026-03-29T11:45:00Z",
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-03-28T11:45:00Z", start}},
		},
		{
			name: "an import right after another", previous: start,
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-03-28T12:00:00Z", start}},
		},
		{
			name: "a gap just under 30 days", previous: "2026-02-27T12:00:01Z",
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-02-26T12:00:01Z", start}},
		},
		{
			name: "a gap of exactly 30 days", previous: "2026-02-27T12:00:00Z",
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-02-26T12:00:00Z", start}},
		},
		{
			name: "a gap over 30 days makes the look-back grow with it, with an overlap", previous: "2026-02-27T11:59:59Z",
			want: []window{{"CREATED", "2026-02-26T11:59:59Z", start}, {"MODIFIED", "2026-02-26T11:59:59Z", start}},
		},
		{
			name: "a gap of half a year", previous: "2025-09-29T12:00:00Z",
			want: []window{{"CREATED", "2025-09-28T12:00:00Z", start}, {"MODIFIED", "2025-09-28T12:00:00Z", start}},
		},
		{
			name: "first import after attempts that failed reads what the first attempt would have read", attempt: "2026-03-20T12:00:00Z",
			want: []window{{"CREATED", "2026-02-19T12:00:00Z", start}},
		},
		{
			name: "the first attempt does not matter once an import succeeded", attempt: "2026-01-01T12:00:00Z", previous: "2026-03-29T11:45:00Z",
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-03-28T11:45:00Z", start}},
		},
		{
			name: "a clock that was set back", previous: "2026-04-02T12:00:00Z",
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-03-28T12:00:00Z", start}},
		},
		{
			name: "look-backs of the store's settings", previous: "2026-03-29T11:45:00Z", look: store.LookBack{FirstImportDays: 10, LaterImportDays: 60},
			want: []window{{"CREATED", "2026-01-28T12:00:00Z", start}, {"MODIFIED", "2026-03-28T11:45:00Z", start}},
		},
		{
			name: "first look-back of the store's settings", look: store.LookBack{FirstImportDays: 10, LaterImportDays: 60},
			want: []window{{"CREATED", "2026-03-19T12:00:00Z", start}},
		},
		{
			name: "instants in another zone are the same instants", start: "2026-03-29T14:00:00+02:00", previous: "2026-03-29T13:45:00+02:00",
			want: []window{{"CREATED", "2026-02-27T12:00:00Z", start}, {"MODIFIED", "2026-03-28T11:45:00Z", start}},
		},
		{
			name: "fractions of a second are kept", start: "2026-03-29T12:00:00.000000001Z", previous: "2026-03-29T11:45:00.5Z",
			want: []window{
				{"CREATED", "2026-02-27T12:00:00.000000001Z", "2026-03-29T12:00:00.000000001Z"},
				{"MODIFIED", "2026-03-28T11:45:00.5Z", "2026-03-29T12:00:00.000000001Z"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var cursor Cursor
			if tt.previous != "" {
				cursor.PreviousStart = at(t, tt.previous)
			}
			if tt.attempt != "" {
				cursor.FirstAttempt = at(t, tt.attempt)
			}
			if tt.start == "" {
				tt.start = start
			}
			var got []window
			for _, w := range Plan(at(t, tt.start), cursor, tt.look) {
				got = append(got, window{string(w.Axis), w.Since.Format(time.RFC3339Nano), w.Until.Format(time.RFC3339Nano)})
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(window{})); diff != "" {
				t.Errorf("Plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanAll: each adapter has windows after its own cursor, the one of new orders first.
func TestPlanAll(t *testing.T) {
	t.Parallel()
	start := at(t, "2026-03-29T12:00:00Z")
	b := store.Bindings{Current: "beta", Adapters: []store.Binding{
		{Adapter: "beta", FirstAttempt: start.Add(-day)},
		{Adapter: "alpha", ImportStart: start.Add(-time.Hour), FirstAttempt: start.Add(-100 * day), FailingSince: start.Add(-time.Minute)},
	}}
	want := []Window{
		{Adapter: "beta", Axis: Created, Since: start.Add(-day - FirstLookBack), Until: start},
		{Adapter: "alpha", Axis: Created, Since: start.Add(-LaterLookBack), Until: start},
		{Adapter: "alpha", Axis: Modified, Since: start.Add(-time.Hour - ModifiedOverlap), Until: start},
	}
	if diff := cmp.Diff(want, planAll(start, b, store.LookBack{})); diff != "" {
		t.Errorf("planAll (-want +got):\n%s", diff)
	}
	look := store.LookBack{FirstImportDays: 3, LaterImportDays: 5}
	want[0].Since, want[1].Since = start.Add(-4*day), start.Add(-5*day)
	if diff := cmp.Diff(want, planAll(start, b, look)); diff != "" {
		t.Errorf("planAll with look-backs of the store (-want +got):\n%s", diff)
	}
	if got := planAll(start, store.Bindings{Current: "beta"}, look); len(got) != 0 {
		t.Errorf("windows %v of a store without credentials", got)
	}
}

func TestPercent(t *testing.T) {
	t.Parallel()
	since, until := at(t, "2026-01-01T00:00:00Z"), at(t, "2026-01-11T00:00:00Z")
	tests := []struct {
		name string
		run  Import
		want int
	}{
		{"nothing read", Import{State: Running, Windows: []Window{{Since: since, Until: until}}}, 0},
		{"half of one window", Import{State: Running, Windows: []Window{{Since: since, Until: until, Finished: since.Add(5 * day)}}}, 50},
		{"one of two windows", Import{State: Failed, Windows: []Window{{Since: since, Until: until, Finished: until}, {Since: since, Until: until}}}, 50},
		{"succeeded", Import{State: Succeeded}, 100},
		{"no windows", Import{State: Running}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.run.Percent(); got != tt.want {
				t.Errorf("Percent() = %d, want %d", got, tt.want)
			}
		})
	}
}

// TestNotShippable holds the rule: only "validated, to ship" orders of the seller with a Ship To address are shippable.
func TestNotShippable(t *testing.T) {
	t.Parallel()
	home := &Address{FirstName: "ALICE", LastName: "EXEMPLE", Lines: []string{"12 RUE DES TESTS"}, PostalCode: "69003", City: "LYON"}
	good := Order{Status: ReadyToShip, Fulfillment: FulfilledBySeller, ShipTo: home, Lines: []Line{{ID: "A"}}}
	tests := []struct {
		name   string
		change func(*Order)
		want   []Reason
	}{
		{"ready", func(*Order) {}, nil},
		{"waiting for acceptance", func(o *Order) { o.Status = PendingAcceptance }, []Reason{ReasonStatus}},
		{"unrecognized status", func(o *Order) { o.Status = Unrecognized }, []Reason{ReasonStatus}},
		{"marketplace ships", func(o *Order) { o.Fulfillment = FulfilledByMarketplace }, []Reason{ReasonFulfilledByMarketplace}},
		{"nobody knows who ships", func(o *Order) { o.Fulfillment = "" }, []Reason{ReasonFulfilledByMarketplace}},
		{"no address", func(o *Order) { o.ShipTo = nil }, []Reason{ReasonNoShipToAddress}},
		{"city and postal code only", func(o *Order) { o.ShipTo = &Address{PostalCode: "69003", City: "LYON"} }, []Reason{ReasonNoShipToAddress}},
		{"company without a person", func(o *Order) {
			o.ShipTo = &Address{Company: "EXEMPLE SARL", Lines: home.Lines, PostalCode: "69003", City: "LYON"}
		}, nil},
		{"pickup point with address", func(o *Order) {
			o.ShipTo = &Address{LastName: "EXEMPLE"}
			o.PickupPoint = &PickupPoint{RawID: "012345", ID: "012345", Address: *home}
		}, nil},
		{"pickup point without id", func(o *Order) { o.PickupPoint = &PickupPoint{Network: MondialRelay, Address: *home} }, []Reason{ReasonNoShipToAddress}},
		{"shop without id", func(o *Order) { o.PickupPoint = &PickupPoint{Network: Shop, Address: *home} }, nil},
		{"pickup point without address", func(o *Order) { o.PickupPoint = &PickupPoint{RawID: "012345", ID: "012345"} }, []Reason{ReasonNoShipToAddress}},
		{"no goods", func(o *Order) { o.Lines = nil }, []Reason{ReasonNoGoods}},
		{"buyer asks to cancel", func(o *Order) { o.CancelRequested = true }, []Reason{ReasonCancelRequested}},
		{"everything at once", func(o *Order) { *o = Order{Status: Processing} }, []Reason{ReasonStatus, ReasonFulfilledByMarketplace, ReasonNoShipToAddress, ReasonNoGoods}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := good
			tt.change(&o)
			if diff := cmp.Diff(tt.want, o.NotShippable()); diff != "" {
				t.Errorf("NotShippable (-want +got):\n%s", diff)
			}
		})
	}
}
