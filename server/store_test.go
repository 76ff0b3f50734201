package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthgrpc "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/relaishq/relais/adapters/sandbox/fault"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func TestConnectStore(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	req := connectRequest("")
	req.Store.Settings = &marketplacev1.StoreSettings{DisplayName: "My shop"}
	st, err := s.api.ConnectStore(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(st.GetName(), "stores/boutique-demo-") || st.GetAccountId() != "demo" || st.GetMarketplace() != "cdiscount" ||
		st.GetHealth().GetState() != marketplacev1.StoreHealth_STATE_HEALTHY || st.GetSettings().GetDisplayName() != "My shop" {
		t.Errorf("connected as %v", st)
	}
	page, err := s.api.ListStores(t.Context(), &marketplacev1.ListStoresRequest{})
	if err != nil || len(page.GetStores()) != 1 {
		t.Errorf("ListStores: %d stores, %v", len(page.GetStores()), err)
	}
	checked, err := s.api.CheckStore(t.Context(), &marketplacev1.CheckStoreRequest{Name: st.GetName()})
	if err != nil || checked.GetHealth().GetState() != marketplacev1.StoreHealth_STATE_HEALTHY {
		t.Errorf("CheckStore: %v, %v", checked.GetHealth(), err)
	}
}

// TestConnectStoresNothingOnFailure: whatever stops ConnectStore, no store, no credential and no account is left behind.
func TestConnectStoresNothingOnFailure(t *testing.T) {
	t.Parallel()
	deactivated, denied := world.Deactivated, []string{"GetSellerInformation"}
	tests := []struct {
		name   string
		seller world.SellerPatch
		fault  fault.Rule
		change func(*marketplacev1.ConnectStoreRequest)
		code   codes.Code
		reason string
	}{
		{name: "wrong password", change: func(r *marketplacev1.ConnectStoreRequest) { r.Credentials.Values["password"] = "wrong" }, code: codes.FailedPrecondition, reason: "MARKETPLACE_CREDENTIALS_REJECTED"},
		{name: "account deactivated", seller: world.SellerPatch{State: &deactivated}, code: codes.FailedPrecondition, reason: "SELLER_INACTIVE"},
		{name: "right missing", seller: world.SellerPatch{Denied: &denied}, code: codes.FailedPrecondition, reason: "SELLER_NOT_AUTHORIZED"},
		{name: "seller disabled", fault: fault.Rule{Operation: "GetSellerInformation", Kind: fault.SellerDisabled}, code: codes.FailedPrecondition, reason: "SELLER_INACTIVE"},
		{name: "token service down", fault: fault.Rule{Operation: fault.STS, Kind: fault.HTTP503}, code: codes.Unavailable, reason: "MARKETPLACE_DOWN"},
		{name: "service answers HTML", fault: fault.Rule{Operation: "GetSellerInformation", Kind: fault.HTML}, code: codes.Internal, reason: "MALFORMED_ANSWER"},
		{name: "throttled", fault: fault.Rule{Operation: "GetSellerInformation", Kind: fault.Quota}, code: codes.ResourceExhausted, reason: "THROTTLED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, 0)
			tt.seller.Account = "demo"
			if _, err := s.sandbox.World().PutSeller(tt.seller); err != nil {
				t.Fatal(err)
			}
			if tt.fault.Kind != "" {
				s.inject(tt.fault)
			}
			req := connectRequest("demo")
			if tt.change != nil {
				tt.change(req)
			}
			_, err := s.api.ConnectStore(t.Context(), req)
			_, _, retry := wantError(t, err, tt.code, tt.reason)
			if wants := tt.code == codes.Unavailable || tt.code == codes.ResourceExhausted; wants != (retry.GetRetryDelay().AsDuration() > 0) {
				t.Errorf("retry info %v", retry)
			}
			if strings.Contains(err.Error(), "wrong") || strings.Contains(err.Error(), world.DefaultPassword) {
				t.Errorf("the error tells the password: %v", err)
			}
			page, err := s.api.ListStores(t.Context(), &marketplacev1.ListStoresRequest{ShowDisconnected: true})
			if err != nil || len(page.GetStores()) != 0 {
				t.Errorf("%d stores are left behind, %v", len(page.GetStores()), err)
			}
		})
	}
}

