package cdiscount_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestDescribe holds what the host builds on.
func TestDescribe(t *testing.T) {
	t.Parallel()
	d := cdiscount.New().Describe()
	if d.GetAdapter() != "cdiscount" || d.GetMarketplace() != "cdiscount" || d.GetVersion() == "" {
		t.Errorf("adapter %q, marketplace %q, version %q", d.GetAdapter(), d.GetMarketplace(), d.GetVersion())
	}
	secret := make(map[string]bool)
	for _, f := range d.GetCredentialFields() {
		secret[f.GetKey()] = f.GetSecret()
	}
	if diff := cmp.Diff(map[string]bool{"login": false, "password": true}, secret); diff != "" {
		t.Errorf("credential fields (-want +got):\n%s", diff)
	}
	paths := make(map[string]string)
	for _, e := range d.GetEnvironmentKeys() {
		paths[e.GetKey()] = e.GetSandboxPath()
		if !strings.HasPrefix(e.GetProductionUrl(), "https://") {
			t.Errorf("%s: production address %q", e.GetKey(), e.GetProductionUrl())
		}
	}
	want := map[string]string{"sts_url": "/cdiscount/users/httpIssue.svc/", "service_url": "/cdiscount/MarketplaceAPIService.svc"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Errorf("sandbox paths (-want +got):\n%s", diff)
	}
	c := d.GetCapabilities()
	if c.GetPartialShipment() || c.GetSeveralParcels() || c.GetMaxShipmentsPerCall() < 1 || c.GetMaxOrdersPerGet() < 1 {
		t.Error("capabilities promise what the API cannot do")
	}
	if d.GetRateBudget() != nil {
		t.Error("a rate is given, and none is known")
	}
}

