package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestReasonAndMessage: the word for programs and the sentence for people stand apart, each under its own label.
func TestReasonAndMessage(t *testing.T) {
	t.Parallel()
	const reason, message = "MARKETPLACE_DOWN", "the marketplace: no answer"
	for _, c := range []struct {
		name   string
		answer proto.Message
		args   []string
		want   []string
	}{
		{"a store", &marketplacev1.Store{Health: &marketplacev1.StoreHealth{
			State: marketplacev1.StoreHealth_STATE_MARKETPLACE_DOWN, Reason: reason, Message: message,
		}}, []string{"store", "get", "tea"}, []string{"Health: MARKETPLACE_DOWN", "Health reason: " + reason, "Health message: " + message}},
		{"a paused store", &marketplacev1.Store{Health: &marketplacev1.StoreHealth{
			State: marketplacev1.StoreHealth_STATE_PAUSED, Message: "paused",
		}}, []string{"store", "get", "tea"}, []string{"Health: PAUSED", "Health message: paused"}},
		{"a shipment", &marketplacev1.Shipment{Name: "stores/tea/shipments/1", Reason: reason, Message: message},
			[]string{"shipment", "get", "tea", "1"}, []string{"Reason: " + reason, "Message: " + message}},
		{"a shipment that goes well", &marketplacev1.Shipment{Name: "stores/tea/shipments/1", Message: "said yes"},
			[]string{"shipment", "get", "tea", "1"}, []string{"Message: said yes"}},
		{"a decision", &marketplacev1.Order{Name: "stores/tea/orders/1", Decision: &marketplacev1.Decision{Reason: reason, Message: message}},
			[]string{"order", "get", "tea", "1"}, []string{"Decision reason: " + reason, "What happened: " + message}},
		{"a marketplace that accepts", &marketplacev1.Store{AcceptanceMode: marketplacev1.Store_ACCEPTANCE_MODE_AUTOMATIC},
			[]string{"store", "get", "tea"}, []string{"Marketplace accepts: every order for the seller"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) { return c.answer, nil }})
			var got []string
			for line := range strings.Lines(run(t, f, c.args...).out) {
				label, value, _ := strings.Cut(line, ":")
				for _, about := range []string{"Health", "eason", "essage", "happened", "accepts"} {
					if strings.Contains(label, about) {
						got = append(got, label+": "+strings.TrimSpace(value))
						break
					}
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
