package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/relaishq/relais/adapters/cdiscount"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/order"
	"github.com/relaishq/relais/server/storage/sqlite"
	"github.com/relaishq/relais/server/store"
)

// `make bench`: the whole import beside each of its parts, over the same bytes and rows, in one run; then shipments (bench_shipments_test.go).

var benchOrders = flag.Int("bench.orders", 0, "orders of the benchmark; 0 skips it")

const (
	benchRuns  = 5 // of each measurement; the median is reported
	benchSmall = 1000
	// benchVarieties are orders of about 3.7 kB of XML: at home and at pickup points.
	benchVarieties = "home-standard,colissimo-point"
	// benchOrdersFile names the file of encoded orders that the test binary, run as an adapter, streams.
	benchOrdersFile = "RELAIS_BENCH_ORDERS"
)

// sample is one measured run.
type sample struct {
	wall, cpu time.Duration
}

func TestBenchmark(t *testing.T) {
	if *benchOrders == 0 {
		t.Skip("a benchmark: run make bench")
	}
	result := map[string]float64{}
	benchmarkImport(t, result)
	benchmarkShipments(t, result)
	line, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("RESULT %s\n", line)
}

func benchmarkImport(t *testing.T, result map[string]float64) {
	big := newBench(t, *benchOrders)
	fmt.Printf("%d orders, %.1f MB of XML (%.2f kB each), median of %d runs\n\n%-34s %12s %22s\n",
		big.orders, float64(len(big.answer))/1e6, float64(len(big.answer))/1e3/float64(big.orders), benchRuns, "", "orders/s", "CPU s per 1,000 orders")
	report := func(name, key string, b *bench, s sample) {
		perSecond := float64(b.orders) / s.wall.Seconds()
		result[key] = perSecond
		fmt.Printf("%-34s %12.0f %22.4f\n", name, perSecond, s.cpu.Seconds()/float64(b.orders)*1000)
	}
	report("encoding/xml RawToken walk", "xml_walk_orders_per_s", big, big.median(big.walk))
	report("adapter decode", "decode_orders_per_s", big, big.median(big.decode))
	report("plugin boundary", "boundary_orders_per_s", big, big.median(big.boundary))
	report("storage", "storage_orders_per_s", big, big.median(big.storage))
	whole, rss := big.imports()
	report("whole import", "import_orders_per_s", big, whole)
	result["import_cpu_s_per_1000"] = whole.cpu.Seconds() / float64(big.orders) * 1000
	result["adapter_rss_mb"], result["server_rss_mb"] = rss.adapter, rss.server

	small := newBench(t, benchSmall)
	fmt.Printf("\n%d orders\n", small.orders)
	smallResult := result
	result = map[string]float64{}
	report("encoding/xml RawToken walk", "", small, small.median(small.walk))
	report("adapter decode", "", small, small.median(small.decode))
	report("plugin boundary", "", small, small.median(small.boundary))
	report("storage", "", small, small.median(small.storage))
	whole, rssSmall := small.imports()
	report("whole import", "", small, whole)
	result = smallResult
	result["adapter_rss_mb_1000"], result["server_rss_mb_1000"] = rssSmall.adapter, rssSmall.server
	fmt.Printf("\npeak resident memory, MiB: adapter %.1f (at %d orders %.1f), server %.1f (%.1f)\n",
		rss.adapter, small.orders, rssSmall.adapter, rss.server, rssSmall.server)
}

// bench is one size of the benchmark: a sandbox process, and its answer as bytes, as messages and as rows.
type bench struct {
	t       *testing.T
	orders  int
	sandbox string // URL
	answer  []byte
	encoded string // path of the orders as messages, for the boundary
	rows    []order.Order
}

func newBench(t *testing.T, orders int) *bench {
	t.Helper()
	b := &bench{t: t}
	b.startSandbox(orders)
	b.fetch()
	dir := t.TempDir()
	b.encoded = filepath.Join(dir, "orders")
	b.prepare()
	return b
}

func (b *bench) fatal(err error) {
	if err != nil {
		b.t.Helper()
		b.t.Fatal(err)
	}
}

