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
marketplace: QUEUED, SENDING, ACKNOWLEDGED (the marketplace said yes), CONFIRMED (a later read shows it), REJECTED,
NEEDS_ATTENTION (a person must look), SUPERSEDED (corrected by another one) or CANCELLED (before anything was sent).`,
		Example: `  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345678
  relais shipment notify-all my-store shipments.csv
  relais shipment list my-store --state needs-attention`,
	}, a.shipmentNotify(), a.shipmentNotifyAll(), a.shipmentList(), a.shipmentGet(), a.shipmentRetry(), a.shipmentCancel())
}

// treatment is what the flags say about how statements are to be taken.
type treatment struct{ force, otherCarrier, validateOnly bool }

func (t *treatment) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&t.force, "force", false, "ship although the buyer asks to cancel, or with a carrier that does not serve the pickup network")
	flags.BoolVar(&t.otherCarrier, "allow-other-carrier", false, "ship a carrier that the marketplace does not list as its \"other\", with a tracking URL")
	flags.BoolVar(&t.validateOnly, "validate-only", false, "check everything, store nothing and send nothing")
}

// shipmentFlags are the flags of a statement.
type shipmentFlags struct {
	treatment
	carrier, trackingNumber, trackingURL, service, fee, shipTime, requestID, replaces string
	items                                                                             []string
}

func (f *shipmentFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.carrier, "carrier", "", "carrier, as relais carrier list names it: its name, code or an alias")
	flags.StringVar(&f.trackingNumber, "tracking-number", "", "tracking number")
	flags.StringVar(&f.trackingURL, "tracking-url", "", "http or https URL of the tracking page")
	flags.StringVar(&f.service, "service", "", "the carrier's service, for example \"Express 24\"")
	flags.StringVar(&f.fee, "carrier-fee", "", "what the carrier charged, for example 4.90EUR")
	flags.StringVar(&f.shipTime, "ship-time", "", "when the parcel left: "+timeHelp+" (default now)")
	flags.StringArrayVar(&f.items, "item", nil, "what is in the parcel: `LINE=PIECES`, or LINE for the whole line (repeatable, default everything)")
	flags.StringVar(&f.requestID, "request-id", "", "key that makes repeating safe (default: made of the order, --carrier, --tracking-number and --replaces)")
	flags.StringVar(&f.replaces, "replaces", "", "the shipment of this order that this one corrects: its id or full name")
	f.treatment.register(cmd)
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
	parent := parentName(order)
	if f.replaces != "" {
		if shipment.Replaces, err = childName(collectionShipments, []string{parent, f.replaces}); err != nil {
			return nil, err
		}
	}
	return f.apply(&marketplacev1.NotifyShipmentRequest{Parent: parent, Shipment: shipment, RequestId: f.requestID}), nil
}

// apply puts the flags into a request.
func (t *treatment) apply(r *marketplacev1.NotifyShipmentRequest) *marketplacev1.NotifyShipmentRequest {
	r.Force, r.AllowOtherCarrier, r.ValidateOnly = t.force, t.otherCarrier, t.validateOnly
	return r
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
same values returns the same shipment. What the marketplace cannot take is kept and listed as not sent. An order has one
open shipment: --replaces corrects it, as long as the marketplace has not taken it.

With --validate-only nothing is stored: the requests that the marketplace would get are printed, secrets masked.

With --wait the command ends when the shipment has: exit code 0 for CONFIRMED, 6 for REJECTED or NEEDS_ATTENTION, and 5
when it is still under way after --wait-timeout.`,
		Example: `  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345678 --wait
  relais shipment notify stores/my-store/orders/2403051200ABCDE --carrier UPS --tracking-number 1Z999AA10123456784 \
      --service "Express Saver" --carrier-fee 4.90EUR --ship-time "2024-03-05 14:30"
  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345687 --replaces 01HQ8Z
  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345678 --validate-only`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
	}
	given.register(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the shipment is CONFIRMED, REJECTED or NEEDS_ATTENTION")
	following.register(cmd, defaultDeliveryWait)
	exclusive(cmd, "wait", "validate-only")
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
		switch {
		case given.validateOnly:
			return a.printPreview(shipment)
		case wait:
			return a.followShipment(ctx, api, shipment.GetName(), following)
		}
		return a.printShipment(shipment, timeline)
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
	var withRequests bool
	cmd := &cobra.Command{
		Use:   "get (STORE SHIPMENT | NAME)",
		Short: "Show a shipment and what happened to it",
		Long: `Get prints a shipment, why its carrier was chosen, and its events, oldest first: what was decided, what each read of the
order showed, and what the marketplace answered. A rejected shipment is not an error here.

With --evidence it also prints each request as it was sent, secrets masked, and through which release of the adapter.`,
		Example: `  relais shipment get my-store 01HQ8Z
  relais shipment get my-store 01HQ8Z --evidence
  relais shipment get stores/my-store/shipments/01HQ8Z --output json`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
	}
	cmd.Flags().BoolVarP(&withRequests, "evidence", "v", false, "also print the requests that were sent")
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		name, err := childName(collectionShipments, args)
		if err != nil {
			return err
		}
		shipment, err := api.GetShipment(ctx, &marketplacev1.GetShipmentRequest{Name: name})
		if err != nil {
			return err
		}
		if withRequests {
			return a.printShipment(shipment, evidence)
		}
		return a.printShipment(shipment, timeline)
	})
	return cmd
}
