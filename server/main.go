// Command relais is the marketplace gateway: `relais serve` runs the server, the other commands are clients of its API.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/relaishq/relais/server/cli"
)

// version is set by the linker: see LDFLAGS in the Makefile.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	root := cli.New(cli.Options{Version: version})
	root.AddCommand(serveCommand())
	code := cli.Execute(ctx, root)
	stop()
	os.Exit(code)
}
