package cdiscount_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/cdiscount"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// TestPrerenderedAnswersAreTheSame asks two sandboxes of one world, one of them prerendered, the same questions and does the
// same to both: their answers must not differ by a byte, whatever the filter and whatever happened to the orders.
func TestPrerenderedAnswersAreTheSame(t *testing.T) {
	t.Parallel()
	const orders = 150
	plain := openWith(t, emulator.Config{World: world.Config{Orders: orders}})
	ready := openWith(t, emulator.Config{World: world.Config{Orders: orders}, Prerender: true})
	both := func(do func(x *shop)) {
		do(plain)
		do(ready)
	}

	const fetch = "<FetchOrderLines>true</FetchOrderLines><FetchParcels>true</FetchParcels>"
	everything := states("CancelledByCustomer", "WaitingForSellerAcceptation", "AcceptedBySeller", "PaymentInProgress",
		"WaitingForShipmentAcceptation", "Shipped", "RefusedBySeller", "AutomaticCancellation", "PaymentRefused", "ShipmentRefusedBySeller")
	begin := date("BeginCreationDate", "2026-01-02T03:04:05.678")
	filters := map[string]string{
		"everything":           begin + fetch + everything,
		"heads only":           begin + everything,
		"lines only":           begin + "<FetchOrderLines>true</FetchOrderLines>" + everything,
		"to ship":              begin + fetch + states(world.WaitingForShipmentAcceptation),
		"four dates":           begin + date("BeginModificationDate", "2026-02-01T00:00:00") + date("EndCreationDate", "2026-02-19T23:59:59.99") + date("EndModificationDate", "2026-02-20T00:00:00") + fetch + everything,
		"dates out of reach":   date("BeginCreationDate", "0001-01-01T00:00:00") + date("EndCreationDate", "9999-12-31T23:59:59") + fetch + everything,
		"look-back":            fetch + everything,
		"no states":            begin + fetch,
		"one channel":          begin + "<CorporationCode>CASIFR</CorporationCode>" + fetch + everything,
		"nothing found":        date("BeginCreationDate", "2030-01-02T03:04:05") + fetch + everything,
		"by modification only": date("BeginModificationDate", "2026-02-15T00:00:00") + fetch + everything,
		"repeated state":       begin + fetch + states(world.Shipped, world.Shipped),
	}
	same := func(step string) {
		t.Helper()
		for name, filter := range filters {
			_, want := plain.call("GetOrderList", "<orderFilter>"+filter+"</orderFilter>")
			_, got := ready.call("GetOrderList", "<orderFilter>"+filter+"</orderFilter>")
			want, got = strings.Replace(want, plain.token, "T", 1), strings.Replace(got, ready.token, "T", 1)
			if want != got {
				t.Errorf("%s, %s: %d bytes instead of %d, or others", step, name, len(got), len(want))
			}
			if strings.Count(got, "<Order>") == 0 != (name == "nothing found") {
				t.Errorf("%s, %s: found %d orders", step, name, strings.Count(got, "<Order>"))
			}
		}
	}

	same("at the start")
	toShip := plain.s.World().Find("demo", func(h world.Head) bool { return h.Variety == world.MultiLine })
	toAccept := plain.s.World().Find("demo", func(h world.Head) bool { return h.State == world.WaitingForSellerAcceptation })
	both(func(x *shop) {
		decide := func(number, state, line string, change func(d *decision)) {
			o, _ := x.s.World().Read(number)
			d := decision{Number: number, State: state}
			for _, l := range o.Lines {
				d.Lines = append(d.Lines, [2]string{l.SKU, line})
			}
			change(&d)
			if v := x.validate(d); !v.Results[0].Validated {
				t.Fatalf("%s of %s: %+v", state, number, v)
			}
		}
		decide(toShip[0], "Shipped", "ShippedBySeller", func(d *decision) { d.Carrier, d.Tracking = "UPS", "1" })
		decide(toAccept[0], "AcceptedBySeller", "AcceptedBySeller", func(*decision) {})
		decide(toAccept[1], "RefusedBySeller", "RefusedBySeller", func(*decision) {})
		if err := x.s.World().Remove(toShip[2]); err != nil {
			t.Fatal(err)
		}
		cancelled := world.CancelledByCustomer
		if err := x.s.World().Update(toShip[1], world.Patch{State: &cancelled}); err != nil {
			t.Fatal(err)
		}
		x.create(world.Spec{Number: "brand-new", State: world.WaitingForShipmentAcceptation})
	})
	same("after writes")
	if o := ready.read(toShip[0]); o.state() != "Shipped" || len(o.Parcels) != 1 {
		t.Errorf("the shipped order reads %+v", o)
	}
	both(func(x *shop) { mustAdvance(x, 10*time.Minute) })
	same("after the payment")
	if o := ready.read(toAccept[0]); o.state() != "WaitingForShipmentAcceptation" {
		t.Errorf("the accepted order reads %s", o.state())
	}
	both(func(x *shop) { x.settle(func(s *world.Settings) { s.ParcelsVisible = false }) })
	same("without parcels")
	found := func() int { return len(ready.list(filters["by modification only"])) }
	before := found()
	both(func(x *shop) { x.settle(func(s *world.Settings) { s.UndatedNeverModified = true }) })
	same("without undated orders")
	if after := found(); after >= before {
		t.Errorf("%d orders modified since, %d without the undated ones", before, after)
	}
	both(func(x *shop) {
		x.settle(func(s *world.Settings) {
			s.UndatedNeverModified, s.ParcelsVisible, s.OrderListWarning = false, true, "Attention"
		})
		mustAdvance(x, 20*24*time.Hour) // relay mailboxes of shipped orders end on the way
		x.token = x.login("demo-api")
	})
	delete(filters, "look-back") // nothing is that young any more, but for what is new
	delete(filters, "no states")
	same("weeks later")
}

