package octopia_test

import (
	"context"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// sink collects what ListOrders hands over.
type sink struct {
	orders      []*adapterv1.Order
	checkpoints []time.Time
	states      [][]byte
	sendErr     error
}

var _ sdk.OrderSink = (*sink)(nil)

func (s *sink) Send(o *adapterv1.Order) error {
	s.orders = append(s.orders, o)
	return s.sendErr
}

func (s *sink) Checkpoint(t time.Time) error {
	s.checkpoints = append(s.checkpoints, t)
	return nil
}

func (s *sink) State(b []byte) { s.states = append(s.states, b) }

// at reads an instant.
func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// clock returns a clock that stands still.
func clock(text string) func() time.Time { return func() time.Time { return at(text) } }

// reason returns the SDK reason of an error, empty when it has none.
func reason(err error) string {
	if e := sdk.AsError(err); e != nil {
		return sdk.ReasonName(e.Reason)
	}
	return ""
}

// short bounds a test's calls.
func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// asSDK returns the SDK's error, nil when there is none.
func asSDK(err error) *sdk.Error { return sdk.AsError(err) }
