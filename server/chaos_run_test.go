package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/relaishq/relais/adapters/sandbox/emulator"
	"github.com/relaishq/relais/adapters/sandbox/world"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// chaosRun carries out one plan against a server process and its adapter processes, beside a sandbox of its own.
type chaosRun struct {
	s       *system
	plan    chaosPlan
	numbers []string // of the orders, by index of the plan
	log     *os.File // of every server of the run
	api     marketplacev1.MarketplaceServiceClient
	admin   marketplacev1.AdapterServiceClient

	process             *serverProcess // the server that runs now; only the driver touches it
	kills, adapterKills int
	tell                int // see chaosConfig

	mu      sync.Mutex     // guards the fields below
	refused map[int]string // orders whose shipment was refused for good, and why
	wrong   []string       // what must not be, beside what the judge finds
}

// chaosConfig is what runs differ in.
type chaosConfig struct {
	name string // for the report
	plan chaosPlan
	// permissive marketplaces accept a ship request for an order that is shipped.
	permissive bool
	// plugins is the directory of the adapters; empty means the real ones.
	plugins string
	// settings are more RELAIS_* variables.
	settings []string
	// patience is how long everything may take to settle once the faults have ended.
	patience time.Duration
	// tell is how many orders that went wrong are explained in full.
	tell int
}

// runChaos carries out a plan and judges what came of it.
func runChaos(t *testing.T, cfg chaosConfig) chaosResult {
	t.Helper()
	begin := time.Now()
	c := prepareChaos(t, cfg)
	c.startServer()
	defer c.end()
	c.drive(t.Context(), cfg.patience)
	r := c.judge(t.Context())
	r.Seconds = time.Since(begin).Round(100 * time.Millisecond).Seconds()
	c.report(cfg.name, r)
	return r
}

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
	c := &chaosRun{s: newSystemAt(t, sandbox, environ...), plan: cfg.plan, tell: cfg.tell, refused: map[int]string{}}
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

// startServer starts a server process and does not wait for it. The clients find every new one by the same sockets.
func (c *chaosRun) startServer() {
	c.s.t.Helper()
	socket := filepath.Join(c.s.dir, "api.sock")
	cmd := exec.Command(filepath.Join(binDir, "relais"), "serve", "--listen", "unix:"+socket)
	cmd.Env = append(os.Environ(), c.s.environ...)
	cmd.Stderr = c.log
	if err := cmd.Start(); err != nil {
		c.s.t.Fatal(err)
	}
	p := &serverProcess{cmd: cmd, exited: make(chan error, 1)}
	go func() { p.exited <- cmd.Wait() }()
	c.process = p
	if c.api == nil {
		c.api = marketplacev1.NewMarketplaceServiceClient(c.dial(socket))
		c.admin = marketplacev1.NewAdapterServiceClient(c.dial(filepath.Join(c.s.dir, "admin.sock")))
	}
}

// dial makes a client that is quick to find a new server.
func (c *chaosRun) dial(socket string) *grpc.ClientConn {
	c.s.t.Helper()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{
		Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 200 * time.Millisecond},
		MinConnectTimeout: time.Second,
	}))
	if err != nil {
		c.s.t.Fatal(err)
	}
	c.s.conns = append(c.s.conns, conn)
	return conn
}

// drive carries out the plan, ends the faults, and waits until everything has settled, or until patience is over.
func (c *chaosRun) drive(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	orders := make(chan int, len(c.plan.Orders))
	var sellers sync.WaitGroup
	for range 4 {
		sellers.Go(func() {
			for i := range orders {
				c.ship(ctx, i)
			}
		})
	}
	for _, step := range c.plan.Steps {
		pause(ctx, step.Pause)
		c.step(ctx, step, orders)
	}
	close(orders)
	c.s.sandbox.Faults().Clear()
	giveUp := time.AfterFunc(patience, cancel)
	defer giveUp.Stop()
	accepted := make(chan struct{})
	go func() {
		sellers.Wait()
		close(accepted)
	}()
	for settled := false; !settled && ctx.Err() == nil; {
		c.watchServer()
		pause(ctx, 100*time.Millisecond)
		select {
		case <-accepted:
			settled = !c.open(ctx)
		default:
		}
	}
	<-accepted
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// step makes one step of the plan.
func (c *chaosRun) step(ctx context.Context, step chaosStep, orders chan<- int) {
	c.s.t.Helper()
	switch step.Act {
	case shipOrder:
		for _, f := range c.plan.Orders[step.Order].Faults {
			f.Order = c.numbers[step.Order]
			c.s.inject(f)
		}
		orders <- step.Order
	case injectFault:
		c.s.inject(step.Fault)
	case killServer:
		c.watchServer()
		c.s.kill(c.process)
		c.kills++
		c.startServer()
		if !step.Hasty {
			c.await(ctx)
		}
	case killAdapter:
		c.killAdapter(ctx, step.API)
	case importStore:
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		// Whatever becomes of it: imports have their own tests, this one only meets the faults.
		_, _ = c.api.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: "stores/" + step.API})
	}
}

