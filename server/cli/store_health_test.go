package cli_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// TestNextProbeIsShown: whoever looks at a store whose work waits for its credentials sees when they are tried next; nobody else does.
func TestNextProbeIsShown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		state     marketplacev1.StoreHealth_State
		probe     *timestamppb.Timestamp
		list, get string // a part of the output
	}{
		{
			"refused", marketplacev1.StoreHealth_STATE_AUTH_REQUIRED, timestamppb.New(now.Add(14*time.Minute + 5*time.Second)),
			"AUTH_REQUIRED, next try in 14m5s  ", ", in 14m5s\n",
		},
		{"due", marketplacev1.StoreHealth_STATE_RETRYING, timestamppb.New(now), "RETRYING, next try now  ", ", now\n"},
		{"works", marketplacev1.StoreHealth_STATE_HEALTHY, nil, "HEALTHY  ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tea := &marketplacev1.Store{Name: "stores/tea", Health: &marketplacev1.StoreHealth{State: c.state, NextProbeTime: c.probe}}
			var answer proto.Message = tea
			f := newFake(t, &fake{answer: func(context.Context, proto.Message) (proto.Message, error) { return answer, nil }})
			got := run(t, f, "store", "get", "tea").out
			_, fact, shown := strings.Cut(got, "Credentials tried again:")
			if shown != (c.probe != nil) || !strings.Contains(fact, c.get) {
				t.Errorf("get:\n%s", got)
			}
			answer = &marketplacev1.ListStoresResponse{Stores: []*marketplacev1.Store{tea}}
			if got := run(t, f, "store", "list").out; !strings.Contains(got, c.list) {
				t.Errorf("list:\n%s", got)
			}
		})
	}
}
