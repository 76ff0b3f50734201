package cdiscount_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// listRequest asks for a window by creation date.
func listRequest(f *fake, since, until string, statuses ...adapterv1.OrderStatus) *adapterv1.ListOrdersRequest {
	if len(statuses) == 0 {
		statuses = []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP}
	}
	return &adapterv1.ListOrdersRequest{
		Store: f.store(), Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(at(since))},
		Until: timestamppb.New(at(until)), Statuses: statuses,
	}
}

// dates returns the four dates of a request: creation from-to, modification from-to.
func dates(r received) [4]string {
	date := func(name string) string { return match(r.Body, "<"+name+">([^<]*)<") }
	return [4]string{
		date("BeginCreationDate"), date("EndCreationDate"), date("BeginModificationDate"), date("EndModificationDate"),
	}
}

// states returns the states that a request asks for.
func states(r received) []string {
	list := match(r.Body, "<States>(.*)</States>")
	list = strings.ReplaceAll(strings.TrimPrefix(list, "<OrderStateEnum>"), "</OrderStateEnum>", "")
	if list == "" {
		return nil
	}
	return strings.Split(list, "<OrderStateEnum>")
}

// TestListOrdersSubWindows: the window is cut into sub-windows, each with four dates, and checkpoints follow each.
func TestListOrdersSubWindows(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, _ received, n int) {
		write(w, 200, orderList(homeOrder(fmt.Sprintf("N%da", n)), pointOrder(fmt.Sprintf("N%db", n))))
	})
	a := cdiscount.New(cdiscount.WithClock(clock("2026-01-20T00:00:00Z")))
	out := &sink{}
	if err := a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-08T12:00:00Z"), out); err != nil {
		t.Fatal(err)
	}
	var got [][4]string
	for _, r := range f.seen() {
		got = append(got, dates(r))
	}
	// Paris is one hour ahead; one second of slack on both sides; modification from a day before to a day after now.
	const modifiedFrom, modifiedTo = "2025-12-31T00:59:59.00", "2026-01-21T01:00:01.00"
	want := [][4]string{
		{"2026-01-01T00:59:59.00", "2026-01-04T01:00:01.00", modifiedFrom, modifiedTo},
		{"2026-01-04T00:59:59.00", "2026-01-07T01:00:01.00", modifiedFrom, modifiedTo},
		{"2026-01-07T00:59:59.00", "2026-01-08T13:00:01.00", modifiedFrom, modifiedTo},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dates (-want +got):\n%s", diff)
	}
	wantPoints := []time.Time{at("2026-01-04T00:00:00Z"), at("2026-01-07T00:00:00Z"), at("2026-01-08T12:00:00Z")}
	if diff := cmp.Diff(wantPoints, out.checkpoints); diff != "" {
		t.Errorf("checkpoints (-want +got):\n%s", diff)
	}
	if len(out.orders) != 6 || len(out.states) != 1 {
		t.Errorf("%d orders and %d states, want 6 and 1", len(out.orders), len(out.states))
	}
}

// TestListOrdersByModification: the other axis is the reverse.
func TestListOrdersByModification(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, orderList()))
	a := cdiscount.New(cdiscount.WithClock(clock("2026-07-10T00:00:00Z")), cdiscount.WithCreationReach(10*24*time.Hour))
	req := listRequest(f, "2026-07-01T00:00:00Z", "2026-07-02T00:00:00Z")
	req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(at("2026-07-01T00:00:00Z"))}
	if err := a.ListOrders(short(t), req, &sink{}); err != nil {
		t.Fatal(err)
	}
	want := [4]string{"2026-06-22T01:59:59.00", "2026-07-11T02:00:01.00", "2026-07-01T01:59:59.00", "2026-07-02T02:00:01.00"}
	if diff := cmp.Diff(want, dates(f.seen()[0])); diff != "" {
		t.Errorf("dates (-want +got):\n%s", diff)
	}
}

