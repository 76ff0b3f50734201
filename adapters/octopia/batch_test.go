package octopia_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestDecisionRequests: whole orders, in snake_case (octopia-rest.md 6.1).
func TestDecisionRequests(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if strings.Contains(r.Path, "N2") {
			write(w, http.StatusBadRequest, `{"title":"Validation Failed","errors":{"status":["Only WaitingAcceptance orders can be approved"]}}`)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	a := octopia.New()
	orders := []*adapterv1.DecidedOrder{{Key: "a", OrderNumber: "N1"}, {Key: "b", OrderNumber: "N2"}, {Key: "c"}, {Key: "d", OrderNumber: "X", NativeId: "N3"}}
	accepted, err := a.AcceptOrders(short(t), &adapterv1.AcceptOrdersRequest{Store: f.store(), Orders: orders})
	if err != nil {
		t.Fatal(err)
	}
	refused, err := a.RefuseOrders(short(t), &adapterv1.RefuseOrdersRequest{Store: f.store(), Orders: orders})
	if err != nil {
		t.Fatal(err)
	}
	for name, results := range map[string][]*adapterv1.WriteResult{"accept": accepted.GetResults(), "refuse": refused.GetResults()} {
		var got []string
		for _, r := range results {
			got = append(got, fmt.Sprintf("%s %s %s", r.GetKey(), strings.TrimPrefix(r.GetOutcome().String(), "OUTCOME_"), r.GetNativeReason()))
		}
		if diff := cmp.Diff([]string{"a APPLIED ", "b REJECTED 400 status", "c REJECTED ", "d APPLIED "}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	var sent []string
	for _, r := range f.seen() {
		sent = append(sent, r.line()+" "+r.Body)
	}
	if diff := cmp.Diff([]string{
		`POST /orders/N1/approval-status {"approval_status":"Accepted"}`,
		`POST /orders/N2/approval-status {"approval_status":"Accepted"}`,
		`POST /orders/N3/approval-status {"approval_status":"Accepted"}`,
		`POST /orders/N1/approval-status {"approval_status":"Refused"}`,
		`POST /orders/N2/approval-status {"approval_status":"Refused"}`,
		`POST /orders/N3/approval-status {"approval_status":"Refused"}`,
	}, sent); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBatch: items are sent one by one, each on its own; what concerns the account stops the rest.
func TestBatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		second func(w http.ResponseWriter) // answer to the second order
		want   []adapterv1.Outcome
		sent   int
	}{
		{"a refusal", func(w http.ResponseWriter) { write(w, 400, `{"title":"Validation Failed"}`) }, []adapterv1.Outcome{applied, rejected, applied}, 3},
		{"a lost answer", cut, []adapterv1.Outcome{applied, unknown, applied}, 3},
		{"a quota", func(w http.ResponseWriter) { write(w, 403, quotaBody) }, []adapterv1.Outcome{applied, retry, retry}, 2},
		{"an end of the delegation", func(w http.ResponseWriter) { write(w, 403, `{"title":"Forbidden"}`) }, []adapterv1.Outcome{applied, retry, retry}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
				if strings.Contains(r.Path, "N2") {
					tt.second(w)
					return
				}
				w.WriteHeader(http.StatusCreated)
			})
			resp, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{
				notification("N1"), notification("N2"), notification("N3"),
			}})
			if err != nil {
				t.Fatal(err)
			}
			var got []adapterv1.Outcome
			for i, r := range resp.GetResults() {
				got = append(got, r.GetOutcome())
				if want := fmt.Sprintf("key-N%d", i+1); r.GetKey() != want {
					t.Errorf("key %q, want %q", r.GetKey(), want)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || len(f.seen()) != tt.sent {
				t.Errorf("%d sent (-want +got):\n%s", len(f.seen()), diff)
			}
			if tt.name == "a quota" && resp.GetResults()[2].GetRetryAfter().AsDuration() != 11*time.Minute+35*time.Second {
				t.Errorf("the rest waits for %s", resp.GetResults()[2].GetRetryAfter().AsDuration())
			}
		})
	}
}

// TestAccountRefusedFirst: nothing was done, so it is an error of the whole call.
func TestAccountRefusedFirst(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusForbidden, `{"title":"Forbidden","detail":"The client is not allowed for this seller"}`))
	_, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{notification("N1"), notification("N2")},
	})
	if reason(err) != "SELLER_NOT_AUTHORIZED" || len(f.seen()) != 1 {
		t.Errorf("error %v, %d requests", err, len(f.seen()))
	}
}

// TestKeys: results must be told apart.
func TestKeys(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(http.StatusCreated, ""))
	twice := []*adapterv1.ShipmentNotification{notification("N1"), notification("N1")}
	empty := []*adapterv1.ShipmentNotification{notification("N1"), notification("N2")}
	empty[1].Key = ""
	var many []*adapterv1.ShipmentNotification
	for i := range 21 {
		many = append(many, notification(fmt.Sprint("N", i)))
	}
	for _, tt := range []struct {
		field string
		list  []*adapterv1.ShipmentNotification
	}{{"notifications[1].key", twice}, {"notifications[1].key", empty}, {"notifications", many}} {
		_, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: tt.list})
		if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != tt.field || len(f.seen()) != 0 {
			t.Errorf("%s: error %v, %d requests", tt.field, err, len(f.seen()))
		}
	}
	_, err := octopia.New().AcceptOrders(short(t), &adapterv1.AcceptOrdersRequest{Store: f.store(), Orders: []*adapterv1.DecidedOrder{{OrderNumber: "N1"}}})
	if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != "orders[0].key" {
		t.Errorf("decisions: %v", err)
	}
	if resp, err := octopia.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store()}); err != nil || len(resp.GetResults()) != 0 || f.tokens() != 0 {
		t.Errorf("nothing to send: %v, %d tokens", err, f.tokens())
	}
}

// TestCallerLeavesDuringWrites: what was not sent is certainly not done; the call still tells of what was.
func TestCallerLeavesDuringWrites(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(short(t))
	defer cancel()
	f := newFake(t, func(w http.ResponseWriter, _ received, n int) {
		if n == 2 {
			cancel()
		}
		w.WriteHeader(http.StatusCreated)
	})
	resp, err := octopia.New().NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{
		notification("N1"), notification("N2"), notification("N3"),
	}})
	if err != nil || len(resp.GetResults()) != 3 {
		t.Fatalf("%d results, %v", len(resp.GetResults()), err)
	}
	r := resp.GetResults()
	if r[0].GetOutcome() != applied || r[1].GetOutcome() == retry || r[2].GetOutcome() != retry || len(f.seen()) != 2 {
		t.Errorf("%s, %s, %s, %d requests", r[0].GetOutcome(), r[1].GetOutcome(), r[2].GetOutcome(), len(f.seen()))
	}
}
