// Command relais-sandbox is a local emulator of the marketplace APIs that relais speaks, over one world of invented orders.
// Its README describes what it emulates and how to steer it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/face"
	"github.com/relaishq/relais/adapters/sandbox/world"
)

// shutdownPatience is how long calls under way may take after a signal.
const shutdownPatience = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "relais-sandbox:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("relais-sandbox", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:7480", "loopback `address` to listen on; port 0 takes a free one")
	orders := flags.Int("orders", 200, "`number` of orders that each seller starts with")
	sellers := flags.Int("sellers", 1, "`number` of sellers: demo, demo2, demo3, …")
	seed := flags.Uint64("seed", 1, "`seed`; the same seed and --now give the same world")
	now := flags.String("now", "", "world time at the start as RFC 3339 `time`; default is the present")
	varieties := flags.String("varieties", "", "comma-separated `list` of the varieties that orders are drawn from; default is all")
	prerender := flags.Bool("prerender", false, "render all orders at the start, for benchmarks: serving them then costs only copying")
	verbose := flags.Bool("verbose", false, "log each call")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	cfg := emulator.Config{World: world.Config{Orders: *orders, Sellers: *sellers, Seed: *seed}, Prerender: *prerender}
	for v := range strings.SplitSeq(*varieties, ",") {
		if v != "" {
			cfg.World.Varieties = append(cfg.World.Varieties, world.Variety(strings.TrimSpace(v)))
		}
	}
	if *now != "" {
		start, err := time.Parse(time.RFC3339, *now)
		if err != nil {
			return fmt.Errorf("--now %q is not an RFC 3339 time such as 2026-03-19T09:00:00Z", *now)
		}
		cfg.World.Start = start
	}
	if *verbose {
		cfg.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s, err := emulator.Start(ctx, *listen, cfg)
	if err != nil {
		return err
	}
	if err := greet(stdout, s); err != nil {
		return errors.Join(err, s.Close())
	}
	<-ctx.Done()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	return s.Shutdown(patience)
}

// greet tells where the sandbox is and how to log in. Scripts read the first line.
func greet(w io.Writer, s *emulator.Server) error {
	text := fmt.Sprintf("relais-sandbox listening on %s\n", s.URL())
	for _, a := range append(s.Addresses(), face.Address{Title: "control API", Path: "/sandbox/health"}) {
		text += fmt.Sprintf("  %-17s  %s%s\n", a.Title, s.URL(), a.Path)
	}
	sellers := s.World().Sellers()
	first, others := sellers[0], sellers[1:]
	text += fmt.Sprintf("  login %s, password %s%s\n", first.Login, first.Password,
		alike("password", others, func(s world.Seller) string { return s.Login }))
	text += fmt.Sprintf("  seller %s, client %s, secret %s%s\n", first.SellerID, first.ClientID, first.ClientSecret,
		alike("secret", others, func(s world.Seller) string { return s.SellerID + ", " + s.ClientID }))
	_, err := io.WriteString(w, text)
	return err
}

// alike tells which other sellers have the same secret.
func alike(secret string, others []world.Seller, name func(world.Seller) string) string {
	switch n := len(others); n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" (same %s for %s)", secret, name(others[0]))
	default:
		return fmt.Sprintf(" (same %s for %s to %s)", secret, name(others[0]), name(others[n-1]))
	}
}
