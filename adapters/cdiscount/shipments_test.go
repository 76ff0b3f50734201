package cdiscount_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// shipment is a notification of an order with one line.
func shipment(key, number string) *adapterv1.ShipmentNotification {
	return &adapterv1.ShipmentNotification{
		Key: key, OrderNumber: number, AdapterContext: []byte(`{"v":1,"l":[{"i":"TSHIRT-BLU-M","s":"TSHIRT-BLU-M","c":"New"}]}`),
		Lines:   []*adapterv1.ShippedLine{{LineId: "TSHIRT-BLU-M", Sku: "TSHIRT-BLU-M", Quantity: 2}},
		Carrier: "Mondial Relay", TrackingNumber: "MR00000001", TrackingUrl: "https://tracking.example.com/MR00000001",
	}
}

// result writes a ValidateOrderResult.
func result(number, errs, lines, validated string) string {
	return `<ValidateOrderResults><ValidateOrderResult><Errors>` + errs + `</Errors><OrderNumber>` + number + `</OrderNumber>` +
		`<ValidateOrderLineResults>` + lines + `</ValidateOrderLineResults><Validated>` + validated +
		`</Validated><Warnings/></ValidateOrderResult></ValidateOrderResults>`
}

func lineResult(sku, updated string) string {
	return `<ValidateOrderLineResult><Errors/><SellerProductId>` + sku + `</SellerProductId><Updated>` + updated +
		`</Updated></ValidateOrderLineResult>`
}

// shipAnswer is the full yes to an order.
func shipAnswer(number string, skus ...string) string {
	var lines strings.Builder
	for _, s := range skus {
		lines.WriteString(lineResult(s, "true"))
	}
	return envelope("ValidateOrderList", result(number, "", lines.String(), "true"))
}

const orderNumber = "2605021015ABC12"

func validateAnswer(errs, lines, validated string) string {
	return envelope("ValidateOrderList", result(orderNumber, errs, lines, validated))
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter, _ received, _ int) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

const (
	applied  = "OUTCOME_APPLIED"
	rejected = "OUTCOME_REJECTED"
	retry    = "OUTCOME_RETRY"
	unknown  = "OUTCOME_UNKNOWN"
)

