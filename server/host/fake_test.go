package host_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/go-plugin"

	"github.com/relaishq/relais/adapters/sdk/handshake"
	"github.com/relaishq/relais/adapters/sdk/sdktest"
	"github.com/relaishq/relais/server/host/release"
	"github.com/relaishq/relais/server/problem"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// variants are releases of the fake adapter that differ from the plain one, by the name that is written behind the binary. What is not
// listed differs in its hash only.
var variants = map[string]func(*sdktest.Adapter){
	"next":         func(a *sdktest.Adapter) { a.Description.Version = "2.0.0" },
	"other":        func(a *sdktest.Adapter) { a.Description.Adapter = "other" },
	"exits":        func(*sdktest.Adapter) { fmt.Fprintln(os.Stderr, "cannot work like this"); os.Exit(3) },
	"hangs":        func(*sdktest.Adapter) { select {} },
	"prints":       func(*sdktest.Adapter) { fmt.Println("hello") },
	"unversioned":  func(a *sdktest.Adapter) { a.Description.Version = "" },
	"marketless":   func(a *sdktest.Adapter) { a.Description.Marketplace = "" },
	"elsewhere":    func(a *sdktest.Adapter) { a.Description.Marketplace = "another-marketplace" },
	"reads-nobody": func(a *sdktest.Adapter) { a.Description.Capabilities.MaxOrdersPerGet = 0 },
	"ships-nobody": func(a *sdktest.Adapter) { a.Description.Capabilities.MaxShipmentsPerCall = 0 },
	"addressless":  func(a *sdktest.Adapter) { a.Description.EnvironmentKeys = nil },
	"decides": func(a *sdktest.Adapter) {
		a.Description.Capabilities.Acceptance, a.Description.Capabilities.MaxDecisionsPerCall = true, 10
		a.Description.Capabilities.PartialShipment = true
	},
	"able": func(a *sdktest.Adapter) {
		a.Description.Capabilities.MaxProductsPerGet, a.Description.Capabilities.TrackingCorrection = 10, true
	},
	"readdressed": func(a *sdktest.Adapter) {
		a.Description.EnvironmentKeys = append(a.Description.EnvironmentKeys,
			&adapterv1.EnvironmentKey{Key: "token_url", ProductionUrl: "https://token.example/"})
	},
	"readdressed-again": func(a *sdktest.Adapter) {
		a.Description.EnvironmentKeys = []*adapterv1.EnvironmentKey{{Key: "token_url"}}
	},
	"decides-nobody": func(a *sdktest.Adapter) { a.Description.Capabilities.Acceptance = true },
	"demanding": func(a *sdktest.Adapter) {
		a.Description.CredentialFields = append(a.Description.CredentialFields, &adapterv1.CredentialField{Key: "token"})
	},
	"inconstant": func(a *sdktest.Adapter) {
		d, n := a.Description, 0
		a.OnDescribe = func() *adapterv1.DescribeResponse {
			n++
			d.DisplayName = fmt.Sprint("call ", n)
			return d
		}
	},
	"other-cookie": func(*sdktest.Adapter) { _ = os.Setenv(handshake.CookieKey, "another host's") },
	"other-host": func(*sdktest.Adapter) { // a plugin of another program than relais
		plugin.Serve(&plugin.ServeConfig{HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "OTHER_PROGRAM", MagicCookieValue: "other-plugin",
		}})
	},
	"mute": func(a *sdktest.Adapter) { a.OnDescribe = func() *adapterv1.DescribeResponse { select {} } },
	"hangs-when-probed": func(a *sdktest.Adapter) {
		a.OnCheckConnection = func(ctx context.Context, _ *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
			<-ctx.Done()
			select {} // not even then
		}
	},
	"stubborn":  func(*sdktest.Adapter) {}, // see beAdapter
	"credulous": func(a *sdktest.Adapter) { a.OnCheckConnection = nil },
	"dies-when-probed": func(a *sdktest.Adapter) {
		a.OnCheckConnection = func(context.Context, *adapterv1.CheckConnectionRequest) (*adapterv1.CheckConnectionResponse, error) {
			os.Exit(9)
			return nil, nil
		}
	},
}

// variantMark stands before the name of a variant behind a binary. It is written in two parts, so that the binary itself does not
// hold it.
func variantMark() string { return "\nvariant" + "=" }

// variant is which release this process is.
func variant() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	file, err := os.Open(self)
	if err != nil {
		return ""
	}
	defer file.Close()
	const most = 64
	if _, err := file.Seek(-most, io.SeekEnd); err != nil {
		return ""
	}
	tail, _ := io.ReadAll(file)
	_, name, _ := strings.Cut(string(tail), variantMark())
	return name
}

