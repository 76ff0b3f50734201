package conformance

import (
	"bytes"
	"context"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// describePatience is how long Describe may take: the host's watchdog gives it two seconds.
const describePatience = 2 * time.Second

func describeChecks() []check {
	return []check{
		{Info: Info{
			ID: "describe-complete", Title: "says completely what it is",
			Proves: "Names, credential fields, addresses and limits of Describe are there, unique and possible, and the file is called relais-adapter-<adapter>, or that with @ and a label.",
		}, run: describeComplete},
		{Info: Info{
			ID: "describe-constant", Title: "says the same every time, at once",
			Proves: "Describe answers within two seconds, with the same content in every call and every process.",
		}, run: describeConstant},
		{Info: Info{
			ID: "describe-offline", Title: "says what it is without network",
			Proves: "After starting and after Describe the process holds no network socket (Linux), and a proxy that the environment names for HTTP sees no request. A socket that is open for a moment only and goes past the proxy is not seen.",
		}, run: describeOffline},
		{Info: Info{
			ID: "describe-capabilities", Title: "answers what it declares, and only that",
			Proves: "Optional calls answer UNIMPLEMENTED exactly when the capabilities do not declare them.",
		}, run: describeCapabilities},
	}
}

// word is what names of adapters, marketplaces and keys are made of.
var word = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)

func describeComplete(_ context.Context, s *subject) error {
	var f findings
	d := s.description
	for field, value := range map[string]string{"adapter": d.GetAdapter(), "marketplace": d.GetMarketplace()} {
		if !word.MatchString(value) || strings.Contains(value, "_") {
			f.addf("%s is %q: lower-case letters, digits and \"-\" are needed", field, value)
		}
	}
	for field, value := range map[string]string{"display_name": d.GetDisplayName(), "version": d.GetVersion()} {
		if value == "" {
			f.addf("%s is empty", field)
		}
	}
	// The server knows a binary in its plugin directory by this name.
	file, want := filepath.Base(s.options.Adapter), handshake.FilePrefix+d.GetAdapter()
	if named, _, ok := launch.ParseFileName(file); !ok || named != d.GetAdapter() {
		f.addf("the file is called %s instead of %s, or that with \"@\" and a label of letters, digits and ._+-", file, want)
	}
	describeCredentials(&f, d.GetCredentialFields())
	describeEnvironment(&f, d.GetEnvironmentKeys())
	describeLimits(&f, d)
	return f.err()
}

func describeCredentials(f *findings, fields []*adapterv1.CredentialField) {
	if len(fields) == 0 {
		f.addf("there is no credential field")
	}
	var keys []string
	required := false
	for i, c := range fields {
		if !word.MatchString(c.GetKey()) || slices.Contains(keys, c.GetKey()) {
			f.addf("credential field %d has the key %q: one of its own is needed, of lower-case letters, digits and \"_\"", i, c.GetKey())
		}
		if c.GetDisplayName() == "" || c.GetDescription() == "" {
			f.addf("credential field %q does not say what it is and where the seller finds it", c.GetKey())
		}
		keys = append(keys, c.GetKey())
		required = required || !c.GetOptional()
	}
	if !required {
		f.addf("every credential field is optional")
	}
	if !slices.ContainsFunc(fields, (*adapterv1.CredentialField).GetSecret) {
		f.addf("no credential field is secret")
	}
}

func describeEnvironment(f *findings, list []*adapterv1.EnvironmentKey) {
	if len(list) == 0 {
		f.addf("there is no environment key: the marketplace's address is the operator's to set")
	}
	var keys []string
	for i, k := range list {
		if !word.MatchString(k.GetKey()) || slices.Contains(keys, k.GetKey()) {
			f.addf("environment key %d is %q: one of its own is needed, of lower-case letters, digits and \"_\"", i, k.GetKey())
		}
		keys = append(keys, k.GetKey())
		if u, err := url.Parse(k.GetProductionUrl()); err != nil || u.Host == "" || u.Scheme != "https" {
			f.addf("environment key %q has the production address %q, which is not an https address", k.GetKey(), k.GetProductionUrl())
		}
		if !strings.HasPrefix(k.GetSandboxPath(), "/") || len(k.GetSandboxPath()) < 2 {
			f.addf("environment key %q has the sandbox path %q, which is not a path", k.GetKey(), k.GetSandboxPath())
		}
	}
}

