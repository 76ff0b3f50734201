package shipment

import (
	"context"
	"log/slog"

	"github.com/relaishq/relais/server/store"
)

// holds tells of shipments of a store that they wait for the store rather than for the marketplace. It is worked out whenever they are
// shown, and never stored: what holds them ends without a word to each of them.
type holds struct {
	stores Stores
	log    *slog.Logger
	store  store.Store
	known  map[string]store.Hold // by adapter
}

func (s *Service) holds(st store.Store) *holds {
	return &holds{stores: s.stores, log: s.log, store: st, known: map[string]store.Hold{}}
}

// tell makes a shipment that is held say why, and when relais acts next.
func (h *holds) tell(ctx context.Context, s *Shipment) error {
	if !s.State.Open() {
		return nil
	}
	hold, ok := h.known[s.Adapter]
	if !ok {
		var err error
		if hold, err = h.stores.Hold(ctx, h.store, s.Adapter); err != nil {
			return err
		}
		h.known[s.Adapter] = hold
	}
	if hold.Reason == "" {
		return nil
	}
	said := hold.Message
	if s.SendCount > 0 && s.Message != "" { // what became of the request still matters
		said += "; before that: " + s.Message
	}
	s.Reason, s.Message = hold.Reason, said
	if hold.Until.IsZero() || hold.Until.After(s.NextAttempt) {
		s.NextAttempt = hold.Until
	}
	return nil
}

// tellStored is tell for the answer to a call that has stored or found the shipment: that stays true when why it waits cannot be read.
func (h *holds) tellStored(ctx context.Context, s *Shipment) {
	if err := h.tell(ctx, s); err != nil {
		h.log.WarnContext(ctx, "not known whether the store holds a shipment", "store", s.StoreID, "shipment", s.ID, "error", err)
	}
}
