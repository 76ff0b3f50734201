package cdiscount_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// slowMarketplace answers nothing for windows wider than widest, and one order for the others. It tells the width of every
// window that it was asked for.
func slowMarketplace(t *testing.T, widest time.Duration, stall func(w http.ResponseWriter, done <-chan struct{})) *fake {
	t.Helper()
	done := make(chan struct{})
	f := newFake(t, func(w http.ResponseWriter, r received, _ int) {
		if d := dates(r); width(t, d[0], d[1]) > widest+3*time.Second {
			stall(w, done)
			return
		}
		write(w, 200, orderList(homeOrder("N1")))
	})
	t.Cleanup(func() { close(done) }) // before the server waits for its handlers
	return f
}

// silent never answers.
func silent(_ http.ResponseWriter, done <-chan struct{}) { <-done }

// dripping begins an answer, with an order in it, and never ends it.
func dripping(w http.ResponseWriter, done <-chan struct{}) {
	whole := orderList(homeOrder("N1"))
	_, _ = w.Write([]byte(whole[:len(whole)-40]))
	_ = http.NewResponseController(w).Flush()
	<-done
}

// gateway answers as a proxy that gave up.
func gateway(w http.ResponseWriter, _ <-chan struct{}) { w.WriteHeader(http.StatusGatewayTimeout) }

// TestWindowIsHalved: a sub-window whose answer times out is halved until it comes, without a gap.
func TestWindowIsHalved(t *testing.T) {
	t.Parallel()
	for name, stall := range map[string]func(http.ResponseWriter, <-chan struct{}){"no answer": silent, "half an answer": dripping, "HTTP 504": gateway} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := slowMarketplace(t, 18*time.Hour, stall)
			a := cdiscount.New(cdiscount.WithStallTimeout(400*time.Millisecond), cdiscount.WithClock(clock("2026-01-20T00:00:00Z")))
			out := &sink{}
			if err := a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"), out); err != nil {
				t.Fatal(err)
			}
			if first := dates(f.seen()[0]); width(t, first[0], first[1]) != 72*time.Hour+2*time.Second {
				t.Errorf("the first window is %v", first)
			}
			begin := at("2026-01-01T00:00:00Z")
			for _, end := range out.checkpoints {
				if w := end.Sub(begin); w <= 0 || w > 18*time.Hour {
					t.Errorf("a sub-window of %s", w)
				}
				begin = end
			}
			if want := at("2026-01-04T00:00:00Z"); !begin.Equal(want) {
				t.Errorf("read until %s, want %s", begin, want)
			}
			// What came before a time-out comes again.
			if len(out.orders) < len(out.checkpoints) {
				t.Errorf("%d orders of %d sub-windows", len(out.orders), len(out.checkpoints))
			}
		})
	}
}

// TestWindowIsHalvedToAnEnd: the smallest window gets all the time there is, and then the read fails.
func TestWindowIsHalvedToAnEnd(t *testing.T) {
	t.Parallel()
	f := slowMarketplace(t, 0, silent)
	a := cdiscount.New(cdiscount.WithStallTimeout(20*time.Millisecond), cdiscount.WithRequestTimeout(200*time.Millisecond), cdiscount.WithMinSubWindow(30*time.Hour))
	out := &sink{}
	err := a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"), out)
	if reason(err) != "MARKETPLACE_DOWN" || len(out.checkpoints) != 0 {
		t.Errorf("error %v after %d checkpoints, want MARKETPLACE_DOWN", err, len(out.checkpoints))
	}
	var widths []time.Duration
	for _, r := range f.seen() {
		d := dates(r)
		widths = append(widths, width(t, d[0], d[1])-2*time.Second)
	}
	if diff := cmp.Diff([]time.Duration{72 * time.Hour, 36 * time.Hour, 30 * time.Hour}, widths); diff != "" {
		t.Errorf("widths (-want +got):\n%s", diff)
	}
}

// TestWindowIsNotHalved: what a smaller window does not cure is told at once.
func TestWindowIsNotHalved(t *testing.T) {
	t.Parallel()
	list := func(ctx context.Context, f *fake, a *cdiscount.Adapter) error {
		return a.ListOrders(ctx, listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), &sink{})
	}
	for name, answer := range map[string]func(http.ResponseWriter, received, int){
		"cut": cut, "HTTP 503": always(503, ""), "internal fault": always(500, faultAnswer(internalFault, "The request has timed out.")),
	} {
		f := newFake(t, answer)
		if err := list(short(t), f, cdiscount.New()); reason(err) != "MARKETPLACE_DOWN" {
			t.Errorf("%s: error %v", name, err)
		}
		if n := len(f.seen()); n > 2 { // net/http may repeat a read whose connection was cut
			t.Errorf("%s: %d requests", name, n)
		}
	}
	// A connection that takes too long: nothing was asked yet.
	a, dialled := cdiscount.New(), 0
	cdiscount.ReplaceTransports(a, func(own *http.Transport, _ bool) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return own.RoundTrip(r) // the login
			}
			dialled++
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		})
	})
	if err := list(short(t), newFake(t, cut), a); reason(err) != "MARKETPLACE_DOWN" || dialled != 1 {
		t.Errorf("no connection: error %v after %d attempts, want one", err, dialled)
	}
	// The caller's own deadline.
	f := slowMarketplace(t, 0, silent)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := list(ctx, f, cdiscount.New()); reason(err) != "MARKETPLACE_DOWN" || len(f.seen()) != 1 {
		t.Errorf("deadline: error %v after %d requests, want one", err, len(f.seen()))
	}
}

// TestSlowHostIsNotASlowMarketplace: the time in which the host keeps an order does not count.
func TestSlowHostIsNotASlowMarketplace(t *testing.T) {
	t.Parallel()
	const orders = 30 // of 5 kB: the adapter reads ahead for twelve, which the host takes longer for than a wait may take
	f := newFake(t, always(200, orderList(slices.Repeat([]fields{homeOrder("N1")}, orders)...)))
	a := cdiscount.New(cdiscount.WithStallTimeout(500*time.Millisecond), cdiscount.WithRequestTimeout(500*time.Millisecond))
	out := &slowSink{delay: 50 * time.Millisecond}
	if err := a.ListOrders(short(t), listRequest(f, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"), out); err != nil || len(out.orders) != orders {
		t.Errorf("%d orders, error %v", len(out.orders), err)
	}
}

// slowSink takes its time.
type slowSink struct {
	sink
	delay time.Duration
}

func (s *slowSink) Send(o *adapterv1.Order) error {
	<-time.After(s.delay) // the slow work of a host, not a wait for something
	return s.sink.Send(o)
}
