package api

import (
	"context"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
)

// Adapters serves relais.marketplace.v1.AdapterService, for operators.
type Adapters struct {
	marketplacev1.UnimplementedAdapterServiceServer
	host *host.Host
}

// NewAdapters returns the service over the host's adapters.
func NewAdapters(h *host.Host) *Adapters { return &Adapters{host: h} }

// ListAdapters returns every adapter.
func (a *Adapters) ListAdapters(context.Context, *marketplacev1.ListAdaptersRequest) (*marketplacev1.ListAdaptersResponse, error) {
	resp := &marketplacev1.ListAdaptersResponse{}
	for _, s := range a.host.Adapters() {
		resp.Adapters = append(resp.Adapters, adapterToProto(s))
	}
	return resp, nil
}

// GetAdapter returns one adapter.
func (a *Adapters) GetAdapter(_ context.Context, req *marketplacev1.GetAdapterRequest) (*marketplacev1.Adapter, error) {
	ids, err := parseName("name", req.GetName(), "adapters/*")
	if err != nil {
		return nil, err
	}
	s, err := a.host.Adapter(ids[0])
	if err != nil {
		return nil, err
	}
	return adapterToProto(s), nil
}

func adapterToProto(s host.Status) *marketplacev1.Adapter {
	out := &marketplacev1.Adapter{
		Name: adapterName(s.Name), DisplayName: s.DisplayName, Marketplace: s.Marketplace,
		State:        marketplacev1.Adapter_State(marketplacev1.Adapter_State_value["STATE_"+s.State.String()]),
		RestartCount: int32(s.Restarts), Message: s.Message,
		Generation: &marketplacev1.Generation{
			Number: s.Generation, Version: s.Version, Sha256: s.SHA256, Pid: int32(s.PID), Protocol: s.Protocol,
			StartTime: timestamp(s.StartTime), Leases: int32(s.Leases),
		},
	}
	for _, f := range s.Description.GetCredentialFields() {
		out.CredentialFields = append(out.CredentialFields, &marketplacev1.CredentialField{
			Key: f.GetKey(), DisplayName: f.GetDisplayName(), Description: f.GetDescription(),
			Secret: f.GetSecret(), Optional: f.GetOptional(),
		})
	}
	return out
}
