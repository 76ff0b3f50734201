package cli_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"context"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func TestTables(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{})
	for name, args := range map[string][]string{
		"store_list":           {"store", "list"},
		"store_get":            {"store", "get", "tea"},
		"store_get_moving":     {"store", "get", "soap"},
		"store_migrate":        {"store", "migrate", "soap", "--to", "octopia", "-c", "client_id=c"},
		"store_migration":      {"store", "migration", "soap"},
		"store_undo_migration": {"store", "undo-migration", "soap"},
		"order_list":           {"order", "list", "tea"},
		"order_get":            {"order", "get", "tea", "2403051200AAAAA"},
		"order_get_undecided":  {"order", "get", "tea", "2403051200EEEEE"},
		"order_get_ruled":      {"order", "get", "tea", "2403051200FFFFF"},
		"order_accept":         {"order", "accept", "tea", "2403051200DDDDD"},
		"order_refuse":         {"order", "refuse", "tea", "2403051200DDDDD"},
		"import_list":          {"import", "list", "tea"},
		"import_get":           {"import", "get", "tea", "i3"},
		"import_get_moving":    {"import", "get", "soap", "i4"},
		"carrier_list":         {"carrier", "list", "tea"},
		"shipment_notify":      {"shipment", "notify", "tea", "2403051200AAAAA", "--carrier", "mondial relay", "--tracking-number", "T-1"},
		"shipment_list":        {"shipment", "list", "tea"},
		"shipment_preview":     {"shipment", "notify", "tea", "A1", "--carrier", "Speedy Bike", "--tracking-number", "T-1", "--validate-only"},
		"shipment_get":         {"shipment", "get", "tea", "s1"},
		"shipment_get_whole":   {"shipment", "get", "tea", "s2"},
		"shipment_evidence":    {"shipment", "get", "tea", "s2", "-v"},
		"shipment_cancel":      {"shipment", "cancel", "tea", "s1"},
		"adapter_list":         {"adapter", "list"},
		"adapter_get":          {"adapter", "get", "cdiscount"},
		"adapter_unload":       {"adapter", "unload", "cdiscount"},
		"adapter_pin":          {"adapter", "pin", "cdiscount", "tea", "f", "--for", "24h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, f, args...)
			if got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			for _, line := range strings.Split(got.out, "\n") {
				if strings.TrimRight(line, " ") != line {
					t.Errorf("blanks at the end of %q", line)
				}
			}
			if strings.ContainsRune(got.out, '\x1b') {
				t.Error("an escape sequence of the marketplace reaches the terminal")
			}
			golden(t, name, got.out)
		})
	}
}

