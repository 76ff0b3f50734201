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
	// Check is the id of the check that must find it, or of one that must not (Lawful). Others may find it as well.
	Check string
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

// Lawful returns adapters that look odd and keep every promise of the protocol: the check that each names must let it pass.
func Lawful() []Variant {
	return []Variant{{"gives nothing that may be left out", "order-complete", changing(bare)}}
}

// New makes the adapter with the fault, or the oddity, of that name; nil when there is none.
func New(name string) sdk.Adapter {
	for _, v := range slices.Concat(Variants(), Lawful()) {
		if v.Name != name {
			continue
		}
		h := &hooks{transport: http.DefaultTransport}
		v.build(h)
		return &adapter{hooks: h, right: example.NewWith(example.V1(), h.transport)}
	}
	return nil
}
