package store

import (
	"context"
	"slices"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// Hold is why nothing goes through an adapter of a connected store: the store is paused, or the credentials do not work. A zero Hold
// holds nothing.
type Hold struct {
	Reason  string // one of the Reason constants of package problem
	Message string // for a person
	// Until is when relais tries whether it still holds; zero when that is for a person to say.
	Until time.Time
}

// Hold returns what holds the work of a store, as it was read, through one of its adapters. STORE_NOT_FOUND.
func (s *Service) Hold(ctx context.Context, st Store, adapter string) (Hold, error) {
	switch {
	case st.Paused:
		return Hold{Reason: problem.ReasonStorePaused, Message: "the store is paused: resume it, nothing is asked of the marketplace until then"}, nil
	case adapter == st.Adapter && st.NextProbe.IsZero():
		return Hold{}, nil
	case adapter == st.Adapter && (refusalReason(st.Health.Reason) || st.Health.Reason == problem.ReasonMalformedAnswer):
		return Hold{st.Health.Reason, st.Health.Message, st.NextProbe}, nil
	}
	b, err := s.repository.Bindings(ctx, st.ID)
	if err != nil {
		return Hold{}, asProblem(err, st.ID)
	}
	at := slices.IndexFunc(b.Adapters, func(x Binding) bool { return x.Adapter == adapter })
	if at < 0 || b.Adapters[at].Standing.Works() {
		return Hold{}, nil
	}
	standing := b.Adapters[at].Standing
	why := problem.As(standing.Problem(adapter))
	return Hold{why.Reason, why.Message, standing.NextProbe}, nil
}
