package cli

import (
	"context"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// carrierCommand is `relais carrier`.
func (a *app) carrierCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list STORE",
		Short: "List the carriers that the marketplace knows",
		Long: `List reads the carriers of the store's marketplace, in the marketplace's order. The name is what
relais shipment notify --carrier expects; case, accents and blanks do not matter.`,
		Example: `  relais carrier list my-store
  relais carrier list my-store --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
		RunE: a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
			parent, err := storeName(args[0])
			if err != nil {
				return err
			}
			answer, err := api.ListCarriers(ctx, &marketplacev1.ListCarriersRequest{Parent: parent})
			if err != nil {
				return err
			}
			return a.print(answer, func(p *page) {
				rows := make([][]string, 0, len(answer.GetCarriers()))
				for _, c := range answer.GetCarriers() {
					rows = append(rows, []string{c.GetDisplayName(), c.GetCode(), c.GetTrackingUrl()})
				}
				p.facts(fact{"Read", a.at(answer.GetReadTime())}, fact{"Carriers", count(len(rows))})
				p.table("Carriers", []string{"NAME", "CODE", "TRACKING PAGE"}, rows)
			})
		}),
	}
	return group(&cobra.Command{
		Use:     "carrier",
		Aliases: []string{"carriers"},
		Short:   "Show the carriers of a marketplace",
		Long:    "A carrier is who moves a parcel, as the marketplace names it.",
		Example: "  relais carrier list my-store",
	}, cmd)
}
