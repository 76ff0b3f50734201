package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/relaishq/relais/server/problem"
	"github.com/relaishq/relais/server/store"
)

// The environments that need no configuration of their own.
const (
	production = "production"
	sandbox    = "sandbox"
)

// Environments returns the names that a store may be connected in, sorted.
func (c Config) Environments() []string {
	names := map[string]bool{production: true}
	if c.SandboxURL != "" {
		names[sandbox] = true
	}
	for name := range c.environments {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Addresses implements store.Environments: it returns an address for each key that an adapter declares. What is
// configured goes before what is built in. A caller can never give an address: credentials would go there.
// Errors: problem ENVIRONMENT_NOT_FOUND.
func (c Config) Addresses(environment, adapter string, keys []store.EnvironmentKey) (map[string]string, error) {
	known := c.Environments()
	if !slices.Contains(known, environment) {
		hint := ""
		if environment == sandbox {
			hint = "; start relais-sandbox and set sandbox_url"
		}
		return nil, problem.New(problem.NotFound, problem.ReasonEnvironmentNotFound,
			"environment %q does not exist, there is: %s%s", environment, strings.Join(known, ", "), hint).
			With("environments", strings.Join(known, ","))
	}
	addresses := make(map[string]string, len(keys))
	var missing []string
	for _, k := range keys {
		address, ok := c.environments[environment][adapter][k.Key]
		if !ok {
			address = c.builtIn(environment, k)
		}
		if address == "" {
			missing = append(missing, strings.Join([]string{environmentsKey, environment, adapter, k.Key}, separator))
			continue
		}
		addresses[k.Key] = address
	}
	if len(missing) > 0 {
		return nil, problem.New(problem.NotFound, problem.ReasonEnvironmentNotFound,
			"environment %q has no address for adapter %q; the operator sets %s in the configuration and starts the server again",
			environment, adapter, strings.Join(missing, " and "))
	}
	return addresses, nil
}

// builtIn is the address that a built-in environment gives a key; empty for none.
func (c Config) builtIn(environment string, k store.EnvironmentKey) string {
	switch {
	case environment == production:
		return k.ProductionURL
	case environment == sandbox && c.SandboxURL != "" && k.SandboxPath != "":
		return c.SandboxURL + "/" + strings.TrimLeft(k.SandboxPath, "/")
	}
	return ""
}
