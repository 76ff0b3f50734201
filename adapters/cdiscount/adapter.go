package cdiscount

import (
	"log/slog"
	"time"

	"github.com/relaishq/relais/adapters/sdk"
	"github.com/relaishq/relais/adapters/sdk/pace"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// version of the adapter. Release builds set it with -ldflags "-X github.com/relaishq/relais/adapters/cdiscount.version=…".
var version = "dev"

// Names that the host and operators rely on.
const (
	adapterName = "cdiscount"
	marketplace = "cdiscount"

	keyLogin    = "login"
	keyPassword = "password"
	keySTS      = "sts_url"
	keyService  = "service_url"
)

// Limits of one call, declared in Capabilities. Orders are sent one by one all the same: how many ValidateOrderList takes is
// not known, and one is safe (cdiscount-soap.md 11).
const (
	maxShipmentsPerCall = 50
	maxDecisionsPerCall = 50
	maxOrdersPerGet     = 50
	maxProductsPerGet   = 100
)

// What the marketplace accepts as tracking (cdiscount-soap.md 8.2). The notice may also forbid quotes and commas; it is
// ambiguous, so they are left to the marketplace to refuse.
const (
	maxTrackingNumber         = 50
	forbiddenInTrackingNumber = " &*$"
	maxTrackingURL            = 255
)

// Adapter implements sdk.Adapter for the SOAP API. It serves any number of stores at once.
type Adapter struct {
	port          *httpPort
	clock         func() time.Time
	log           *slog.Logger
	subWindow     time.Duration
	minSubWindow  time.Duration
	stall         time.Duration
	productBatch  int
	refusalMemory time.Duration
	creationReach time.Duration
	timeout       time.Duration

	tokens  tokenCache
	budgets pace.Budgets
}

var (
	_ sdk.Adapter       = (*Adapter)(nil)
	_ sdk.Decider       = (*Adapter)(nil)
	_ sdk.ProductReader = (*Adapter)(nil)
	_ sdk.Previewer     = (*Adapter)(nil)
)

// Option changes how an Adapter works. The defaults are right for production.
type Option func(*Adapter)

// WithClock replaces time.Now, for tests.
func WithClock(now func() time.Time) Option { return func(a *Adapter) { a.clock = now } }

// WithLogger replaces slog.Default.
func WithLogger(log *slog.Logger) Option { return func(a *Adapter) { a.log = log } }

// WithSubWindow sets how much of a window one GetOrderList call asks for; default 3 days. Shorter means more calls with
// smaller answers: too wide ones were seen to time out (cdiscount-soap.md 11). Values that are not positive are ignored.
func WithSubWindow(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.subWindow = d
		}
	}
}

// WithMinSubWindow sets how far a sub-window whose answer times out is halved; default 1 hour. Values that are not positive
// are ignored.
func WithMinSubWindow(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.minSubWindow = d
		}
	}
}

// WithStallTimeout sets how long one wait for an answer with orders may take, as long as its sub-window can still be halved;
// default 1 minute. It must leave room for all halvings within the host's patience with a silent stream, 10 minutes. Values
// that are not positive are ignored.
func WithStallTimeout(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.stall = d
		}
	}
}

// WithProductBatch sets for how many products one GetProductListByIdentifier call asks; default 100, since no limit is
// known. Values that are not positive are ignored.
func WithProductBatch(n int) Option {
	return func(a *Adapter) {
		if n > 0 {
			a.productBatch = n
		}
	}
}

// WithRefusalMemory sets how long the adapter remembers that the token service refused some credentials, and does not ask
// again; default 1 minute. Other credentials of the same account go through at once, and so does CheckConnection.
// Values that are not positive are ignored.
func WithRefusalMemory(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.refusalMemory = d
		}
	}
}

// WithCreationReach sets how far back a read by modification date looks for creation dates; default 400 days. Both dates
// must be sent (cdiscount-soap.md 6.1), and this one must not leave out an old order that changed today. Values that are not
// positive are ignored.
func WithCreationReach(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.creationReach = d
		}
	}
}

// WithRequestTimeout bounds how long one HTTP exchange waits for the marketplace, from sending to the end of the answer;
// default 10 minutes, the longest that known clients allow (cdiscount-soap.md 1). A shorter deadline of the caller wins. Values that are not positive are ignored.
func WithRequestTimeout(d time.Duration) Option {
	return func(a *Adapter) {
		if d > 0 {
			a.timeout = d
		}
	}
}

// New returns an adapter.
func New(options ...Option) *Adapter {
	a := &Adapter{
		clock:         time.Now,
		subWindow:     3 * 24 * time.Hour,
		minSubWindow:  time.Hour,
		stall:         time.Minute,
		productBatch:  maxProductsPerGet,
		refusalMemory: time.Minute,
		creationReach: 400 * 24 * time.Hour,
		timeout:       10 * time.Minute,
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

// Describe implements sdk.Adapter. It names no rate: no figure is known for this API (cdiscount-soap.md 11).
func (a *Adapter) Describe() *adapterv1.DescribeResponse {
	return &adapterv1.DescribeResponse{
		Adapter:       adapterName,
		DisplayName:   "Cdiscount (SOAP)",
		Version:       version,
		Marketplace:   marketplace,
		ProtocolMinor: 0,
		CredentialFields: []*adapterv1.CredentialField{
			{
				Key: keyLogin, DisplayName: "API login",
				Description: "Login of the API account: the seller login with the suffix -api, from the seller back office.",
			},
			{
				Key: keyPassword, DisplayName: "API password", Secret: true,
				Description: "Password of the API account; it is not the one of the seller login.",
			},
		},
		EnvironmentKeys: []*adapterv1.EnvironmentKey{
			{
				Key:           keySTS,
				Description:   "Token service (STS). The realm is added unless the address has one.",
				ProductionUrl: productionSTS,
				SandboxPath:   "/cdiscount/users/httpIssue.svc/",
			},
			{
				Key:           keyService,
				Description:   "SOAP service.",
				ProductionUrl: productionService,
				SandboxPath:   "/cdiscount/MarketplaceAPIService.svc",
			},
		},
		Capabilities: &adapterv1.Capabilities{
			// A line that is not shipped must be refused for good, and there is one tracking number for each order
			// (cdiscount-soap.md 8.2, partial shipment).
			PartialShipment:     false,
			SeveralParcels:      false,
			Acceptance:          true,
			Count:               false,
			MaxShipmentsPerCall: maxShipmentsPerCall,
			MaxDecisionsPerCall: maxDecisionsPerCall,
			MaxOrdersPerGet:     maxOrdersPerGet,
			MaxProductsPerGet:   maxProductsPerGet,
			TrackingRules: &adapterv1.TrackingRules{
				MaxNumberLength:           maxTrackingNumber,
				ForbiddenNumberCharacters: forbiddenInTrackingNumber,
				MaxUrlLength:              maxTrackingURL,
			},
			ShipmentFields: []adapterv1.ShipmentField{adapterv1.ShipmentField_SHIPMENT_FIELD_TRACKING_URL},
			Preview:        true,
		},
	}
}
