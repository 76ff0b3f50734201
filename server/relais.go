package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/adapter"
	"github.com/relaishq/relais/server/api"
	"github.com/relaishq/relais/server/config"
	"github.com/relaishq/relais/server/decision"
	"github.com/relaishq/relais/server/delivery"
	"github.com/relaishq/relais/server/host"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/secret"
	"github.com/relaishq/relais/server/shipment"
	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/store"
)

// relais is a running server: its parts, wired, and how they end.
type relais struct {
	log      *slog.Logger
	db       *sqlite.DB
	host     *host.Host
	adapters *api.Adapters
	health   *adapterHealth
	importer *order.Importer
	schedule *order.Scheduler
	prober   *store.Prober
	upkeep   *store.Upkeep
	decision *decision.Service
	carriers *shipment.CarrierBook
	worker   *shipment.Worker
	queue    *sqlite.Queue
	public   *endpoint
	admin    *endpoint
	failed   chan error // what a listener ended with, other than by stop
}

// start opens, wires and starts everything. On an error nothing is left running. ctx bounds the start only.
func start(ctx context.Context, cfg config.Config, log *slog.Logger, now func() time.Time) (_ *relais, err error) {
	r := &relais{log: log, failed: make(chan error, 2)}
	places, err := reserveAll(ctx, cfg) // before anything is opened: a server that cannot listen leaves nothing behind
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
			defer cancel()
			err = errors.Join(err, r.stop(stopCtx), places.release())
		}
	}()
	policy := delivery.Policy{
		CallTimeout: cfg.Adapters.CallTimeout, SettleDelay: cfg.Shipment.SettleDelay, RepeatedReads: cfg.Shipment.StillReadyReads,
		RetryMin: cfg.Shipment.RetryMin, RetryMax: cfg.Shipment.RetryMax,
	}
	vault, err := r.open(ctx, cfg, policy)
	if err != nil {
		return nil, err
	}
	services := r.wire(cfg, policy, vault, now)
	if err := r.work(ctx); err != nil {
		return nil, err
	}
	if err := r.serve(ctx, places, services); err != nil {
		return nil, err
	}
	return r, nil
}

