package shipment_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// hangs is a marketplace that answers when the caller gives up.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// takes is a marketplace that answers after a while.
func takes(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// shop is a service over a world whose time passes, inside a bubble.
type shop struct {
	*world
	t    *testing.T
	book *shipment.CarrierBook
	core *shipment.Service
}

// inShop runs test with a list of Colissimo of some age; a negative one means that there is none.
func inShop(t *testing.T, age time.Duration, onList func(context.Context) error, test func(s shop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.onList = onList
		if age >= 0 {
			w.cached["alpha"] = shipment.CarrierList{Carriers: []shipment.Carrier{{Code: "1", Name: "Colissimo"}}, ReadTime: time.Now().Add(-age)}
		}
		book := newBook(w, time.Now)
		core := shipment.NewService(shipment.ServiceConfig{
			Repository: w, Orders: w, Stores: w, Marketplace: w, Carriers: book, Wake: func() {}, WaitMargin: time.Hour,
			Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		test(shop{w, t, book, core})
		begin := time.Now()
		if err := book.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		same(t, "stop took", time.Since(begin), time.Duration(0))
	})
}

// notified is what became of statements with a carrier, and how long that took.
type notified struct {
	took    time.Duration
	reasons []string // of each; empty for a shipment
	age     time.Duration
}

// notify states n shipments with a carrier, in one call.
func (s shop) notify(name string, n int) notified {
	s.t.Helper()
	var all []shipment.Statement
	for i := range n {
		all = append(all, shipment.Statement{
			Request: shipment.Request{OrderNumber: "1", Carrier: name, TrackingNumber: "6A1"}, RequestID: string(rune('a' + i)),
		})
	}
	begin := time.Now()
	outcomes, err := s.core.NotifyAll(context.Background(), "shop", all)
	if err != nil {
		s.t.Fatal(err)
	}
	got := notified{took: time.Since(begin)}
	for _, o := range outcomes {
		reason := ""
		if o.Err != nil {
			reason = "other"
			if p := problem.As(o.Err); p != nil {
				reason = p.Reason
			}
		}
		got.reasons = append(got.reasons, reason)
		got.age = o.Shipment.Chosen.ListAge
	}
	return got
}

func (s shop) wantAsked(n int) {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	same(s.t, "asked", s.asked, n)
}

// outcome is how long something took and what n statements came to.
func outcome(took, age time.Duration, reason string, n int) notified {
	return notified{took: took, age: age, reasons: slices.Repeat([]string{reason}, n)}
}

func (s shop) want(what string, got, want notified) {
	s.t.Helper()
	if got.took != want.took || got.age != want.age || !slices.Equal(got.reasons, want.reasons) {
		s.t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

const (
	day     = 24 * time.Hour
	unknown = problem.ReasonCarrierUnknown
)

// TestOldCarrierList: a carrier that an old list has is believed at once, whatever the marketplace does; the list is renewed beside it.
func TestOldCarrierList(t *testing.T) {
	t.Parallel()
	t.Run("the marketplace hangs", func(t *testing.T) {
		t.Parallel()
		inShop(t, 3*day, hangs, func(s shop) {
			s.want("a batch", s.notify("colissimo", 20), outcome(0, 3*day, "", 20))
			s.wantAsked(1)
			time.Sleep(time.Minute)
			s.want("after it failed", s.notify("colissimo", 20), outcome(0, 3*day+time.Minute, "", 20))
			s.wantAsked(1)
			same(t, "reports", s.reports, []string{"alpha fails"})
			time.Sleep(5 * time.Minute)
			s.want("later", s.notify("colissimo", 1), outcome(0, 3*day+6*time.Minute, "", 1))
			s.wantAsked(2)
		})
	})
	t.Run("the marketplace answers", func(t *testing.T) {
		t.Parallel()
		inShop(t, day, takes(time.Second), func(s shop) {
			s.want("at once", s.notify("colissimo", 2), outcome(0, day, "", 2))
			time.Sleep(11 * time.Second)
			s.want("with the new list", s.notify("colissimo", 2), outcome(0, 10*time.Second, "", 2))
			s.wantAsked(1)
		})
	})
	t.Run("the list is not old", func(t *testing.T) {
		t.Parallel()
		inShop(t, day-time.Second, hangs, func(s shop) {
			s.want("at once", s.notify("colissimo", 1), outcome(0, day-time.Second, "", 1))
			s.wantAsked(0)
		})
	})
	t.Run("the credentials do not work", func(t *testing.T) {
		t.Parallel()
		inShop(t, 3*day, nil, func(s shop) {
			s.refused = true
			s.want("a batch", s.notify("colissimo", 2), outcome(0, 3*day, "", 2))
			s.wantAsked(0)
		})
	})
}

// TestCarrierThatTheListDoesNotHave: the marketplace is asked, once for all and not for long.
func TestCarrierThatTheListDoesNotHave(t *testing.T) {
	t.Parallel()
	t.Run("it has it now", func(t *testing.T) {
		t.Parallel()
		inShop(t, time.Hour, takes(time.Second), func(s shop) {
			s.lists["alpha"] = append(s.lists["alpha"], shipment.Carrier{Code: "9", Name: "Chronopost"})
			s.want("after it was asked", s.notify("chronopost", 3), outcome(time.Second, 0, "", 3))
			s.wantAsked(1)
		})
	})
	t.Run("it does not have it either", func(t *testing.T) {
		t.Parallel()
		inShop(t, time.Hour, nil, func(s shop) {
			s.want("after it was asked", s.notify("chronopost", 3), outcome(0, 0, unknown, 3))
			s.wantAsked(1)
		})
	})
	t.Run("it hangs", func(t *testing.T) {
		t.Parallel()
		inShop(t, time.Hour, hangs, func(s shop) {
			s.want("a batch", s.notify("chronopost", 5), outcome(2*time.Second, 0, unknown, 5))
			s.want("while it is asked", s.notify("chronopost", 5), outcome(0, 0, unknown, 5))
			time.Sleep(4 * time.Minute)
			s.want("after it failed", s.notify("chronopost", 5), outcome(0, 0, unknown, 5))
			s.wantAsked(1)
			time.Sleep(time.Minute)
			s.want("later", s.notify("chronopost", 5), outcome(2*time.Second, 0, unknown, 5))
			s.wantAsked(2)
		})
	})
	t.Run("the credentials do not work", func(t *testing.T) {
		t.Parallel()
		inShop(t, time.Hour, hangs, func(s shop) {
			s.refused = true
			s.want("a batch", s.notify("chronopost", 5), outcome(0, 0, unknown, 5))
			s.wantAsked(0)
		})
	})
	t.Run("many ask together", func(t *testing.T) {
		t.Parallel()
		inShop(t, time.Hour, hangs, func(s shop) {
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(func() { s.want("each", s.notify("chronopost", 3), outcome(2*time.Second, 0, unknown, 3)) })
			}
			callers.Wait()
			s.wantAsked(1)
		})
	})
}

// TestNoCarrierList: without any list nothing can be taken, but what is slow to come helps those who come later.
func TestNoCarrierList(t *testing.T) {
	t.Parallel()
	t.Run("the marketplace is slow", func(t *testing.T) {
		t.Parallel()
		inShop(t, -1, takes(10*time.Second), func(s shop) {
			s.want("too early", s.notify("colissimo", 3), outcome(2*time.Second, 0, problem.ReasonMarketplaceDown, 3))
			time.Sleep(9 * time.Second)
			s.want("in time", s.notify("colissimo", 3), outcome(0, time.Second, "", 3))
			s.wantAsked(1)
		})
	})
	t.Run("the marketplace is down", func(t *testing.T) {
		t.Parallel()
		inShop(t, -1, nil, func(s shop) {
			s.listErrs["alpha"] = problem.New(problem.Unavailable, problem.ReasonThrottled, "too many")
			s.want("it says so", s.notify("colissimo", 3), outcome(0, 0, problem.ReasonThrottled, 3))
			delete(s.listErrs, "alpha")
			s.want("that is remembered", s.notify("colissimo", 1), outcome(0, 0, problem.ReasonThrottled, 1))
			s.wantAsked(1)
			time.Sleep(10 * time.Second)
			s.want("and it is asked again", s.notify("colissimo", 1), outcome(0, 0, "", 1))
		})
	})
	t.Run("the credentials do not work", func(t *testing.T) {
		t.Parallel()
		inShop(t, -1, nil, func(s shop) {
			s.refused = true
			s.want("nobody is asked", s.notify("colissimo", 2), outcome(0, 0, problem.ReasonCredentialsRejected, 2))
			s.wantAsked(0)
		})
	})
	t.Run("the server stops", func(t *testing.T) {
		t.Parallel()
		inShop(t, -1, hangs, func(s shop) {
			time.AfterFunc(time.Second, func() {
				if err := s.book.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
			got := s.notify("colissimo", 1)
			same(t, "it took", got.took, time.Second)
			same(t, "reports", len(s.reports), 0)
			same(t, "it told", got.reasons, []string{problem.ReasonServerStopping})
			s.want("afterwards", s.notify("colissimo", 1), outcome(0, 0, problem.ReasonServerStopping, 1))
			s.wantAsked(1)
		})
	})
}

// TestStopOfCarrierBook waits for a marketplace that does not hear that it is not wanted any more, but not for ever.
func TestStopOfCarrierBook(t *testing.T) {
	t.Parallel()
	inShop(t, day, func(context.Context) error { time.Sleep(time.Minute); return errors.New("too late") }, func(s shop) {
		s.notify("colissimo", 1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.book.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stop while a list is read: %v", err)
		}
		time.Sleep(time.Minute)
	})
}
