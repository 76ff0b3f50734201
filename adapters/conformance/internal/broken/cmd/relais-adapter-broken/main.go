// Command relais-adapter-broken is an adapter with one fault. The variable RELAIS_BROKEN names it.
package main

import (
	"fmt"
	"os"

	"github.com/relaishq/relais/adapters/conformance/internal/broken"
	"github.com/relaishq/relais/adapters/sdk/serve"
)

func main() {
	a := broken.New(os.Getenv(broken.Env))
	if a == nil {
		fmt.Fprintf(os.Stderr, "no variant is called %q\n", os.Getenv(broken.Env))
		os.Exit(1)
	}
	serve.Main(a)
}