// TestJSON checks that JSON output is one document that reads as the answer message, and its exact layout for some.
func TestJSON(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{})
	tests := map[string]struct {
		args    []string
		request proto.Message // what world answers is what must be printed
		golden  bool
	}{
		"store_list":   {[]string{"store", "list"}, &marketplacev1.ListStoresRequest{}, true},
		"store_get":    {[]string{"store", "get", "tea"}, &marketplacev1.GetStoreRequest{}, false},
		"migrate":      {[]string{"store", "migrate", "soap", "--to", "x", "-c", "k=v"}, &marketplacev1.MigrateStoreRequest{}, false},
		"migration":    {[]string{"store", "migration", "soap"}, &marketplacev1.GetMigrationRequest{}, true},
		"undo":         {[]string{"store", "undo-migration", "soap"}, &marketplacev1.UndoMigrationRequest{}, false},
		"order_list":   {[]string{"order", "list", "tea", "--limit", "3"}, &marketplacev1.ListOrdersRequest{PageSize: 3}, false},
		"order_get":    {[]string{"order", "get", "tea", "o"}, &marketplacev1.GetOrderRequest{}, false},
		"order_accept": {[]string{"order", "accept", "tea", "o"}, &marketplacev1.AcceptOrderRequest{}, false},
		"order_refuse": {[]string{"order", "refuse", "tea", "o"}, &marketplacev1.RefuseOrderRequest{}, false},
		"import_list":  {[]string{"import", "list", "tea"}, &marketplacev1.ListImportsRequest{}, false},
		"import_get":   {[]string{"import", "get", "tea", "i"}, &marketplacev1.GetImportRequest{}, true},
		"no_wait":      {[]string{"order", "import", "tea", "--no-wait"}, &marketplacev1.ImportOrdersRequest{}, false},
		"carrier_list": {[]string{"carrier", "list", "tea"}, &marketplacev1.ListCarriersRequest{}, true},
		"ship_list":    {[]string{"shipment", "list", "tea"}, &marketplacev1.ListShipmentsRequest{}, false},
		"ship_get":     {[]string{"shipment", "get", "tea", "s"}, &marketplacev1.GetShipmentRequest{}, false},
		"ship_events":  {[]string{"shipment", "get", "tea", "s2", "-v"}, &marketplacev1.GetShipmentRequest{Name: "stores/tea/shipments/s2"}, false},
		"ship_check":   {[]string{"shipment", "notify", "tea", "o", "--carrier", "c", "--tracking-number", "t", "--validate-only"}, &marketplacev1.NotifyShipmentRequest{ValidateOnly: true}, false},
		"ship_retry":   {[]string{"shipment", "retry", "tea", "s"}, &marketplacev1.RetryShipmentRequest{}, false},
		"ship_cancel":  {[]string{"shipment", "cancel", "tea", "s"}, &marketplacev1.CancelShipmentRequest{}, false},
		"adapter_list": {[]string{"adapter", "list"}, &marketplacev1.ListAdaptersRequest{}, false},
		"adapter_get":  {[]string{"adapter", "get", "x"}, &marketplacev1.GetAdapterRequest{}, false},
		"pin":          {[]string{"adapter", "pin", "x", "s", "f", "--for", "1h"}, &marketplacev1.PinStoreRequest{}, false},
		"unpin":        {[]string{"adapter", "unpin", "x", "s"}, &marketplacev1.UnpinStoreRequest{}, false},
		"unload":       {[]string{"adapter", "unload", "x"}, &marketplacev1.UnloadAdapterRequest{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, err := world(t.Context(), tt.request)
			if err != nil {
				t.Fatal(err)
			}
			result := run(t, f, append(tt.args, "--output", "json")...)
			if result.code != 0 {
				t.Fatalf("exit code %d: %s", result.code, result.err)
			}
			got := want.ProtoReflect().New().Interface()
			if err := protojson.Unmarshal([]byte(result.out), got); err != nil {
				t.Fatalf("output is not the answer's protojson form: %v\n%s", err, result.out)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("printed message differs (-want +got):\n%s", diff)
			}
			if tt.golden {
				golden(t, name+".json", result.out)
			}
		})
	}
}

func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		money *marketplacev1.Money
		want  string
	}{
		"cents":         {euros(12, 5), "12.05 EUR"},
		"zero":          {euros(0, 0), "0.00 EUR"},
		"nine decimals": {&marketplacev1.Money{CurrencyCode: "EUR", Units: 3, Nanos: 333_333_333}, "3.333333333 EUR"},
		"one nano":      {&marketplacev1.Money{CurrencyCode: "EUR", Nanos: 1}, "0.000000001 EUR"},
		"negative":      {euros(-1, -75), "-1.75 EUR"},
		"under one":     {euros(0, -5), "-0.05 EUR"},
		"smallest":      {&marketplacev1.Money{CurrencyCode: "EUR", Units: -1 << 63}, "-9223372036854775808.00 EUR"},
		"no currency":   {&marketplacev1.Money{Units: 1}, "1.00"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) {
				return &marketplacev1.Order{Totals: &marketplacev1.OrderTotals{Total: tt.money}}, nil
			}})
			if got, want := run(t, f, "order", "get", "tea", "o").out, "Total:  "+tt.want+"\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// pagesOf answers ListShipments from n shipments, at most size a page, and fails at the given offset (0: never).