// builds makes the binaries of variants, each once.
var builds struct {
	mu  sync.Mutex
	dir string
}

// build returns the path of a binary of a variant; of this binary itself for the plain one.
func build(t *testing.T, variant string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if variant == "" {
		return self
	}
	builds.mu.Lock()
	defer builds.mu.Unlock()
	path := filepath.Join(builds.dir, variant)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	// A process that another test forks meanwhile would have the file open for writing until its exec.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, io.MultiReader(in, strings.NewReader(variantMark()+variant)))
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// install puts a variant into a plugin directory under a name, in the place of a file that is there.
func install(t *testing.T, dir, name, variant string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.Symlink(build(t, variant), path+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// memory is a release.Repository.
type memory struct {
	mu    sync.Mutex // guards the fields below
	saved []release.Desired
	pins  []release.Pin
	fail  error // of the next saves
	times int   // how many of them; all when zero
	swaps []release.Swap
	lost  error // of reading and saving swaps
	hangs bool  // whoever saves swaps waits for the end of their context

	onSave func(release.Desired) // is told of what is about to be saved; may be nil
	onPin  func(release.Pin)     // the same of pins
}

func (m *memory) DesiredReleases(context.Context) ([]release.Desired, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.saved), nil
}

func (m *memory) SaveDesiredRelease(_ context.Context, d release.Desired) error {
	if m.onSave != nil {
		m.onSave(d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failsLocked(); err != nil {
		return err
	}
	m.saved = slices.DeleteFunc(m.saved, func(old release.Desired) bool { return old.Adapter == d.Adapter })
	m.saved = append(m.saved, d)
	return nil
}

func (m *memory) Pins(context.Context) ([]release.Pin, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.pins), nil
}

func (m *memory) SavePin(ctx context.Context, p release.Pin) error {
	if m.onPin != nil {
		m.onPin(p)
	}
	if err := m.DeletePin(ctx, p.Adapter, p.Store); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pins = append(m.pins, p)
	return nil
}

func (m *memory) DeletePin(_ context.Context, adapter, store string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failsLocked(); err != nil {
		return err
	}
	m.pins = slices.DeleteFunc(m.pins, func(p release.Pin) bool { return p.Adapter == adapter && p.Store == store })
	return nil
}

func (m *memory) LastSwaps(context.Context) ([]release.Swap, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.swaps), m.lost
}

func (m *memory) SaveLastSwap(ctx context.Context, s release.Swap) error {
	if m.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lost != nil {
		return m.lost
	}
	m.swaps = slices.DeleteFunc(m.swaps, func(old release.Swap) bool { return old.Adapter == s.Adapter })
	m.swaps = append(m.swaps, s)
	return nil
}

func (m *memory) failWith(err error) { m.failTimes(0, err) }

// failTimes lets so many saves fail.
func (m *memory) failTimes(n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times, m.fail = n, err
}

// failsLocked is the error of a save.
func (m *memory) failsLocked() error {
	err := m.fail
	if m.times--; m.times == 0 {
		m.fail = nil
	}
	return err
}

// desired is what was saved of adapter one.
func (m *memory) desired() release.Desired {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.saved {
		if d.Adapter == "one" {
			return d
		}
	}
	return release.Desired{}
}

// stores is a release.Stores.
type stores struct {
	use  release.Use
	fail error
}

func (s *stores) AdapterUse(context.Context, string) (release.Use, error) { return s.use, s.fail }

// addresses is a host.Config.Addresses: service_url is configured everywhere, and production has the addresses that it declares.
func addresses(environment, adapter string, d *adapterv1.DescribeResponse) error {
	for _, k := range d.GetEnvironmentKeys() {
		if k.GetKey() != "service_url" && (environment != "production" || k.GetProductionUrl() == "") {
			return problem.New(problem.NotFound, problem.ReasonEnvironmentNotFound, "set environments.%s.%s.%s", environment, adapter, k.GetKey())
		}
	}
	return nil
}

// HasStore knows every store but "nobody".
func (s *stores) HasStore(_ context.Context, store string) (bool, error) {
	return store != "nobody", s.fail
}

// StoreUse knows every store but "stranger", who is on another adapter, and "nobody".
func (s *stores) StoreUse(_ context.Context, _, store string) (release.Use, error) {
	use := s.use
	if use.Stores = 1; store == "stranger" || store == "nobody" {
		use.Stores = 0
	}
	return use, s.fail
}
