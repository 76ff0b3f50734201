package api

import (
	"context"

	"google.golang.org/grpc"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/order"
)

// ImportOrders starts or joins an import.
func (m *Marketplace) ImportOrders(ctx context.Context, req *marketplacev1.ImportOrdersRequest) (*marketplacev1.Import, error) {
	id, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	run, err := m.importer.Start(ctx, id)
	if err != nil {
		return nil, err
	}
	return importToProto(run), nil
}

// GetImport returns an import.
func (m *Marketplace) GetImport(ctx context.Context, req *marketplacev1.GetImportRequest) (*marketplacev1.Import, error) {
	storeID, id, err := parseChild("name", req.GetName(), "imports")
	if err != nil {
		return nil, err
	}
	run, err := m.importer.Get(ctx, storeID, id)
	if err != nil {
		return nil, err
	}
	return importToProto(run), nil
}

// ListImports returns a page of imports.
func (m *Marketplace) ListImports(ctx context.Context, req *marketplacev1.ListImportsRequest) (*marketplacev1.ListImportsResponse, error) {
	id, err := parseStore("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	before, err := decodeToken[string](req.GetPageToken(), "imports", id)
	if err != nil {
		return nil, err
	}
	var beforeID string
	if before != nil {
		beforeID = *before
	}
	runs, err := m.importer.List(ctx, id, beforeID, size+1)
	if err != nil {
		return nil, err
	}
	runs, more := cut(runs, size)
	resp := &marketplacev1.ListImportsResponse{}
	for _, r := range runs {
		resp.Imports = append(resp.Imports, importToProto(r))
	}
	if more {
		resp.NextPageToken, err = encodeToken(runs[size-1].ID, "imports", id)
	}
	return resp, err
}

// WatchImport follows an import to its end.
func (m *Marketplace) WatchImport(req *marketplacev1.WatchImportRequest, stream grpc.ServerStreamingServer[marketplacev1.Import]) error {
	storeID, id, err := parseChild("name", req.GetName(), "imports")
	if err != nil {
		return err
	}
	return m.importer.Watch(stream.Context(), storeID, id, func(run order.Import) error {
		return stream.Send(importToProto(run))
	})
}

func importToProto(r order.Import) *marketplacev1.Import {
	out := &marketplacev1.Import{
		Name:      importName(r.StoreID, r.ID),
		State:     marketplacev1.Import_State(marketplacev1.Import_State_value["STATE_"+string(r.State)]),
		Scheduled: r.Scheduled, StartTime: timestamp(r.Start), FinishTime: timestamp(r.Finish),
		Progress: &marketplacev1.ImportProgress{
			OrdersRead: r.Counts.Read, OrdersCreated: r.Counts.Created, OrdersChanged: r.Counts.Changed,
			OrdersUnchanged: r.Counts.Unchanged, OrdersReread: r.Counts.Reread,
			OrdersElsewhere: r.Counts.Elsewhere, OrdersMissing: r.Counts.Missing, Percent: int32(r.Percent()),
		},
	}
	for _, w := range r.Windows {
		out.Windows = append(out.Windows, &marketplacev1.ImportWindow{
			Adapter: adapterName(w.Adapter), Failure: failureToProto(w.Failure),
			Axis:      marketplacev1.ImportWindow_Axis(marketplacev1.ImportWindow_Axis_value["AXIS_"+string(w.Axis)]),
			SinceTime: timestamp(w.Since), UntilTime: timestamp(w.Until), FinishedUntilTime: timestamp(w.Finished),
			ResumeCount: int32(w.Resumed), //nolint:gosec // far fewer
		})
	}
	out.Failure = failureToProto(r.Failure)
	return out
}

func failureToProto(f order.Failure) *marketplacev1.ImportFailure {
	if f == (order.Failure{}) {
		return nil
	}
	return &marketplacev1.ImportFailure{Reason: f.Reason, Message: f.Message}
}
