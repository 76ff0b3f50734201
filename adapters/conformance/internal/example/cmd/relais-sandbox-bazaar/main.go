// Command relais-sandbox-bazaar is a sandbox that also speaks the invented bazaar API, for tests that need one as a process. Its
// first line of output is that of relais-sandbox.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/relaishq/relais/adapters/conformance/internal/example/market"
	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "relais-sandbox-bazaar:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:0", "loopback `address` to listen on")
	orders := flag.Int("orders", 0, "`number` of orders that each seller starts with")
	seed := flag.Uint64("seed", 1, "`seed` of the world")
	flag.Parse()
	s, err := emulator.Start(ctx, *listen, emulator.Config{
		World: world.Config{Orders: *orders, Seed: *seed}, Faces: []emulator.Face{market.New()},
	})
	if err != nil {
		return err
	}
	fmt.Printf("relais-sandbox listening on %s\n", s.URL())
	<-ctx.Done()
	return s.Close()
}