// watchServer starts another server when the present one has ended by itself, which it never should.
func (c *chaosRun) watchServer() {
	c.s.t.Helper()
	select {
	case err := <-c.process.exited:
		c.mustNot("the server ended by itself: %v", err)
		c.startServer()
	default:
	}
}

// await waits until the server answers. A first call may still go to the one that was killed.
func (c *chaosRun) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		_, err := c.api.ListStores(ctx, &marketplacev1.ListStoresRequest{}, grpc.WaitForReady(true))
		switch {
		case err == nil:
			return
		case ctx.Err() != nil:
			c.mustNot("a new server does not answer: %v", err)
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// killAdapter kills the process of an adapter, as soon as there is one.
func (c *chaosRun) killAdapter(ctx context.Context, api string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		a, err := c.admin.GetAdapter(ctx, &marketplacev1.GetAdapterRequest{Name: "adapters/" + api}, grpc.WaitForReady(true))
		if pid := int(a.GetGeneration().GetPid()); err == nil && pid > 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
			c.adapterKills++
			return
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// ship notifies one shipment as a seller's system does: it repeats the same call until it is answered.
func (c *chaosRun) ship(ctx context.Context, i int) {
	o := c.plan.Orders[i]
	if o.Cancelled {
		cancelled := world.CancelledByCustomer
		if err := c.s.sandbox.World().Update(c.numbers[i], world.Patch{State: &cancelled}); err != nil {
			c.mustNot("cancel order: %v", err)
		}
	}
	first := c.notify(ctx, i)
	if !o.Repeated || first == nil {
		return
	}
	if again := c.notify(ctx, i); again != nil && again.GetName() != first.GetName() {
		c.mustNot("the same request made %s and %s", first.GetName(), again.GetName())
	}
}

// notify calls until there is an answer: the shipment, or nil after a refusal for good and at the end of ctx.
func (c *chaosRun) notify(ctx context.Context, i int) *marketplacev1.Shipment {
	o := c.plan.Orders[i]
	req := &marketplacev1.NotifyShipmentRequest{
		Parent: "stores/" + o.API, RequestId: "chaos-" + o.Tracking,
		Shipment: &marketplacev1.Shipment{Order: c.orderName(i), Carrier: o.Carrier, TrackingNumber: o.Tracking},
	}
	for ctx.Err() == nil {
		callCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
		sh, err := c.api.NotifyShipment(callCtx, req, grpc.WaitForReady(true))
		cancel()
		switch status.Code(err) {
		case codes.OK:
			return sh
		case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition:
			c.mu.Lock()
			c.refused[i] = err.Error()
			c.mu.Unlock()
			return nil
		}
		pause(ctx, 50*time.Millisecond)
	}
	return nil
}

// mustNot notes what must never be. The run goes on.
func (c *chaosRun) mustNot(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// open reports whether some shipment has not ended, or nobody can say.
func (c *chaosRun) open(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, api := range chaosAPIs() {
		page, err := c.api.ListShipments(ctx, &marketplacev1.ListShipmentsRequest{
			Parent: "stores/" + api, PageSize: 1, States: []marketplacev1.Shipment_State{queued, sending, acknowledged},
		}, grpc.WaitForReady(true))
		if err != nil || len(page.GetShipments()) > 0 {
			return true
		}
	}
	return false
}
