package shipment

import (
	"context"
	"fmt"

	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// Preview checks a statement as Notify does and returns the shipment as it would be stored, without a name, with the requests that
// the marketplace would get, every secret masked; none where the adapter cannot tell. Nothing is stored and nothing is sent. A
// repeated statement returns the shipment that is there, for which nothing more would be sent.
func (s *Service) Preview(ctx context.Context, storeID string, st Statement) (Shipment, []MarketplaceRequest, error) {
	d, err := s.drafts(ctx, storeID)
	if err != nil {
		return Shipment{}, nil, err
	}
	return d.preview(ctx, st)
}

// PreviewAll checks statements as NotifyAll does, each against what is stored and against the valid ones before it. There is an
// outcome for each, in their order. The error means that nothing was looked at: STORE_NOT_FOUND, STORE_DISCONNECTED.
func (s *Service) PreviewAll(ctx context.Context, storeID string, statements []Statement) ([]Outcome, error) {
	d, err := s.drafts(ctx, storeID)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(statements))
	before := previewed{byRequest: map[string]Shipment{}, byOrder: map[string]Shipment{}}
	for i, st := range statements {
		sh, _, err := d.preview(ctx, st)
		if err == nil {
			err = before.add(sh)
		}
		if err != nil {
			sh = Shipment{}
		}
		outcomes[i] = Outcome{Shipment: sh, Err: err}
	}
	return outcomes, nil
}

// preview is Preview for the store of drafts.
func (d *drafts) preview(ctx context.Context, st Statement) (Shipment, []MarketplaceRequest, error) {
	s := d.service
	drafted, err := d.draft(ctx, st)
	sh := drafted.new.Shipment
	switch {
	case err != nil:
		return Shipment{}, nil, err
	case drafted.existing:
		d.holds.tellStored(ctx, &sh)
		return sh, nil, nil
	}
	open, err := s.repository.ListShipments(ctx, ListQuery{StoreID: sh.StoreID, OrderNumber: sh.OrderNumber, Limit: 1, States: delivery.OpenStates()})
	if err != nil {
		return Shipment{}, nil, fmt.Errorf("read open shipments of order: %w", err)
	}
	if len(open) > 0 && open[0].ID != sh.Replaces {
		return Shipment{}, nil, alreadyOpen(open[0])
	}
	prepared, err := s.marketplace.PrepareShipment(ctx, store.Ref{StoreID: sh.StoreID, Adapter: sh.Adapter}, sh.notification(drafted.order))
	if err != nil {
		return Shipment{}, nil, err
	}
	defer prepared.Close()
	sh.ID = ""
	return sh, prepared.Requests(), nil
}

// previewed is what the valid statements of a batch would store, by request id and by order.
type previewed struct{ byRequest, byOrder map[string]Shipment }

// add takes a shipment that would be stored, unless those before it leave no place for it. A repeated statement is the same shipment.
func (p previewed) add(sh Shipment) error {
	if sh.ID != "" { // it is stored already
		return nil
	}
	if same, ok := p.byRequest[sh.RequestID]; ok {
		if string(same.RequestDigest) != string(sh.RequestDigest) {
			return problem.New(problem.Exists, problem.ReasonRequestIDReused,
				"an earlier request of this batch has the same request_id and says something else; give each shipment its own")
		}
		if field := differs(same.Request, sh.Request); field != "" && sh.derivedID() {
			return problem.New(problem.Exists, problem.ReasonShipmentDiffers,
				"an earlier request of this batch says the same carrier and tracking number with another %s; an order has one open shipment", field).
				With("field", field)
		}
		return nil
	}
	if _, ok := p.byOrder[sh.OrderNumber]; ok {
		return problem.New(problem.Exists, problem.ReasonShipmentAlreadyOpen,
			"an earlier request of this batch ships order %s too; an order has one open shipment", sh.OrderNumber)
	}
	p.byRequest[sh.RequestID], p.byOrder[sh.OrderNumber] = sh, sh
	return nil
}
