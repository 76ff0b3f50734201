package cdiscount_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

var update = flag.Bool("update", false, "write the golden files")

// calls runs one call of each kind against the fake and returns the requests by operation and kind.
func calls(t *testing.T) map[string]received {
	t.Helper()
	requests := make(map[string]received)
	record := func(kind string, run func(a *cdiscount.Adapter, f *fake) error) {
		f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
			switch r.Op {
			case "GetSellerInformation":
				write(w, http.StatusOK, envelope(r.Op, sellerAnswer))
			case "ValidateOrderList":
				write(w, http.StatusOK, shipAnswer("1905021015ABC12", "TSHIRT-BLU-M"))
			default:
				write(w, http.StatusOK, envelope(r.Op, ""))
			}
		})
		f.sts = func(w http.ResponseWriter, _ *http.Request, _ int) { writeToken(w, "feed0000000000000000000000000abc") }
		if err := run(cdiscount.New(cdiscount.WithClock(clock("2019-05-09T00:00:00Z"))), f); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if seen := f.seen(); len(seen) != 1 {
			t.Fatalf("%s: %d requests, want 1", kind, len(seen))
		} else {
			requests[kind] = seen[0]
		}
	}
	ctx := short(t)
	record("GetSellerInformation", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: f.store()})
		return err
	})
	record("GetGlobalConfiguration", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.ListCarriers(ctx, &adapterv1.ListCarriersRequest{Store: f.store()})
		return err
	})
	record("GetOrderList", func(a *cdiscount.Adapter, f *fake) error {
		return a.ListOrders(ctx, &adapterv1.ListOrdersRequest{
			Store: f.store(), Since: &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(at("2019-05-01T00:00:00Z"))},
			Until:    timestamppb.New(at("2019-05-03T12:30:00.5Z")),
			Statuses: []adapterv1.OrderStatus{adapterv1.OrderStatus_ORDER_STATUS_READY_TO_SHIP},
		}, &sink{})
	})
	record("GetOrderList.by-number", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: []string{"1905021015ABC12"}})
		return err
	})
	record("ValidateOrderList.ship", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{
			Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{shipment("k", "1905021015ABC12")},
		})
		return err
	})
	record("ValidateOrderList.escaped", func(a *cdiscount.Adapter, f *fake) error {
		n := shipment("k", "1905021015ABC12")
		n.Carrier = `Colis <Privé> "&" Fils`
		n.TrackingUrl = "https://tracking.example.com/?a=1&b='2'"
		n.Lines = nil
		n.AdapterContext = []byte(`{"v":1,"l":[{"i":"a","s":" A&B ","c":"LikeNew"},{"i":"b","s":"B"}]}`)
		_, err := a.NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{
			Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{n},
		})
		return err
	})
	for kind, accept := range map[string]bool{"accept": true, "refuse": false} {
		record("ValidateOrderList."+kind, func(a *cdiscount.Adapter, f *fake) error {
			_, err := decide(t, a, f.store(), accept, decided("k", "1905021015ABC12"))
			return err
		})
	}
	record("GetProductListByIdentifier", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.GetProducts(ctx, &adapterv1.GetProductsRequest{Store: f.store(), Eans: []string{"2000000000015", "0200000000022"}})
		return err
	})
	return requests
}

