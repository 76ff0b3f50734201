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

// missing lists what the connected stores would lose with this description. Before is what the release in service says of itself; nil
// when none served since the server started. What that one lacks as well nobody loses; without one there is nothing to compare with, and
// a slot that stands still is better served by what there is. Served says that the release was served to these very stores before, with
// the credentials that they have.
func missing(d, before *adapterv1.DescribeResponse, use release.Use, served bool) []string {
	if use.Stores == 0 {
		return nil
	}
	var lacks []string
	for _, m := range use.Marketplaces {
		if m != d.GetMarketplace() {
			lacks = append(lacks, fmt.Sprintf("it speaks to marketplace %.64q, and stores are connected to %q", d.GetMarketplace(), m))
		}
	}
	c, had := d.GetCapabilities(), before.GetCapabilities()
	if use.Decisions && had.GetAcceptance() && !c.GetAcceptance() {
		lacks = append(lacks, "it can neither accept nor refuse orders, and stores do (capability acceptance)")
	}
	if use.PartialShipments && had.GetPartialShipment() && !c.GetPartialShipment() {
		lacks = append(lacks, "it cannot ship a part of an order, and shipments that name lines wait (capability partial_shipment)")
	}
	if before == nil || served {
		return lacks
	}
	required := func(key string) bool {
		return slices.ContainsFunc(before.GetCredentialFields(), func(f *adapterv1.CredentialField) bool {
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
