package conformance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/relaishq/relais/adapters/conformance/internal/control"
	"github.com/relaishq/relais/adapters/launch"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// suite is one Verify: what all its checks share.
type suite struct {
	options     Options
	description *adapterv1.DescribeResponse
	sandbox     *control.Client // nil without a sandbox
	run         string          // tells the names of this run from those of others on the same sandbox
	serial      atomic.Int64    // makes names unique

	mu      sync.Mutex // guards secrets
	secrets []string   // credentials that were given out; they are masked in what is reported
}

// newSuite starts the binary once to learn what it says of itself, and looks at the sandbox.
func newSuite(ctx context.Context, options Options) (*suite, error) {
	s := &suite{options: options, run: fmt.Sprintf("c%x", time.Now().UnixNano()&0xffffffffff)}
	subject := newSubject(s, "start")
	p, err := subject.start(ctx)
	if err != nil {
		return nil, err
	}
	describe, cancel := context.WithTimeout(ctx, 10*time.Second)
	s.description, err = p.Describe(describe, &adapterv1.DescribeRequest{})
	cancel()
	if stopErr := subject.stop(context.WithoutCancel(ctx)); err == nil {
		err = stopErr
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s what it is: %w", options.Adapter, err)
	}
	if options.SandboxURL == "" {
		return s, nil
	}
	s.sandbox = control.New(options.SandboxURL)
	if err := s.sandbox.Health(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("the sandbox at %s does not answer: %w", options.SandboxURL, err)
	}
	if _, err := s.newShop(ctx, control.SellerSpec{}); err != nil {
		s.close()
		return nil, fmt.Errorf("the sandbox at %s cannot serve this adapter: %w", options.SandboxURL, err)
	}
	return s, nil
}

// close drops the connections to the sandbox.
func (s *suite) close() {
	if s.sandbox != nil {
		s.sandbox.Close()
	}
}

// face is the part of the sandbox that speaks the adapter's API: the first segment of its sandbox paths.
func (s *suite) face() (string, error) {
	keys := s.description.GetEnvironmentKeys()
	if len(keys) == 0 {
		return "", errors.New("the adapter names no environment keys, so that its sandbox addresses are not known")
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(keys[0].GetSandboxPath(), "/"), "/")
	if first == "" {
		return "", fmt.Errorf("the environment key %s has no sandbox path", keys[0].GetKey())
	}
	return first, nil
}

// name makes a name that nothing else on the sandbox has.
func (s *suite) name(kind string) string {
	return fmt.Sprintf("%s-%s-%d", s.run, kind, s.serial.Add(1))
}

// keepSecret remembers a credential, so that no report tells it.
func (s *suite) keepSecret(value string) {
	if len(value) < 4 {
		return // too short to be told from other text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = append(s.secrets, value)
}

// mask replaces every credential in a text.
func (s *suite) mask(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// subject is what one check works on: processes of the adapter, started when they are asked for.
type subject struct {
	*suite
	check string
	logs  *capture

	mu        sync.Mutex // guards processes
	processes []*process
}

// process is one process of the adapter and the protocol's client on it.
type process struct {
	adapterv1.MarketplaceAdapterServiceClient
	*launch.Process
}

func newSubject(s *suite, check string) *subject {
	return &subject{suite: s, check: check, logs: &capture{}}
}

// start starts one more process of the adapter. stop ends it.
func (s *subject) start(ctx context.Context, env ...string) (*process, error) {
	log := slog.New(tee{s.logs, s.options.Log.With(slog.String("check", s.check)).Handler()})
	p, err := launch.Start(ctx, launch.Config{
		Path: s.options.Adapter, Env: append(append([]string{}, s.options.Env...), env...),
		Logger: log, LogLevel: slog.LevelDebug, StartTimeout: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	started := &process{MarketplaceAdapterServiceClient: adapterv1.NewMarketplaceAdapterServiceClient(p.Conn()), Process: p}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.processes = append(s.processes, started)
	return started, nil
}

// bench is a shop and a process, which most checks need.
func (s *subject) bench(ctx context.Context) (*shop, *process, error) {
	sh, err := s.newShop(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.start(ctx)
	return sh, p, err
}

// dead says which of the processes did not survive the check.
func (s *subject) dead() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []error
	for _, p := range s.processes {
		if err := p.Err(); err != nil && !errors.Is(err, launch.ErrStopped) {
			found = append(found, fmt.Errorf("the adapter did not survive: %w", err))
		}
	}
	return errors.Join(found...)
}

// stop ends all processes and waits for them.
func (s *subject) stop(ctx context.Context) error {
	s.mu.Lock()
	processes := s.processes
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var failed []error
	for _, p := range processes {
		if err := p.Stop(ctx); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// capabilities is what the adapter declares.
func (s *suite) capabilities() *adapterv1.Capabilities { return s.description.GetCapabilities() }

// clone copies a message, so that a change to it stays with one call.
func clone[M proto.Message](m M) M { return proto.CloneOf(m) }
