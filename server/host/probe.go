package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"
)

// probe asks a process that serves nobody yet what it is, and refuses an adapter that is not the one of this slot. It needs no
// network and no store.
func (g *generation) probe(ctx context.Context, name string, timeout time.Duration) error {
	description, err := g.describe(ctx, timeout)
	if err != nil {
		return fmt.Errorf("the adapter does not describe itself: %w", err)
	}
	if got := description.GetAdapter(); got != name {
		return fmt.Errorf("the file is named for adapter %q and holds adapter %.64q; put the right build in its place, or rename it if its name is wrong", name, got)
	}
	g.description, g.release.Version = description, description.GetVersion()
	return nil
}

// examine goes further than probe, with a release that has never served here: that it keeps to what the host relies on, as far as
// that can be told without a marketplace. The whole of the protocol is what "relais adapter verify" checks.
func (g *generation) examine(ctx context.Context, timeout time.Duration) error {
	d := g.description
	again, err := g.describe(ctx, timeout)
	switch {
	case err != nil:
		return fmt.Errorf("the adapter describes itself once only: %w", err)
	case !proto.Equal(d, again):
		return errors.New("the adapter describes itself differently each time")
	case d.GetVersion() == "":
		return errors.New("the adapter has no version")
	case d.GetMarketplace() == "":
		return errors.New("the adapter names no marketplace")
	case d.GetCapabilities().GetMaxOrdersPerGet() < 1:
		return errors.New("the adapter declares no max_orders_per_get")
	case d.GetCapabilities().GetMaxShipmentsPerCall() < 1:
		return errors.New("the adapter declares no max_shipments_per_call")
	case d.GetCapabilities().GetAcceptance() && d.GetCapabilities().GetMaxDecisionsPerCall() < 1:
		return errors.New("the adapter declares acceptance without max_decisions_per_call")
	case len(d.GetEnvironmentKeys()) == 0:
		return errors.New("the adapter declares no address of its marketplace")
	}
	return g.askNothing(ctx, timeout)
}

// askNothing makes a call without addresses, which an adapter refuses without going to any network. That shows that the calls are
// served at all, and that errors come the way the protocol wants them.
func (g *generation) askNothing(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := adapterv1.NewMarketplaceAdapterServiceClient(g.process.Conn()).
		CheckConnection(ctx, &adapterv1.CheckConnectionRequest{Store: &adapterv1.StoreContext{StoreId: "probe"}})
	want := strings.TrimPrefix(adapterv1.ErrorReason_ERROR_REASON_INVALID_REQUEST.String(), "ERROR_REASON_")
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == want {
			return nil
		}
	}
	if err == nil {
		return fmt.Errorf("the adapter claims a connection without credentials or addresses; it must answer %s", want)
	}
	return fmt.Errorf("the adapter answers a call without addresses with code %s and not with the reason %s", status.Code(err), want)
}

// comparison is what is asked of a release that is to serve connected stores.
type comparison struct {
	// before is what the release in service says of itself; nil when none served since the server started.
	before *adapterv1.DescribeResponse
	// use is what the stores use.
	use release.Use
	// previous is true of the release that served before the one in service, and served when it did so to these very stores, with the
	// credentials that they have.
	previous, served bool
	// addresses is Config.Addresses.
	addresses func(environment, adapter string, d *adapterv1.DescribeResponse) error
}

// missing lists what the connected stores would lose with this description. What the release in service lacks as well nobody loses;
// without one there is nothing to compare with, and a slot that stands still is better served by what there is. Capability preview is
// not asked for: without it a caller is not shown what would be sent, and nothing that is sent or kept is lost.
func (c comparison) missing(d *adapterv1.DescribeResponse) []string {
	if c.use.Stores == 0 {
		return nil
	}
	lacks := c.otherMarketplaces(d)
	if c.before == nil {
		return lacks
	}
	return slices.Concat(lacks, c.lostCapabilities(d.GetCapabilities()), c.lostEnvironments(d), c.newCredentials(d))
}

// otherMarketplaces tells which stores the adapter does not speak for at all.
func (c comparison) otherMarketplaces(d *adapterv1.DescribeResponse) (lacks []string) {
	for _, m := range c.use.Marketplaces {
		if m != d.GetMarketplace() {
			lacks = append(lacks, fmt.Sprintf("it speaks to marketplace %.64q, and stores are connected to %q", d.GetMarketplace(), m))
		}
	}
	return lacks
}

// lostCapabilities tells what the stores use and could not do any more. Every import uses product data: a release that served before
// they could be read may come back all the same, or a rollback would be refused as soon as a release reads them.
func (c comparison) lostCapabilities(has *adapterv1.Capabilities) (lacks []string) {
	had := c.before.GetCapabilities()
	if c.use.Decisions && had.GetAcceptance() && !has.GetAcceptance() {
		lacks = append(lacks, "it can neither accept nor refuse orders, and stores do (capability acceptance)")
	}
	if c.use.PartialShipments && had.GetPartialShipment() && !has.GetPartialShipment() {
		lacks = append(lacks, "it cannot ship a part of an order, and shipments that name lines wait (capability partial_shipment)")
	}
	if c.use.Corrections && had.GetTrackingCorrection() && !has.GetTrackingCorrection() {
		lacks = append(lacks, "it cannot replace the tracking number of an order that was shipped, and corrections wait (capability tracking_correction)")
	}
	if !c.previous && had.GetMaxProductsPerGet() > 0 && has.GetMaxProductsPerGet() < 1 {
		lacks = append(lacks, "it cannot read products, and order lines would have no colour and size any more (capability max_products_per_get)")
	}
	return lacks
}

// lostEnvironments tells in which environments the stores could not be called any more, for want of an address.
func (c comparison) lostEnvironments(d *adapterv1.DescribeResponse) (lacks []string) {
	if c.addresses == nil {
		return nil
	}
	for _, environment := range c.use.Environments {
		err := c.addresses(environment, d.GetAdapter(), d)
		if err == nil || c.addresses(environment, d.GetAdapter(), c.before) != nil {
			continue
		}
		why := err.Error()
		if p := problem.As(err); p != nil {
			why = p.Message
		}
		lacks = append(lacks, "stores could not be called: "+why)
	}
	return lacks
}

// newCredentials tells which credentials the stores were not asked for.
func (c comparison) newCredentials(d *adapterv1.DescribeResponse) (lacks []string) {
	if c.served {
		return nil
	}
	required := func(key string) bool {
		return slices.ContainsFunc(c.before.GetCredentialFields(), func(f *adapterv1.CredentialField) bool {
			return f.GetKey() == key && !f.GetOptional()
		})
	}
	for _, f := range d.GetCredentialFields() {
		if !f.GetOptional() && !required(f.GetKey()) {
			lacks = append(lacks, fmt.Sprintf("it requires the credential %.64q, which connected stores may not have", f.GetKey()))
		}
	}
	return lacks
}
