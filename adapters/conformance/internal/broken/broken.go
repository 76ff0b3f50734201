// Package broken holds adapters with one fault each, to prove that the conformance checks find it: for every check there is a
// variant that fails it. They are made of the correct adapter of package example; the binary in cmd takes the variant's name from
// the environment.
package broken

import (
	"net/http"
	"slices"

	"github.com/relaishq/relais/adapters/conformance/internal/example"
	"github.com/relaishq/relais/adapters/sdk"
)

// Env is the environment variable that names the variant.
const Env = "RELAIS_BROKEN"

// Variant is one faulty adapter.
type Variant struct {
	// Name tells the fault: an adapter that …
	Name string
	// Fails is the id of the check that must find it. Others may as well.
	Fails string
	// build puts the fault into hooks.
	build func(h *hooks)
}

// Variants returns all variants.
func Variants() []Variant {
	return slices.Concat(
		describeVariants(), requestVariants(), connectVariants(), stateVariants(), listVariants(), readVariants(), orderVariants(),
		writeVariants("ship"), writeVariants("decide"), previewVariants(), failureVariants(), hostileVariants(), processVariants(),
	)
}

// New makes the adapter with the fault of that name; nil when there is none.
func New(name string) sdk.Adapter {
	for _, v := range Variants() {
		if v.Name != name {
			continue
		}
		h := &hooks{transport: http.DefaultTransport}
		v.build(h)
		return &adapter{hooks: h, right: example.NewWith(example.V1(), h.transport)}
	}
	return nil
}