// edgeCalls runs the calls whose requests are at the edge of what the adapter can write: every optional part left out, the
// most lines, numbers, states and codes, and text that must be escaped wherever a caller's text goes.
func edgeCalls(t *testing.T) map[string]received {
	t.Helper()
	const hostile = "<a&b>\"'\t\r\n]]> é \U0001F600"
	requests := make(map[string]received)
	record := func(kind string, run func(a *cdiscount.Adapter, f *fake) error) {
		f := newFake(t, func(w http.ResponseWriter, r received, _ int) { write(w, http.StatusOK, envelope(r.Op, "")) })
		if err := run(cdiscount.New(cdiscount.WithClock(clock("2026-10-25T01:30:00Z"))), f); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		requests[kind] = f.seen()[0]
	}
	ctx := short(t)
	var lines, numbers []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf(`{"i":"%d","s":"SKU-%d","c":"%s"}`, i, i, []string{"New", "LikeNew", "", "None"}[i%4]))
		numbers = append(numbers, fmt.Sprintf("26050210%07d", i))
	}
	many := []byte(`{"v":1,"l":[` + strings.Join(lines, ",") + `]}`)
	sku, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	escaped := []byte(`{"v":1,"l":[{"i":"a","s":` + string(sku) + `,"c":"Refurbished"}]}`)
	for kind, change := range map[string]func(*adapterv1.ShipmentNotification){
		"ship-many-lines": func(n *adapterv1.ShipmentNotification) { n.AdapterContext = many },
		"ship-least": func(n *adapterv1.ShipmentNotification) {
			n.TrackingUrl, n.AdapterContext = "", []byte(`{"v":1,"l":[{"i":"a","s":"A"}]}`)
		},
		"ship-escaped": func(n *adapterv1.ShipmentNotification) {
			n.AdapterContext, n.Carrier, n.OrderNumber = escaped, hostile, hostile
			n.TrackingNumber, n.TrackingUrl = `<'">`, "https://tracking.example.com/?a=1&b="+hostile
		},
	} {
		record("ValidateOrderList."+kind, func(a *cdiscount.Adapter, f *fake) error {
			n := shipment("k", "1905021015ABC12")
			n.Lines = nil
			change(n)
			_, err := a.NotifyShipments(ctx, &adapterv1.NotifyShipmentsRequest{Store: f.store(), Notifications: []*adapterv1.ShipmentNotification{n}})
			return err
		})
	}
	for kind, accept := range map[string]bool{"accept": true, "refuse": false} {
		for size, adapterContext := range map[string][]byte{"many-lines": many, "escaped": escaped} {
			record("ValidateOrderList."+kind+"-"+size, func(a *cdiscount.Adapter, f *fake) error {
				order := decided("k", hostile)
				order.AdapterContext = adapterContext
				_, err := decide(t, a, f.store(), accept, order)
				return err
			})
		}
	}
	record("GetOrderList.all-states", func(a *cdiscount.Adapter, f *fake) error {
		return a.ListOrders(ctx, listRequest(f, "2026-10-25T00:00:00.123456789Z", "2026-10-25T02:00:00Z", allStatuses()...), &sink{})
	})
	record("GetOrderList.modified", func(a *cdiscount.Adapter, f *fake) error {
		req := listRequest(f, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z")
		req.Since = &adapterv1.ListOrdersRequest_ModifiedSince{ModifiedSince: timestamppb.New(at("2026-03-29T00:00:00Z"))}
		return a.ListOrders(ctx, req, &sink{})
	})
	record("GetOrderList.many-numbers", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.GetOrders(ctx, &adapterv1.GetOrdersRequest{Store: f.store(), OrderNumbers: append(numbers[:49:49], hostile)})
		return err
	})
	record("GetProductListByIdentifier.many", func(a *cdiscount.Adapter, f *fake) error {
		_, err := a.GetProducts(ctx, &adapterv1.GetProductsRequest{Store: f.store(), Eans: append(numbers[:99:99], hostile)})
		return err
	})
	return requests
}

