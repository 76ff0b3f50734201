package broken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/relaishq/relais/adapters/conformance/internal/example"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// clone copies a message.
func clone[M proto.Message](m M) M { return proto.CloneOf(m) }

// calls home: what it gets is of no interest.
func visit(ctx context.Context, address string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
}

func describeVariants() []Variant {
	return []Variant{
		{"has no limit for reads by number", "describe-complete", func(h *hooks) {
			h.describe = func(d *adapterv1.DescribeResponse) { d.Capabilities.MaxOrdersPerGet = 0 }
		}},
		{"has two fields of one key", "describe-complete", func(h *hooks) {
			h.describe = func(d *adapterv1.DescribeResponse) {
				d.CredentialFields = append(d.CredentialFields, clone(d.GetCredentialFields()[0]))
			}
		}},
		{"has another name than its file", "describe-complete", func(h *hooks) {
			h.describe = func(d *adapterv1.DescribeResponse) { d.Adapter = "whole" }
		}},
		{"counts its own calls in Describe", "describe-constant", func(h *hooks) {
			var n atomic.Int64
			h.describe = func(d *adapterv1.DescribeResponse) { d.Version = fmt.Sprintf("1.0.%d", n.Add(1)) }
		}},
		{"looks for updates in Describe", "describe-offline", func(h *hooks) {
			h.describe = func(*adapterv1.DescribeResponse) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				visit(ctx, "http://updates.bazaar.example/latest")
			}
		}},
		{"keeps a socket open past the proxy", "describe-offline", func(h *hooks) {
			var kept []net.Conn
			h.describe = func(*adapterv1.DescribeResponse) {
				// Nothing listens there, and nothing is sent: a socket of UDP needs neither.
				if c, err := (&net.Dialer{}).DialContext(context.Background(), "udp", "127.0.0.1:9"); err == nil {
					kept = append(kept, c)
				}
			}
		}},
		{"counts without declaring it", "describe-capabilities", func(h *hooks) {
			h.describe = func(d *adapterv1.DescribeResponse) { d.Capabilities.Count = false }
		}},
	}
}

func requestVariants() []Variant {
	return []Variant{
		{"does without credentials", "request-credentials", func(h *hooks) {
			h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
				for _, key := range []string{"shop", "password"} {
					if store.GetCredentials()[key] == "" {
						store.Credentials[key] = "guest"
					}
				}
				return ctx, nil
			}
		}},
		{"falls back to an address of its own", "request-environment", func(h *hooks) {
			h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
				if !strings.HasPrefix(store.GetEnvironment()["api_url"], "http") {
					store.Environment["api_url"] = "http://127.0.0.1:9/bazaar/v1"
				}
				return ctx, nil
			}
		}},
		{"lists everything when it is not told what", "request-window", func(h *hooks) {
			h.window = func(req *adapterv1.ListOrdersRequest) error {
				if req.GetSince() == nil {
					req.Since = &adapterv1.ListOrdersRequest_CreatedSince{CreatedSince: timestamppb.New(req.GetUntil().AsTime().Add(-time.Hour))}
				}
				return nil
			}
		}},
		{"reads the first numbers of too many", "request-batch-limits", func(h *hooks) {
			h.get = func(ctx context.Context, a *example.Adapter, req *adapterv1.GetOrdersRequest) (*adapterv1.GetOrdersResponse, error) {
				req.OrderNumbers = req.OrderNumbers[:min(len(req.OrderNumbers), 20)]
				return a.GetOrders(ctx, req)
			}
		}},
		{"refuses what it does not know in a request", "request-unknown-fields", func(h *hooks) {
			h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
				if len(store.ProtoReflect().GetUnknown()) > 0 {
					return ctx, sdk.InvalidRequest("store", "has unknown fields")
				}
				return ctx, nil
			}
		}},
	}
}

func connectVariants() []Variant {
	type response = adapterv1.CheckConnectionResponse
	return []Variant{
		{"numbers accounts anew in each call", "connect-account", func(h *hooks) {
			var n atomic.Int64
			h.account = func(r *response, err error) (*response, error) {
				if err == nil {
					r.AccountId = fmt.Sprint(n.Add(1))
				}
				return r, err
			}
		}},
		{"names no account keys", "connect-account", func(h *hooks) {
			h.account = func(r *response, err error) (*response, error) {
				if err == nil {
					r.AccountKeys = nil
				}
				return r, err
			}
		}},
		{"calls wrong credentials an outage", "connect-bad-credentials", func(h *hooks) {
			h.account = func(r *response, err error) (*response, error) {
				if err != nil {
					err = sdk.MarketplaceDown(0, "something is wrong")
				}
				return r, err
			}
		}},
		{"remembers the first credentials of a store", "connect-rotated-credentials", firstCredentials},
		{"calls a closed shop refused", "connect-inactive-account", func(h *hooks) {
			h.account = func(r *response, err error) (*response, error) {
				if err != nil {
					err = sdk.MarketplaceRefused("the shop is closed")
				}
				return r, err
			}
		}},
		{"says that every shop accepts by hand", "connect-acceptance-mode", func(h *hooks) {
			h.account = func(r *response, err error) (*response, error) {
				if err == nil {
					r.AcceptanceMode = adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL
				}
				return r, err
			}
		}},
	}
}