// open opens what the server keeps on disk, and starts the adapters that are kept there.
func (r *relais) open(ctx context.Context, cfg config.Config, policy delivery.Policy) (_ *store.Vault, err error) {
	// The database first: its lock tells that no other server uses the directory.
	if r.db, err = sqlite.Open(ctx, cfg.Database); err != nil {
		return nil, err
	}
	keeper, err := secret.Open(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	if err := checkPluginDir(ctx, cfg.PluginDir, r.db); err != nil {
		return nil, err
	}
	r.host = host.New(host.Config{
		PluginDir: cfg.PluginDir, WorkDir: filepath.Join(cfg.DataDir, "adapters"), Releases: r.db, Stores: r.db, Addresses: addressesIn(cfg),
		Logger: r.log, LogLevel: cfg.LogLevel, RetireTimeout: policy.LongestHold() + retireMargin, MemoryLimit: cfg.Adapters.MemoryLimit,
		WatchInterval:   cfg.Adapters.WatchInterval,
		BreakerFailures: cfg.Adapters.CrashLoop.Failures, BreakerWindow: cfg.Adapters.CrashLoop.Window,
		BreakerGoodCalls: cfg.Adapters.CrashLoop.GoodCalls, PluginWatch: pluginWatch(cfg),
	})
	if err := r.host.Start(ctx); err != nil {
		return nil, err
	}
	return store.NewVault(r.db, keeper, cfg), nil
}

// wire makes the core: the services that the API calls, and those that work by themselves. None of them works yet.
func (r *relais) wire(cfg config.Config, policy delivery.Policy, vault *store.Vault, now func() time.Time) *services {
	log := r.log
	lessor := func(ctx context.Context, name, storeID string) (adapter.Lease, error) {
		return r.host.Lease(ctx, name, storeID)
	}
	facade := adapter.New(lessor, vault, adapter.Timeouts{
		Call: cfg.Adapters.CallTimeout, StreamIdle: cfg.Adapters.StreamIdleTimeout,
	}, adapter.Rate{PerSecond: cfg.Adapters.RequestsPerSecond, Burst: cfg.Adapters.Burst}, log)
	stores := store.NewService(store.Config{
		Repository: r.db, Vault: vault, Marketplace: facade, Environments: cfg,
		Refusals: cfg.Refusals, StandingChanged: r.standingChanged, ImportInterval: cfg.Import.Interval, Now: now, Log: log,
	})
	r.prober = store.NewProber(store.ProberConfig{Repository: r.db, Stores: stores, Pause: cfg.Refusals.Suspicion / 5, Now: now, Log: log})
	r.upkeep = store.NewUpkeep(store.UpkeepConfig{
		Repository: r.db, Refusals: cfg.Refusals, Attempt: policy.LongestPause(), Settle: policy.LongestSettling(),
		Wake: r.wakeAll, Now: now, Log: log,
	})

	catalogue := order.NewCatalogue(r.db, facade, now, log)
	reader := order.NewReader(facade, r.db, catalogue, now)
	r.importer = order.NewImporter(order.ImporterConfig{
		Repository: r.db, Source: facade, Catalogue: catalogue, Stores: stores,
		Statuses: cfg.Import.Statuses, Workers: cfg.Import.Workers, Migration: cfg.Migration,
		Pending: func(ctx context.Context, storeID string, orders []order.Order) {
			r.decision.Pending(ctx, storeID, orders)
		},
		Now: now, Log: log,
	})
	r.schedule = order.NewScheduler(order.ScheduleConfig{
		Repository: r.db, Importer: r.importer, Interval: cfg.Import.Interval, Pause: schedulePause, Workers: cfg.Import.Workers,
		Now: now, Log: log,
	})
	r.decision = decision.NewService(decision.Config{
		Repository: r.db, Orders: r.db, Reader: reader, Stores: stores, Marketplace: facade, Workers: cfg.Shipment.Workers, Policy: policy,
		WaitMargin: cfg.Shipment.WaitMargin, Now: now, Log: log,
	})

	r.carriers = shipment.NewCarrierBook(shipment.CarrierBookConfig{
		Table: cfg.Carriers, Repository: r.db, Stores: stores, Marketplace: facade, Now: now, Log: log,
	})
	r.worker = shipment.NewWorker(shipment.WorkerConfig{
		Repository: r.db, Reader: reader, Stores: stores, Marketplace: facade, Carriers: r.carriers,
		Workers: cfg.Shipment.Workers, Policy: policy, WaitMargin: cfg.Shipment.WaitMargin,
		Now: now, Log: log,
	})
	shipments := shipment.NewService(shipment.ServiceConfig{
		Repository: r.db, Orders: r.db, Stores: stores, Marketplace: facade, Carriers: r.carriers,
		Wake: r.worker.Wake, WaitMargin: cfg.Shipment.WaitMargin, Now: now, Log: log,
	})
	return &services{stores, shipments}
}

// services is what the API calls and nobody has to stop.
type services struct {
	stores    *store.Service
	shipments *shipment.Service
}

// work starts everybody who works by himself. All are there before the first one works: any of them may learn that credentials work
// again, which wakes the others.
func (r *relais) work(ctx context.Context) (err error) {
	if err := r.importer.Recover(ctx); err != nil {
		return err
	}
	r.worker.Start()
	r.decision.Start()
	r.prober.Start()
	r.queue, err = r.db.StartQueue(ctx, map[sqlite.Due]func(){
		sqlite.DueShipments: r.worker.Wake, sqlite.DueDecisions: r.decision.Resume,
	}, r.log)
	if err != nil {
		return err
	}
	r.schedule.Start()
	r.upkeep.Start()
	return nil
}

// serve opens the API: the public one, and the operators' beside it.
func (r *relais) serve(ctx context.Context, at *places, s *services) (err error) {
	marketplace := api.NewMarketplace(s.stores, r.db, r.importer, r.decision, s.shipments, r.schedule.Wake, r.log)
	if r.public, err = r.endpoint(ctx, at.public, api.Services{Marketplace: marketplace}); err != nil {
		return err
	}
	r.adapters = api.NewAdapters(r.host)
	operators := api.Services{Adapters: r.adapters, Migrations: api.NewMigrations(s.stores, s.shipments)}
	if r.admin, err = r.endpoint(ctx, at.admin, operators); err != nil {
		return err
	}
	r.health = tellAdapterHealth(r.host, r.public.server, r.admin.server)
	return nil
}

// addressesIn tells why an adapter cannot be called in an environment.
func addressesIn(cfg config.Config) func(environment, name string, d *adapterv1.DescribeResponse) error {
	return func(environment, name string, d *adapterv1.DescribeResponse) error {
		_, err := cfg.Addresses(environment, name, adapter.EnvironmentKeys(d))
		return err
	}
}

// checkPluginDir refuses to start a server that would have no adapter. One that served before has the copies of what it served, and
// says in its log that the directory is not there.
func checkPluginDir(ctx context.Context, dir string, releases release.Repository) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	served, err := releases.DesiredReleases(ctx)
	if err != nil {
		return fmt.Errorf("read which releases are served: %w", err)
	}
	if len(served) == 0 {
		return fmt.Errorf("plugin directory %s does not exist; build the adapters with make build, or set plugin_dir", dir)
	}
	return nil
}

