// Command relais-adapter-bazaar-next is the adapter of the invented bazaar as a plugin binary.
package main

import (
	"github.com/relaishq/relais/adapters/conformance/internal/example"
	"github.com/relaishq/relais/adapters/sdk/serve"
)

func main() { serve.Main(example.New(example.V2())) }
