package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// carrierCommand is `relais carrier`.
func (a *app) carrierCommand() *cobra.Command {
	var adapter string
	cmd := &cobra.Command{
		Use:   "list STORE",
		Short: "List the carriers that the marketplace knows",
		Long: `List reads the carriers of the store's marketplace, in the marketplace's order. The name, the code or an alias is
what relais shipment notify --carrier expects; case, accents and blanks do not matter. While a store moves, an order has
the carriers of its own adapter: --adapter names it. While the marketplace does not answer, the list is the one that was
read last: see Read.`,
		Example: `  relais carrier list my-store
  relais carrier list my-store --adapter octopia
  relais carrier list my-store --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	cmd.Flags().StringVar(&adapter, "adapter", "", "the adapter whose carriers they are (default: the one of new orders)")
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		request := &marketplacev1.ListCarriersRequest{}
		var err error
		if request.Parent, err = storeName(args[0]); err != nil {
			return err
		}
		if adapter != "" {
			if request.Adapter, err = topName(collectionAdapters, adapter); err != nil {
				return err
			}
		}
		answer, err := api.ListCarriers(ctx, request)
		if err != nil {
			return err
		}
		return a.print(answer, func(p *page) {
			rows := make([][]string, 0, len(answer.GetCarriers()))
			for _, c := range answer.GetCarriers() {
				rows = append(rows, []string{c.GetDisplayName(), c.GetCode(), strings.Join(c.GetAliases(), ", "), c.GetTrackingUrl()})
			}
			p.facts(fact{"Read", a.at(answer.GetReadTime())}, fact{"Carriers", count(len(rows))})
			p.table("Carriers", []string{"NAME", "CODE", "ALIASES", "TRACKING PAGE"}, rows)
		})
	})
	return group(&cobra.Command{
		Use:     "carrier",
		Aliases: []string{"carriers"},
		Short:   "Show the carriers of a marketplace",
		Long:    "A carrier is who moves a parcel, as the marketplace names it.",
		Example: "  relais carrier list my-store",
	}, cmd)
}
