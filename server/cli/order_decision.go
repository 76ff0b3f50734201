package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// decide is AcceptOrder or RefuseOrder.
type decide func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Order, error)

func (a *app) orderAccept() *cobra.Command {
	return a.decisionCommand(&cobra.Command{
		Use:   "accept (STORE ORDER | NAME)",
		Short: "Accept an order that waits for the seller",
		Long: `Accept stores the decision to accept a whole order and returns; relais tells the marketplace in the background.
Repeating the command is safe. An accepted order can be shipped once the marketplace has the buyer's payment.

` + decisionWaitHelp,
		Example: `  relais order accept my-store 2403051200ABCDE --wait
  relais order accept stores/my-store/orders/2403051200ABCDE`,
	}, func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Order, error) {
		return api.AcceptOrder(ctx, &marketplacev1.AcceptOrderRequest{Name: name})
	})
}

func (a *app) orderRefuse() *cobra.Command {
	return a.decisionCommand(&cobra.Command{
		Use:   "refuse (STORE ORDER | NAME)",
		Short: "Refuse an order that waits for the seller",
		Long: `Refuse stores the decision to refuse a whole order and returns; relais tells the marketplace in the background.
Repeating the command is safe. A refusal cannot be taken back.

` + decisionWaitHelp,
		Example: `  relais order refuse my-store 2403051200ABCDE --wait
  relais order refuse stores/my-store/orders/2403051200ABCDE`,
	}, func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Order, error) {
		return api.RefuseOrder(ctx, &marketplacev1.RefuseOrderRequest{Name: name})
	})
}

const decisionWaitHelp = `With --wait the command ends when the decision has: exit code 0 for CONFIRMED, 6 for REJECTED or NEEDS_ATTENTION, and 5
when it is still under way after --wait-timeout. relais order get shows it at any time.`

// decisionCommand gives cmd what accepting and refusing have in common.
func (a *app) decisionCommand(cmd *cobra.Command, tell decide) *cobra.Command {
	var (
		wait      bool
		following waiting
	)
	cmd.Args = operands(1, 2)
	cmd.ValidArgsFunction = a.completeStores
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the decision is CONFIRMED, REJECTED or NEEDS_ATTENTION")
	following.register(cmd, defaultDeliveryWait)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		name, err := childName(collectionOrders, args)
		if err != nil {
			return err
		}
		order, err := tell(ctx, api, name)
		if err != nil {
			return err
		}
		if wait {
			return a.followDecision(ctx, api, name, following)
		}
		return a.printDecision(order)
	})
	return cmd
}

// printDecision prints an order for what was decided about it; relais order get prints everything.
func (a *app) printDecision(o *marketplacev1.Order) error {
	return a.print(o, func(p *page) {
		p.facts(append([]fact{{"Order", o.GetName()}, {"Status", statusWord(o.GetStatus(), o.GetNativeStatus())}}, a.acceptanceFacts(o)...)...)
	})
}

// acceptanceFacts tells until when an order waits for the seller, what the store's policy has against it, and what was decided;
// nothing when the order neither waits nor was decided about.
func (a *app) acceptanceFacts(o *marketplacev1.Order) []fact {
	var facts []fact
	if o.GetStatus() == marketplacev1.OrderStatus_ORDER_STATUS_PENDING_ACCEPTANCE {
		deadline := joined(", ", a.at(o.GetAcceptanceDeadlineTime()), a.until(o.GetAcceptanceDeadlineTime()))
		facts = append(facts, fact{"Waits for the seller until", orElse(deadline, "the marketplace does not say")})
	}
	for _, n := range o.GetNotAccepted() {
		facts = append(facts, fact{"Not accepted by rule", joined(": ", word(n.GetReason()), n.GetMessage())})
	}
	return append(facts, a.decisionFacts(o.GetDecision())...)
}

// acceptanceWord is acceptanceFacts in a few words, for a list.
func (a *app) acceptanceWord(o *marketplacev1.Order) string {
	if d := o.GetDecision(); d != nil {
		by := "person"
		if d.GetDecidedBy() != "" {
			by = "rule"
		}
		return joined(" ", word(d.GetKind()), "by", by+",", word(d.GetState()))
	}
	var reasons []string
	for _, n := range o.GetNotAccepted() {
		if reason := word(n.GetReason()); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	return joined("; ", prefixed("until ", a.at(o.GetAcceptanceDeadlineTime())), prefixed("left to a person: ", strings.Join(reasons, ", ")))
}

// decisionFacts tells of the seller's decision about an order; nothing when there is none.
func (a *app) decisionFacts(d *marketplacev1.Decision) []fact {
	if d == nil {
		return nil
	}
	return []fact{
		{"Decision", joined(", ", word(d.GetKind()), word(d.GetState()))},
		{"Decided by", orElse(prefixed("a rule: ", d.GetDecidedBy()), "a person")},
		{"Decision reason", d.GetReason()},
		{"What happened", d.GetMessage()},
		{"Requests sent", count(d.GetSendCount())},
		{"Next attempt", a.at(d.GetNextAttemptTime())},
		{"Decided", a.at(d.GetCreateTime())},
		{"Decision changed", a.at(d.GetUpdateTime())},
	}
}

// followDecision shows the steps of a decision until it has ended, prints it, and fails when it is not CONFIRMED.
func (a *app) followDecision(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string, w waiting) error {
	bounded, cancel := w.begin(ctx)
	defer cancel()
	noted := ""
	order, err := poll(bounded, a, func(ctx context.Context) (*marketplacev1.Order, error) {
		return api.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: name})
	}, func(o *marketplacev1.Order) bool {
		d := o.GetDecision()
		step := joined("  ", word(d.GetState()), d.GetMessage())
		if step != noted && w.progress != progressNone {
			a.note("%s", clean(joined("  ", a.at(d.GetUpdateTime()), step)))
		}
		noted = step
		return decisionEnded(d)
	})
	if err != nil {
		return w.cutShort(ctx, bounded, err, "decision", "relais order get "+name)
	}
	if err := a.printDecision(order); err != nil {
		return err
	}
	if d := order.GetDecision(); d.GetState() != marketplacev1.Decision_STATE_CONFIRMED {
		return &outcomeError{joined(": ", "the decision ended "+word(d.GetState()), d.GetReason(), d.GetMessage())}
	}
	return nil
}

// decisionEnded reports whether relais has nothing more to do for a decision. A state of a newer server is not final.
func decisionEnded(d *marketplacev1.Decision) bool {
	switch d.GetState() {
	case marketplacev1.Decision_STATE_CONFIRMED, marketplacev1.Decision_STATE_REJECTED, marketplacev1.Decision_STATE_NEEDS_ATTENTION:
		return true
	}
	return false
}
