package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestRequests checks what each command line asks of the server.
func TestRequests(t *testing.T) {
	t.Parallel()
	const order = "stores/tea/orders/A1"
	notify := func(change func(*marketplacev1.NotifyShipmentRequest)) *marketplacev1.NotifyShipmentRequest {
		r := &marketplacev1.NotifyShipmentRequest{
			Parent:   "stores/tea",
			Shipment: &marketplacev1.Shipment{Order: order, Carrier: "UPS", TrackingNumber: "T-1"},
		}
		if change != nil {
			change(r)
		}
		return r
	}
	tests := map[string]struct {
		args string // split at "|"
		want proto.Message
	}{
		"store list":          {"store|list|--show-disconnected|--limit|5", &marketplacev1.ListStoresRequest{PageSize: 5, ShowDisconnected: true}},
		"store get":           {"store|get|tea", &marketplacev1.GetStoreRequest{Name: "stores/tea"}},
		"store get full name": {"store|get|stores/tea", &marketplacev1.GetStoreRequest{Name: "stores/tea"}},
		"store check":         {"store|check|tea", &marketplacev1.CheckStoreRequest{Name: "stores/tea"}},
		"store pause":         {"store|pause|tea", &marketplacev1.PauseStoreRequest{Name: "stores/tea"}},
		"store resume":        {"store|resume|tea", &marketplacev1.ResumeStoreRequest{Name: "stores/tea"}},
		"store disconnect":    {"store|disconnect|tea", &marketplacev1.DisconnectStoreRequest{Name: "stores/tea"}},
		"store disconnect forced": {
			"store|disconnect|tea|--force", &marketplacev1.DisconnectStoreRequest{Name: "stores/tea", Force: true},
		},
		"store connect": {
			"store|connect|--adapter|cdiscount|-c|login=api|-c|password=a,b=c", &marketplacev1.ConnectStoreRequest{
				Store:       &marketplacev1.Store{Adapter: "adapters/cdiscount"},
				Credentials: &marketplacev1.Credentials{Values: map[string]string{"login": "api", "password": "a,b=c"}},
			},
		},
		"store connect with settings": {
			"store|connect|--adapter|adapters/cdiscount|--environment|sandbox|--store-id|tea|--display-name|Tea|--first-import-days|60|-c|k=v",
			&marketplacev1.ConnectStoreRequest{
				StoreId: "tea",
				Store: &marketplacev1.Store{
					Adapter: "adapters/cdiscount", Environment: "sandbox",
					Settings: &marketplacev1.StoreSettings{
						DisplayName: "Tea", Branding: &marketplacev1.Branding{}, CustomerNotification: &marketplacev1.CustomerNotification{},
						LookBack: &marketplacev1.LookBack{FirstImportDays: 60},
					},
				},
				Credentials: &marketplacev1.Credentials{Values: map[string]string{"k": "v"}},
			},
		},
		"store rotate-credentials": {
			"store|rotate-credentials|tea|-c|k=v", &marketplacev1.RotateCredentialsRequest{
				Name: "stores/tea", Credentials: &marketplacev1.Credentials{Values: map[string]string{"k": "v"}},
			},
		},
		"store rotate-credentials of one adapter": {
			"store|rotate-credentials|tea|--adapter|cdiscount|-c|k=v", &marketplacev1.RotateCredentialsRequest{
				Name: "stores/tea", Credentials: &marketplacev1.Credentials{Values: map[string]string{"k": "v"}}, Adapter: "adapters/cdiscount",
			},
		},
		"store migrate": {
			"store|migrate|tea|--to|octopia|-c|client_id=a|-c|client_secret=b", &marketplacev1.MigrateStoreRequest{
				Name: "stores/tea", TargetAdapter: "adapters/octopia",
				Credentials: &marketplacev1.Credentials{Values: map[string]string{"client_id": "a", "client_secret": "b"}},
			},
		},
		"store migrate, the account stated": {
			"store|migrate|stores/tea|--to|adapters/octopia|--same-account|-c|k=v", &marketplacev1.MigrateStoreRequest{
				Name: "stores/tea", TargetAdapter: "adapters/octopia", SameAccount: true,
				Credentials: &marketplacev1.Credentials{Values: map[string]string{"k": "v"}},
			},
		},
		"store migration": {"store|migration|tea", &marketplacev1.GetMigrationRequest{Name: "stores/tea/migration"}},
		"store migration by full name": {
			"store|migration|stores/tea/migration", &marketplacev1.GetMigrationRequest{Name: "stores/tea/migration"},
		},
		"store undo-migration": {"store|undo-migration|stores/tea", &marketplacev1.UndoMigrationRequest{Name: "stores/tea/migration"}},
		"store update names only what is given": {
			"store|update|tea|--logo-uri|https://tea.example/l.png|--notify-on-delivery=false|--later-import-days|0",
			&marketplacev1.UpdateStoreRequest{
				Store: &marketplacev1.Store{Name: "stores/tea", Settings: &marketplacev1.StoreSettings{
					Branding:             &marketplacev1.Branding{LogoUri: "https://tea.example/l.png"},
					CustomerNotification: &marketplacev1.CustomerNotification{}, LookBack: &marketplacev1.LookBack{},
				}},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{
					"settings.branding.logo_uri", "settings.customer_notification.on_delivery", "settings.look_back.later_import_days",
				}},
			},
		},
		"store update clears": {
			"store|update|tea|--display-name|", &marketplacev1.UpdateStoreRequest{
				Store: &marketplacev1.Store{Name: "stores/tea", Settings: &marketplacev1.StoreSettings{
					Branding:             &marketplacev1.Branding{},
					CustomerNotification: &marketplacev1.CustomerNotification{}, LookBack: &marketplacev1.LookBack{},
				}},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"settings.display_name"}},
			},
		},
		"order import": {"order|import|tea|--no-wait", &marketplacev1.ImportOrdersRequest{Parent: "stores/tea"}},
		"order get":    {"order|get|tea|A1", &marketplacev1.GetOrderRequest{Name: order}},
		"order get by full name": {
			"order|get|" + order, &marketplacev1.GetOrderRequest{Name: order},
		},
		"order get by store and full name": {
			"order|get|tea|" + order, &marketplacev1.GetOrderRequest{Name: order},
		},
		"order accept": {"order|accept|tea|A1", &marketplacev1.AcceptOrderRequest{Name: order}},
		"order refuse": {"order|refuse|tea|A1", &marketplacev1.RefuseOrderRequest{Name: order}},
		"order refuse by full name": {
			"order|refuse|" + order, &marketplacev1.RefuseOrderRequest{Name: order},
		},
		"order list": {
			"order|list|tea|--status|ready-to-ship,ORDER_STATUS_SHIPPED|--status|cancelled|--shippable|--updated-since|2024-03-05|--page-token|t|--limit|3",
			&marketplacev1.ListOrdersRequest{
				Parent: "stores/tea", PageSize: 3, PageToken: "t", ShippableOnly: true,
				Statuses: []marketplacev1.OrderStatus{
					marketplacev1.OrderStatus_ORDER_STATUS_READY_TO_SHIP, marketplacev1.OrderStatus_ORDER_STATUS_SHIPPED,
					marketplacev1.OrderStatus_ORDER_STATUS_CANCELLED,
				},
				UpdatedSince: timestamppb.New(time.Date(2024, 3, 4, 23, 0, 0, 0, time.UTC)), // midnight in the user's zone
			},
		},
		"order list since an age": {
			"order|list|tea|--updated-since|24h", &marketplacev1.ListOrdersRequest{
				Parent: "stores/tea", PageSize: 50, UpdatedSince: timestamppb.New(now.Add(-24 * time.Hour)),
			},
		},
		"order list since an instant": {
			"order|list|tea|--updated-since|2024-03-05T14:30:00.5Z", &marketplacev1.ListOrdersRequest{
				Parent: "stores/tea", PageSize: 50,
				UpdatedSince: timestamppb.New(time.Date(2024, 3, 5, 14, 30, 0, 500_000_000, time.UTC)),
			},
		},
		"import list":    {"import|list|tea", &marketplacev1.ListImportsRequest{Parent: "stores/tea", PageSize: 50}},
		"import get":     {"import|get|tea|i1", &marketplacev1.GetImportRequest{Name: "stores/tea/imports/i1"}},
		"carrier list":   {"carrier|list|tea", &marketplacev1.ListCarriersRequest{Parent: "stores/tea"}},
		"shipment get":   {"shipment|get|stores/tea/shipments/s1", &marketplacev1.GetShipmentRequest{Name: "stores/tea/shipments/s1"}},
		"adapter list":   {"adapter|list", &marketplacev1.ListAdaptersRequest{}},
		"adapter get":    {"adapter|get|cdiscount", &marketplacev1.GetAdapterRequest{Name: "adapters/cdiscount"}},
		"adapter unload": {"adapter|unload|cdiscount", &marketplacev1.UnloadAdapterRequest{Name: "adapters/cdiscount"}},
		"adapter pin": {
			"adapter|pin|cdiscount|tea|relais-adapter-cdiscount@next|--for|24h", &marketplacev1.PinStoreRequest{
				Name: "adapters/cdiscount", Store: "stores/tea", ExpireTime: timestamppb.New(now.Add(24 * time.Hour)),
				Release: &marketplacev1.PinStoreRequest_File{File: "relais-adapter-cdiscount@next"},
			},
		},
		"adapter pin by hash": {
			"adapter|pin|adapters/cdiscount|stores/tea|--for|90m|--sha256|77aa", &marketplacev1.PinStoreRequest{
				Name: "adapters/cdiscount", Store: "stores/tea", ExpireTime: timestamppb.New(now.Add(90 * time.Minute)),
				Release: &marketplacev1.PinStoreRequest_Sha256{Sha256: "77aa"},
			},
		},
		"adapter pin for days": {
			"adapter|pin|cdiscount|tea|--for|2d12h|--sha256|77aa", &marketplacev1.PinStoreRequest{
				Name: "adapters/cdiscount", Store: "stores/tea", ExpireTime: timestamppb.New(now.Add(60 * time.Hour)),
				Release: &marketplacev1.PinStoreRequest_Sha256{Sha256: "77aa"},
			},
		},
		"adapter unpin": {"adapter|unpin|cdiscount|tea", &marketplacev1.UnpinStoreRequest{Name: "adapters/cdiscount", Store: "stores/tea"}},
		"shipment list": {"shipment|list|tea", &marketplacev1.ListShipmentsRequest{Parent: "stores/tea", PageSize: 50}},
		"shipment list filtered": {
			"shipment|list|tea|--order|A1|--state|needs-attention", &marketplacev1.ListShipmentsRequest{
				Parent: "stores/tea", PageSize: 50, Order: order,
				States: []marketplacev1.Shipment_State{marketplacev1.Shipment_STATE_NEEDS_ATTENTION},
			},
		},
		"shipment notify": {"shipment|notify|tea|A1|--carrier|UPS|--tracking-number|T-1", notify(nil)},
		"shipment notify by full name": {
			"shipment|notify|" + order + "|--carrier|UPS|--tracking-number|T-1", notify(nil),
		},
		"shipment notify with everything": {
			"shipment|notify|tea|A1|--carrier|UPS|--tracking-number|T-1|--tracking-url|https://t.example/T-1|--service|Express|" +
				"--carrier-fee|4.905 eur|--ship-time|2024-03-05 14:30|--item|1=2|--item|a=b=3|--item|9|--request-id|r-1",
			notify(func(r *marketplacev1.NotifyShipmentRequest) {
				r.RequestId = "r-1"
				r.Shipment.TrackingUrl, r.Shipment.Service = "https://t.example/T-1", "Express"
				r.Shipment.CarrierFee = &marketplacev1.Money{CurrencyCode: "EUR", Units: 4, Nanos: 905_000_000}
				r.Shipment.ShipTime = timestamppb.New(time.Date(2024, 3, 5, 13, 30, 0, 0, time.UTC))
				r.Shipment.Items = []*marketplacev1.ShipmentItem{{LineId: "1", Quantity: 2}, {LineId: "a=b", Quantity: 3}, {LineId: "9"}}
			}),
		},
		"shipment notify, a correction": {
			"shipment|notify|tea|A1|--carrier|UPS|--tracking-number|T-1|--replaces|s1|--force|--allow-other-carrier|--validate-only",
			notify(func(r *marketplacev1.NotifyShipmentRequest) {
				r.Shipment.Replaces = "stores/tea/shipments/s1"
				r.Force, r.AllowOtherCarrier, r.ValidateOnly = true, true, true
			}),
		},
		"shipment notify, a correction by full name": {
			"shipment|notify|" + order + "|--carrier|UPS|--tracking-number|T-1|--replaces|stores/tea/shipments/s1",
			notify(func(r *marketplacev1.NotifyShipmentRequest) { r.Shipment.Replaces = "stores/tea/shipments/s1" }),
		},
		"shipment retry":             {"shipment|retry|tea|s1", &marketplacev1.RetryShipmentRequest{Name: "stores/tea/shipments/s1"}},
		"shipment retry by force":    {"shipment|retry|stores/tea/shipments/s1|--force", &marketplacev1.RetryShipmentRequest{Name: "stores/tea/shipments/s1", Force: true}},
		"shipment cancel":            {"shipment|cancel|tea|s1", &marketplacev1.CancelShipmentRequest{Name: "stores/tea/shipments/s1"}},
		"carrier list of an adapter": {"carrier|list|tea|--adapter|octopia", &marketplacev1.ListCarriersRequest{Parent: "stores/tea", Adapter: "adapters/octopia"}},
		"shipment notify now, free": {
			"shipment|notify|tea|A1|--carrier|UPS|--tracking-number|T-1|--ship-time|now|--carrier-fee|0EUR",
			notify(func(r *marketplacev1.NotifyShipmentRequest) {
				r.Shipment.ShipTime = timestamppb.New(now)
				r.Shipment.CarrierFee = &marketplacev1.Money{CurrencyCode: "EUR"}
			}),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			if got := run(t, f, strings.Split(tt.args, "|")...); got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.err)
			}
			if diff := cmp.Diff([]proto.Message{tt.want}, f.received(), protocmp.Transform()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUsageErrors: a wrong command line is refused before anything is asked of the server, with exit code 2 and a sentence.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{})
	tests := map[string]struct{ args, want string }{
		"unknown command":          {"stor", `unknown command "stor" for "relais"; did you mean store?`},
		"unknown subcommand":       {"store|lost", `unknown command "lost" for "relais store"`},
		"unknown flag":             {"store|list|--colour", "unknown flag: --colour"},
		"bad output":               {"store|list|--output|yaml", "write table or json"},
		"no argument":              {"store|get", "relais store get expects STORE, got 0 argument(s)"},
		"too many arguments":       {"store|list|a", "relais store list expects no arguments, got 1 argument(s)"},
		"required flags":           {"shipment|notify|tea|A1|--carrier|UPS", "--tracking-number is required"},
		"exclusive flags":          {"order|import|tea|--wait|--no-wait", "--no-wait and --wait exclude each other"},
		"nothing to update":        {"store|update|tea", "nothing to change: give a setting, for example --display-name"},
		"required flags of both":   {"shipment|notify|tea|A1", "--carrier and --tracking-number are required"},
		"an argument of Latin-1":   {"order|get|tea|caf\xe9", "argument 2 is not valid UTF-8"},
		"a flag of Latin-1":        {"shipment|notify|tea|A1|--tracking-number|T|--carrier|Colis Priv\xe9", "--carrier is not valid UTF-8"},
		"a list of Latin-1":        {"store|update|tea|--accept-sku|A|--accept-sku|caf\xe9", "--accept-sku is not valid UTF-8"},
		"limit and all":            {"store|list|--limit|3|--all", "--all and --limit exclude each other"},
		"limit zero":               {"store|list|--limit|0", "--limit must be at least 1"},
		"no timeout":               {"store|list|--timeout|0s", "--timeout must be positive"},
		"bad server":               {"store|list|--server|http://127.0.0.1:1/x", "is not an address"},
		"server elsewhere":         {"store|list|--server|192.0.2.7:7443", "is not on this machine"},
		"server by foreign name":   {"store|list|--server|relais.example:7443", "is not on this machine"},
		"empty socket":             {"store|list|--server|unix:", "names no socket"},
		"empty admin socket":       {"adapter|list|--admin-socket|", "--admin-socket is empty"},
		"swap to two releases":     {"adapter|swap|cdiscount|f|--sha256|77aa", "either FILE or --sha256"},
		"pin for ever":             {"adapter|pin|cdiscount|tea|f", "--for is required"},
		"pin for no time":          {"adapter|pin|cdiscount|tea|f|--for|-1h", "--for must be positive"},
		"pin for a word":           {"adapter|pin|cdiscount|tea|f|--for|day", "such as 7d"},
		"pin for halves of days":   {"adapter|pin|cdiscount|tea|f|--for|1.5d", "such as 7d"},
		"pin to nothing":           {"adapter|pin|cdiscount|tea|--for|1h", "either FILE or --sha256"},
		"pin to two releases":      {"adapter|pin|cdiscount|tea|f|--for|1h|--sha256|77aa", "either FILE or --sha256"},
		"pin of an order":          {"adapter|pin|cdiscount|stores/tea/orders/A1|f|--for|1h", "write ID or stores/ID"},
		"unpin from nothing":       {"adapter|unpin|a/b|tea", "write ID or adapters/ID"},
		"rotate for no adapter":    {"store|rotate-credentials|tea|--adapter||-c|k=v", "write ID or adapters/ID"},
		"migrate to nowhere":       {"store|migrate|tea|-c|k=v", "--to is required"},
		"migrate without secrets":  {"store|migrate|tea|--to|octopia", "--credential is required"},
		"migrate to no adapter":    {"store|migrate|tea|--to|a/b|-c|k=v", "write ID or adapters/ID"},
		"migration of an order":    {"store|migration|stores/tea/orders/A1", "write ID or stores/ID"},
		"migration without socket": {"store|migration|tea|--admin-socket|", "--admin-socket is empty"},
		"bad store":                {"store|get|stores/a/b", "write ID or stores/ID"},
		"empty store":              {"store|get|", "write ID or stores/ID"},
		"half an order name":       {"order|get|tea/orders/A1", "is not a full name"},
		"another kind of name":     {"order|get|stores/tea/imports/i1", "is not a full name"},
		"order of another store":   {"order|get|lamp|stores/tea/orders/A1", "does not belong to stores/lamp"},
		"decision about nothing":   {"order|accept", "relais order accept expects (STORE ORDER | NAME), got 0 argument(s)"},
		"decision about a store":   {"order|refuse|tea", "is not a full name"},
		"slash in an order":        {"order|get|tea|A/1", "names nothing in orders"},
		"unknown status":           {"order|list|tea|--status|sold", "write one of PENDING_ACCEPTANCE, PROCESSING, READY_TO_SHIP"},
		"unspecified status":       {"order|list|tea|--status|unspecified", `--status "unspecified" is unknown`},
		"bad time":                 {"order|list|tea|--updated-since|yesterday", `--updated-since "yesterday" is not a time`},
		"time ahead":               {"order|list|tea|--updated-since|-24h", "is not a time"},
		"comma in money":           {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--carrier-fee|4,90EUR", "write it as 4.90EUR"},
		"negative money":           {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--carrier-fee|-4.90EUR", "write it as 4.90EUR"},
		"money without currency":   {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--carrier-fee|4.90", "write it as 4.90EUR"},
		"ten decimals":             {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--carrier-fee|4.9000000001EUR", "at most 9 decimals"},
		"money too large":          {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--carrier-fee|9223372036854775808EUR", "is not an amount"},
		"correction of an order":   {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--replaces|tea/s1", "names nothing in shipments"},
		"correction elsewhere":     {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--replaces|stores/lamp/shipments/s1", "does not belong to stores/tea"},
		"wait for a preview":       {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--validate-only|--wait", "--validate-only and --wait exclude each other"},
		"retry of an order":        {"shipment|retry|stores/tea/orders/A1", "is not a full name"},
		"cancel nothing":           {"shipment|cancel", "relais shipment cancel expects (STORE SHIPMENT | NAME), got 0 argument(s)"},
		"carriers of no adapter":   {"carrier|list|tea|--adapter|a/b", "write ID or adapters/ID"},
		"no pieces":                {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--item|1=0", "at least 1"},
		"no line":                  {"shipment|notify|tea|A1|--carrier|U|--tracking-number|T|--item|=2", "names no line"},
		"bad progress":             {"order|import|tea|--progress|dots", "write auto, bar, plain, none"},
		"credentials missing":      {"store|connect|--adapter|cdiscount", "--credential is required"},
		"adapter missing":          {"store|connect|-c|k=v", "--adapter is required"},
		"credential without key":   {"store|connect|--adapter|c|-c|hush-hush", "--credential number 1 has no key"},
		"credential twice":         {"store|connect|--adapter|c|-c|k=hush-hush|-c|k=hush-hush", "--credential k is given twice"},
		"credential empty":         {"store|connect|--adapter|c|-c|k=", "--credential k is empty"},
		"credential file missing":  {"store|connect|--adapter|c|-c|k=@hush-hush", "--credential k: its file cannot be read: no such file"},
		"credential not in env":    {"store|connect|--adapter|c|-c|k=env:NOWHERE", "variable NOWHERE is not set"},
		"credential not on stdin":  {"store|connect|--adapter|c|-c|k=-", "--credential k is empty"},
		"misplaced secret":         {"store|rotate-credentials|tea|hush-hush|-c|k=v", "got 2 argument(s)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, f, strings.Split(tt.args, "|")...)
			if got.code != 2 || got.out != "" || !strings.Contains(got.err, tt.want) || !strings.Contains(got.err, "--help") {
				t.Errorf("exit code %d, want 2 with %q and where to find help; output %q, report:\n%s", got.code, tt.want, got.out, got.err)
			}
			if strings.Contains(got.err, "hush-hush") {
				t.Errorf("the report repeats a secret:\n%s", got.err)
			}
		})
	}
	if n := len(f.received()); n != 0 {
		t.Errorf("the server received %d calls", n)
	}
}