// TestDumpRequests checks that every kind of request is well-formed, and writes them into the directory that RELAIS_DUMP_DIR
// names, as <Operation>.<case>.request.xml, where CI holds them against the published schema.
func TestDumpRequests(t *testing.T) {
	t.Parallel()
	requests := calls(t)
	maps.Copy(requests, edgeCalls(t))
	seen := make(map[string]bool)
	for kind, r := range requests {
		op, name, _ := strings.Cut(kind, ".")
		seen[op] = true
		if lines := outline(t, r.Body, nil, nil); len(lines) < 10 {
			t.Errorf("%s: only %d elements", kind, len(lines))
		}
		if dir := os.Getenv("RELAIS_DUMP_DIR"); dir != "" {
			if name == "" {
				name = "plain"
			}
			if err := os.WriteFile(filepath.Join(dir, op+"."+name+".request.xml"), []byte(r.Body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, op := range []string{"GetSellerInformation", "GetGlobalConfiguration", "GetOrderList", "ValidateOrderList", "GetProductListByIdentifier"} {
		if !seen[op] {
			t.Errorf("no request of %s", op)
		}
	}
}

// TestRequestBytes holds every envelope to its golden file: element order is part of the contract (cdiscount-soap.md 3.2).
func TestRequestBytes(t *testing.T) {
	t.Parallel()
	for kind, r := range calls(t) {
		path := filepath.Join("testdata", kind+".request.xml")
		if *update {
			if err := os.WriteFile(path, []byte(r.Body+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), r.Body); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
		op, _, _ := strings.Cut(kind, ".")
		if got, want := r.Header.Get("SOAPAction"), `"http://www.cdiscount.com/IMarketplaceAPIService/`+op+`"`; got != want {
			t.Errorf("%s: SOAPAction %s, want %s", kind, got, want)
		}
		if got, want := r.Header.Get("Content-Type"), "text/xml; charset=utf-8"; got != want {
			t.Errorf("%s: Content-Type %q, want %q", kind, got, want)
		}
		if got := r.Header.Get("User-Agent"); !strings.HasPrefix(got, "relais/") {
			t.Errorf("%s: User-Agent %q", kind, got)
		}
		if _, sent := r.Header["Idempotency-Key"]; sent {
			t.Errorf("%s: sends a header that only net/http should see", kind)
		}
	}
}

// TestRequestsMatchContractExamples compares the structure of our requests with the contract's examples: names, namespaces,
// order and the header's values.
func TestRequestsMatchContractExamples(t *testing.T) {
	t.Parallel()
	dir := examples(t)
	requests := calls(t)
	for _, tc := range []struct {
		kind string
		// ours are elements that we send beyond the example.
		ours []string
	}{
		{kind: "GetSellerInformation"},
		{kind: "GetGlobalConfiguration"},
		{kind: "GetOrderList"},
		{kind: "GetOrderList.by-number", ours: []string{"FetchParcels"}},
		{kind: "ValidateOrderList.ship"},
		{kind: "ValidateOrderList.accept"},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			example, err := os.ReadFile(filepath.Join(dir, tc.kind+".request.xml"))
			if err != nil {
				t.Fatal(err)
			}
			// Dates are the test's own.
			ignore := map[string]bool{
				"BeginCreationDate": true, "BeginModificationDate": true, "EndCreationDate": true, "EndModificationDate": true,
			}
			want, got := outline(t, string(example), ignore, nil), outline(t, requests[tc.kind].Body, ignore, tc.ours)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("differs from the example (-example +ours):\n%s", diff)
			}
		})
	}
}

// outline lists the elements of a document with namespace and text.
func outline(t *testing.T, doc string, withoutText map[string]bool, without []string) []string {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(doc))
	var lines []string
	var path []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			for _, skip := range without {
				if token.Name.Local == skip {
					_ = dec.Skip()
					token.Name.Local = ""
				}
			}
			if token.Name.Local == "" {
				continue
			}
			path = append(path, token.Name.Local)
			line := strings.Repeat(" ", len(path)) + "{" + token.Name.Space + "}" + token.Name.Local
			for _, a := range token.Attr {
				if a.Name.Local == "nil" {
					line += " nil"
				}
			}
			lines = append(lines, line)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" && !withoutText[path[len(path)-1]] {
				lines[len(lines)-1] += " = " + text
			}
		}
	}
}
