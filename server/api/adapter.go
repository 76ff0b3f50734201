package api

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/problem"
)

// AdapterHost is what the AdapterService needs of the host. *host.Host is one; its comments are the contract.
type AdapterHost interface {
	Adapters() []host.Status
	Adapter(name string) (host.Status, error)
	Files(ctx context.Context) ([]host.File, error)
	Changed() <-chan struct{}
	Swap(ctx context.Context, adapter, file string, report host.Report) error
	SwapRelease(ctx context.Context, adapter, sha256 string, report host.Report) error
	Rollback(ctx context.Context, adapter string, report host.Report) error
	Unload(ctx context.Context, adapter string) error
	Pin(ctx context.Context, r host.PinRequest) error
	Unpin(ctx context.Context, adapter, store string) error
}

var _ AdapterHost = (*host.Host)(nil)

// Adapters serves relais.marketplace.v1.AdapterService, for operators.
type Adapters struct {
	marketplacev1.UnimplementedAdapterServiceServer
	host     AdapterHost
	stopping context.Context
	stop     context.CancelFunc
}

// NewAdapters returns the service over the host's adapters.
func NewAdapters(h AdapterHost) *Adapters {
	a := &Adapters{host: h}
	a.stopping, a.stop = context.WithCancel(context.Background())
	return a
}

// Stop ends the calls that would not end by themselves soon: those that watch, swap, pin or unload. It does not wait for them. A swap
// whose release is not published is given up.
func (a *Adapters) Stop() { a.stop() }

// ListAdapters returns every adapter.
func (a *Adapters) ListAdapters(ctx context.Context, _ *marketplacev1.ListAdaptersRequest) (*marketplacev1.ListAdaptersResponse, error) {
	files, err := a.host.Files(ctx)
	if err != nil {
		return nil, err
	}
	resp := &marketplacev1.ListAdaptersResponse{}
	for _, s := range a.host.Adapters() {
		resp.Adapters = append(resp.Adapters, adapterToProto(s, files))
	}
	return resp, nil
}