// TestFiltersCoverClockChanges replays the service's comparison of local readings: whatever the sub-window, no order
// created inside it may fall out of its filter.
func TestFiltersCoverClockChanges(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]string{"summer begins": "2026-03-29T01:00:00Z", "summer ends": "2026-10-25T01:00:00Z"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(200, orderList()))
			a := cdiscount.New(cdiscount.WithSubWindow(10*time.Minute), cdiscount.WithClock(clock(change)))
			begin := at(change).Add(-3 * time.Hour)
			end := begin.Add(6 * time.Hour)
			if err := a.ListOrders(short(t), listRequest(f, begin.Format(time.RFC3339), end.Format(time.RFC3339)), &sink{}); err != nil {
				t.Fatal(err)
			}
			for i, r := range f.seen() {
				from, to := dates(r)[0], dates(r)[1]
				sub := begin.Add(time.Duration(i) * 10 * time.Minute)
				for created := sub; created.Before(sub.Add(10 * time.Minute)); created = created.Add(time.Minute) {
					local := created.In(paris).Format("2006-01-02T15:04:05.00")
					if local <= from || local >= to {
						t.Errorf("an order of %s (Paris %s) is outside of %s to %s", created.Format(time.RFC3339), local, from, to)
					}
				}
				if width := width(t, from, to); width > 2*time.Hour+10*time.Minute+2*time.Second {
					t.Errorf("the filter %s to %s is wider than the change needs", from, to)
				}
			}
		})
	}
}

func width(t *testing.T, from, to string) time.Duration {
	t.Helper()
	begin, err := time.Parse("2006-01-02T15:04:05.00", from)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.Parse("2006-01-02T15:04:05.00", to)
	if err != nil {
		t.Fatal(err)
	}
	return end.Sub(begin)
}

// TestListOrdersStates: states are asked for by name, and those whose lines could give an order another status with them.
func TestListOrdersStates(t *testing.T) {
	t.Parallel()
	open := []string{"WaitingForSellerAcceptation", "AcceptedBySeller", "PaymentInProgress", "WaitingForShipmentAcceptation"}
	for _, tc := range []struct {
		name      string
		statuses  []adapterv1.OrderStatus
		want      []string // exactly, unless some is set
		some      []string
		none      []string
		wantCount int
	}{
		{
			name: "to ship", statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP},
			want: []string{"WaitingForShipmentAcceptation"},
		},
		{
			name: "to accept", statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE},
			want: []string{"WaitingForSellerAcceptation"},
		},
		{
			name: "processing", statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_PROCESSING},
			some: []string{"AcceptedBySeller", "PaymentInProgress", "None", "BlockedMarketplaceService"},
			none: []string{"WaitingForShipmentAcceptation", "Shipped"},
		},
		{
			name: "cancelled", statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_CANCELLED},
			some: append([]string{"CancelledByCustomer", "AutomaticCancellation", "PaymentRefused"}, open...), none: []string{"Shipped"},
		},
		{
			name: "delivered", statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_DELIVERED}, want: []string{"PickedUp"},
		},
		{
			name: "unrecognized needs every state", statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_UNRECOGNIZED},
			wantCount: 34, some: open,
		},
		{
			name: "all", wantCount: 34, some: open, none: []string{"Filled", "ShippedBySeller"},
			statuses: []adapterv1.OrderStatus{1, 2, 3, 4, 5, 6, 7},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(200, orderList()))
			req := listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", tc.statuses...)
			if err := cdiscount.New().ListOrders(short(t), req, &sink{}); err != nil {
				t.Fatal(err)
			}
			got := states(f.seen()[0])
			if tc.want != nil {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if tc.wantCount != 0 && len(got) != tc.wantCount {
				t.Errorf("%d states, want %d", len(got), tc.wantCount)
			}
			asked := make(map[string]bool)
			for _, s := range got {
				asked[s] = true
			}
			for _, s := range tc.some {
				if !asked[s] {
					t.Errorf("%s is not asked for", s)
				}
			}
			for _, s := range tc.none {
				if asked[s] {
					t.Errorf("%s is asked for", s)
				}
			}
		})
	}
}

// TestListOrdersRequest holds what makes a request invalid.
func TestListOrdersRequest(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, orderList()))
	good := func() *adapterv1.ListOrdersRequest {
		return listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
	}
	for field, change := range map[string]func(*adapterv1.ListOrdersRequest){
		"since":    func(r *adapterv1.ListOrdersRequest) { r.Since = nil },
		"until":    func(r *adapterv1.ListOrdersRequest) { r.Until = timestamppb.New(at("2025-01-01T00:00:00Z")) },
		"statuses": func(r *adapterv1.ListOrdersRequest) { r.Statuses = nil },
	} {
		req := good()
		change(req)
		err := cdiscount.New().ListOrders(short(t), req, &sink{})
		if e := asSDK(err); e == nil || reason(err) != "INVALID_REQUEST" || e.Field != field {
			t.Errorf("%s: error %v, want INVALID_REQUEST", field, err)
		}
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests left", n)
	}
}