// startSandbox starts the emulator as a process of its own, with its answers rendered before.
func (b *bench) startSandbox(orders int) {
	cmd := exec.Command(filepath.Join(binDir, "relais-sandbox"), "--listen", "127.0.0.1:0", "--orders", strconv.Itoa(orders), "--prerender", "--varieties", benchVarieties)
	out, err := cmd.StdoutPipe()
	b.fatal(err)
	b.fatal(cmd.Start())
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var line []byte
	for one := make([]byte, 1); ; {
		_, err := out.Read(one)
		b.fatal(err)
		if one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	_, address, ok := strings.Cut(string(line), "http://")
	if !ok {
		b.t.Fatalf("the sandbox says %q", line)
	}
	b.sandbox = "http://" + address
}

// fetch gets one GetOrderList answer with every order.
func (b *bench) fetch() {
	req, err := http.NewRequest(http.MethodGet, b.sandbox+"/cdiscount/users/httpIssue.svc/?realm=https://wsvc.cdiscount.com/MarketplaceAPIService.svc", nil)
	b.fatal(err)
	req.SetBasicAuth("demo-api", "demo-password")
	token := b.do(req)
	token = token[bytes.IndexByte(token, '>')+1:]
	token = token[:bytes.IndexByte(token, '<')]
	var states strings.Builder
	for _, s := range []string{
		"CancelledByCustomer", "WaitingForSellerAcceptation", "AcceptedBySeller", "PaymentInProgress", "WaitingForShipmentAcceptation",
		"Shipped", "RefusedBySeller", "AutomaticCancellation", "PaymentRefused", "ShipmentRefusedBySeller", "RefusedNoShipment",
	} {
		states.WriteString("<OrderStateEnum>" + s + "</OrderStateEnum>")
	}
	body := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><GetOrderList xmlns="http://www.cdiscount.com">` +
		`<headerMessage xmlns:a="http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages">` +
		`<a:Context><a:SiteID>100</a:SiteID></a:Context><a:Localization/><a:Security><a:TokenId>` + string(token) + `</a:TokenId></a:Security><a:Version>1.0</a:Version></headerMessage>` +
		`<orderFilter><BeginCreationDate>2000-01-01T00:00:00</BeginCreationDate><EndCreationDate>2100-01-01T00:00:00</EndCreationDate>` +
		`<FetchOrderLines>true</FetchOrderLines><FetchParcels>true</FetchParcels><States>` + states.String() + `</States></orderFilter></GetOrderList></s:Body></s:Envelope>`
	req, err = http.NewRequest(http.MethodPost, b.sandbox+"/cdiscount/MarketplaceAPIService.svc", strings.NewReader(body))
	b.fatal(err)
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"http://www.cdiscount.com/IMarketplaceAPIService/GetOrderList"`)
	b.answer = b.do(req)
}

func (b *bench) do(req *http.Request) []byte {
	resp, err := http.DefaultClient.Do(req)
	b.fatal(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	b.fatal(err)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("sandbox: %s: %.300s", resp.Status, body)
	}
	return body
}

// prepare makes the messages of the boundary and the rows of the storage out of the answer.
func (b *bench) prepare() {
	var messages []*adapterv1.Order
	b.fatal(cdiscount.DecodeOrderList(bytes.NewReader(b.answer), func(o *adapterv1.Order) error {
		messages = append(messages, o)
		return nil
	}))
	b.orders = len(messages)
	b.fatal(writeOrders(b.encoded, messages))
	b.stream(func(p order.Page) error {
		b.rows = append(b.rows, p.Orders...)
		return nil
	})
	if len(b.rows) != b.orders {
		b.t.Fatalf("%d orders decoded, %d came over the boundary", b.orders, len(b.rows))
	}
}