// TestCheckConnection is the table of seller answers.
func TestCheckConnection(t *testing.T) {
	t.Parallel()
	seller := fields{"IsAvailable": "ActiveSeller", "Login": "demo", "ShopName": " Demo Shop ", "State": "Activated"}
	active := &adapterv1.CheckConnectionResponse{
		AccountId: "demo", AccountKeys: []string{"login:demo"}, ShopName: "Demo Shop",
	}
	for _, tc := range []struct {
		name   string
		fields string
		want   *adapterv1.CheckConnectionResponse
		err    string
	}{
		{name: "active", fields: seller.xml("Seller"), want: active},
		{
			name: "login with capitals", fields: seller.with("Login", " Demo-Éa ").xml("Seller"),
			want: &adapterv1.CheckConnectionResponse{AccountId: "Demo-Éa", AccountKeys: []string{"login:demo-éa"}, ShopName: "Demo Shop"},
		},
		{
			name: "login from the base field", fields: seller.with("Login", "nil", "ShopName", "nil").xml("Seller"),
			want: &adapterv1.CheckConnectionResponse{AccountId: "demo-seller", AccountKeys: []string{"login:demo-seller"}},
		},
		{
			name: "on holiday", fields: seller.with("IsAvailable", "Holidays", "State", "PutOnNotice").xml("Seller"),
			want: active,
		},
		{name: "deactivated", fields: seller.with("State", "Deactivated").xml("Seller"), err: "SELLER_INACTIVE"},
		{name: "banned", fields: seller.with("IsAvailable", "BannedSeller").xml("Seller"), err: "SELLER_INACTIVE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(200, envelope("GetSellerInformation", tc.fields)))
			got, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
			if reason(err) != tc.err {
				t.Fatalf("error %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got, protocmp.Transform(), protocmp.IgnoreFields(&adapterv1.CheckConnectionResponse{}, "state_update")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadFailures is the table of what a read may meet.
func TestReadFailures(t *testing.T) {
	t.Parallel()
	refusal := func(message, errs string) string {
		return envelopeWith("GetSellerInformation", message, "false", errs, "")
	}
	good := envelope("GetSellerInformation", sellerAnswer)
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, received, int)
		want   string
		// text must be in the message.
		text string
	}{
		{name: "connection cut", answer: cut, want: "MARKETPLACE_DOWN"},
		{name: "HTTP 500 without SOAP", answer: always(500, "<html/>"), want: "MARKETPLACE_DOWN"},
		{name: "HTTP 502", answer: always(502, ""), want: "MARKETPLACE_DOWN"},
		{name: "HTTP 429", answer: always(429, ""), want: "THROTTLED"},
		{name: "HTTP 404", answer: always(404, "<html/>"), want: "MALFORMED_ANSWER"},
		{name: "HTTP 302", answer: func(w http.ResponseWriter, _ received, _ int) {
			w.Header().Set("Location", "/service")
			write(w, 302, "")
		}, want: "MALFORMED_ANSWER"},
		{name: "HTML", answer: always(200, "<!DOCTYPE html><html><body>x</body></html>"), want: "MALFORMED_ANSWER", text: "not a SOAP envelope"},
		{name: "XHTML", answer: always(200, "<html xmlns='http://www.w3.org/1999/xhtml'/>"), want: "MALFORMED_ANSWER", text: "not a SOAP envelope"},
		{name: "text", answer: always(200, "Service unavailable"), want: "MALFORMED_ANSWER", text: "not a SOAP envelope"},
		{name: "empty", answer: always(200, ""), want: "MALFORMED_ANSWER", text: "ends early"},
		{name: "not closed", answer: always(200, strings.TrimSuffix(good, "</s:Envelope>")), want: "MALFORMED_ANSWER", text: "ends early"},
		{name: "two envelopes", answer: always(200, good+good), want: "MALFORMED_ANSWER"},
		{name: "text after the envelope", answer: always(200, good+"oops"), want: "MALFORMED_ANSWER"},
		{name: "wrong end tag", answer: always(200, strings.Replace(good, "</State>", "</Stat>", 1)), want: "MALFORMED_ANSWER", text: "not well-formed"},
		{name: "undefined entity", answer: always(200, strings.Replace(good, "Demo", "&demo;", 1)), want: "MALFORMED_ANSWER", text: "not well-formed"},
		{name: "document type inside", answer: always(200, strings.Replace(good, "<s:Body>", "<!DOCTYPE x><s:Body>", 1)), want: "MALFORMED_ANSWER"},
		{name: "another operation's answer", answer: always(200, envelope("GetOrderList", "")), want: "MALFORMED_ANSWER"},
		{name: "no OperationSuccess", answer: always(200, strings.Replace(good, "OperationSuccess", "Other", 2)), want: "MALFORMED_ANSWER"},
		{name: "OperationSuccess unreadable", answer: always(200, strings.Replace(good, ">true<", ">vrai<", 1)), want: "MALFORMED_ANSWER"},
		{name: "endless element", answer: endless, want: "MALFORMED_ANSWER", text: "larger than"},
		{name: "internal fault", answer: always(500, faultAnswer(internalFault, "x")), want: "MARKETPLACE_DOWN"},
		{name: "formatter fault", answer: always(500, faultAnswer(formatterFault, "x")), want: "MARKETPLACE_REFUSED", text: "DeserializationFailed"},
		{name: "fault with 200", answer: always(200, faultAnswer(formatterFault, "x")), want: "MARKETPLACE_REFUSED"},
		{name: "no right", answer: always(500, faultAnswer(tokenFaultCode, notAuthorized)), want: "SELLER_NOT_AUTHORIZED"},
		{name: "quota", answer: always(200, refusal("", errorQuota)), want: "THROTTLED"},
		{name: "inactive by type", answer: always(200, refusal("", errorInactive)), want: "SELLER_INACTIVE"},
		{name: "inactive by text", answer: always(200, refusal("Vendeur désactivé", "")), want: "SELLER_INACTIVE"},
		{
			name: "not authorised by type", want: "SELLER_NOT_AUTHORIZED",
			answer: always(200, refusal("", `<Error><ErrorType>NotAuthorizedException</ErrorType><Message/></Error>`)),
		},
		{
			name: "a seller of another kind", want: "SELLER_NOT_AUTHORIZED",
			answer: always(200, refusal("", `<Error><ErrorType>SellerNotFound</ErrorType><Message>Vendeur de type CDiscount non autorisé !</Message></Error>`)),
		},
		{
			name: "seller not authorised by type", want: "SELLER_NOT_AUTHORIZED",
			answer: always(200, refusal("", `<Error><ErrorType>SellerNotAuthorized</ErrorType><Message/></Error>`)),
		},
		{name: "Latin 1", answer: always(200, `<?xml version="1.0" encoding="iso-8859-1"?>`+good), want: "MALFORMED_ANSWER"},
		{name: "Latin 1 inside", answer: always(200, strings.Replace(good, "Demo", "D\xe9mo", 1)), want: "MALFORMED_ANSWER"},
		{name: "too deep", answer: always(200, strings.Replace(good, "Demo", strings.Repeat("<a>", 200), 1)), want: "MALFORMED_ANSWER"},
		{name: "no right, under another code", answer: always(500, faultAnswer(internalFault, notAuthorized)), want: "MARKETPLACE_DOWN"},
		{
			name: "another refusal", want: "MARKETPLACE_REFUSED", text: "UnexpectedException: Le champ ParcelInfo",
			answer: always(200, refusal("", errorUnexpected)),
		},
		{name: "refusal without a word", answer: always(200, refusal("", "")), want: "MARKETPLACE_REFUSED", text: "no reason given"},
		{
			name: "refusal that names people and tokens", want: "MARKETPLACE_REFUSED", text: "alias … de … refusé",
			answer: always(200, refusal("alias  someone@example.com de\n00000000-0000-0000-0000-000000000001 refusé", "")),
		},
		{
			name: "refusal that names a buyer", want: "MARKETPLACE_REFUSED", text: ": Le client … de … refuse l'état Shipped",
			answer: always(200, refusal("Le client Alice EXEMPLE (0600000000) de LYON refuse l'état Shipped", "")),
		},
		{
			name: "refusal that names people in small letters and other scripts", want: "MARKETPLACE_REFUSED", text: ": La commande de … est refusée, … par …",
			answer: always(200, refusal("La commande de dupont est refusée, хлебников, par カナリア (secretword)", "")),
		},
		{
			name: "endless refusal", want: "MARKETPLACE_REFUSED", text: "trop …",
			answer: always(200, refusal(strings.Repeat("trop ", 31)+"trop trop trop", "")),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.answer)
			_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
			if reason(err) != tc.want || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("error %v, want %s with %q", err, tc.want, tc.text)
			}
			if err != nil && (strings.Contains(err.Error(), testPassword) || strings.Contains(err.Error(), "000000000001")) {
				t.Errorf("the error quotes a secret: %v", err)
			}
		})
	}
}

