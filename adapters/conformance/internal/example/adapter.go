// Package example is a small, complete adapter of an invented marketplace, the bazaar, in two versions of its API. It shows that a
// marketplace nobody planned for needs nothing but a binary, and it is what the broken adapters of package broken are made of.
//
// It keeps no memory between calls but the pace of each store: tokens live in the state that the host keeps.
package example

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// API is what differs between the two versions.
type API struct {
	name, display string
	secret        string // key of the credential
	path          string // on the sandbox
	orders        string // word in the paths
}

// V1 is the old API.
func V1() API {
	return API{name: "bazaar", display: "Bazaar", secret: "password", path: "/bazaar/v1", orders: "orders"}
}

// V2 is the new API: orders have new numbers and keep the former one as their reference.
func V2() API {
	return API{name: "bazaar-next", display: "Bazaar, next", secret: "client_secret", path: "/bazaar/v2", orders: "sales"}
}

// Names of credentials and addresses that both versions have.
const (
	keyShop = "shop"
	keyURL  = "api_url"
)

// The most that one call takes.
const (
	maxBatch    = 10
	maxNumbers  = 20
	maxProducts = 20
)

// What the bazaar takes as tracking: numbers and addresses of so many characters, and none of these in a number.
const (
	maxTracking    = 40
	noTracking     = " é;"
	maxTrackingURL = 200
)

// Adapter implements sdk.Adapter and all its optional parts.
type Adapter struct {
	api     API
	client  *http.Client
	budgets pace.Budgets
}

var (
	_ sdk.Adapter       = (*Adapter)(nil)
	_ sdk.Decider       = (*Adapter)(nil)
	_ sdk.Counter       = (*Adapter)(nil)
	_ sdk.Previewer     = (*Adapter)(nil)
	_ sdk.ProductReader = (*Adapter)(nil)
)

// New makes an adapter of one version.
func New(api API) *Adapter { return NewWith(api, http.DefaultTransport) }

// NewWith makes an adapter that sends its requests through a transport.
func NewWith(api API, transport http.RoundTripper) *Adapter {
	return &Adapter{api: api, client: &http.Client{
		Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Describe implements sdk.Adapter.
func (a *Adapter) Describe() *adapterv1.DescribeResponse {
	return &adapterv1.DescribeResponse{
		Adapter: a.api.name, DisplayName: a.api.display, Version: "1.0.0", Marketplace: "bazaar",
		CredentialFields: []*adapterv1.CredentialField{
			{Key: keyShop, DisplayName: "Shop", Description: "Number of the shop, from the bazaar's gate."},
			{Key: a.api.secret, DisplayName: "Secret", Description: "Whispered by the gatekeeper.", Secret: true},
		},
		EnvironmentKeys: []*adapterv1.EnvironmentKey{
			{Key: keyURL, Description: "The API.", ProductionUrl: "https://bazaar.example" + a.api.path, SandboxPath: a.api.path},
		},
		Capabilities: &adapterv1.Capabilities{
			Acceptance: true, Count: true, Preview: true,
			MaxShipmentsPerCall: maxBatch, MaxDecisionsPerCall: maxBatch, MaxOrdersPerGet: maxNumbers, MaxProductsPerGet: maxProducts,
			ShipmentFields: []adapterv1.ShipmentField{adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL},
			TrackingRules: &adapterv1.TrackingRules{
				MaxNumberLength: maxTracking, ForbiddenNumberCharacters: noTracking, MaxUrlLength: maxTrackingURL,
			},
		},
	}
}

// CheckConnection implements sdk.Adapter.
func (a *Adapter) CheckConnection(
	ctx context.Context, req *adapterv1.CheckConnectionRequest,
) (*adapterv1.CheckConnectionResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	var shop struct {
		Shop, Name      string
		AcceptsByItself bool `json:"accepts_by_itself"`
	}
	if err := s.read(ctx, "/shop", nil, &shop); err != nil {
		return nil, err
	}
	if shop.Shop != s.shop {
		return nil, sdk.MalformedAnswer("the bazaar tells about another shop")
	}
	mode := adapterv1.AcceptanceMode_ACCEPTANCE_MODE_MANUAL
	if shop.AcceptsByItself {
		mode = adapterv1.AcceptanceMode_ACCEPTANCE_MODE_AUTOMATIC
	}
	return &adapterv1.CheckConnectionResponse{
		AccountId: shop.Shop, ShopName: shop.Name, AccountKeys: []string{"shop:" + shop.Shop}, AcceptanceMode: mode,
		StateUpdate: s.update(),
	}, nil
}

// ListCarriers implements sdk.Adapter.
func (a *Adapter) ListCarriers(ctx context.Context, req *adapterv1.ListCarriersRequest) (*adapterv1.ListCarriersResponse, error) {
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	var list struct{ Carriers []string }
	if err := s.read(ctx, "/carriers", nil, &list); err != nil {
		return nil, err
	}
	resp := &adapterv1.ListCarriersResponse{StateUpdate: s.update()}
	for _, name := range list.Carriers {
		resp.Carriers = append(resp.Carriers, &adapterv1.Carrier{Code: name, Name: name})
	}
	return resp, nil
}

// GetProducts implements sdk.ProductReader.
func (a *Adapter) GetProducts(ctx context.Context, req *adapterv1.GetProductsRequest) (*adapterv1.GetProductsResponse, error) {
	if len(req.GetEans()) > maxProducts {
		return nil, sdk.InvalidRequest("eans", "holds more than %d codes", maxProducts)
	}
	s, err := a.open(req.GetStore())
	if err != nil {
		return nil, err
	}
	var list struct {
		Articles []struct{ EAN, Colour, Size string }
	}
	if err := s.read(ctx, "/articles", map[string][]string{"ean": req.GetEans()}, &list); err != nil {
		return nil, err
	}
	resp := &adapterv1.GetProductsResponse{}
	for _, ean := range req.GetEans() {
		p := &adapterv1.Product{Ean: ean}
		for _, article := range list.Articles {
			if article.EAN != ean {
				continue
			}
			p.Found = true
			for _, o := range []*adapterv1.ItemOption{{Name: "colour", Value: article.Colour}, {Name: "size", Value: article.Size}} {
				if o.GetValue() != "" {
					p.Options = append(p.Options, o)
				}
			}
		}
		resp.Products = append(resp.Products, p)
	}
	resp.StateUpdate = s.update()
	return resp, nil
}

// number is what an order number looks like: nothing else can stand in a path.
var number = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// distinct reports whether keys are all there and all different.
func distinct(keys []string) bool {
	return !slices.Contains(keys, "") && len(slices.Compact(slices.Sorted(slices.Values(keys)))) == len(keys)
}
