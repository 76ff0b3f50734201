package octopia

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// version of the adapter. Release builds set it with -ldflags "-X github.com/relaishq/relais/adapters/octopia.version=…".
var version = "dev"

// Names that the host and operators rely on. The marketplace is the one of the adapter cdiscount: both speak to it.
const (
	adapterName = "octopia"
	marketplace = "cdiscount"

	keyClientID     = "client_id"
	keyClientSecret = "client_secret"
	keySellerID     = "seller_id"
	keyToken        = "token_url"
	keyAPI          = "api_url"
)

// Addresses of the real services (octopia-rest.md 1). The older token host is a matter of configuration (13.10).
const (
	productionToken = "https://auth.octopia-io.net/auth/realms/maas/protocol/openid-connect/token"
	productionAPI   = "https://api.octopia-io.net/seller/v2"
)

// Limits of one call, declared in Capabilities. The API takes one order or product in each request, and about one request a
// second (octopia-rest.md 2), so larger calls would only run out of time.
const (
	maxShipmentsPerCall = 20
	maxDecisionsPerCall = 20
	maxOrdersPerGet     = 20
	maxProductsPerGet   = 10
)

// How fast one store may call, declared in Describe. No figure is published; one call a second is what the contract takes for
// safe after the one quota event that was seen, some 600 calls in a few minutes (octopia-rest.md 2, 13.8).
const (
	requestsPerSecond = 1
	requestBurst      = 20
)

// maxPageSize is the largest page of GET /orders (octopia-rest.md 3). What more would do was never recorded.
const maxPageSize = 100

// parallelReads is how many orders or products one call reads at a time.
const parallelReads = 4

// Adapter implements sdk.Adapter for the REST API. It serves any number of stores at once.
type Adapter struct {
	port          *httpPort
	clock         func() time.Time
	log           *slog.Logger
	subWindow     time.Duration
	minSubWindow  time.Duration
	crowd         int
	pageSize      int
	refusalMemory time.Duration
	timeout       time.Duration
	tokenRate     tokenRate
	tracking      trackingLimits

	tokens  tokenCache
	sorts   sortMemory
	budgets pace.Budgets
}

var (
	_ sdk.Adapter       = (*Adapter)(nil)
	_ sdk.Decider       = (*Adapter)(nil)
	_ sdk.ProductReader = (*Adapter)(nil)
	_ sdk.Counter       = (*Adapter)(nil)
	_ sdk.Previewer     = (*Adapter)(nil)
)

// tokenRate is how many tokens one client id may ask for.
type tokenRate struct {
	perHour float64
	burst   int
}

// trackingLimits are the longest texts of a tracking, in characters.
type trackingLimits struct {
	number, url int
}

// Option changes how an Adapter works. The defaults are right for production.
type Option func(*Adapter)

// WithClock replaces time.Now, for tests.
func WithClock(now func() time.Time) Option { return func(a *Adapter) { a.clock = now } }

// WithLogger replaces slog.Default.
func WithLogger(log *slog.Logger) Option { return func(a *Adapter) { a.log = log } }

// WithSubWindow sets how much of a window is read between two checkpoints; default 10 days. Values that are not positive are
// ignored.
func WithSubWindow(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.subWindow = d
		}
	}
}

// WithMinSubWindow sets how far a crowded sub-window is narrowed; default 1 minute. Values below one second are ignored: the
// API's filters count seconds.
func WithMinSubWindow(d time.Duration) Option {
	return func(a *Adapter) {
		if d >= time.Second {
			a.minSubWindow = d
		}
	}
}

// WithCrowd sets how many orders a sub-window may hold before it is narrowed; default 1000. It bounds what has to be
// remembered, and how many pages can shift while they are read. Values that are not positive are ignored.
func WithCrowd(orders int) Option {
	return func(a *Adapter) {
		if orders > 0 {
			a.crowd = orders
		}
	}
}

// WithPageSize sets how many orders one page is asked to hold, 1 to 100; default 100. Other values are ignored.
func WithPageSize(n int) Option {
	return func(a *Adapter) {
		if n > 0 && n <= maxPageSize {
			a.pageSize = n
		}
	}
}

// WithRefusalMemory sets how long the adapter remembers that the token service refused some credentials, and does not ask
// again; default 1 minute. Other credentials of the same client go through at once, and so does CheckConnection.
// Values that are not positive are ignored.
func WithRefusalMemory(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.refusalMemory = d
		}
	}
}