// endless writes one element until the reader has enough.
func endless(w http.ResponseWriter, r received, _ int) {
	head, _, _ := strings.Cut(envelope(r.Op, "<Seller><ShopName>#"), "#")
	_, _ = io.WriteString(w, head)
	block := bytes.Repeat([]byte("x"), 64<<10)
	for range 1 << 10 {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// TestRetryAfter: what the marketplace says is passed on.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, _ received, _ int) {
		w.Header().Set("Retry-After", "17")
		write(w, 503, "")
	})
	_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
	if e := asSDK(err); e == nil || e.RetryAfter != 17*time.Second {
		t.Errorf("error %v, want a retry after 17s", err)
	}
}

// TestDeadlineAndCancellation tells a slow marketplace from a caller that gave up.
func TestDeadlineAndCancellation(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	f := newFake(t, func(http.ResponseWriter, received, int) { <-done })
	f2 := newFake(t, func(http.ResponseWriter, received, int) { cancel(); <-done })
	t.Cleanup(func() { close(done) }) // before the servers wait for their handlers
	if _, err := cdiscount.New().CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: f2.store()}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancellation: error %v, want context.Canceled", err)
	}
	ctx, cancelDeadline := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancelDeadline()
	if _, err := cdiscount.New().CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: f.store()}); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("deadline: error %v, want MARKETPLACE_DOWN", err)
	}
	a := cdiscount.New(cdiscount.WithRequestTimeout(50 * time.Millisecond))
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()}); reason(err) != "MARKETPLACE_DOWN" {
		t.Errorf("request timeout: error %v, want MARKETPLACE_DOWN", err)
	}
}

