package broken

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// writing puts a fault around the writes of an area.
func writing(area string, around func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error)) func(h *hooks) {
	return func(h *hooks) {
		if area == "ship" {
			h.ship = around
		} else {
			h.decide = around
		}
	}
}

// telling changes results.
func telling(area string, change func(*adapterv1.WriteResult)) func(h *hooks) {
	return writing(area, func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error) {
		results, err := send(ctx, items...)
		for _, r := range results {
			change(r)
		}
		return results, err
	})
}

// instead says one outcome for another.
func instead(area string, of, say adapterv1.Outcome) func(h *hooks) {
	return telling(area, func(r *adapterv1.WriteResult) {
		if r.GetOutcome() == of {
			r.Outcome = say
		}
	})
}

func writeVariants(area string) []Variant {
	const (
		applied  = adapterv1.Outcome_OUTCOME_APPLIED
		rejected = adapterv1.Outcome_OUTCOME_REJECTED
		retry    = adapterv1.Outcome_OUTCOME_RETRY
		unknown  = adapterv1.Outcome_OUTCOME_UNKNOWN
	)
	named := func(name, check string, build func(h *hooks)) Variant {
		return Variant{Name: area + ": " + name, Check: area + "-" + check, build: build}
	}
	variants := []Variant{
		named("says yes and sends nothing", "applied", writing(area, func(_ context.Context, items []item, _ sender) ([]*adapterv1.WriteResult, error) {
			var results []*adapterv1.WriteResult
			for _, it := range items {
				results = append(results, &adapterv1.WriteResult{Key: it.key, Outcome: applied})
			}
			return results, nil
		})),
		named("takes a refusal for a repetition that went well", "repeated", instead(area, rejected, applied)),
		named("stops at the first failure", "batch", writing(area, func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error) {
			var results []*adapterv1.WriteResult
			for _, it := range items {
				one, err := send(ctx, it)
				if err != nil {
					return nil, err
				}
				results = append(results, one...)
				if one[0].GetOutcome() != applied {
					break
				}
			}
			return results, nil
		})),
		named("takes any keys", "keys", writing(area, func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error) {
			var results []*adapterv1.WriteResult
			for i, it := range items {
				it.key = fmt.Sprint(i)
				one, err := send(ctx, it)
				if err != nil {
					return nil, err
				}
				one[0].Key = items[i].key
				results = append(results, one...)
			}
			return results, nil
		})),
		named("sends again when no answer came", "lost-answer", writing(area, func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error) {
			results, err := send(ctx, items...)
			if err == nil && results[0].GetOutcome() == unknown {
				return send(ctx, items...)
			}
			return results, err
		})),
		named("calls a lost answer a failure of the call", "lost-answer", writing(area, func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error) {
			results, err := send(ctx, items...)
			if err == nil && results[0].GetOutcome() == unknown {
				return nil, sdk.MarketplaceDown(0, "no answer")
			}
			return results, err
		})),
		named("takes no answer for a yes", "not-carried-out", instead(area, unknown, applied)),
		named("takes what it cannot read for a no", "garbled-answer", instead(area, unknown, rejected)),
		named("forgets how long to wait", "throttled", telling(area, func(r *adapterv1.WriteResult) { r.RetryAfter = nil })),
		named("overhears how long a quota lasts", "throttled", hasty),
		named("tries again what was refused", "refused", instead(area, rejected, retry)),
		named("writes only to orders that it has read", "stateless", func(h *hooks) {
			var read sync.Map
			h.order = func(o *adapterv1.Order) { read.Store(o.GetOrderNumber(), true) }
			writing(area, func(ctx context.Context, items []item, send sender) ([]*adapterv1.WriteResult, error) {
				for _, it := range items {
					if _, known := read.Load(it.number); !known {
						return nil, sdk.Internal("the order is not in memory")
					}
				}
				return send(ctx, items...)
			})(h)
		}),
	}
	if area == "ship" {
		variants = append(variants, ruleVariants()...)
	}
	return variants
}

// ruleVariants break the rules that the adapter declares for shipments.
func ruleVariants() []Variant {
	type notification = adapterv1.ShipmentNotification
	named := func(name string, change func(n *notification)) Variant {
		return Variant{Name: "ship: " + name, Check: "ship-rules", build: func(h *hooks) { h.notification = change }}
	}
	return []Variant{
		named("cuts long tracking numbers", func(n *notification) {
			n.TrackingNumber = n.GetTrackingNumber()[:min(len(n.GetTrackingNumber()), 40)]
		}),
		named("cleans tracking numbers", func(n *notification) { n.TrackingNumber = strings.ReplaceAll(n.GetTrackingNumber(), ";", "") }),
		named("leaves out long addresses", func(n *notification) {
			if len(n.GetTrackingUrl()) > 200 {
				n.TrackingUrl = ""
			}
		}),
		named("takes fewer characters than it declares", func(n *notification) {
			if len(n.GetTrackingNumber()) > 30 {
				n.TrackingNumber += strings.Repeat("0", 40)
			}
		}),
		named("ships all of an order for any line of it", func(n *notification) {
			var c struct{ Lines []string }
			_ = json.Unmarshal(n.GetAdapterContext(), &c) // what cannot be read says nothing
			n.Lines = nil
			for _, id := range c.Lines {
				n.Lines = append(n.Lines, &adapterv1.ShippedLine{LineId: id})
			}
		}),
		named("does without the order's context", func(n *notification) {
			var c struct {
				Order string   `json:"order"`
				Lines []string `json:"lines"`
			}
			if json.Unmarshal(n.GetAdapterContext(), &c) == nil && c.Order == n.GetNativeId() {
				return
			}
			c.Order, c.Lines = n.GetNativeId(), nil
			for _, l := range n.GetLines() {
				c.Lines = append(c.Lines, l.GetLineId())
			}
			n.AdapterContext, _ = json.Marshal(c) // texts always encode
		}),
	}
}