// WithTokenRate sets how many tokens one client id may ask for in an hour, and how many of them at once; default 400 and 20,
// which stays under the documented quota of 500 (octopia-rest.md 1). Values that are not positive are ignored.
func WithTokenRate(perHour float64, burst int) Option {
	return func(a *Adapter) {
		if perHour > 0 && burst > 0 {
			a.tokenRate = tokenRate{perHour: perHour, burst: burst}
		}
	}
}

// WithRequestTimeout bounds one HTTP exchange, from sending to the end of the answer; default 1 minute. A shorter deadline of
// the caller wins. Values that are not positive are ignored.
func WithRequestTimeout(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.timeout = d
		}
	}
}

// WithTrackingLimits sets the longest tracking number and tracking address, in characters; default 50 and 255. The contract
// names no limit (octopia-rest.md 6.2, 7): these are the ones of the same marketplace's SOAP API. Values that are not positive
// are ignored.
func WithTrackingLimits(number, url int) Option {
	return func(a *Adapter) {
		if number > 0 && url > 0 {
			a.tracking = trackingLimits{number: number, url: url}
		}
	}
}

// New returns an adapter.
func New(options ...Option) *Adapter {
	a := &Adapter{
		clock:         time.Now,
		subWindow:     10 * 24 * time.Hour,
		minSubWindow:  time.Minute,
		crowd:         1000,
		pageSize:      maxPageSize,
		refusalMemory: time.Minute,
		timeout:       time.Minute,
		tokenRate:     tokenRate{perHour: 400, burst: 20},
		tracking:      trackingLimits{number: 50, url: 255},
	}
	for _, option := range options {
		option(a)
	}
	a.port = newHTTPPort(userAgent(), a.timeout)
	return a
}

// logger returns the logger of the moment: package serve sets the default one after the adapter was made.
func (a *Adapter) logger() *slog.Logger {
	if a.log != nil {
		return a.log
	}
	return slog.Default()
}

// userAgent is how the adapter names itself to the marketplace.
func userAgent() string { return fmt.Sprintf("relais/%s (adapter %s)", version, adapterName) }

// Describe implements sdk.Adapter.
func (a *Adapter) Describe() *adapterv1.DescribeResponse {
	return &adapterv1.DescribeResponse{
		Adapter:       adapterName,
		DisplayName:   "Cdiscount (Octopia REST)",
		Version:       version,
		Marketplace:   marketplace,
		ProtocolMinor: 0,
		CredentialFields: []*adapterv1.CredentialField{
			{
				Key: keyClientID, DisplayName: "Client id",
				Description: "From API Credentials Management on the Octopia developer portal: your own, or your aggregator's.",
			},
			{
				Key: keyClientSecret, DisplayName: "Client secret", Secret: true,
				Description: "Secret of the client id, shown once when it is made.",
			},
			{
				Key: keySellerID, DisplayName: "Seller id",
				Description: "Number of the seller account, from the settings of the seller portal.",
			},
		},
		EnvironmentKeys: []*adapterv1.EnvironmentKey{
			{
				Key:           keyToken,
				Description:   "Token service (OpenID Connect).",
				ProductionUrl: productionToken,
				SandboxPath:   "/octopia/auth/realms/maas/protocol/openid-connect/token",
			},
			{
				Key:           keyAPI,
				Description:   "Seller API.",
				ProductionUrl: productionAPI,
				SandboxPath:   "/octopia/seller/v2",
			},
		},
		Capabilities: &adapterv1.Capabilities{
			// Cdiscount takes one parcel for a complete order (octopia-rest.md 6.2).
			PartialShipment:     false,
			SeveralParcels:      false,
			Acceptance:          true,
			Count:               true,
			Preview:             true,
			MaxShipmentsPerCall: maxShipmentsPerCall,
			MaxDecisionsPerCall: maxDecisionsPerCall,
			MaxOrdersPerGet:     maxOrdersPerGet,
			MaxProductsPerGet:   maxProductsPerGet,
			TrackingRules: &adapterv1.TrackingRules{
				MaxNumberLength:           int32(a.tracking.number),
				ForbiddenNumberCharacters: " ",
				MaxUrlLength:              int32(a.tracking.url),
			},
			ShipmentFields: []adapterv1.ShipmentField{adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL},
		},
		RateBudget: &adapterv1.RateBudget{RequestsPerSecond: requestsPerSecond, Burst: requestBurst},
	}
}