// TestTruncatedListIsAnError cuts an answer at every 100th byte: never a shorter list.
func TestTruncatedListIsAnError(t *testing.T) {
	t.Parallel()
	full := orderList(homeOrder("N1"), pointOrder("N2"))
	var length int
	f := newFake(t, func(w http.ResponseWriter, _ received, _ int) { write(w, 200, full[:length]) })
	a := cdiscount.New()
	for length = 0; length < len(full); length += 100 {
		out := &sink{}
		err := a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), out)
		if reason(err) != "MALFORMED_ANSWER" || len(out.checkpoints) != 0 {
			t.Fatalf("cut at %d of %d: error %v and %d checkpoints", length, len(full), err, len(out.checkpoints))
		}
	}
	length = len(full)
	out := &sink{}
	if err := a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), out); err != nil || len(out.orders) != 2 {
		t.Errorf("the full answer: %d orders, error %v", len(out.orders), err)
	}
}

// TestFailureAfterACheckpoint: what was delivered stays delivered.
func TestFailureAfterACheckpoint(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, n int) {
		if n == 2 {
			write(w, 200, envelopeWith(r.Op, "", "false", errorQuota, "<OrderList>"+homeOrder("N9").xml("Order")+"</OrderList>"))
			return
		}
		write(w, 200, orderList(homeOrder("N1")))
	})
	out := &sink{}
	err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"), out)
	if reason(err) != "THROTTLED" || len(out.orders) != 1 || len(out.checkpoints) != 1 {
		t.Errorf("error %v, %d orders, %d checkpoints; want THROTTLED, 1, 1", err, len(out.orders), len(out.checkpoints))
	}
}

// TestHostGone: the error of the sink comes back as it is, whatever it looks like.
func TestHostGone(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, orderList(homeOrder("N1"), homeOrder("N2"))))
	out := &sink{sendErr: io.EOF}
	err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), out)
	if !errors.Is(err, io.EOF) || reason(err) != "" || len(out.orders) != 1 {
		t.Errorf("error %v after %d orders, want EOF after 1", err, len(out.orders))
	}
}

// TestUnreadableOrders: an order that cannot be kept under a number or a date ends the read.
func TestUnreadableOrders(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]fields{
		"no number":       homeOrder("nil"),
		"no date":         homeOrder("N1").with("CreationDate", "0001-01-01T00:00:00"),
		"unreadable date": homeOrder("N1").with("CreationDate", "hier"),
	} {
		f := newFake(t, always(200, orderList(o)))
		err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), &sink{})
		if reason(err) != "MALFORMED_ANSWER" {
			t.Errorf("%s: error %v, want MALFORMED_ANSWER", name, err)
		}
	}
}

// TestGetOrders: by number, what was not asked for is dropped, unknown numbers are left out.
func TestGetOrders(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, orderList(homeOrder("N2"), homeOrder("OTHER"), homeOrder("N1"), homeOrder("N1"))))
	resp, err := cdiscount.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{
		Store: f.store(), OrderNumbers: []string{"N1", " N2 ", "N1", "N3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range resp.GetOrders() {
		got = append(got, o.GetOrderNumber())
	}
	if diff := cmp.Diff([]string{"N2", "N1"}, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if body := f.seen()[0].Body; strings.Count(body, "<arr:string>N1</arr:string>") != 1 || strings.Contains(body, "Date>") {
		t.Error("the request repeats a number or filters by date")
	}
	if resp.GetStateUpdate() == nil {
		t.Error("no state update")
	}
}

// TestGetOrdersRequest: no number must never become no filter.
func TestGetOrdersRequest(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, orderList(homeOrder("N1"))))
	a := cdiscount.New()
	resp, err := a.GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store()})
	if err != nil || len(resp.GetOrders()) != 0 {
		t.Errorf("%d orders, error %v; want none", len(resp.GetOrders()), err)
	}
	for name, numbers := range map[string][]string{
		"blank": {" "}, "control character": {"N\x02"}, "too many": strings.Split(strings.Repeat("N,", 50)+"N", ","),
	} {
		if _, err := a.GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: numbers}); reason(err) != "INVALID_REQUEST" {
			t.Errorf("%s: error %v, want INVALID_REQUEST", name, err)
		}
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests left", n)
	}
}
