// Command relais-adapter-octopia is the Octopia REST adapter as a plugin binary. The relais server starts it.
package main

import (
	"github.com/relaishq/relais/adapters/octopia"
	"github.com/relaishq/relais/adapters/sdk/serve"
)

func main() { serve.Main(octopia.New()) }
