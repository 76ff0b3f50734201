package decision_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// reviewed is a store with many orders, whose acceptance policy changed. Its fields are guarded by the mutex of the world.
type reviewed struct {
	*world
	orders   []order.Stored
	known    map[string]decision.Decision
	change   time.Time          // of the policy, while its orders have not been judged; zero afterwards
	failures map[string][]error // what the next attempts at deciding about an order end with
	listErrs []error            // what the next reads of a page end with
	accepted []string           // orders that were accepted by rule, with the rule
	onPage   func()             // what happens while a page is judged
}

func newReviewed(policy store.AcceptancePolicy, orders ...order.Order) *reviewed {
	w := newWorld()
	w.policy, w.due, w.decided = policy, false, nil
	r := &reviewed{world: w, known: map[string]decision.Decision{}, change: noon, failures: map[string][]error{}}
	for i, o := range orders {
		o.Number = fmt.Sprintf("%03d", i+1)
		r.orders = append(r.orders, order.Stored{Order: o, StoreID: "shop", Adapter: "alpha", ChangeTime: noon.Add(time.Duration(i / 2))})
	}
	return r
}

// run lets a service work for an hour.
func (r *reviewed) run(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := decision.NewService(decision.Config{
			Repository: r, Orders: r, Stores: r, Marketplace: r, Workers: 1, WaitMargin: time.Hour, Now: now,
			Log: slog.New(slog.DiscardHandler), Policy: delivery.Policy{RetryMin: time.Minute},
		})
		s.Start()
		<-time.After(time.Hour) // of the bubble
		synctest.Wait()
		same(t, "stop", s.Stop(context.WithoutCancel(t.Context())), nil)
	})
}

func (r *reviewed) DueReviews(context.Context, string, time.Time, int) ([]decision.Review, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.change.IsZero() {
		return nil, nil
	}
	return []decision.Review{{StoreID: "shop", Change: r.change}}, nil
}

func (r *reviewed) NextReview(_ context.Context, _ string, after time.Time) (time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.change.After(after) {
		return time.Time{}, nil
	}
	return r.change, nil
}

func (r *reviewed) EndReview(_ context.Context, review decision.Review) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.change.Equal(review.Change) {
		r.change = time.Time{}
	}
	return nil
}

func (r *reviewed) ListOrders(_ context.Context, q order.ListQuery) ([]order.Stored, error) {
	if r.onPage != nil {
		r.onPage()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.listErrs) > 0 {
		err := r.listErrs[0]
		r.listErrs = r.listErrs[1:]
		return nil, err
	}
	var page []order.Stored
	for _, o := range r.orders {
		after := q.After == nil || o.ChangeTime.After(q.After.ChangeTime) || o.ChangeTime.Equal(q.After.ChangeTime) && o.Number > q.After.Number
		if after && slices.Contains(q.Statuses, o.Status) && len(page) < q.Limit {
			page = append(page, o)
		}
	}
	return page, nil
}

func (r *reviewed) GetOrder(_ context.Context, _, number string) (order.Stored, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.orders, func(o order.Stored) bool { return o.Number == number }); i >= 0 {
		return r.orders[i], nil
	}
	return order.Stored{}, order.ErrNotFound
}

func (r *reviewed) Decisions(context.Context, string, []string) (map[string]decision.Decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known, nil
}

func (r *reviewed) PutDecision(_ context.Context, d decision.Decision) (decision.Decision, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failures := r.failures[d.OrderNumber]; len(failures) > 0 {
		r.failures[d.OrderNumber] = failures[1:]
		return decision.Decision{}, false, failures[0]
	}
	r.known[d.OrderNumber] = d
	r.accepted = append(r.accepted, d.OrderNumber+" "+d.DecidedBy)
	return d, true, nil
}