// GetAdapter returns one adapter.
func (a *Adapters) GetAdapter(ctx context.Context, req *marketplacev1.GetAdapterRequest) (*marketplacev1.Adapter, error) {
	name, err := parseAdapter("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return a.get(ctx, name)
}

func (a *Adapters) get(ctx context.Context, name string) (*marketplacev1.Adapter, error) {
	files, err := a.host.Files(ctx) // first: it finds adapters that are new
	if err != nil {
		return nil, err
	}
	s, err := a.host.Adapter(name)
	if err != nil {
		return nil, err
	}
	return adapterToProto(s, files), nil
}

// WatchAdapters sends all adapters at each change.
func (a *Adapters) WatchAdapters(
	_ *marketplacev1.WatchAdaptersRequest, stream grpc.ServerStreamingServer[marketplacev1.WatchAdaptersResponse],
) error {
	for {
		changed := a.host.Changed() // before looking: a change between the two is seen by the next turn
		resp := &marketplacev1.WatchAdaptersResponse{}
		for _, s := range a.host.Adapters() {
			resp.Adapters = append(resp.Adapters, adapterToProto(s, nil))
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-a.stopping.Done():
			return problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; watch again when it is back")
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// SwapAdapter lets another release serve.
func (a *Adapters) SwapAdapter(
	req *marketplacev1.SwapAdapterRequest, stream grpc.ServerStreamingServer[marketplacev1.SwapStep],
) error {
	return a.swap(req.GetName(), stream, func(ctx context.Context, adapter string, report host.Report) error {
		switch {
		case req.GetSha256() != "" && req.GetFile() != "":
			return problem.InvalidField("sha256", "must not be set beside file")
		case req.GetSha256() != "":
			return a.host.SwapRelease(ctx, adapter, req.GetSha256(), report)
		}
		return a.host.Swap(ctx, adapter, req.GetFile(), report)
	})
}

// RollbackAdapter lets the release serve that served before.
func (a *Adapters) RollbackAdapter(
	req *marketplacev1.RollbackAdapterRequest, stream grpc.ServerStreamingServer[marketplacev1.SwapStep],
) error {
	return a.swap(req.GetName(), stream, a.host.Rollback)
}

// swap runs a swap and sends its steps. A receiver that is gone ends its context, which ends the swap as far as it may.
func (a *Adapters) swap(
	name string, stream grpc.ServerStreamingServer[marketplacev1.SwapStep], do func(context.Context, string, host.Report) error,
) error {
	adapter, err := parseAdapter("name", name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	stopping := problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; see with ListAdapters what serves when it is back")
	defer context.AfterFunc(a.stopping, func() { cancel(stopping) })() // the host tells of the swap later why it was given up
	err = do(ctx, adapter, func(step host.Step) {
		if err := stream.Send(stepToProto(step)); err != nil {
			cancel(nil)
		}
	})
	switch {
	case err != nil && a.stopping.Err() != nil:
		return stopping
	case err != nil:
		return err
	}
	now, err := a.get(ctx, adapter)
	if err != nil {
		return err
	}
	return stream.Send(&marketplacev1.SwapStep{Kind: marketplacev1.SwapStep_KIND_COMPLETE, Done: true, Adapter: now})
}

// UnloadAdapter takes an adapter out of service.
func (a *Adapters) UnloadAdapter(ctx context.Context, req *marketplacev1.UnloadAdapterRequest) (*marketplacev1.Adapter, error) {
	name, err := parseAdapter("name", req.GetName())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.stopping, cancel)()
	if err := a.host.Unload(ctx, name); err != nil {
		if a.stopping.Err() != nil {
			return nil, problem.New(problem.Unavailable, problem.ReasonServerStopping,
				"the server is stopping; see with GetAdapter whether the adapter is unloaded when it is back")
		}
		return nil, err
	}
	return a.get(ctx, name)
}

// PinStore holds a store on a release for a while.
func (a *Adapters) PinStore(ctx context.Context, req *marketplacev1.PinStoreRequest) (*marketplacev1.Adapter, error) {
	adapter, store, err := parsePin(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.stopping, cancel)()
	pin := host.PinRequest{Adapter: adapter, Store: store, File: req.GetFile(), SHA256: req.GetSha256()}
	if req.GetExpireTime() != nil {
		pin.ExpireTime = req.GetExpireTime().AsTime()
	}
	if err := a.host.Pin(ctx, pin); err != nil {
		if a.stopping.Err() != nil {
			return nil, problem.New(problem.Unavailable, problem.ReasonServerStopping, "the server is stopping; pin the store again when it is back")
		}
		return nil, err
	}
	return a.get(ctx, adapter)
}

// UnpinStore ends a pin before its time.
func (a *Adapters) UnpinStore(ctx context.Context, req *marketplacev1.UnpinStoreRequest) (*marketplacev1.Adapter, error) {
	adapter, store, err := parsePin(req)
	if err != nil {
		return nil, err
	}
	if err := a.host.Unpin(ctx, adapter, store); err != nil {
		return nil, err
	}
	return a.get(ctx, adapter)
}

// parsePin returns the ids of the adapter and the store.
func parsePin(req interface {
	GetName() string
	GetStore() string
},
) (adapter, store string, err error) {
	if adapter, err = parseAdapter("name", req.GetName()); err != nil {
		return "", "", err
	}
	store, err = parseStore("store", req.GetStore())
	return adapter, store, err
}

// parseAdapter returns the adapter's id.
func parseAdapter(field, name string) (string, error) {
	ids, err := parseName(field, name, "adapters/*")
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

var swapStepKinds = map[host.StepKind]marketplacev1.SwapStep_Kind{
	host.Register: marketplacev1.SwapStep_KIND_REGISTER,
	host.Launch:   marketplacev1.SwapStep_KIND_LAUNCH,
	host.Probe:    marketplacev1.SwapStep_KIND_PROBE,
	host.Publish:  marketplacev1.SwapStep_KIND_PUBLISH,
	host.Retire:   marketplacev1.SwapStep_KIND_RETIRE,
}

func stepToProto(s host.Step) *marketplacev1.SwapStep {
	out := &marketplacev1.SwapStep{
		Kind: swapStepKinds[s.Kind], Done: s.Done, Sha256: s.SHA256, Version: s.Version, Generation: s.Generation,
		CutCalls: int32(s.Cut), Unchanged: s.Unchanged, RetiringCalls: int32(s.Calls), Killed: s.Killed, //nolint:gosec // far fewer
	}
	if s.Limit > 0 {
		out.RetireLimit = durationpb.New(s.Limit)
	}
	if s.Done {
		out.Duration = durationpb.New(s.Took)
	}
	return out
}
