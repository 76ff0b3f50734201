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

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

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

	process *serverProcess // the server that runs now; only the driver touches it
	kills   int            // only the driver counts them
	tell    int            // see chaosConfig

	mu           sync.Mutex     // guards the fields below
	adapterKills int            //
	told         map[int][]told // what the sellers said of the orders and were told, by index of the plan
	wrong        []string       // what must not be, beside what the judge finds
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

// drive carries out the plan, ends the faults as soon as the sellers are done, and waits until everything has settled, or until
// patience is over.
func (c *chaosRun) drive(ctx context.Context, patience time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var others sync.WaitGroup // sellers, and those who kill adapters
	kills := map[string]chan struct{}{}
	for _, api := range chaosAPIs() {
		queue := make(chan struct{}, len(c.plan.Steps))
		kills[api] = queue
		others.Go(func() { c.killAdapters(ctx, api, queue) })
	}
	for _, step := range c.plan.Steps {
		pause(ctx, step.Pause)
		switch step.Act {
		case shipOrder, shipBatch:
			c.injectFor(step.Orders)
			others.Go(func() {
				if step.Act == shipBatch {
					c.sellBatch(ctx, step.API, step.Orders)
					return
				}
				c.sell(ctx, step.Orders[0])
			})
		case killAdapter:
			kills[step.API] <- struct{}{}
		default:
			c.step(ctx, step)
		}
	}
	for _, queue := range kills {
		close(queue)
	}
	giveUp := time.AfterFunc(patience, cancel)
	defer giveUp.Stop()
	done := make(chan struct{})
	go func() {
		others.Wait()
		close(done)
	}()
	c.until(ctx, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	c.s.sandbox.Faults().Clear()
	c.until(ctx, func() bool { return !c.open(ctx) })
	<-done
}

// until watches the server until something is so, or until ctx ends.
func (c *chaosRun) until(ctx context.Context, so func() bool) {
	c.s.t.Helper()
	for ctx.Err() == nil {
		c.watchServer()
		if so() {
			return
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// injectFor puts the faults of orders into force.
func (c *chaosRun) injectFor(orders []int) {
	c.s.t.Helper()
	for _, i := range orders {
		for _, f := range c.plan.Orders[i].Faults {
			f.Order = c.numbers[i]
			c.s.inject(f)
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// step makes one step of the plan that is the driver's own.
func (c *chaosRun) step(ctx context.Context, step chaosStep) {
	c.s.t.Helper()
	store := "stores/" + step.API
	switch step.Act {
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
	case importStore:
		// Whatever becomes of it: imports have their own tests, this one only meets the faults.
		try(ctx, func(ctx context.Context) {
			_, _ = c.api.ImportOrders(ctx, &marketplacev1.ImportOrdersRequest{Parent: store})
		})
	case listCarriers:
		c.s.inject(step.Fault)
		try(ctx, func(ctx context.Context) {
			_, _ = c.api.ListCarriers(ctx, &marketplacev1.ListCarriersRequest{Parent: store}, grpc.WaitForReady(true))
		})
	case pauseStore:
		c.operate(ctx, step, func(ctx context.Context) (*marketplacev1.Store, error) {
			return c.api.PauseStore(ctx, &marketplacev1.PauseStoreRequest{Name: store}, grpc.WaitForReady(true))
		})
	case resumeStore:
		c.operate(ctx, step, func(ctx context.Context) (*marketplacev1.Store, error) {
			return c.api.ResumeStore(ctx, &marketplacev1.ResumeStoreRequest{Name: store}, grpc.WaitForReady(true))
		})
	default:
		panic("chaos: nobody does " + string(step.Act))
	}
}

// try makes a call that may fail, and does not wait long for it.
func try(ctx context.Context, call func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	call(ctx)
}

// operate makes a call that must succeed in the end.
func (c *chaosRun) operate(ctx context.Context, step chaosStep, call func(context.Context) (*marketplacev1.Store, error)) {
	if _, err := insist(ctx, call); err != nil && ctx.Err() == nil {
		c.mustNot("%s %s: %v", step.Act, step.API, err)
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

// killAdapters kills the process of an adapter for each value of the queue, as soon as there is one that was not killed yet. It ends
// with the queue, or with ctx: the judge counts.
func (c *chaosRun) killAdapters(ctx context.Context, api string, queue <-chan struct{}) {
	last := 0
	for range queue {
		for killed := false; !killed && ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
			callCtx, cancel := context.WithTimeout(ctx, 2*time.Second)
			a, err := c.admin.GetAdapter(callCtx, &marketplacev1.GetAdapterRequest{Name: "adapters/" + api}, grpc.WaitForReady(true))
			cancel()
			pid := int(a.GetGeneration().GetPid())
			if err != nil || pid <= 0 || pid == last || syscall.Kill(pid, syscall.SIGKILL) != nil {
				continue
			}
			killed, last = true, pid
			c.mu.Lock()
			c.adapterKills++
			c.mu.Unlock()
		}
	}
}

// mustNot notes what must never be. The run goes on.
func (c *chaosRun) mustNot(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// open reports whether some shipment or decision has not ended, or nobody can say.
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
	for i, o := range c.plan.Orders {
		if o.Story != decided {
			continue
		}
		sold, err := c.api.GetOrder(ctx, &marketplacev1.GetOrderRequest{Name: c.orderName(i)})
		if err != nil {
			return true
		}
		switch sold.GetDecision().GetState() {
		case marketplacev1.Decision_STATE_QUEUED, marketplacev1.Decision_STATE_SENDING, marketplacev1.Decision_STATE_ACKNOWLEDGED:
			return true
		}
	}
	return false
}

// reasonOf is the ErrorInfo reason of an error; its text when it has none.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return status.Convert(err).Message()
}