// TestReview: when the policy changes, the stored orders that wait are judged by it, whenever an import shows them next.
func TestReview(t *testing.T) {
	t.Parallel()
	fine, dear, ready := pendingOrder(), pendingOrder(costs("EUR", 12, 0)), pendingOrder(func(o *order.Order) { o.Status = order.ReadyToShip })
	decided := func(by string, state delivery.State, reason string) decision.Decision {
		return decision.Decision{DecidedBy: by, Kind: decision.Accept, Delivery: delivery.Delivery{State: state, Reason: reason}}
	}
	broken := errors.New("disk full")
	down := problem.New(problem.Unavailable, problem.ReasonAdapterDown, "down")
	all := store.AcceptancePolicy{Mode: store.AcceptAll}
	for _, c := range []struct {
		name    string
		policy  store.AcceptancePolicy
		orders  []order.Order
		prepare func(*reviewed)
		want    []string
	}{
		{"all", all, []order.Order{fine, dear}, nil, []string{"001 " + everyOrder, "002 " + everyOrder}},
		{"a list and a limit", listedUpToEleven(), []order.Order{dear, fine}, nil, []string{"002 " + upToEleven}},
		{"a person", store.AcceptancePolicy{Mode: store.AcceptManually}, []order.Order{fine}, nil, nil},
		{"only what waits", all, []order.Order{ready, fine}, nil, []string{"002 " + everyOrder}},
		{"what was decided stays", all, []order.Order{fine, fine, fine}, func(r *reviewed) {
			r.known["001"] = decided("", delivery.Rejected, problem.ReasonMarketplaceWriteError)
			r.known["002"] = decided(upToEleven, delivery.Sending, "")
			r.known["003"] = decided(upToEleven, delivery.NeedsAttention, problem.ReasonRuleNotMet) // a rule took it back
		}, []string{"003 " + everyOrder}},
		{"a failure of the database passes", all, []order.Order{fine, fine}, func(r *reviewed) {
			r.listErrs, r.failures["002"] = []error{broken}, []error{broken, broken}
		}, []string{"001 " + everyOrder, "002 " + everyOrder}},
		{"an adapter that is down comes back", all, []order.Order{fine}, func(r *reviewed) {
			r.failures["001"] = []error{down}
		}, []string{"001 " + everyOrder}},
		{"what others are at does not hold up the rest", all, []order.Order{fine, fine, fine}, func(r *reviewed) {
			r.failures["001"] = []error{order.ErrMoved}
			r.failures["002"] = []error{problem.New(problem.Precondition, problem.ReasonOrderNotPending, "gone")}
		}, []string{"003 " + everyOrder}},
		{"many", all, slices.Repeat([]order.Order{fine}, 250), nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newReviewed(c.policy, c.orders...)
			if c.prepare != nil {
				c.prepare(r)
			}
			r.run(t)
			if c.name == "many" {
				same(t, "accepted", len(r.accepted), 250)
			} else {
				same(t, "accepted", r.accepted, c.want)
			}
			same(t, "judged", r.change.IsZero(), true)
		})
	}
}

// TestReviewOfAnotherChange: a policy that changes while the orders are judged is the one that counts in the end.
func TestReviewOfAnotherChange(t *testing.T) {
	t.Parallel()
	r := newReviewed(listedUpToEleven(), pendingOrder(costs("EUR", 12, 0)))
	pages := 0
	r.onPage = func() {
		if pages++; pages == 1 {
			r.mu.Lock()
			r.policy, r.change = store.AcceptancePolicy{Mode: store.AcceptAll}, r.change.Add(1)
			r.mu.Unlock()
		}
	}
	r.run(t)
	same(t, "accepted", r.accepted, []string{"001 " + everyOrder})
	same(t, "judged", r.change.IsZero(), true)
	same(t, "reads", pages, 2)
}

// TestReviewIsCut: a server that stops does not wait for the end of a long review, and goes on with it when it is back.
func TestReviewIsCut(t *testing.T) {
	t.Parallel()
	r := newReviewed(store.AcceptancePolicy{Mode: store.AcceptAll}, slices.Repeat([]order.Order{pendingOrder()}, 250)...)
	s := decision.NewService(decision.Config{
		Repository: r, Orders: r, Stores: r, Marketplace: r, Workers: 1, WaitMargin: time.Hour, Now: now,
		Log: slog.New(slog.DiscardHandler), Policy: delivery.Policy{RetryMin: time.Minute},
	})
	stopped := make(chan error, 1)
	reading, stopping := make(chan struct{}), make(chan struct{})
	once := false
	r.onPage = func() {
		if !once {
			once = true
			close(reading)
			<-stopping
		}
	}
	s.Start()
	<-reading
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err == nil || !strings.Contains(err.Error(), "still under way") {
		t.Errorf("stop during a page: %v", err)
	}
	close(stopping)
	go func() { stopped <- s.Stop(context.WithoutCancel(t.Context())) }()
	same(t, "stop", <-stopped, nil)
	same(t, "accepted before the stop", len(r.accepted), 100)
	same(t, "judged", r.change.IsZero(), false)
	r.onPage = nil
	r.run(t)
	same(t, "accepted", len(r.accepted), 250)
}