func pagesOf(n, failAt int, failure error) func(context.Context, proto.Message) (proto.Message, error) {
	return func(_ context.Context, m proto.Message) (proto.Message, error) {
		request := m.(*marketplacev1.ListShipmentsRequest)
		offset := 0
		if request.GetPageToken() != "" {
			if err := json.Unmarshal([]byte(request.GetPageToken()), &offset); err != nil {
				return nil, err
			}
		}
		if failure != nil && offset == failAt {
			return nil, failure
		}
		answer := &marketplacev1.ListShipmentsResponse{}
		for len(answer.Shipments) < int(request.GetPageSize()) && offset < n {
			answer.Shipments = append(answer.Shipments, shipment(marketplacev1.Shipment_STATE_QUEUED))
			offset++
		}
		if offset < n {
			token, _ := json.Marshal(offset)
			answer.NextPageToken = string(token)
		}
		return answer, nil
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		total     int
		flags     []string
		wantItems int
		wantToken string
		wantSizes []int32
		wantNote  string
	}{
		"default limit":     {total: 60, wantItems: 50, wantToken: "50", wantSizes: []int32{50}, wantNote: "there are more shipments: go on with --page-token 50, or print all with --all\n"},
		"fewer than limit":  {total: 7, wantItems: 7, wantSizes: []int32{50}},
		"limit over a page": {total: 2000, flags: []string{"--limit", "1100"}, wantItems: 1100, wantToken: "1100", wantSizes: []int32{500, 500, 100}, wantNote: "there are more shipments: go on with --page-token 1100, or print all with --all\n"},
		"all":               {total: 1001, flags: []string{"--all"}, wantItems: 1001, wantSizes: []int32{500, 500, 500}},
		"from a token":      {total: 60, flags: []string{"--page-token", "58"}, wantItems: 2, wantSizes: []int32{50}},
		"none":              {total: 0, wantItems: 0, wantSizes: []int32{50}, wantNote: "no shipments\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{answer: pagesOf(tt.total, 0, nil)})
			result := run(t, f, append([]string{"shipment", "list", "tea", "-o", "json"}, tt.flags...)...)
			var got marketplacev1.ListShipmentsResponse
			if err := protojson.Unmarshal([]byte(result.out), &got); err != nil {
				t.Fatalf("not one JSON document: %v", err)
			}
			if len(got.GetShipments()) != tt.wantItems || got.GetNextPageToken() != tt.wantToken {
				t.Errorf("got %d items and token %q, want %d and %q", len(got.GetShipments()), got.GetNextPageToken(), tt.wantItems, tt.wantToken)
			}
			var sizes []int32
			for _, r := range f.received() {
				sizes = append(sizes, r.(*marketplacev1.ListShipmentsRequest).GetPageSize())
			}
			if diff := cmp.Diff(tt.wantSizes, sizes); diff != "" {
				t.Errorf("page sizes (-want +got):\n%s", diff)
			}
			if result.code != 0 || result.err != tt.wantNote {
				t.Errorf("exit code %d, note %q; want 0 and %q", result.code, result.err, tt.wantNote)
			}
			table := run(t, f, append([]string{"shipment", "list", "tea"}, tt.flags...)...)
			wantLines := tt.wantItems + 1 // the header
			if tt.wantItems == 0 {
				wantLines = 0
			}
			if lines := strings.Count(table.out, "\n"); lines != wantLines {
				t.Errorf("table has %d lines, want %d", lines, wantLines)
			}
		})
	}
}

// TestPageFails: what was read before the failure is printed as a whole document, and the error says how to go on.
func TestPageFails(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: pagesOf(1200, 500, remoteError(t, throttled()))})
	result := run(t, f, "shipment", "list", "tea", "--all", "-o", "json")
	var got marketplacev1.ListShipmentsResponse
	if err := protojson.Unmarshal([]byte(result.out), &got); err != nil {
		t.Fatalf("not one JSON document: %v", err)
	}
	if len(got.GetShipments()) != 500 || got.GetNextPageToken() != "500" {
		t.Errorf("got %d items and token %q, want 500 and 500", len(got.GetShipments()), got.GetNextPageToken())
	}
	if result.code != 5 || !strings.Contains(result.err, "THROTTLED") || !strings.Contains(result.err, "go on with --page-token 500") {
		t.Errorf("exit code %d, report:\n%s", result.code, result.err)
	}
}

// TestSamePageTwice: a server whose token does not advance must not keep the command busy for ever.
func TestSamePageTwice(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) {
		return &marketplacev1.ListShipmentsResponse{NextPageToken: "again"}, nil
	}})
	if got := run(t, f, "shipment", "list", "tea", "--all"); got.code != 1 || !strings.Contains(got.err, "same page twice") {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }
