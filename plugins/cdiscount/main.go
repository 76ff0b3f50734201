// Command relais-adapter-cdiscount is the Cdiscount SOAP adapter as a plugin binary. The relais server starts it.
package main

import (
	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/sdk/serve"
)

func main() { serve.Main(cdiscount.New()) }