// firstCredentials keeps the credentials that a store id came with first.
func firstCredentials(h *hooks) {
	var known sync.Map
	h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
		first, _ := known.LoadOrStore(store.GetStoreId(), store.GetCredentials())
		store.Credentials, _ = first.(map[string]string)
		return ctx, nil
	}
}

func stateVariants() []Variant {
	return []Variant{
		{"fails on a state that it cannot read", "state-optional", func(h *hooks) {
			h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
				if len(store.GetState()) > 0 && !json.Valid(store.GetState()) {
					return ctx, sdk.Internal("the state cannot be read")
				}
				return ctx, nil
			}
		}},
		{"trusts any state", "state-foreign", func(h *hooks) {
			h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
				var state map[string]any
				if json.Unmarshal(store.GetState(), &state) == nil {
					state["key"] = example.StateKey(store, "password")
					store.State, _ = json.Marshal(state)
				}
				return ctx, nil
			}
		}},
		{"never looks at its state", "state-spares-logins", func(h *hooks) {
			h.begin = func(ctx context.Context, store *adapterv1.StoreContext) (context.Context, error) {
				store.State = nil
				return ctx, nil
			}
		}},
	}
}

func previewVariants() []Variant {
	type request = adapterv1.PreviewShipmentRequest
	type response = adapterv1.PreviewShipmentResponse
	return []Variant{
		{"asks the marketplace for a preview", "preview-offline", func(h *hooks) {
			h.preview = func(ctx context.Context, req *request, _ *response) {
				visit(ctx, req.GetStore().GetEnvironment()["api_url"]+"/shop")
			}
		}},
		{"shows the token", "preview-masked", func(h *hooks) {
			h.preview = func(_ context.Context, req *request, resp *response) {
				var state struct{ Token string }
				_ = json.Unmarshal(req.GetStore().GetState(), &state)
				resp.Requests[0].Headers["X-Token"] = state.Token
			}
		}},
		{"shows the password", "preview-masked", func(h *hooks) {
			h.preview = func(_ context.Context, req *request, resp *response) {
				resp.Requests[0].Url += "?secret=" + req.GetStore().GetCredentials()["password"]
			}
		}},
		{"previews another body than it sends", "preview-true", func(h *hooks) {
			h.preview = func(_ context.Context, _ *request, resp *response) { resp.Requests[0].Body += "\n" }
		}},
	}
}

func failureVariants() []Variant {
	reason := func(from adapterv1.ErrorReason, to func(*sdk.Error) error) func(h *hooks) {
		return func(h *hooks) {
			h.fail = func(err error) error {
				if e := sdk.AsError(err); e != nil && e.Reason == from {
					return to(e)
				}
				return err
			}
		}
	}
	const (
		down      = adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_DOWN
		malformed = adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER
		throttled = adapterv1.ErrorReason_ERROR_REASON_THROTTLED
	)
	return []Variant{
		{"calls an outage its own fault", "failure-down", reason(down, func(*sdk.Error) error { return errors.New("cannot read") })},
		{"takes what it cannot read for nothing", "failure-unreadable", reason(malformed, func(*sdk.Error) error { return nil })},
		{"forgets how long to wait", "failure-throttled", reason(throttled, func(*sdk.Error) error { return sdk.Throttled(0, "too fast") })},
		{"overhears how long a quota lasts", "failure-throttled", hasty},
		{"takes a login that fails for wrong credentials", "failure-login", accusing},
		{"takes a page in place of a token for wrong credentials", "failure-login", gullible},
		{"logs in once and never again", "failure-token", func(h *hooks) { h.transport = &oneLogin{next: h.transport} }},
	}
}

// oneLogin lets one login of each shop through.
type oneLogin struct {
	next http.RoundTripper
	seen sync.Map
}

// RoundTrip refuses further logins.
func (o *oneLogin) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/login") {
		if _, again := o.seen.LoadOrStore(req.Header.Get("X-Shop"), true); again {
			return nil, errors.New("no second login")
		}
	}
	return o.next.RoundTrip(req)
}
