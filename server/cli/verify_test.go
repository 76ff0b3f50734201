package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/conformance"
	"github.com/relaishq/relais/server/cli"
)

// pretendedSandbox is the name under which the test binary plays a sandbox.
const pretendedSandbox = "relais-sandbox"

// pretendSandbox says where it listens, as relais-sandbox does, and lives until it is asked to end.
func pretendSandbox() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println("cannot listen:", err)
		return
	}
	defer listener.Close()
	fmt.Printf("%s listening on http://%s\n", pretendedSandbox, listener.Addr())
	<-ctx.Done()
}

// sandboxFile is a file that starts the pretended sandbox.
func sandboxFile(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), pretendedSandbox)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// verifier stands for package conformance: it reports what it was given, and keeps how it was asked.
type verifier struct {
	results []conformance.Result
	err     error
	// during is called while the checks run; may be nil.
	during func(context.Context, conformance.Options)

	asked conformance.Options
	told  bool // to end
}

func (v *verifier) verify(
	ctx context.Context, options conformance.Options, report func(conformance.Result),
) (conformance.Summary, error) {
	v.asked = options
	if v.during != nil {
		v.during(ctx, options)
	}
	s := conformance.Summary{Adapter: "tea", Version: "1.0", Marketplace: "teashop", Took: 1234 * time.Millisecond}
	for _, r := range v.results {
		switch r.Outcome {
		case conformance.Pass:
			s.Passed++
		case conformance.Fail:
			s.Failed++
		case conformance.Skip:
			s.Skipped++
		}
		report(r)
	}
	if err := ctx.Err(); err != nil {
		v.told = true
		return s, fmt.Errorf("verify: %w", err)
	}
	return s, v.err
}

// run runs relais adapter verify with the arguments.
func (v *verifier) run(ctx context.Context, out io.Writer, sandbox string, args ...string) (code int, report string) {
	var errs bytes.Buffer
	root := cli.New(cli.Options{
		In: strings.NewReader(""), Out: out, Err: &errs, Getenv: func(string) string { return "" },
		SandboxPath: sandbox, Verify: v.verify,
	})
	root.SetArgs(append([]string{"adapter", "verify"}, args...))
	return cli.Execute(ctx, root), errs.String()
}

func mixedResults() []conformance.Result {
	return []conformance.Result{
		{ID: "describe-complete", Title: "says completely what it is", Outcome: conformance.Pass, Took: time.Millisecond},
		{
			ID: "list-complete", Title: "lists every order", Outcome: conformance.Fail, Took: 2 * time.Second,
			Detail: "order A1 is missing\norder \x1b[31mA2 is missing\n",
		},
		{ID: "count-agrees", Title: "counts what it lists", Outcome: conformance.Skip, Detail: "capability count is not declared"},
	}
}

func TestVerifyReport(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		results []conformance.Result
		flags   []string
		code    int
		report  string
	}{
		"verify_mixed":      {mixedResults(), nil, cli.ExitNonconform, "relais: adapter tea fails 1 of 3 checks\n"},
		"verify_passed":     {mixedResults()[:1], nil, cli.ExitOK, ""},
		"verify_skipped":    {mixedResults()[2:], nil, cli.ExitOK, ""},
		"verify_mixed.json": {mixedResults(), []string{"--json"}, cli.ExitNonconform, "relais: adapter tea fails 1 of 3 checks\n"},
		"verify_none.json":  {nil, []string{"--output", "json"}, cli.ExitOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			v := &verifier{results: tt.results}
			code, report := v.run(t.Context(), &out, "", append([]string{"./adapter", "--sandbox", "none"}, tt.flags...)...)
			if code != tt.code || report != tt.report {
				t.Errorf("exit code %d, report %q; want %d and %q", code, report, tt.code, tt.report)
			}
			if strings.HasSuffix(name, ".json") && !json.Valid(out.Bytes()) {
				t.Error("the output is not one JSON document")
			}
			golden(t, name, out.String())
			if v.asked.Adapter != "./adapter" || v.asked.SandboxURL != "" {
				t.Errorf("asked for %q with the sandbox %q", v.asked.Adapter, v.asked.SandboxURL)
			}
		})
	}
}

// TestVerifyPicksChecks: --run picks by the id.
func TestVerifyPicksChecks(t *testing.T) {
	t.Parallel()
	first := conformance.Checks()[0]
	for pattern, want := range map[string]bool{"": true, "^" + first.ID + "$": true, first.ID[:4]: true} {
		v := &verifier{}
		if code, report := v.run(t.Context(), io.Discard, "", "./adapter", "--sandbox", "none", "--run", pattern); code != 0 {
			t.Fatalf("%q: exit code %d: %s", pattern, code, report)
		}
		if got := v.asked.Run(first); got != want {
			t.Errorf("%q picks %s: %v, want %v", pattern, first.ID, got, want)
		}
	}
	v := &verifier{}
	if v.run(t.Context(), io.Discard, "", "./adapter", "--sandbox", "none", "--run", "^"+first.ID+"$"); v.asked.Run(conformance.Info{ID: "x-" + first.ID}) {
		t.Error("a check of another id is picked")
	}
}

