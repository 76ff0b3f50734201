package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// prepareChaos makes the marketplace and its orders, and a server that knows them, which is stopped again.
func prepareChaos(t *testing.T, cfg chaosConfig) *chaosRun {
	t.Helper()
	sandbox, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Config{World: world.Config{Sellers: 3, Seed: 1}})
	if err != nil {
		t.Fatalf("start sandbox: %v", err)
	}
	t.Cleanup(func() { _ = sandbox.Close() })
	settings := sandbox.World().Settings()
	settings.SecondShipAccepted = cfg.permissive
	settings.ShipVisibleAfter = world.Duration(cfg.plan.ShipVisibleAfter)
	settings.ParcelVisibleAfter = world.Duration(cfg.plan.ParcelVisibleAfter)
	settings.PaymentStartsAfter, settings.PaymentTakes = world.Duration(chaosPayment), world.Duration(chaosPayment)
	if err := sandbox.World().SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	environ := []string{
		fmt.Sprintf("RELAIS_SHIPMENT_SETTLE_DELAY=%s", chaosSettle),
		fmt.Sprintf("RELAIS_SHIPMENT_STILL_READY_READS=%d", chaosReads),
		"RELAIS_ADAPTERS_REQUESTS_PER_SECOND=200",
		"RELAIS_ADAPTERS_BURST=100",
	}
	environ = append(environ, cfg.settings...)
	if cfg.plugins != "" {
		environ = append(environ, "RELAIS_PLUGIN_DIR="+cfg.plugins)
	}
	c := &chaosRun{s: newSystemAt(t, sandbox, environ...), plan: cfg.plan, tell: cfg.tell, told: map[int][]told{}}
	for i, api := range chaosAPIs() {
		c.connectStore(api, sandbox.World().Sellers()[i])
	}
	for _, o := range c.plan.Orders {
		c.numbers = append(c.numbers, c.s.create(world.Spec{Seller: accountOf(o.API), Variety: o.Variety}))
	}
	for _, api := range chaosAPIs() {
		c.importOrders(api)
	}
	c.s.stop()
	// Only from here on the schedule imports, beside those that are asked for: at once, and then at its shortest interval.
	c.s.environ = append(c.s.environ, "RELAIS_IMPORT_INTERVAL=1m")
	c.s.log = &syncBuffer{} // what it said until here is of no use
	if c.log, err = os.Create(filepath.Join(c.s.dir, "server.log")); err != nil {
		t.Fatal(err)
	}
	return c
}

// accountOf is the sandbox's seller behind the store of an adapter.
func accountOf(api string) string {
	if api == "octopia" {
		return "demo2"
	}
	return "demo"
}

// connectStore connects a seller through an adapter, as a store with the adapter's name.
func (c *chaosRun) connectStore(api string, seller world.Seller) {
	c.s.t.Helper()
	req := connectRequest(api)
	req.Store.Adapter = "adapters/" + api
	req.Credentials = &marketplacev1.Credentials{Values: map[string]string{"login": seller.Login, "password": seller.Password}}
	if api == "octopia" {
		req.Credentials = c.s.octopiaCredentials(seller.Account)
	}
	if _, err := c.s.api.ConnectStore(c.s.t.Context(), req); err != nil {
		c.s.t.Fatalf("ConnectStore: %v", err)
	}
}

// importOrders imports a store until it knows all of its orders of the plan: the first import may start in the very second in which
// they were made.
func (c *chaosRun) importOrders(api string) {
	c.s.t.Helper()
	waitFor(c.s.t, func() bool {
		run, err := c.s.api.ImportOrders(c.s.t.Context(), &marketplacev1.ImportOrdersRequest{Parent: "stores/" + api})
		if err != nil {
			c.s.t.Fatalf("ImportOrders: %v", err)
		}
		if run = c.s.await(run.GetName()); run.GetState() != marketplacev1.Import_STATE_SUCCEEDED {
			c.s.t.Fatalf("import ended %s: %s", run.GetState(), run.GetFailure().GetMessage())
		}
		for i, o := range c.plan.Orders {
			if o.API != api {
				continue
			}
			if _, err := c.s.api.GetOrder(c.s.t.Context(), &marketplacev1.GetOrderRequest{Name: c.orderName(i)}); err != nil {
				return false
			}
		}
		return true
	})
}

func (c *chaosRun) orderName(i int) string {
	return "stores/" + c.plan.Orders[i].API + "/orders/" + c.numbers[i]
}
