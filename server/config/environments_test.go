package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	keys := []store.EnvironmentKey{
		{Key: "token_url", ProductionURL: "https://token.market.example/v1", SandboxPath: "/alpha/token"},
		{Key: "api_url", ProductionURL: "https://api.market.example", SandboxPath: "alpha/api"},
	}
	const sandbox = "sandbox_url: http://127.0.0.1:7480/base/\n"
	const staging = "environments:\n  staging:\n    alpha:\n      token_url: https://token.staging.example\n      api_url: http://localhost:1234/api\n"
	for _, c := range []struct {
		name, environment string
		in                sources
		adapter           string
		keys              []store.EnvironmentKey
		want              map[string]string
		problem           []string
	}{
		{name: "production", environment: "production", want: map[string]string{
			"token_url": "https://token.market.example/v1", "api_url": "https://api.market.example"}},
		{name: "sandbox", environment: "sandbox", in: sources{file: sandbox}, want: map[string]string{
			"token_url": "http://127.0.0.1:7480/base/alpha/token", "api_url": "http://127.0.0.1:7480/base/alpha/api"}},
		{name: "sandbox that is not there", environment: "sandbox", problem: []string{"sandbox_url", "there is: production"}},
		{name: "configured", environment: "staging", in: sources{file: staging}, want: map[string]string{
			"token_url": "https://token.staging.example", "api_url": "http://localhost:1234/api"}},
		{name: "configured by variables", environment: "staging", in: sources{env: []string{
			"RELAIS_ENVIRONMENTS__STAGING__ALPHA__TOKEN_URL=https://t.example", "RELAIS_ENVIRONMENTS__STAGING__ALPHA__API_URL=https://a.example",
		}}, want: map[string]string{"token_url": "https://t.example", "api_url": "https://a.example"}},
		{name: "a variable goes before the file", environment: "staging", in: sources{file: staging, env: []string{
			"RELAIS_ENVIRONMENTS__STAGING__ALPHA__TOKEN_URL=https://t.example",
		}}, want: map[string]string{"token_url": "https://t.example", "api_url": "http://localhost:1234/api"}},
		{name: "built in, one address replaced", environment: "production",
			in: sources{file: "environments: {production: {alpha: {api_url: 'https://proxy.example'}}}\n"}, want: map[string]string{
				"token_url": "https://token.market.example/v1", "api_url": "https://proxy.example"}},
		{name: "configured for another adapter", environment: "staging", adapter: "beta", in: sources{file: staging},
			problem: []string{"environments.staging.beta.token_url and environments.staging.beta.api_url"}},
		{name: "partly configured", environment: "staging", in: sources{file: "environments: {staging: {alpha: {api_url: 'https://a.example'}}}\n"},
			problem: []string{`environment "staging" has no address for adapter "alpha"`, "environments.staging.alpha.token_url"}},
		{name: "adapter without sandbox", environment: "sandbox", in: sources{file: sandbox}, keys: []store.EnvironmentKey{{Key: "x", ProductionURL: "https://x.example"}},
			problem: []string{"environments.sandbox.alpha.x"}},
		{name: "adapter without production", environment: "production", keys: []store.EnvironmentKey{{Key: "x", SandboxPath: "/x"}},
			problem: []string{"environments.production.alpha.x"}},
		{name: "unknown", environment: "nowhere", in: sources{file: sandbox + staging}, problem: []string{`"nowhere"`, "production, sandbox, staging"}},
		{name: "none", environment: "", problem: []string{"production"}},
		{name: "no keys", environment: "production", keys: []store.EnvironmentKey{}, want: map[string]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.keys == nil {
				c.keys = keys
			}
			if c.adapter == "" {
				c.adapter = "alpha"
			}
			got, err := mustLoad(t, c.in).Addresses(c.environment, c.adapter, c.keys)
			if len(c.problem) == 0 {
				if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
					t.Fatalf("addresses (-want +got):\n%s\nerror %v", diff, err)
				}
				return
			}
			p := problem.As(err)
			if p == nil || p.Kind != problem.NotFound || p.Reason != problem.ReasonEnvironmentNotFound || got != nil {
				t.Fatalf("addresses %v, error %v; want a problem ENVIRONMENT_NOT_FOUND", got, err)
			}
			for _, want := range c.problem {
				if !strings.Contains(p.Message, want) {
					t.Errorf("problem %q does not say %q", p.Message, want)
				}
			}
		})
	}
}