// TestShipmentOutcomes is the table of what becomes of one write; each must have been sent exactly once.
func TestShipmentOutcomes(t *testing.T) {
	t.Parallel()
	const sku = "TSHIRT-BLU-M"
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, received, int)
		want   string
		reason string
		// err is the reason of an error of the whole call.
		err string
	}{
		{name: "validated and updated", answer: always(200, shipAnswer(orderNumber, sku)), want: applied},
		{
			name: "yes although OperationSuccess is false", want: applied,
			answer: always(200, envelopeWith("ValidateOrderList", "?", "false", "", result(orderNumber, "", lineResult(sku, "true"), "true"))),
		},
		{
			name: "refused although OperationSuccess is true", want: rejected, reason: "OrderStateIncoherent",
			answer: always(200, validateAnswer(errorIncoherent, "", "false")),
		},
		{
			name: "refused for its tracking", want: rejected, reason: "OrderTrackingInformationError",
			answer: always(200, validateAnswer(`<Error><ErrorType>OrderTrackingInformationError</ErrorType><Message/></Error>`, "", "false")),
		},
		{
			name: "refused with the reason at the line", want: rejected, reason: "OrderLineNotFound",
			answer: always(200, validateAnswer("", `<ValidateOrderLineResult><Errors><Error><ErrorType>OrderLineNotFound</ErrorType>`+
				`<Message>x</Message></Error></Errors><SellerProductId>`+sku+`</SellerProductId><Updated>false</Updated></ValidateOrderLineResult>`, "false")),
		},
		{name: "failure inside for the order", answer: always(200, validateAnswer(errorUnexpected, "", "false")), want: unknown},
		{
			name: "failure inside behind another reason", want: unknown,
			answer: always(200, validateAnswer(errorIncoherent+`<Error><ErrorType>OperationManagerServiceException</ErrorType><Message/></Error>`, "", "false")),
		},
		{
			name: "failure inside of another service", want: unknown,
			answer: always(200, envelopeWith("ValidateOrderList", "", "false", `<Error><ErrorType>FulfillmentApiException</ErrorType><Message/></Error>`, "")),
		},
		{name: "an unknown word about the token", answer: always(500, faultAnswer(tokenFaultCode, "Jeton périmé.")), want: retry},
		{name: "expiry under a code that nobody knows", answer: always(500, faultAnswer("s:Server", "The token has expired.")), want: unknown},
		{name: "refused without a reason", answer: always(200, validateAnswer("", "", "false")), want: rejected},
		{name: "quota for the order", answer: always(200, validateAnswer(errorQuota, "", "false")), want: retry, reason: "Quota"},
		{
			name: "quota for the call", want: retry, reason: "Quota",
			answer: always(200, envelopeWith("ValidateOrderList", "", "false", errorQuota, "")),
		},
		{name: "validated, a line not updated", answer: always(200, validateAnswer("", lineResult(sku, "false"), "true")), want: unknown},
		{name: "validated, the line not named", answer: always(200, validateAnswer("", "", "true")), want: unknown},
		{name: "validated, another line named", answer: always(200, validateAnswer("", lineResult("OTHER", "true"), "true")), want: unknown},
		{
			name: "validated, the line named twice and once not updated", want: unknown,
			answer: always(200, validateAnswer("", lineResult(sku, "true")+lineResult(sku, "false"), "true")),
		},
		{name: "not validated, but a line updated", answer: always(200, validateAnswer("", lineResult(sku, "true"), "false")), want: unknown},
		{name: "Validated is not a boolean", answer: always(200, validateAnswer("", lineResult(sku, "true"), "oui")), want: unknown},
		{name: "answer about another order", answer: always(200, shipAnswer("OTHER", sku)), want: unknown},
		{name: "success without results", answer: always(200, envelope("ValidateOrderList", "")), want: unknown},
		{
			name: "failure without results or reason", want: unknown,
			answer: always(200, envelopeWith("ValidateOrderList", "", "false", "", "")),
		},
		{
			name: "failure inside the marketplace", want: unknown,
			answer: always(200, envelopeWith("ValidateOrderList", "", "false", errorUnexpected, "")),
		},
		{
			name: "the call refused by type", want: rejected, reason: "InvalidRequest",
			answer: always(200, envelopeWith("ValidateOrderList", "", "false", `<Error><ErrorType>InvalidRequest</ErrorType><Message/></Error>`, "")),
		},
		{name: "inactive seller by type", answer: always(200, envelopeWith("ValidateOrderList", "", "false", errorInactive, "")), err: "SELLER_INACTIVE"},
		{
			name: "inactive seller by text", err: "SELLER_INACTIVE",
			answer: always(200, envelopeWith("ValidateOrderList", "Vendeur désactivé", "false", "", "")),
		},
		{name: "no right to the operation", answer: always(500, faultAnswer(tokenFaultCode, notAuthorized)), err: "SELLER_NOT_AUTHORIZED"},
		{name: "token unknown", answer: always(500, faultAnswer(tokenFaultCode, tokenUnknown)), want: retry},
		{name: "token expired", answer: always(500, faultAnswer(tokenFaultCode, "The token has expired.")), want: retry},
		{name: "token malformed", answer: always(500, faultAnswer(tokenFaultCode, "TOKEN ID IS NOT CORRECTLY FORMATTED.")), want: retry},
		{
			name: "an internal fault that speaks of expiry is no token fault", want: unknown,
			answer: always(500, faultAnswer(internalFault, "The lock has expired.")),
		},
		{name: "internal fault", answer: always(500, faultAnswer(internalFault, "The server was unable.")), want: unknown},
		{
			name: "request not readable", want: rejected, reason: "DeserializationFailed",
			answer: always(500, faultAnswer(formatterFault, "The formatter threw an exception.")),
		},
		{name: "HTTP 500 without SOAP", answer: always(500, "oops"), want: unknown},
		{name: "HTTP 503", answer: always(503, "busy"), want: unknown},
		{name: "HTTP 404", answer: always(404, "<html/>"), want: unknown},
		{name: "HTTP 429", answer: always(429, "slow down"), want: retry},
		{name: "HTML", answer: always(200, "<!DOCTYPE html><html><body>Maintenance</body></html>"), want: unknown},
		{name: "empty answer", answer: always(200, ""), want: unknown},
		{name: "truncated yes", answer: always(200, strings.TrimSuffix(shipAnswer(orderNumber, sku), "</s:Envelope>")), want: unknown},
		{name: "connection cut", answer: cut, want: unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.answer)
			resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
				Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
			})
			if n := len(f.seen()); n != 1 {
				t.Errorf("sent %d times, want once", n)
			}
			if tc.err != "" {
				if reason(err) != tc.err {
					t.Fatalf("error %v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(resp.GetResults()) != 1 {
				t.Fatalf("%d results, want 1", len(resp.GetResults()))
			}
			r := resp.GetResults()[0]
			if r.GetKey() != "k" || r.GetOutcome().String() != tc.want || r.GetNativeReason() != tc.reason {
				t.Errorf("got %s %s %q (%s), want k %s %q", r.GetKey(), r.GetOutcome(), r.GetNativeReason(), r.GetMessage(), tc.want, tc.reason)
			}
		})
	}
}