// schedulePause is how long a store is left alone whose next import could not be planned, and how long the schedule waits when it
// cannot read which stores are due.
const schedulePause = 30 * time.Second

// retireMargin is how much longer than any request needs an adapter's process that was replaced may take to finish its calls.
const retireMargin = 30 * time.Second

// pluginWatchInterval is the time between two looks at the plugin directory: a file counts when two looks see it the same.
const pluginWatchInterval = 2 * time.Second

func pluginWatch(cfg config.Config) time.Duration {
	if cfg.PluginWatch {
		return pluginWatchInterval
	}
	return 0
}

// standingChanged tells those who wait for it that credentials were refused, or work again.
func (r *relais) standingChanged(works bool) {
	if !works {
		r.prober.Wake()
		return
	}
	r.wakeAll()
}

// wakeAll tells everybody who works on what is due to look.
func (r *relais) wakeAll() {
	r.prober.Wake()
	r.worker.Wake()
	r.decision.Resume()
	r.schedule.Wake()
}

// address is where the public API is served: the port is known even when the configuration said 0.
func (r *relais) address() string {
	a := r.public.listener.Addr()
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return a.String()
}

// stop ends everything in the order in which nothing is lost: no new calls, the imports and shipments under way, the calls,
// the adapters, the database. Parts that were never started are skipped. It is called once.
func (r *relais) stop(ctx context.Context) error {
	var errs []error
	for _, e := range []*endpoint{r.public, r.admin} {
		e.drain()
	}
	if r.adapters != nil {
		r.adapters.Stop() // ends the streams of operators
	}
	r.health.stop()
	if r.importer != nil {
		errs = append(errs, r.importer.Stop(ctx)) // ends the streams of those who watch an import
	}
	if r.schedule != nil {
		errs = append(errs, r.schedule.Stop(ctx)) // the imports that it waits for have ended
	}
	if r.upkeep != nil {
		errs = append(errs, r.upkeep.Stop(ctx))
	}
	if r.prober != nil {
		errs = append(errs, r.prober.Stop(ctx))
	}
	if r.queue != nil {
		errs = append(errs, r.queue.Stop(ctx))
	}
	if r.decision != nil {
		errs = append(errs, r.decision.Stop(ctx))
	}
	if r.worker != nil {
		errs = append(errs, r.worker.Stop(ctx))
	}
	for _, e := range []*endpoint{r.public, r.admin} {
		e.stop(ctx)
	}
	if r.carriers != nil {
		errs = append(errs, r.carriers.Stop(ctx)) // nobody asks for carriers any more
	}
	if r.host != nil {
		errs = append(errs, r.host.Stop(ctx))
	}
	if r.db != nil {
		errs = append(errs, r.db.Close())
	}
	return errors.Join(errs...)
}

// endpoint is one listening server.
type endpoint struct {
	listener net.Listener
	server   *api.Server
}

// endpoint starts to serve services at a reserved place.
func (r *relais) endpoint(ctx context.Context, at *reservation, s api.Services) (*endpoint, error) {
	l, err := at.listen(ctx)
	if err != nil {
		return nil, err
	}
	e := &endpoint{listener: l, server: api.NewServer(s, r.log)}
	go func() {
		if err := e.server.Serve(l); err != nil {
			r.failed <- fmt.Errorf("serve %s: %w", at.address.Address, err)
		}
	}()
	return e, nil
}

// drain takes no new calls and lets those under way finish.
func (e *endpoint) drain() {
	if e != nil {
		e.server.Drain()
	}
}

// stop waits for the calls under way, and cuts what is left when ctx ends.
func (e *endpoint) stop(ctx context.Context) {
	if e != nil {
		e.server.Stop(ctx)
	}
}
