package serve_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sdk/sdktest"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// TestPanicLog checks what the log says of a panic: enough to find it, and nothing that an author put into its value. It is
// not parallel: the adapter's log is the process's.
func TestPanicLog(t *testing.T) {
	const secret = "Ada Invented, 5 rue Imaginaire"
	tests := []struct {
		name  string
		panic func()
		want  string
	}{
		{name: "text", panic: func() { panic("cannot read " + secret) }, want: `panic=string`},
		{name: "error", panic: func() { panic(errors.New("cannot read " + secret)) }, want: `panic=*errors.errorString`},
		{name: "runtime", panic: func() {
			var list []int
			_ = list[len(secret)]
		}, want: `index out of range [30] with length 0`},
	}
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer // read after the call has ended
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			client := dial(t, &sdktest.Adapter{
				OnGetOrders: func(context.Context, *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
					tt.panic()
					return &adapterv1.GetOrdersResponse{}, nil
				},
			})
			_, err := client.GetOrders(t.Context(), &adapterv1.GetOrdersRequest{})
			if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "Imaginaire") {
				t.Errorf("got %v, want INTERNAL without the panic's value", err)
			}
			if said := log.String(); strings.Contains(said, "Imaginaire") || !strings.Contains(said, tt.want) || !strings.Contains(said, "TestPanicLog") {
				t.Errorf("the log says %s\nwant %s, the stack, and not the panic's value", said, tt.want)
			}
		})
	}
}
