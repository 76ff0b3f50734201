package api

import (
	"context"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/shipment"
)

// BatchNotifyShipments is NotifyShipment for many requests at once; each has a result of its own.
func (m *Marketplace) BatchNotifyShipments(
	ctx context.Context, req *marketplacev1.BatchNotifyShipmentsRequest,
) (*marketplacev1.BatchNotifyShipmentsResponse, error) {
	storeID, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	if n := len(req.GetRequests()); n == 0 || n > shipment.MaxBatch {
		return nil, problem.InvalidField("requests", "has %d requests; a batch has 1 to %d", n, shipment.MaxBatch)
	}
	validateOnly := req.GetRequests()[0].GetValidateOnly()
	for _, r := range req.GetRequests() {
		if r.GetValidateOnly() != validateOnly {
			return nil, problem.InvalidField("requests", "differ in validate_only; a batch is checked or stored, not both")
		}
	}
	// Items that say nothing readable end here; what is left is stated.
	outcomes := make([]shipment.Outcome, len(req.GetRequests()))
	var statements []shipment.Statement
	var at []int // index of each in outcomes
	for i, r := range req.GetRequests() {
		st, err := itemFromProto(req.GetParent(), storeID, r)
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		statements, at = append(statements, st), append(at, i)
	}
	stated, err := m.state(ctx, storeID, statements, validateOnly)
	if err != nil {
		return nil, err
	}
	for k, o := range stated {
		outcomes[at[k]] = o
	}
	resp := &marketplacev1.BatchNotifyShipmentsResponse{Results: make([]*marketplacev1.NotifyShipmentResult, len(outcomes))}
	for i, o := range outcomes {
		resp.Results[i] = m.resultToProto(ctx, o)
	}
	return resp, nil
}

// itemFromProto reads one request of a batch. The paths of its errors start at the item.
func itemFromProto(parent, storeID string, r *marketplacev1.NotifyShipmentRequest) (shipment.Statement, error) {
	if r.GetParent() != "" && r.GetParent() != parent {
		return shipment.Statement{}, problem.InvalidField("parent", "is another store than the batch's; leave it empty")
	}
	return statementFromProto(storeID, r)
}

// state stores statements, or only checks them. The error means that nothing was looked at.
func (m *Marketplace) state(ctx context.Context, storeID string, statements []shipment.Statement, validateOnly bool) ([]shipment.Outcome, error) {
	if validateOnly {
		return m.shipments.PreviewAll(ctx, storeID, statements)
	}
	return m.shipments.NotifyAll(ctx, storeID, statements)
}

// resultToProto converts what became of one request.
func (m *Marketplace) resultToProto(ctx context.Context, o shipment.Outcome) *marketplacev1.NotifyShipmentResult {
	if o.Err != nil {
		err := toStatus(ctx, m.log, marketplacev1.MarketplaceService_BatchNotifyShipments_FullMethodName, o.Err)
		return &marketplacev1.NotifyShipmentResult{Result: &marketplacev1.NotifyShipmentResult_Error{Error: itemError(err)}}
	}
	return &marketplacev1.NotifyShipmentResult{Result: &marketplacev1.NotifyShipmentResult_Shipment{Shipment: previewToProto(o.Shipment)}}
}

// itemError is the status that a single call would have ended with, as a part of an answer.
func itemError(err error) *marketplacev1.ItemError {
	st := status.Convert(err)
	out := &marketplacev1.ItemError{Code: int32(st.Code()), Message: st.Message()}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			out.Reason, out.Metadata = d.GetReason(), d.GetMetadata()
		case *errdetails.BadRequest:
			if fields := d.GetFieldViolations(); len(fields) > 0 {
				out.Field = fields[0].GetField()
			}
		case *errdetails.RetryInfo:
			out.RetryDelay = d.GetRetryDelay()
		}
	}
	return out
}