// TestShipmentsNotSent holds what is refused before anything leaves.
func TestShipmentsNotSent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*adapterv1.ShipmentNotification)
	}{
		{"no order number", func(n *adapterv1.ShipmentNotification) { n.OrderNumber = "" }},
		{"no carrier", func(n *adapterv1.ShipmentNotification) { n.Carrier = "" }},
		{"no tracking number", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "" }},
		{"no context", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = nil }},
		{"another adapter's context", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte(`{"v":7,"l":[{"i":"a"}]}`) }},
		{"no line left", func(n *adapterv1.ShipmentNotification) { n.AdapterContext = []byte(`{"v":1,"l":[]}`) }},
		{"a part of the order", func(n *adapterv1.ShipmentNotification) {
			n.AdapterContext = []byte(`{"v":1,"l":[{"i":"TSHIRT-BLU-M","s":"TSHIRT-BLU-M"},{"i":"CAP","s":"CAP"}]}`)
		}},
		{"a tracking number too long", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = strings.Repeat("é", 51) }},
		{"a tracking number with a blank", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "MR 1" }},
		{"a tracking number with a tab", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "MR1\t" }},
		{"a tracking number with a no-break space", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "MR\u00a01" }},
		{"a tracking number with an ampersand", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "MR&1" }},
		{"a tracking number with a star", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "MR*" }},
		{"a tracking number with a dollar", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "$MR" }},
		{"a tracking address too long", func(n *adapterv1.ShipmentNotification) {
			n.TrackingUrl = "https://" + strings.Repeat("x", 248)
		}},
		{"a tracking address of another kind", func(n *adapterv1.ShipmentNotification) { n.TrackingUrl = "ftp://tracking.example.com" }},
		{"a character that XML cannot carry", func(n *adapterv1.ShipmentNotification) { n.TrackingNumber = "MR\x01" }},
		{"broken UTF-8", func(n *adapterv1.ShipmentNotification) { n.Carrier = "Colis Priv\xe9" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, always(200, shipAnswer(orderNumber, "TSHIRT-BLU-M")))
			n := shipment("k", orderNumber)
			tc.change(n)
			resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
				Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{n},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.GetResults()[0].GetOutcome().String(); got != rejected || resp.GetResults()[0].GetMessage() == "" {
				t.Errorf("outcome %s, want %s with a message", got, rejected)
			}
			if n := len(f.seen()); n != 0 {
				t.Errorf("%d requests left, want none", n)
			}
		})
	}
}