func TestPrerenderedAnswersComeAsTheyLie(t *testing.T) {
	t.Parallel()
	x := openWith(t, emulator.Config{World: world.Config{Orders: 50}, Prerender: true})
	filter := "<orderFilter>" + date("BeginCreationDate", "2026-01-01T00:00:00") +
		"<FetchOrderLines>true</FetchOrderLines><FetchParcels>true</FetchParcels>" + states(world.WaitingForShipmentAcceptation) + "</orderFilter>"
	req := x.request("GetOrderList", filter)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Encoding") != "" || resp.ContentLength != int64(len(body)) || !wellFormed(string(body)) {
		t.Errorf("%v, encoding %q, content length %d of %d bytes", err, resp.Header.Get("Content-Encoding"), resp.ContentLength, len(body))
	}
}

// BenchmarkGetOrderList serves a list of 10,000 orders of about 3.7 kB, rendered at the start and as it comes.
func BenchmarkGetOrderList(b *testing.B) {
	for name, prerender := range map[string]bool{"prerendered": true, "rendered as it comes": false} {
		b.Run(name, func(b *testing.B) {
			e, err := emulator.New(emulator.Config{
				World:     world.Config{Orders: 10_000, Seed: 7, Start: start, Frozen: true, Varieties: []world.Variety{world.MondialRelay}},
				Prerender: prerender,
			})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			benchmarkList(b, e)
		})
	}
}

// benchmarkList asks a handler for all orders to ship, without a network in between.
func benchmarkList(b *testing.B, e *emulator.Emulator) {
	b.Helper()
	e.World().AddToken("demo", benchToken)
	filter := date("BeginCreationDate", "2026-01-01T00:00:00") +
		"<FetchOrderLines>true</FetchOrderLines><FetchParcels>true</FetchParcels>" + states(world.WaitingForShipmentAcceptation)
	var body strings.Builder
	if err := envelope.Execute(&body, map[string]string{"Op": "GetOrderList", "Token": benchToken, "Parameter": "<orderFilter>" + filter + "</orderFilter>"}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, cdiscount.ServicePath, strings.NewReader(body.String()))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/xml")
		req.Header.Set("SOAPAction", "http://www.cdiscount.com/IMarketplaceAPIService/GetOrderList")
		w := &sink{header: http.Header{}}
		e.ServeHTTP(w, req)
		if w.status != http.StatusOK {
			b.Fatalf("HTTP %d", w.status)
		}
		b.SetBytes(w.bytes)
		b.ReportMetric(float64(w.bytes)/10_000, "B/order")
	}
}

const benchToken = "feed0000000000000000000000000abc"

// sink counts what it is sent.
type sink struct {
	header http.Header
	status int
	bytes  int64
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return len(p), nil
}
