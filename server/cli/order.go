package cli

import (
	"context"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// orderCommand is `relais order`.
func (a *app) orderCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "order",
		Aliases: []string{"orders"},
		Short:   "Import orders, read them, accept or refuse them",
		Long:    "An order is what the marketplace sold, normalised, with the marketplace's own words beside ours.",
		Example: `  relais order import my-store
  relais order list my-store --shippable
  relais order accept my-store 2403051200ABCDE --wait`,
	}, a.orderImport(), a.orderList(), a.orderGet(), a.orderAccept(), a.orderRefuse())
}

func (a *app) orderImport() *cobra.Command {
	var (
		wait, noWait bool
		following    waiting
	)
	cmd := &cobra.Command{
		Use:   "import STORE",
		Short: "Import the orders of a store",
		Long: `Import starts an import, or joins the one that is running, and waits until it has ended. The first import reads orders
created in the last 29 days; later ones read orders created in the last 30 days and those changed since 24 hours before
the start of the last import that succeeded.

Interrupting the command leaves the import running on the server. An import that ends FAILED or INTERRUPTED gives exit
code 6; what it committed stays, and the next import reads at least the same orders again.`,
		Example: `  relais order import my-store
  relais order import my-store --no-wait
  relais order import my-store --progress none --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	flags := cmd.Flags()
	flags.BoolVar(&wait, "wait", true, "wait until the import has ended")
	flags.BoolVar(&noWait, "no-wait", false, "return as soon as the import runs")
	exclusive(cmd, "wait", "no-wait")
	following.register(cmd, 0)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		parent, err := storeName(args[0])
		if err != nil {
			return err
		}
		run, err := api.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: parent})
		if err != nil {
			return err
		}
		if noWait || !wait {
			return a.printImport(run)
		}
		return a.followImport(ctx, api, run.GetName(), following)
	})
	return cmd
}

func (a *app) orderList() *cobra.Command {
	var (
		pages     paging
		statuses  []string
		shippable bool
		since     string
	)
	cmd := &cobra.Command{
		Use:   "list STORE",
		Short: "List orders",
		Long: `List prints orders, least recently changed first. ACCEPTANCE tells for an order that waits for the seller until when
it does, where the marketplace says so, and why the store's policy leaves it to a person; afterwards, who decided and
how far that is. To follow changes, keep the latest UPDATED time and give it as --updated-since next time; an order
that changes meanwhile may be seen twice and is never missed.`,
		Example: `  relais order list my-store --shippable
  relais order list my-store --status ready-to-ship,pending-acceptance --limit 200
  relais order list my-store --updated-since 24h --all --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&statuses, "status", nil, "only orders of these statuses, for example ready-to-ship")
	flags.BoolVar(&shippable, "shippable", false, "only orders that can be shipped now")
	flags.StringVar(&since, "updated-since", "", "only orders changed here since "+timeHelp)
	complete(cmd, "status", words[marketplacev1.OrderStatus]()...)
	pages.register(cmd)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		filter := &marketplacev1.ListOrdersRequest{ShippableOnly: shippable}
		var err error
		if filter.Parent, err = storeName(args[0]); err != nil {
			return err
		}
		if filter.Statuses, err = parseWords[marketplacev1.OrderStatus]("status", statuses); err != nil {
			return err
		}
		if since != "" {
			if filter.UpdatedSince, err = a.parseTime("updated-since", since); err != nil {
				return err
			}
		}
		return list(ctx, a, pages, listing[*marketplacev1.Order]{
			plural: "orders",
			key:    "orders",
			header: []string{"ORDER", "STATUS", "ACCEPTANCE", "SHIPPABLE", "PURCHASED", "SHIP BY", "PIECES", "TOTAL", "DELIVERY", "UPDATED"},
			row:    a.orderRow,
			fetch: func(ctx context.Context, size int32, token string) ([]*marketplacev1.Order, string, error) {
				filter.PageSize, filter.PageToken = size, token
				answer, err := api.ListOrders(ctx, filter)
				return answer.GetOrders(), answer.GetNextPageToken(), err
			},
		})
	})
	return cmd
}

func (a *app) orderGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get (STORE ORDER | NAME)",
		Short: "Show an order",
		Long: `Get prints an order with its lines, fees, addresses and parcels, and the decision to accept or refuse it. ORDER is the
marketplace's order number; NAME is the full name, stores/STORE/orders/ORDER.`,
		Example: `  relais order get my-store 2403051200ABCDE
  relais order get stores/my-store/orders/2403051200ABCDE --output json`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
		RunE: a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
			name, err := childName(collectionOrders, args)
			if err != nil {
				return err
			}
			order, err := api.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: name})
			if err != nil {
				return err
			}
			return a.print(order, func(p *page) { a.describeOrder(p, order) })
		}),
	}
}