// TestAccountIsConnectedOnce: also under another name, also when two calls race.
func TestAccountIsConnectedOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	info, _, _ := wantError(t, second(s.api.ConnectStore(t.Context(), connectRequest("other"))), codes.AlreadyExists, "ACCOUNT_ALREADY_CONNECTED")
	if info.GetMetadata()["store"] != "stores/demo" {
		t.Errorf("metadata %v", info.GetMetadata())
	}
	taken := connectRequest("demo")
	taken.Credentials.Values["login"] = "demo2-api"
	wantError(t, second(s.api.ConnectStore(t.Context(), taken)), codes.AlreadyExists, "STORE_ID_TAKEN")

	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			req := connectRequest("")
			req.Credentials.Values["login"] = "demo2-api"
			results <- second(s.api.ConnectStore(t.Context(), req))
		}()
	}
	connected := 0
	for range cap(results) {
		if err := <-results; err == nil {
			connected++
		} else {
			wantError(t, err, codes.AlreadyExists, "ACCOUNT_ALREADY_CONNECTED")
		}
	}
	if connected != 1 {
		t.Errorf("%d of 8 racing calls connected the account", connected)
	}
}

// second returns the error of a call.
func second[T any](_ T, err error) error { return err }

func TestRotateCredentials(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 3)
	s.connect()
	s.imported()
	rotate := func(login, password string) error {
		return second(s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{
			Name: "stores/demo", Credentials: &marketplacev1.Credentials{Values: map[string]string{"login": login, "password": password}},
		}))
	}
	wantError(t, rotate("demo2-api", world.DefaultPassword), codes.FailedPrecondition, "ACCOUNT_MISMATCH")
	wantError(t, rotate("demo-api", "wrong"), codes.FailedPrecondition, "MARKETPLACE_CREDENTIALS_REJECTED")
	s.imported() // the old ones stayed

	changed := "changed-password"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Password: &changed}); err != nil {
		t.Fatal(err)
	}
	s.sandbox.World().ForgetTokens("demo")
	wantError(t, second(s.api.CheckStore(t.Context(), &marketplacev1.CheckStoreRequest{Name: "stores/demo"})), codes.FailedPrecondition, "MARKETPLACE_CREDENTIALS_REJECTED")
	if h := s.store().GetHealth(); h.GetState() != marketplacev1.StoreHealth_STATE_RETRYING || h.GetReason() != "MARKETPLACE_CREDENTIALS_REJECTED" ||
		!h.GetNextProbeTime().AsTime().After(s.clock.now()) || !strings.Contains(h.GetMessage(), "next try at ") {
		t.Errorf("health %v", h)
	}
	if err := rotate("demo-api", changed); err != nil {
		t.Fatal(err)
	}
	if h := s.store().GetHealth(); h.GetState() != marketplacev1.StoreHealth_STATE_HEALTHY || h.GetNextProbeTime() != nil || h.GetMessage() != "" {
		t.Errorf("health %v", h)
	}
	s.imported()
}