// TestVerifySandbox: a sandbox of our own runs while the checks do and not longer; one with an address is left alone.
func TestVerifySandbox(t *testing.T) {
	t.Parallel()
	running, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { running.Close() })
	reachable := func(url string) bool {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), 5*time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	for name, tt := range map[string]struct {
		beside string
		flags  []string
		err    error
		left   bool // it is still there afterwards
		code   int
	}{
		"beside relais":            {beside: sandboxFile(t)},
		"by its path":              {beside: "/none", flags: []string{"--sandbox", sandboxFile(t)}},
		"by its address":           {flags: []string{"--sandbox", "http://" + running.Addr().String() + "/"}, left: true},
		"when the checks end soon": {beside: sandboxFile(t), err: errors.New("the adapter does not start"), code: cli.ExitFailure},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &verifier{err: tt.err, during: func(_ context.Context, o conformance.Options) {
				if !reachable(o.SandboxURL) {
					t.Errorf("no sandbox at %q", o.SandboxURL)
				}
			}}
			code, report := v.run(t.Context(), io.Discard, tt.beside, append([]string{"./adapter"}, tt.flags...)...)
			if code != tt.code {
				t.Fatalf("exit code %d, want %d: %s", code, tt.code, report)
			}
			if left := reachable(v.asked.SandboxURL); left != tt.left {
				t.Errorf("the sandbox is there afterwards: %v, want %v", left, tt.left)
			}
		})
	}
}

// TestVerifyRefusals: what cannot be verified is told before anything runs.
func TestVerifyRefusals(t *testing.T) {
	t.Parallel()
	mute := filepath.Join(t.TempDir(), "mute")
	if err := os.WriteFile(mute, []byte("#!/bin/sh\necho no sandbox at all\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no path":                 {nil, cli.ExitUsage, "expects PATH, got 0 argument(s)"},
		"no sandbox there":        {[]string{"./adapter"}, cli.ExitUsage, "there is no sandbox to start at /none/relais-sandbox: build it"},
		"another program":         {[]string{"./adapter", "--sandbox", mute}, cli.ExitFailure, `it said "no sandbox at all"`},
		"no expression":           {[]string{"./adapter", "--run", "("}, cli.ExitUsage, "is not a regular expression"},
		"no such check":           {[]string{"./adapter", "--run", "^nothing$"}, cli.ExitUsage, "matches no check"},
		"a flag of other clients": {[]string{"./adapter", "--server", "x"}, cli.ExitUsage, "unknown flag: --server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &verifier{}
			code, report := v.run(t.Context(), io.Discard, "/none/relais-sandbox", tt.args...)
			if code != tt.code || !strings.Contains(report, tt.want) {
				t.Errorf("exit code %d, want %d with %q; report:\n%s", code, tt.code, tt.want, report)
			}
			if v.asked.Adapter != "" {
				t.Error("the checks ran")
			}
		})
	}
}

// TestVerifyInterrupt: an interrupt ends the checks, and what they found until then stays.
func TestVerifyInterrupt(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	v := &verifier{results: mixedResults(), during: func(context.Context, conformance.Options) { interrupt() }}
	var out bytes.Buffer
	code, report := v.run(ctx, &out, "", "./adapter", "--sandbox", "none")
	if code != cli.ExitInterrupted || report != "relais: interrupted\n" || strings.Count(out.String(), "\n") != 5 {
		t.Errorf("exit code %d, report %q, output:\n%s", code, report, out.String())
	}
}

// TestVerifyOutputFails: when nobody reads the report the checks are told to end.
func TestVerifyOutputFails(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--json"}} {
		v := &verifier{results: mixedResults()}
		code, report := v.run(t.Context(), brokenPipe{}, "", append([]string{"./adapter", "--sandbox", "none"}, flags...)...)
		if code != cli.ExitFailure || report != "relais: write the result: broken pipe\n" {
			t.Errorf("%v: exit code %d, report %q", flags, code, report)
		}
		if early := flags == nil; v.told != early {
			t.Errorf("%v: the checks were told to end: %v, want %v", flags, v.told, early)
		}
	}
}

// TestVerifyVerbose: what the adapter logs is printed on demand only.
func TestVerifyVerbose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags []string
		want  bool
	}{{nil, false}, {[]string{"--verbose"}, true}} {
		v := &verifier{during: func(_ context.Context, o conformance.Options) { o.Log.Debug("hello", slog.String("from", "adapter")) }}
		_, report := v.run(t.Context(), io.Discard, "", append([]string{"./adapter", "--sandbox", "none"}, tt.flags...)...)
		if got := strings.Contains(report, "from=adapter"); got != tt.want {
			t.Errorf("%v: the log is printed: %v, want %v", tt.flags, got, tt.want)
		}
	}
}

// TestVerifyForReal runs package conformance itself, on a file that is no adapter.
func TestVerifyForReal(t *testing.T) {
	t.Parallel()
	got := run(t, newFake(t, &fake{}), "adapter", "verify", filepath.Join(t.TempDir(), "missing"), "--sandbox", "none")
	want := result{code: cli.ExitFailure}
	if diff := cmp.Diff(want, result{code: got.code, out: got.out}, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(got.err, "missing") || !strings.Contains(got.err, "build it, or correct the path") {
		t.Errorf("report:\n%s", got.err)
	}
}