func describeLimits(f *findings, d *adapterv1.DescribeResponse) {
	c := d.GetCapabilities()
	if c == nil {
		f.addf("there are no capabilities")
		return
	}
	if c.GetMaxShipmentsPerCall() < 1 || c.GetMaxOrdersPerGet() < 1 {
		f.addf("max_shipments_per_call is %d and max_orders_per_get %d: both must be at least 1", c.GetMaxShipmentsPerCall(), c.GetMaxOrdersPerGet())
	}
	if c.GetAcceptance() && c.GetMaxDecisionsPerCall() < 1 {
		f.addf("max_decisions_per_call is %d with acceptance: it must be at least 1", c.GetMaxDecisionsPerCall())
	}
	if c.GetMaxProductsPerGet() < 0 {
		f.addf("max_products_per_get is %d", c.GetMaxProductsPerGet())
	}
	if back := c.GetLookBackLimit(); back != nil && back.AsDuration() <= 0 {
		f.addf("look_back_limit is %s", back.AsDuration())
	}
	if r := c.GetTrackingRules(); r.GetMaxNumberLength() < 0 || r.GetMaxUrlLength() < 0 {
		f.addf("tracking_rules have a length below zero")
	}
	var seen []adapterv1.ShipmentField
	for _, field := range c.GetShipmentFields() {
		if field == adapterv1.ShipmentField_SHIPMENT_FIELD_UNSPECIFIED || slices.Contains(seen, field) {
			f.addf("shipment_fields names %s: each may be named once, and not \"unspecified\"", field)
		}
		seen = append(seen, field)
	}
	if b := d.GetRateBudget(); b != nil && (b.GetRequestsPerSecond() <= 0 || b.GetBurst() < 1) {
		f.addf("rate_budget allows %g requests a second and %d at once: leave it unset when no rate is known", b.GetRequestsPerSecond(), b.GetBurst())
	}
}

func describeConstant(ctx context.Context, s *subject) error {
	var f findings
	want, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.description)
	if err != nil {
		return failed("encode the first answer", err)
	}
	for range 2 {
		p, err := s.start(ctx)
		if err != nil {
			return err
		}
		for range 25 {
			call, cancel := context.WithTimeout(ctx, describePatience)
			d, err := p.Describe(call, &adapterv1.DescribeRequest{})
			cancel()
			if err != nil {
				return failed("Describe", err)
			}
			got, err := proto.MarshalOptions{Deterministic: true}.Marshal(d)
			if err != nil {
				return failed("encode the answer", err)
			}
			if !bytes.Equal(got, want) {
				f.addf("an answer differs from the first one")
				return f.err()
			}
		}
	}
	return f.err()
}

func describeOffline(ctx context.Context, s *subject) error {
	var requests atomic.Int64
	proxy, err := newGate(ctx, "", func(int) bool { requests.Add(1); return false })
	if err != nil {
		return err
	}
	defer proxy.close()
	env := []string{"NO_PROXY=", "no_proxy="}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		env = append(env, name+"="+proxy.url)
	}
	p, err := s.start(ctx, env...)
	if err != nil {
		return err
	}
	var f findings
	if n, _ := networkSockets(p.PID()); n > 0 {
		f.addf("the process holds %d network sockets after its start", n)
	}
	for range 3 {
		call, cancel := context.WithTimeout(ctx, describePatience)
		_, err := p.Describe(call, &adapterv1.DescribeRequest{})
		cancel()
		if err != nil {
			return failed("Describe", err)
		}
	}
	if n, _ := networkSockets(p.PID()); n > 0 {
		f.addf("the process holds %d network sockets after Describe", n)
	}
	if n := requests.Load(); n > 0 {
		f.addf("%d requests went to the network", n)
	}
	return f.err()
}

func describeCapabilities(ctx context.Context, s *subject) error {
	p, err := s.start(ctx)
	if err != nil {
		return err
	}
	c := s.capabilities()
	var f findings
	for _, call := range []struct {
		name     string
		declared bool
		make     func(context.Context) error
	}{
		{"AcceptOrders", c.GetAcceptance(), func(ctx context.Context) error {
			_, err := p.AcceptOrders(ctx, &adapterv1.AcceptOrdersRequest{})
			return err
		}},
		{"RefuseOrders", c.GetAcceptance(), func(ctx context.Context) error {
			_, err := p.RefuseOrders(ctx, &adapterv1.RefuseOrdersRequest{})
			return err
		}},
		{"CountOrders", c.GetCount(), func(ctx context.Context) error {
			_, err := p.CountOrders(ctx, &adapterv1.CountOrdersRequest{})
			return err
		}},
		{"GetProducts", c.GetMaxProductsPerGet() > 0, func(ctx context.Context) error {
			_, err := p.GetProducts(ctx, &adapterv1.GetProductsRequest{})
			return err
		}},
		{"PreviewShipment", c.GetPreview(), func(ctx context.Context) error {
			_, err := p.PreviewShipment(ctx, &adapterv1.PreviewShipmentRequest{})
			return err
		}},
	} {
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		code := status.Code(call.make(limited))
		cancel()
		switch {
		case call.declared && code == codes.Unimplemented:
			f.addf("%s is declared, and answered with UNIMPLEMENTED", call.name)
		case !call.declared && code != codes.Unimplemented:
			f.addf("%s is not declared, and answered with %s instead of UNIMPLEMENTED", call.name, code)
		}
	}
	return f.err()
}
