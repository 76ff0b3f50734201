package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// defaultDeliveryWait is how long --wait waits for a shipment or a decision: one that waits for the order to become ready may
// take days.
const defaultDeliveryWait = 10 * time.Minute

// shipmentCommand is `relais shipment`.
func (a *app) shipmentCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "shipment",
		Aliases: []string{"shipments"},
		Short:   "Tell the marketplace that orders left",
		Long: `A shipment is the seller's statement "this order left, with this carrier and tracking number", and its delivery to the
marketplace: QUEUED, SENDING, ACKNOWLEDGED (the marketplace said yes), CONFIRMED (a later read shows it), or REJECTED or
NEEDS_ATTENTION (a person must look).`,
		Example: `  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345678
  relais shipment list my-store --state needs-attention`,
	}, a.shipmentNotify(), a.shipmentList(), a.shipmentGet())
}

// shipmentFlags are the flags of a statement.
type shipmentFlags struct {
	carrier, trackingNumber, trackingURL, service, fee, shipTime, requestID string
	items                                                                   []string
}

func (f *shipmentFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.carrier, "carrier", "", "carrier, as relais carrier list names it")
	flags.StringVar(&f.trackingNumber, "tracking-number", "", "tracking number")
	flags.StringVar(&f.trackingURL, "tracking-url", "", "http or https URL of the tracking page")
	flags.StringVar(&f.service, "service", "", "the carrier's service, for example \"Express 24\"")
	flags.StringVar(&f.fee, "carrier-fee", "", "what the carrier charged, for example 4.90EUR")
	flags.StringVar(&f.shipTime, "ship-time", "", "when the parcel left: "+timeHelp+" (default now)")
	flags.StringArrayVar(&f.items, "item", nil, "what is in the parcel: `LINE=PIECES`, or LINE for the whole line (repeatable, default everything)")
	flags.StringVar(&f.requestID, "request-id", "", "key that makes repeating safe (default: order, carrier and tracking number)")
	require(cmd, "carrier", "tracking-number")
}

// request builds the call for an order.
func (f *shipmentFlags) request(a *app, order string) (*marketplacev1.NotifyShipmentRequest, error) {
	shipment := &marketplacev1.Shipment{
		Order: order, Carrier: f.carrier, TrackingNumber: f.trackingNumber, TrackingUrl: f.trackingURL, Service: f.service,
	}
	var err error
	if f.fee != "" {
		if shipment.CarrierFee, err = parseMoney("carrier-fee", f.fee); err != nil {
			return nil, err
		}
	}
	if f.shipTime != "" {
		if shipment.ShipTime, err = a.parseTime("ship-time", f.shipTime); err != nil {
			return nil, err
		}
	}
	if shipment.Items, err = parseItems(f.items); err != nil {
		return nil, err
	}
	return &marketplacev1.NotifyShipmentRequest{Parent: parentName(order), Shipment: shipment, RequestId: f.requestID}, nil
}

func (a *app) shipmentNotify() *cobra.Command {
	var (
		given     shipmentFlags
		wait      bool
		following waiting
	)
	cmd := &cobra.Command{
		Use:   "notify (STORE ORDER | NAME)",
		Short: "Say that an order left",
		Long: `Notify stores the shipment and returns; relais tells the marketplace in the background. Repeating the command with the
same values returns the same shipment. What the marketplace cannot take is kept and listed as not sent.

With --wait the command ends when the shipment has: exit code 0 for CONFIRMED, 6 for REJECTED or NEEDS_ATTENTION, and 5
when it is still under way after --wait-timeout.`,
		Example: `  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345678 --wait
  relais shipment notify stores/my-store/orders/2403051200ABCDE --carrier UPS --tracking-number 1Z999AA10123456784 \
      --service "Express Saver" --carrier-fee 4.90EUR --ship-time "2024-03-05 14:30"`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
	}
	given.register(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the shipment is CONFIRMED, REJECTED or NEEDS_ATTENTION")
	following.register(cmd, defaultDeliveryWait)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		order, err := childName(collectionOrders, args)
		if err != nil {
			return err
		}
		request, err := given.request(a, order)
		if err != nil {
			return err
		}
		shipment, err := api.NotifyShipment(ctx, request)
		if err != nil {
			return err
		}
		if wait {
			return a.followShipment(ctx, api, shipment.GetName(), following)
		}
		return a.printShipment(shipment)
	})
	return cmd
}

func (a *app) shipmentList() *cobra.Command {
	var (
		pages  paging
		order  string
		states []string
	)
	cmd := &cobra.Command{
		Use:   "list STORE",
		Short: "List shipments",
		Long:  "List prints the shipments of a store, newest first.",
		Example: `  relais shipment list my-store --state rejected,needs-attention
  relais shipment list my-store --order 2403051200ABCDE --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	pages.register(cmd)
	cmd.Flags().StringVar(&order, "order", "", "only shipments of this order: its number or full name")
	cmd.Flags().StringSliceVar(&states, "state", nil, "only shipments in these states, for example needs-attention")
	complete(cmd, "state", words[marketplacev1.Shipment_State]()...)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		filter := &marketplacev1.ListShipmentsRequest{}
		var err error
		if filter.Parent, err = storeName(args[0]); err != nil {
			return err
		}
		if filter.States, err = parseWords[marketplacev1.Shipment_State]("state", states); err != nil {
			return err
		}
		if order != "" {
			if filter.Order, err = childName(collectionOrders, []string{args[0], order}); err != nil {
				return err
			}
		}
		return list(ctx, a, pages, listing[*marketplacev1.Shipment]{
			plural: "shipments",
			key:    "shipments",
			header: []string{"SHIPMENT", "ORDER", "CARRIER", "TRACKING NUMBER", "STATE", "REASON", "CREATED", "UPDATED"},
			row: func(s *marketplacev1.Shipment) []string {
				return []string{
					shortName(s.GetName()), shortName(s.GetOrder()), orElse(s.GetMarketplaceCarrier(), s.GetCarrier()),
					s.GetTrackingNumber(), word(s.GetState()), s.GetReason(), a.at(s.GetCreateTime()), a.at(s.GetUpdateTime()),
				}
			},
			fetch: func(ctx context.Context, size int32, token string) ([]*marketplacev1.Shipment, string, error) {
				filter.PageSize, filter.PageToken = size, token
				answer, err := api.ListShipments(ctx, filter)
				return answer.GetShipments(), answer.GetNextPageToken(), err
			},
		})
	})
	return cmd
}

func (a *app) shipmentGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get (STORE SHIPMENT | NAME)",
		Short: "Show a shipment and what happened to it",
		Long:  "Get prints a shipment with its events, oldest first. A rejected shipment is not an error here.",
		Example: `  relais shipment get my-store 01HQ8Z
  relais shipment get stores/my-store/shipments/01HQ8Z --output json`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
		RunE: a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
			name, err := childName(collectionShipments, args)
			if err != nil {
				return err
			}
			shipment, err := api.GetShipment(ctx, &marketplacev1.GetShipmentRequest{Name: name})
			if err != nil {
				return err
			}
			return a.printShipment(shipment)
		}),
	}
}