// median measures run several times. CPU is that of this process and its children.
func (b *bench) median(run func()) sample {
	var walls, cpus []time.Duration
	for range benchRuns {
		runtime.GC()
		begin, cpu := time.Now(), cpuTime()
		run()
		walls, cpus = append(walls, time.Since(begin)), append(cpus, cpuTime()-cpu)
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	return sample{wall: walls[benchRuns/2], cpu: cpus[benchRuns/2]}
}

// walk is the yardstick: encoding/xml reads every token and does nothing with it.
func (b *bench) walk() {
	d := xml.NewDecoder(bytes.NewReader(b.answer))
	for {
		if _, err := d.RawToken(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bench) decode() {
	n := 0
	b.fatal(cdiscount.DecodeOrderList(bytes.NewReader(b.answer), func(*adapterv1.Order) error { n++; return nil }))
	if n != b.orders {
		b.t.Fatalf("decoded %d of %d orders", n, b.orders)
	}
}

// storage writes the rows as an import does.
func (b *bench) storage() {
	ctx := b.t.Context()
	dir, err := os.MkdirTemp("", "relais-bench")
	b.fatal(err)
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := sqlite.Open(ctx, filepath.Join(dir, "relais.db"))
	b.fatal(err)
	defer func() { b.fatal(db.Close()) }()
	now := time.Now()
	ref := benchRef
	b.fatal(db.CreateStore(ctx, store.Store{ID: "bench", Adapter: "bench", Marketplace: "bench", AccountID: "bench", CreateTime: now}, nil, store.Sealed{KeyID: "k", Ciphertext: []byte("x")}))
	run, _, err := db.StartImport(ctx, order.Import{ID: "1", StoreID: "bench", State: order.Running, Start: now, Windows: []order.Window{{Axis: order.Created, Since: now.Add(-time.Hour), Until: now}}})
	b.fatal(err)
	for chunk := range slices.Chunk(b.rows, 100) {
		_, err := db.ApplyBatch(ctx, order.Batch{Ref: ref, ImportID: run.ID, Orders: chunk, ReadTime: now, Time: now})
		b.fatal(err)
	}
}

// rss is peak resident memory in MiB.
type rss struct{ adapter, server float64 }

// imports runs whole imports, each into a new server process with a new database, and returns the median run and the highest
// peaks.
func (b *bench) imports() (sample, rss) {
	var walls, cpus []time.Duration
	var peak rss
	for range benchRuns {
		s, r := b.importOnce()
		walls, cpus = append(walls, s.wall), append(cpus, s.cpu)
		peak.adapter, peak.server = max(peak.adapter, r.adapter), max(peak.server, r.server)
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	return sample{wall: walls[benchRuns/2], cpu: cpus[benchRuns/2]}, peak
}

func (b *bench) importOnce() (sample, rss) {
	dir, err := os.MkdirTemp("", "relais-bench")
	b.fatal(err)
	defer func() { _ = os.RemoveAll(dir) }()
	s := &system{t: b.t, dir: dir, log: &syncBuffer{}, clock: &testClock{}, environ: []string{
		"RELAIS_DATA_DIR=" + dir, "RELAIS_PLUGIN_DIR=" + filepath.Join(binDir, "plugins"), "RELAIS_SANDBOX_URL=" + b.sandbox,
	}}
	p := s.startProcess()
	defer func() {
		s.kill(p)
		s.stop() // the clients' connections
	}()
	req := connectRequest("demo")
	req.Store.Settings = &marketplacev1.StoreSettings{LookBack: &marketplacev1.LookBack{FirstImportDays: 60}}
	_, err = s.api.ConnectStore(b.t.Context(), req)
	b.fatal(err)
	server, plugin := p.cmd.Process.Pid, s.adapterPID()
	begin, cpu := time.Now(), processCPU(b.t, server)+processCPU(b.t, plugin)
	run := s.imported()
	measured := sample{wall: time.Since(begin), cpu: processCPU(b.t, server) + processCPU(b.t, plugin) - cpu}
	if n := int(run.GetProgress().GetOrdersCreated()); n < b.orders*98/100 {
		b.t.Fatalf("imported %d of %d orders", n, b.orders)
	}
	return measured, rss{adapter: peakRSS(b.t, plugin), server: peakRSS(b.t, server)}
}

// cpuTime is the CPU time of this process and of those of its children that have ended.
func cpuTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err == nil {
			total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return total
}

// processCPU is the CPU time of a process so far.
func processCPU(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go runs on
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// peakRSS is the highest resident memory of a process so far, in MiB.
func peakRSS(t *testing.T, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib / 1024
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
