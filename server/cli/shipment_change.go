package cli

import (
	"context"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func (a *app) shipmentRetry() *cobra.Command {
	var (
		force, wait bool
		following   waiting
	)
	cmd := &cobra.Command{
		Use:   "retry (STORE SHIPMENT | NAME)",
		Short: "Take up a shipment again that ended badly",
		Long: `Retry takes up a shipment that is NEEDS_ATTENTION or REJECTED. relais reads the order first, as always: nothing is sent
that the marketplace shows already.

With --wait the command ends when the shipment has, with the exit codes of relais shipment notify --wait.`,
		Example: `  relais shipment retry my-store 01HQ8Z --wait
  relais shipment retry stores/my-store/shipments/01HQ8Z --force`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
	}
	cmd.Flags().BoolVar(&force, "force", false, "ship although the buyer asks to cancel, or with a carrier that does not serve the pickup network")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the shipment is CONFIRMED, REJECTED or NEEDS_ATTENTION")
	following.register(cmd, defaultDeliveryWait)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		name, err := childName(collectionShipments, args)
		if err != nil {
			return err
		}
		shipment, err := api.RetryShipment(ctx, &marketplacev1.RetryShipmentRequest{Name: name, Force: force})
		if err != nil {
			return err
		}
		if wait {
			return a.followShipment(ctx, api, name, following)
		}
		return a.printShipment(shipment, timeline)
	})
	return cmd
}

func (a *app) shipmentCancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel (STORE SHIPMENT | NAME)",
		Short: "Withdraw a shipment of which nothing was sent",
		Long: `Cancel withdraws a shipment as long as nothing of it was sent; what the marketplace has cannot be taken back. Repeating
the command is safe. To ship the order with the same number later, give that shipment its own --request-id.`,
		Example: `  relais shipment cancel my-store 01HQ8Z
  relais shipment cancel stores/my-store/shipments/01HQ8Z`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
		RunE: a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
			name, err := childName(collectionShipments, args)
			if err != nil {
				return err
			}
			shipment, err := api.CancelShipment(ctx, &marketplacev1.CancelShipmentRequest{Name: name})
			if err != nil {
				return err
			}
			return a.printShipment(shipment, timeline)
		}),
	}
}
