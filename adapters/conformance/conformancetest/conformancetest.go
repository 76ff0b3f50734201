// Package conformancetest runs the conformance checks as Go tests of an adapter.
package conformancetest

import (
	"testing"

	"github.com/relaishq/relais/adapters/conformance"
)

// Run verifies an adapter and makes every check a subtest of t that is named after its ID. A test of one adapter is:
//
//	func TestConformance(t *testing.T) {
//		conformancetest.Run(t, conformance.Options{Adapter: binary, SandboxURL: sandbox.URL()})
//	}
//
// All checks that Options.Run picks are made whatever -run says: they share the work of starting.
func Run(t *testing.T, options conformance.Options) {
	t.Helper()
	summary, err := conformance.Verify(t.Context(), options, func(r conformance.Result) {
		t.Run(r.ID, func(t *testing.T) {
			switch r.Outcome {
			case conformance.Fail:
				t.Errorf("%s (%s)\n%s", r.Title, r.Took, r.Detail)
			case conformance.Skip:
				t.Skip(r.Detail)
			}
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %s: %d passed, %d failed, %d skipped in %s",
		summary.Adapter, summary.Version, summary.Passed, summary.Failed, summary.Skipped, summary.Took)
}
