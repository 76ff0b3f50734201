package cdiscount_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// discard takes orders and keeps none; every so often it notes how much memory is in use.
type discard struct {
	orders int
	peak   uint64
}

func (d *discard) Send(*adapterv1.Order) error {
	if d.orders++; d.orders%1000 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		d.peak = max(d.peak, m.HeapAlloc)
	}
	return nil
}

func (d *discard) Checkpoint(time.Time) error { return nil }
func (d *discard) State([]byte)               {}

// streamOrders answers with n orders without holding them.
func streamOrders(n int) func(http.ResponseWriter, received, int) {
	head, tail, _ := strings.Cut(orderList(homeOrder("#")), homeOrder("#").xml("Order"))
	order := homeOrder("N1").xml("Order")
	return func(w http.ResponseWriter, _ received, _ int) {
		_, _ = io.WriteString(w, head)
		for range n {
			_, _ = io.WriteString(w, order)
		}
		_, _ = io.WriteString(w, tail)
	}
}

// TestMemoryIsFlat reads an answer of 12,000 orders (some 60 MB): what is held at once must not grow with it.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a large answer")
	}
	peak := func(n int) uint64 {
		f := newFake(t, streamOrders(n))
		d := &discard{}
		if err := cdiscount.New().ListOrders(short(t), listRequest(f, "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"), d); err != nil {
			t.Fatal(err)
		}
		if d.orders != n {
			t.Fatalf("%d orders, want %d", d.orders, n)
		}
		return d.peak
	}
	small, large := peak(1000), peak(12000)
	if large > small+4<<20 {
		t.Errorf("1,000 orders hold %d KiB, 12,000 hold %d KiB", small>>10, large>>10)
	}
}

// benchOrder is an order of about 3.7 kB: one line of goods, of the shape of the contract's example.
func benchOrder(number string) fields {
	return pointOrder(number).with(
		"IsEligibileSubstitution", "false", "ShippedTotalAmount", "0", "ShippedTotalShippingCharges", "0",
		"SiteCommissionShippedAmount", "0", "ValidationStatus", "None",
		"BillingAddress", homeAddress().with("FirstName", "Zoé").inner(), "OrderLineList", lineList(goodsLine().with(
			"IsCDAV", "false", "IsNegotiated", "nil", "IsProductEanGenerated", "false", "RefundShippingCharges", "nil", "SkuParent", "nil")),
	)
}

// benchAnswer is an answer of n orders.
func benchAnswer(n int) []byte {
	head, tail, _ := strings.Cut(orderList(benchOrder("#")), benchOrder("#").xml("Order"))
	var b bytes.Buffer
	b.WriteString(head)
	for i := range n {
		b.WriteString(benchOrder(fmt.Sprintf("26050210%07d", i)).xml("Order"))
	}
	b.WriteString(tail)
	return b.Bytes()
}

// BenchmarkDecode compares, over the same bytes: walking them with encoding/xml and with the adapter's tokenizer, and
// decoding them to adapterv1.Order.
func BenchmarkDecode(b *testing.B) {
	const orders = 1000
	answer := benchAnswer(orders)
	for _, bc := range []struct {
		name string
		run  func() error
	}{
		{"encoding-xml-RawToken", func() error {
			d := xml.NewDecoder(bytes.NewReader(answer))
			for {
				if _, err := d.RawToken(); err != nil {
					return ignoreEOF(err)
				}
			}
		}},
		{"xmlpull", func() error {
			d := xmlpull.NewDecoder(bytes.NewReader(answer))
			for {
				if _, err := d.Next(); err != nil {
					return ignoreEOF(err)
				}
			}
		}},
		{"orders", func() error {
			n := 0
			err := cdiscount.DecodeOrderList(bytes.NewReader(answer), func(*adapterv1.Order) error { n++; return nil })
			if n != orders {
				return fmt.Errorf("%d orders", n)
			}
			return err
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.SetBytes(int64(len(answer)))
			b.ReportAllocs()
			for b.Loop() {
				if err := bc.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*orders/b.Elapsed().Seconds(), "orders/s")
			b.ReportMetric(float64(len(answer))/orders, "B/order")
		})
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// BenchmarkListOrders reads answers of different sizes, the HTTP transport included.
func BenchmarkListOrders(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprintf("orders=%d", n), func(b *testing.B) {
			f := newFake(b, streamOrders(n))
			a := cdiscount.New()
			d := &discard{}
			b.SetBytes(int64(n * len(homeOrder("N1").xml("Order"))))
			b.ReportAllocs()
			for b.Loop() {
				if err := a.ListOrders(b.Context(), listRequest(f, "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"), d); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(d.orders)/b.Elapsed().Seconds(), "orders/s")
			b.ReportMetric(float64(d.peak>>10), "peak-KiB")
		})
	}
}
