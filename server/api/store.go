package api

import (
	"context"
	"time"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// ConnectStore connects a seller account.
func (m *Marketplace) ConnectStore(ctx context.Context, req *marketplacev1.ConnectStoreRequest) (*marketplacev1.Store, error) {
	if req.GetStore() == nil {
		return nil, problem.InvalidField("store", "is required")
	}
	adapter, err := parseName("store.adapter", req.GetStore().GetAdapter(), "adapters/*")
	if err != nil {
		return nil, err
	}
	settings, err := settingsFromProto(req.GetStore().GetSettings())
	if err != nil {
		return nil, err
	}
	st, err := m.stores.Connect(ctx, store.ConnectRequest{
		StoreID: req.GetStoreId(), Adapter: adapter[0], Environment: req.GetStore().GetEnvironment(),
		Settings:    settings,
		Credentials: req.GetCredentials().GetValues(),
	})
	if err != nil {
		return nil, err
	}
	m.shipments.Prepare(ctx, store.Ref{StoreID: st.ID, Adapter: st.Adapter})
	m.wake()
	return m.storeToProto(st), nil
}

// GetStore returns a store.
func (m *Marketplace) GetStore(ctx context.Context, req *marketplacev1.GetStoreRequest) (*marketplacev1.Store, error) {
	return m.withStore(req.GetName(), func(id string) (store.Store, error) { return m.stores.Get(ctx, id) })
}

// ListStores returns a page of stores.
func (m *Marketplace) ListStores(ctx context.Context, req *marketplacev1.ListStoresRequest) (*marketplacev1.ListStoresResponse, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil {
		return nil, err
	}
	after, err := decodeToken[string](req.GetPageToken(), "stores", req.GetShowDisconnected())
	if err != nil {
		return nil, err
	}
	q := store.ListQuery{Limit: size + 1, ShowDisconnected: req.GetShowDisconnected()}
	if after != nil {
		q.AfterID = *after
	}
	stores, err := m.stores.List(ctx, q)
	if err != nil {
		return nil, err
	}
	stores, more := cut(stores, size)
	resp := &marketplacev1.ListStoresResponse{}
	for _, s := range stores {
		resp.Stores = append(resp.Stores, m.storeToProto(s))
	}
	if more {
		resp.NextPageToken, err = encodeToken(stores[size-1].ID, "stores", req.GetShowDisconnected())
	}
	return resp, err
}

// UpdateStore changes settings.
func (m *Marketplace) UpdateStore(ctx context.Context, req *marketplacev1.UpdateStoreRequest) (*marketplacev1.Store, error) {
	id, err := parseStore("store.name", req.GetStore().GetName())
	if err != nil {
		return nil, err
	}
	change, err := settingsChange(req.GetStore().GetSettings(), req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	st, err := m.stores.Update(ctx, id, change)
	if err != nil {
		return nil, err
	}
	m.wake()
	m.decisions.Resume() // there may be another policy
	return m.storeToProto(st), nil
}

// RotateCredentials replaces credentials.
func (m *Marketplace) RotateCredentials(ctx context.Context, req *marketplacev1.RotateCredentialsRequest) (*marketplacev1.Store, error) {
	adapter, err := parseOptionalAdapter("adapter", req.GetAdapter())
	if err != nil {
		return nil, err
	}
	return m.withStore(req.GetName(), m.resuming(func(id string) (store.Store, error) {
		return m.stores.RotateCredentials(ctx, id, adapter, req.GetCredentials().GetValues())
	}))
}

// CheckStore asks the marketplace whether the credentials work.
func (m *Marketplace) CheckStore(ctx context.Context, req *marketplacev1.CheckStoreRequest) (*marketplacev1.Store, error) {
	return m.withStore(req.GetName(), m.resuming(func(id string) (store.Store, error) { return m.stores.Check(ctx, id) }))
}

// PauseStore stops imports and shipments of a store.
func (m *Marketplace) PauseStore(ctx context.Context, req *marketplacev1.PauseStoreRequest) (*marketplacev1.Store, error) {
	return m.withStore(req.GetName(), func(id string) (store.Store, error) { return m.stores.Pause(ctx, id) })
}

// ResumeStore ends a pause.
func (m *Marketplace) ResumeStore(ctx context.Context, req *marketplacev1.ResumeStoreRequest) (*marketplacev1.Store, error) {
	return m.withStore(req.GetName(), m.resuming(func(id string) (store.Store, error) { return m.stores.Resume(ctx, id) }))
}

// resuming wakes what was held back, after do went well.
func (m *Marketplace) resuming(do func(id string) (store.Store, error)) func(id string) (store.Store, error) {
	return func(id string) (store.Store, error) {
		st, err := do(id)
		if err == nil {
			m.shipments.Resume()
			m.decisions.Resume()
			m.wake()
		}
		return st, err
	}
}

// DisconnectStore erases the credentials of a store.
func (m *Marketplace) DisconnectStore(ctx context.Context, req *marketplacev1.DisconnectStoreRequest) (*marketplacev1.Store, error) {
	return m.withStore(req.GetName(), func(id string) (store.Store, error) {
		st, err := m.stores.Disconnect(ctx, id, req.GetForce())
		if err == nil {
			m.importer.Abort(id)
		}
		return st, err
	})
}

// withStore parses a store's name, calls do and converts what it returns.
func (m *Marketplace) withStore(name string, do func(id string) (store.Store, error)) (*marketplacev1.Store, error) {
	id, err := parseStore("name", name)
	if err != nil {
		return nil, err
	}
	st, err := do(id)
	if err != nil {
		return nil, err
	}
	return m.storeToProto(st), nil
}

func (m *Marketplace) storeToProto(s store.Store) *marketplacev1.Store {
	return &marketplacev1.Store{
		Name: storeName(s.ID), Adapter: adapterName(s.Adapter), Environment: s.Environment, Settings: settingsToProto(s.Settings),
		Adapters:    adapterNames(s.Adapters),
		Marketplace: s.Marketplace, AccountId: s.AccountID, ShopName: s.ShopName, Health: healthToProto(s),
		AcceptanceMode: marketplacev1.Store_AcceptanceMode(marketplacev1.Store_AcceptanceMode_value["ACCEPTANCE_MODE_"+string(s.Acceptance)]),
		CreateTime:     timestamp(s.CreateTime), UpdateTime: timestamp(s.UpdateTime), DisconnectTime: timestamp(s.DisconnectTime),
		LastImportStartTime: timestamp(s.LastImportStart), LastImportFinishTime: timestamp(s.LastImportFinish),
		NextImportTime: timestamp(m.stores.PlannedImport(s)),
	}
}

func adapterNames(adapters []string) []string {
	var names []string
	for _, a := range adapters {
		names = append(names, adapterName(a))
	}
	return names
}

// healthToProto shows what matters most: disconnected before paused before the health of the exchange.
func healthToProto(s store.Store) *marketplacev1.StoreHealth {
	h := &marketplacev1.StoreHealth{
		State:   marketplacev1.StoreHealth_State(marketplacev1.StoreHealth_State_value["STATE_"+string(s.Health.State)]),
		Message: s.Health.Message, Reason: s.Health.Reason, SinceTime: timestamp(s.Health.Since),
	}
	switch {
	case !s.Connected():
		return &marketplacev1.StoreHealth{
			State: marketplacev1.StoreHealth_STATE_DISCONNECTED, SinceTime: timestamp(s.DisconnectTime),
			Message: "disconnected; orders stay readable, connect the account again with ConnectStore",
		}
	case s.Paused: // the health of the exchange is kept, and told again when the pause ends
		return &marketplacev1.StoreHealth{
			State: marketplacev1.StoreHealth_STATE_PAUSED, SinceTime: timestamp(s.PauseTime), Message: "paused; resume with ResumeStore",
		}
	case !s.NextProbe.IsZero() && h.GetMessage() != "":
		h.NextProbeTime = timestamp(s.NextProbe)
		h.Message += "; next try at " + s.NextProbe.UTC().Format(time.DateTime) + " UTC"
	}
	return h
}
