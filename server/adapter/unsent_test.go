package adapter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// TestWritesThatMayNotBegin: a write whose process is known not to answer, or whose time is over, before its request leaves was
// certainly not sent: it is an error, never an outcome that has to be found out.
func TestWritesThatMayNotBegin(t *testing.T) {
	t.Parallel()
	// send does what is left of a write after meanwhile: for a shipment, that is between its preparation and its sending.
	sends := map[string]func(t *testing.T, f *fixture, meanwhile func() context.Context) (delivery.Result, error){
		"notify": func(t *testing.T, f *fixture, meanwhile func() context.Context) (delivery.Result, error) {
			t.Helper()
			p, err := f.PrepareShipment(t.Context(), fakeRef, shipment.Notification{Key: "shipment-1", Order: order.Order{Number: "N1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			return p.Send(meanwhile())
		},
		"decide": func(t *testing.T, f *fixture, meanwhile func() context.Context) (delivery.Result, error) {
			t.Helper()
			return f.Decide(meanwhile(), fakeRef, decision.Accept, order.Order{Number: "N1"})
		},
	}
	for _, tt := range []struct {
		name      string
		meanwhile func(t *testing.T, f *fixture) context.Context
		check     func(t *testing.T, err error)
	}{
		{"the process stops answering", func(t *testing.T, f *fixture) context.Context {
			t.Helper()
			f.suspect = true
			return t.Context()
		}, func(t *testing.T, err error) {
			t.Helper()
			if p := wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown, "adapter fake does not answer"); p.RetryAfter <= 0 {
				t.Error("the problem does not say when to try again")
			}
		}},
		{"the time is over", func(t *testing.T, _ *fixture) context.Context {
			t.Helper()
			ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			t.Cleanup(cancel)
			return ctx
		}, func(t *testing.T, err error) {
			t.Helper()
			wantProblem(t, err, problem.Unavailable, problem.ReasonAdapterDown, "time")
		}},
		{"the caller gives up", func(t *testing.T, _ *fixture) context.Context {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		}, func(t *testing.T, err error) {
			t.Helper()
			if !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		}},
	} {
		for name, send := range sends {
			t.Run(name+", "+tt.name, func(t *testing.T) {
				t.Parallel()
				f := overRaw(t, &rawFailing{err: errors.New("it was called")})
				got, err := send(t, f, func() context.Context { return tt.meanwhile(t, f) })
				if got != (delivery.Result{}) {
					t.Errorf("result %+v", got)
				}
				tt.check(t, err)
			})
		}
	}
}
