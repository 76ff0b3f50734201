package octopia_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestCountOrders: a bare integer, whole seconds, nothing widened.
func TestCountOrders(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int64{"0": 0, "3": 3, "\n42": 42, `"7"`: 7} {
		f := newFake(t, always(http.StatusOK, body))
		resp, err := octopia.New().CountOrders(short(t), &adapterv1.CountOrdersRequest{
			Store: f.store(), Since: &adapterv1.CountOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(at("2026-09-01T00:00:00.5Z"))},
			Until: timestamppb.New(at("2026-09-02T00:00:00Z")), Statuses: allStatuses(),
		})
		if err != nil || resp.GetCount() != want || resp.GetStateUpdate() == nil {
			t.Errorf("%q: %d, %v", body, resp.GetCount(), err)
		}
		if q, _ := url.ParseQuery(f.seen()[0].Query); q.Encode() != "updatedAtMax=2026-09-02T00%3A00%3A00Z&updatedAtMin=2026-09-01T00%3A00%3A00Z" {
			t.Errorf("query %s", q.Encode())
		}
	}
	for _, body := range []string{"", "-1", "1.5", "null", "true", "[]", `{"count":1}`, "1 2", "99999999999999999999"} {
		if n, err := octopia.ReadCount(body); err == nil {
			t.Errorf("%q reads as %d", body, n)
		}
	}
}

// TestGetOrders: one by one, a few at a time; unknown numbers are left out, and no number turns into another route.
func TestGetOrders(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	running, most := 0, 0
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		q, _ := url.ParseQuery(r.Query)
		number, _ := url.PathUnescape(strings.TrimPrefix(r.Path, "/orders/"))
		switch {
		case r.Path == "/orders" && q.Get("reference") == "LEGACY":
			write(w, http.StatusOK, page(homeOrder("OTHER").with("reference", "LEGACY2"), homeOrder("REAL").with("reference", "LEGACY")))
		case r.Path == "/orders":
			write(w, http.StatusOK, page(homeOrder("ANY")))
		case strings.HasPrefix(number, "N"):
			write(w, http.StatusOK, homeOrder(number).json())
		default:
			write(w, http.StatusNotFound, `{"title":"Not Found","status":404}`)
		}
	})
	ask := []string{"N1", "LEGACY", "N1", " N2 ", "gone", "..", ".", "count", "N/../3?x=1#y", "N4", "N5", "N6", "N7", "N8"}
	resp, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: ask})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range resp.GetOrders() {
		got = append(got, o.GetOrderNumber())
	}
	if diff := cmp.Diff([]string{"N1", "REAL", "N2", "N/../3?x=1#y", "N4", "N5", "N6", "N7", "N8"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if most > 4 {
		t.Errorf("%d at a time", most)
	}
	if lines := f.lines(); !slices.Contains(lines, "GET /orders/N%2F..%2F3%3Fx=1%23y") || slices.Contains(lines, "GET /orders/count") {
		t.Errorf("requests %q", lines)
	}
	if resp.GetStateUpdate() == nil {
		t.Error("no new state")
	}
}

// TestGetOrdersFailures: one failure is the call's.
func TestGetOrdersFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"another order", 200, homeOrder("OTHER").json(), "MALFORMED_ANSWER"},
		{"a list", 200, page(homeOrder("N1")), "MALFORMED_ANSWER"},
		{"null", 200, "null", "MALFORMED_ANSWER"},
		{"no body", 200, "", "MALFORMED_ANSWER"},
		{"a 404 of the gateway: the route, not the order", 404, `{"statusCode":404,"message":"Resource not found"}`, "MARKETPLACE_REFUSED"},
		{"a 404 page", 404, "<html></html>", "MARKETPLACE_REFUSED"},
		{"503", 503, "", "MARKETPLACE_DOWN"},
	} {
		f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
			if strings.HasSuffix(r.Path, "N1") {
				write(w, tt.status, tt.body)
				return
			}
			write(w, http.StatusOK, homeOrder("N2").json())
		})
		resp, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: []string{"N2", "N1"}})
		if reason(err) != tt.want {
			t.Errorf("%s: %d orders, %v", tt.name, len(resp.GetOrders()), err)
		}
	}
	f := newFake(t, always(http.StatusOK, ""))
	for field, list := range map[string][]string{"order_numbers": make([]string, 21), "order_numbers[1]": {"N1", " "}} {
		_, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: list})
		if reason(err) != "INVALID_REQUEST" || asSDK(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if resp, err := octopia.New().GetOrders(short(t), &adapterv1.GetOrdersRequest{Store: f.store()}); err != nil || len(resp.GetOrders()) != 0 || f.tokens() != 0 {
		t.Errorf("no numbers: %v, %d tokens", err, f.tokens())
	}
}