// TestGzip: compressed answers are read, and a truncated one is an error.
func TestGzip(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, envelope("GetSellerInformation", sellerAnswer))
	_ = z.Close()
	for name, body := range map[string][]byte{"": packed.Bytes(), "MARKETPLACE_DOWN": packed.Bytes()[:packed.Len()-4]} {
		f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Error("gzip was not asked for")
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(body)
		})
		_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()})
		if reason(err) != name {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

// TestStoreContext: what the host must send.
func TestStoreContext(t *testing.T) {
	t.Parallel()
	f := newFake(t, cut)
	for _, tc := range []struct {
		field  string
		change func(*adapterv1.StoreContext)
	}{
		{"store.credentials.login", func(s *adapterv1.StoreContext) { s.Credentials["login"] = "" }},
		{"store.credentials.password", func(s *adapterv1.StoreContext) { delete(s.Credentials, "password") }},
		{"store.environment.sts_url", func(s *adapterv1.StoreContext) { s.Environment["sts_url"] = "sts" }},
		{"store.environment.service_url", func(s *adapterv1.StoreContext) { s.Environment["service_url"] = "file:///etc" }},
	} {
		store := f.store()
		tc.change(store)
		_, err := cdiscount.New().CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: store})
		if e := asSDK(err); e == nil || reason(err) != "INVALID_REQUEST" || e.Field != tc.field {
			t.Errorf("error %v, want INVALID_REQUEST for %s", err, tc.field)
		}
	}
}

// TestListCarriers: names and addresses are trimmed, entries without a name left out.
func TestListCarriers(t *testing.T) {
	t.Parallel()
	carrier := func(id, url, name string) string {
		return fields{"CarrierId": id, "DefaultURL": url, "Name": name}.xml("Carrier")
	}
	f := newFake(t, always(200, envelope("GetGlobalConfiguration", "<CarrierList>"+
		carrier("6", "\thttps://tracking.example.com/mr", "Mondial Relay")+carrier("30", "nil", "Asendia HK ")+
		carrier("99", "nil", "nil")+"</CarrierList>")))
	resp, err := cdiscount.New().ListCarriers(short(t), &adapterv1.ListCarriersRequest{Store: f.store()})
	if err != nil {
		t.Fatal(err)
	}
	want := []*adapterv1.Carrier{
		{Code: "6", Name: "Mondial Relay", TrackingUrl: "https://tracking.example.com/mr"}, {Code: "30", Name: "Asendia HK"},
	}
	if diff := cmp.Diff(want, resp.GetCarriers(), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMessageBesideSuccess: it is a warning in the log, without its text.
func TestMessageBesideSuccess(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	f := newFake(t, always(200, envelopeWith("GetSellerInformation", "alias of someone@example.com", "true", "", sellerAnswer)))
	a := cdiscount.New(cdiscount.WithLogger(log))
	if _, err := a.CheckConnection(short(t), &adapterv1.CheckConnectionRequest{Store: f.store()}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "level=WARN") || strings.Contains(got, "someone") {
		t.Errorf("logged %q, want a warning without the text", got)
	}
}