func TestUpdateStore(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect()
	full := &marketplacev1.StoreSettings{
		DisplayName:          "My shop",
		Branding:             &marketplacev1.Branding{LogoUri: "https://shop.example/logo.png", WebsiteUri: "https://shop.example", SupportEmail: "help@shop.example", SupportPhone: "0100000000", PackingSlipMessage: "Merci !"},
		CustomerNotification: &marketplacev1.CustomerNotification{OnShipment: true, OnDelivery: true, ReplyTo: "reply@shop.example"},
		LookBack:             &marketplacev1.LookBack{FirstImportDays: 10, LaterImportDays: 60},
	}
	update := func(settings *marketplacev1.StoreSettings, paths ...string) (*marketplacev1.Store, error) {
		return s.api.UpdateStore(t.Context(), &marketplacev1.UpdateStoreRequest{
			Store: &marketplacev1.Store{Name: "stores/demo", Settings: settings}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
	}
	if _, err := update(full); err != nil {
		t.Fatal(err)
	}
	st, err := update(&marketplacev1.StoreSettings{DisplayName: "ignored", Branding: &marketplacev1.Branding{SupportPhone: "0200000000", LogoUri: "https://ignored.example/x"}}, "settings.branding.support_phone", "settings.look_back")
	if err != nil {
		t.Fatal(err)
	}
	got := st.GetSettings()
	if got.GetDisplayName() != "My shop" || got.GetBranding().GetSupportPhone() != "0200000000" || got.GetBranding().GetLogoUri() != full.GetBranding().GetLogoUri() ||
		got.GetLookBack().GetFirstImportDays() != 0 || !got.GetCustomerNotification().GetOnDelivery() {
		t.Errorf("after a masked update: %v", got)
	}
	for name, bad := range map[string]*marketplacev1.StoreSettings{
		"settings.branding.logo_uri":              {Branding: &marketplacev1.Branding{LogoUri: "http://shop.example/logo.png"}},
		"settings.branding.support_email":         {Branding: &marketplacev1.Branding{SupportEmail: "nobody"}},
		"settings.customer_notification.reply_to": {CustomerNotification: &marketplacev1.CustomerNotification{ReplyTo: "A <a@b.example>"}},
		"settings.look_back.later_import_days":    {LookBack: &marketplacev1.LookBack{LaterImportDays: 366}},
		"settings.display_name":                   {DisplayName: strings.Repeat("é", 201)},
	} {
		_, bad, _ := wantError(t, second(update(bad)), codes.InvalidArgument, "INVALID_FIELD")
		if f := bad.GetFieldViolations(); len(f) != 1 || f[0].GetField() != "store."+name {
			t.Errorf("violations %v, want store.%s", f, name)
		}
	}
	wantError(t, second(update(full, "account_id")), codes.InvalidArgument, "INVALID_FIELD")
	if after, _ := s.api.GetStore(t.Context(), &marketplacev1.GetStoreRequest{Name: "stores/demo"}); after.GetSettings().String() != got.String() {
		t.Error("a refused update changed something")
	}
}

// TestDisconnectStore: refused with open shipments unless forced; credentials are erased, orders stay readable; connecting the
// account again finds its orders.
func TestDisconnectStore(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	s.inject(fault.Rule{Operation: "GetOrderList", Kind: fault.HTTP500})
	sh := s.notify(number)
	name := "stores/demo"
	wantError(t, second(s.api.DisconnectStore(t.Context(), &marketplacev1.DisconnectStoreRequest{Name: name})), codes.FailedPrecondition, "SHIPMENTS_OPEN")
	st, err := s.api.DisconnectStore(t.Context(), &marketplacev1.DisconnectStoreRequest{Name: name, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if st.GetHealth().GetState() != marketplacev1.StoreHealth_STATE_DISCONNECTED || st.GetDisconnectTime() == nil {
		t.Errorf("disconnected store: %v", st)
	}
	if end := s.settled(sh.GetName(), attention); end.GetMessage() == "" {
		t.Error("the open shipment does not say why it ended")
	}
	s.order(number)

	for what, err := range map[string]error{
		"ImportOrders":      second(s.api.ImportOrders(t.Context(), &marketplacev1.ImportOrdersRequest{Parent: name})),
		"CheckStore":        second(s.api.CheckStore(t.Context(), &marketplacev1.CheckStoreRequest{Name: name})),
		"NotifyShipment":    second(s.api.NotifyShipment(t.Context(), notifyRequest(number))),
		"ListCarriers":      second(s.api.ListCarriers(t.Context(), &marketplacev1.ListCarriersRequest{Parent: name})),
		"PauseStore":        second(s.api.PauseStore(t.Context(), &marketplacev1.PauseStoreRequest{Name: name})),
		"RotateCredentials": second(s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{Name: name, Credentials: demoCredentials()})),
	} {
		t.Log(what)
		wantError(t, err, codes.FailedPrecondition, "STORE_DISCONNECTED")
	}
	if page, err := s.api.ListStores(t.Context(), &marketplacev1.ListStoresRequest{}); err != nil || len(page.GetStores()) != 0 {
		t.Errorf("ListStores shows %d disconnected stores, %v", len(page.GetStores()), err)
	}

	s.sandbox.Faults().Clear()
	wantError(t, second(s.api.ConnectStore(t.Context(), connectRequest("another"))), codes.AlreadyExists, "ACCOUNT_ALREADY_CONNECTED")
	again, err := s.api.ConnectStore(t.Context(), connectRequest(""))
	if err != nil || again.GetName() != name || again.GetDisconnectTime() != nil {
		t.Fatalf("connected again as %v, %v", again, err)
	}
	s.imported()
	if n := len(s.orders(nil)); n != 1 {
		t.Errorf("%d orders after connecting again, want 1", n)
	}
}

// TestCredentialsAreSealed: neither the database nor the log ever holds a credential.
func TestCredentialsAreSealed(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 5)
	canary := "canary-3f9d1c7b"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Password: &canary}); err != nil {
		t.Fatal(err)
	}
	req := connectRequest("demo")
	req.Credentials.Values["password"] = canary
	if _, err := s.api.ConnectStore(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	s.imported()
	s.stop()
	files, err := filepath.Glob(filepath.Join(s.dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("data directory: %v, %v", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil || info.IsDir() {
			continue
		}
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(canary)) {
			t.Errorf("%s holds the password", filepath.Base(f))
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", filepath.Base(f), info.Mode())
		}
	}
	if strings.Contains(s.log.String(), canary) {
		t.Error("the log holds the password")
	}
}

// TestSurface: reflection, health, the admin socket's mode, and that operators' services are not public.
func TestSurface(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	s.connect() // the adapter serves
	list, err := s.admin.ListAdapters(t.Context(), &marketplacev1.ListAdaptersRequest{})
	if err != nil || len(list.GetAdapters()) != 2 || list.GetAdapters()[1].GetName() != "adapters/octopia" {
		t.Fatalf("ListAdapters: %v, %v", list, err)
	}
	a := list.GetAdapters()[0]
	if a.GetName() != "adapters/cdiscount" || a.GetState() != marketplacev1.Adapter_STATE_SERVING || a.GetGeneration().GetPid() == 0 ||
		len(a.GetGeneration().GetSha256()) != 64 || len(a.GetCredentialFields()) != 2 {
		t.Errorf("adapter %v", a)
	}
	wantError(t, second(s.admin.GetAdapter(t.Context(), &marketplacev1.GetAdapterRequest{Name: "adapters/nosuch"})), codes.NotFound, "ADAPTER_NOT_FOUND")
	info, err := os.Stat(filepath.Join(s.dir, "admin.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin socket: %v, %v", info.Mode(), err)
	}
	conn := s.dial(s.server.address())
	_, err = marketplacev1.NewAdapterServiceClient(conn).ListAdapters(t.Context(), &marketplacev1.ListAdaptersRequest{})
	if err == nil {
		t.Error("the operators' service is public")
	}
	h, err := healthgrpc.NewHealthClient(conn).Check(t.Context(), &healthgrpc.HealthCheckRequest{Service: "relais.marketplace.v1.MarketplaceService"})
	if err != nil || h.GetStatus() != healthgrpc.HealthCheckResponse_SERVING {
		t.Errorf("health %v, %v", h, err)
	}
	if log := s.log.String(); !strings.Contains(log, "adapter=cdiscount generation=1") {
		t.Error("no log line of the adapter with its name and generation")
	}
}

// TestRefusedCredentialsHoldShipments: asking again with credentials that were refused helps nobody and may lock the account.
// What waits goes on by itself once the credentials are replaced.
func TestRefusedCredentialsHoldShipments(t *testing.T) {
	t.Parallel()
	s := newSystem(t, 0)
	number := s.readyOrder(world.Spec{})
	changed := "changed-password"
	if _, err := s.sandbox.World().PutSeller(world.SellerPatch{Account: "demo", Password: &changed}); err != nil {
		t.Fatal(err)
	}
	s.sandbox.World().ForgetTokens("demo")
	sh := s.notify(number)
	waitFor(t, func() bool { return s.store().GetHealth().GetReason() == "MARKETPLACE_CREDENTIALS_REJECTED" })
	asked := s.sandbox.World().Calls()[fault.STS]
	<-time.After(time.Second) // five times the longest pause between attempts
	if now := s.sandbox.World().Calls()[fault.STS]; now != asked {
		t.Errorf("%d more logins with refused credentials", now-asked)
	}
	_, err := s.api.RotateCredentials(t.Context(), &marketplacev1.RotateCredentialsRequest{
		Name: "stores/demo", Credentials: &marketplacev1.Credentials{Values: map[string]string{"login": "demo-api", "password": changed}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.settled(sh.GetName(), confirmed)
}
