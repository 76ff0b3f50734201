package octopia_test

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/octopia"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// discard takes orders and keeps none; every so often it notes how much memory is in use.
type discard struct {
	orders int
	peak   uint64
}

func (d *discard) Send(*adapterv1.Order) error {
	if d.orders++; d.orders%250 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		d.peak = max(d.peak, m.HeapAlloc)
	}
	return nil
}

func (d *discard) Checkpoint(time.Time) error { return nil }
func (d *discard) State([]byte)               {}

// steady answers as a shop that gets an order every ten seconds, without holding them.
func steady(begin time.Time) func(http.ResponseWriter, received, int) {
	order := homeOrder("#").json()
	return func(w http.ResponseWriter, r received, _ int) {
		q, _ := url.ParseQuery(r.Query)
		from, to := at(q.Get("createdAtMin")).Sub(begin), at(q.Get("createdAtMax")).Sub(begin)
		first, last := int(max(from+10*time.Second-1, 0)/(10*time.Second)), int(to/(10*time.Second))
		if strings.HasSuffix(r.Path, "/count") {
			write(w, http.StatusOK, strconv.Itoa(max(last-first+1, 0)))
			return
		}
		index, _ := strconv.Atoi(q.Get("pageIndex"))
		var items []string
		for i := first + (index-1)*100; i <= min(last, first+index*100-1); i++ {
			items = append(items, strings.Replace(order, `"#"`, fmt.Sprintf(`"N%d"`, i), 1))
		}
		write(w, http.StatusOK, `{"items":[`+strings.Join(items, ",")+`]}`)
	}
}

// TestMemoryIsFlat reads 1,000 and 6,000 orders: what is held at once must not grow with their number.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many orders")
	}
	begin := at("2026-09-01T00:00:00Z")
	peak := func(n int) uint64 {
		f := newFake(t, nil)
		serve := steady(begin)
		f.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				f.serveToken(w, r)
				return
			}
			serve(w, received{Path: r.URL.Path, Query: r.URL.RawQuery}, 0) // nothing is kept
		})
		d := &discard{}
		if err := octopia.New().ListOrders(short(t), createdWindow(f.store(), begin, begin.Add(time.Duration(n)*10*time.Second)), d); err != nil {
			t.Fatal(err)
		}
		if d.orders < n {
			t.Fatalf("%d orders, want %d", d.orders, n)
		}
		return d.peak
	}
	small, large := peak(1_000), peak(6_000)
	if large > small+4<<20 {
		t.Errorf("%d KiB in use with 1,000 orders, %d KiB with 6,000", small>>10, large>>10)
	}
}