// TestLongestTracking: what is just allowed is sent.
func TestLongestTracking(t *testing.T) {
	t.Parallel()
	f := newFake(t, always(200, shipAnswer(orderNumber, "TSHIRT-BLU-M")))
	n := shipment("k", orderNumber)
	n.TrackingNumber, n.TrackingUrl = strings.Repeat("é", 50), "http://"+strings.Repeat("x", 248)
	resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{n},
	})
	if err != nil || resp.GetResults()[0].GetOutcome().String() != applied {
		t.Errorf("%v, error %v", resp.GetResults(), err)
	}
}

// TestShipmentsOneByOne: items are independent, each is one call, and every one has a result.
func TestShipmentsOneByOne(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r received, n int) {
		number := match(r.Body, `<OrderNumber>([^<]*)<`)
		switch n {
		case 2:
			write(w, 500, faultAnswer(tokenFaultCode, tokenUnknown))
		case 3:
			write(w, 200, envelope("ValidateOrderList", result(number, errorIncoherent, "", "false")))
		default:
			write(w, 200, shipAnswer(number, "TSHIRT-BLU-M"))
		}
	})
	resp, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{
			shipment("a", "N1"), shipment("b", "N2"), shipment("c", "N3"), shipment("d", "N4"),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, r := range resp.GetResults() {
		got[r.GetKey()] = r.GetOutcome().String()
	}
	if diff := cmp.Diff(map[string]string{"a": applied, "b": retry, "c": rejected, "d": applied}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	var sent []string
	for _, r := range f.seen() {
		sent = append(sent, match(r.Body, `<OrderNumber>([^<]*)<`)+" "+r.token())
	}
	want := []string{"N1 " + tokenNumber(1), "N2 " + tokenNumber(1), "N3 " + tokenNumber(2), "N4 " + tokenNumber(2)}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(resp.GetStateUpdate().GetState()), tokenNumber(2)) {
		t.Error("the new token is not in the state for the host")
	}
}

// TestNotifyShipmentsRequest holds what makes the whole call invalid.
func TestNotifyShipmentsRequest(t *testing.T) {
	t.Parallel()
	f := newFake(t, cut)
	many := make([]*adapterv1.ShipmentNotification, 51)
	for i := range many {
		many[i] = shipment(string(rune('A'+i)), orderNumber)
	}
	for name, notifications := range map[string][]*adapterv1.ShipmentNotification{
		"no key":    {shipment("", orderNumber)},
		"key twice": {shipment("k", "N1"), shipment("k", "N2")},
		"too many":  many,
	} {
		_, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: notifications})
		if reason(err) != "INVALID_REQUEST" {
			t.Errorf("%s: error %v, want INVALID_REQUEST", name, err)
		}
	}
	if len(f.seen()) != 0 || f.tokens() != 0 {
		t.Error("something was sent")
	}
}

// TestNoTokenNoShipment: without a token nothing is sent and the whole call fails.
func TestNoTokenNoShipment(t *testing.T) {
	t.Parallel()
	f := newFake(t, cut)
	store := f.store()
	store.Credentials["password"] = "wrong"
	_, err := cdiscount.New().NotifyShipments(short(t), &adapterv1.NotifyShipmentsRequest{
		Store: store, Notifications: []*adapterv1.ShipmentNotification{shipment("k", orderNumber)},
	})
	if reason(err) != "CREDENTIALS_REJECTED" {
		t.Errorf("error %v, want CREDENTIALS_REJECTED", err)
	}
	if len(f.seen()) != 0 {
		t.Error("the service was called")
	}
}
