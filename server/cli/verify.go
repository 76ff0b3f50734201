package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relaishq/relais/adapters/conformance"
)

// Values of --sandbox beside addresses and paths, and the name of the binary that is looked for.
const (
	noSandbox     = "none"
	sandboxBinary = "relais-sandbox"
)

// idWidth is the width of the column of ids; a longer id moves its title.
const idWidth = 32

// adapterVerify is `relais adapter verify`, the only command that talks to no server.
func (a *app) adapterVerify() *cobra.Command {
	v := &verification{app: a}
	cmd := &cobra.Command{
		Use:   "verify PATH",
		Short: "Check an adapter binary against the plugin protocol",
		Long: `Verify runs the adapter binary at PATH as the server would and checks that it keeps the promises of the plugin protocol:
what it says of itself, credentials, windows and checkpoints, repeated and lost writes, throttling, deadlines, hostile
answers, memory. It prints one line a check, PASS, FAIL or SKIP with the check's id and title, and below a failure what
was seen. A check that fails gives exit code 7. No server is needed and none is asked.

Most checks need a relais-sandbox, where they create sellers and orders of their own. Verify starts the one that lies
beside the relais binary, on a free port, and stops it at the end. Without a sandbox those checks are skipped.`,
		Example: `  relais adapter verify bin/plugins/relais-adapter-cdiscount
  relais adapter verify ./relais-adapter-mine --run '^list-' --sandbox http://127.0.0.1:7480
  relais adapter verify ./relais-adapter-mine --sandbox none --json`,
		Args: operands(1, 1),
	}
	flags := cmd.Flags()
	flags.StringVar(&v.sandbox, "sandbox", "", "`address`, path of a relais-sandbox binary to start, or none "+
		"(default: start the relais-sandbox that lies beside relais)")
	flags.StringVar(&v.pattern, "run", "", "run only the checks whose id matches the regular `expression`")
	flags.BoolVarP(&v.verbose, "verbose", "v", false, "also print what the adapter logs, on standard error")
	flags.BoolVar(&v.json, "json", false, "the same as --output json")
	a.registerOutput(cmd)
	ids := make([]string, 0, len(conformance.Checks()))
	for _, c := range conformance.Checks() {
		ids = append(ids, c.ID+"\t"+c.Title)
	}
	complete(cmd, "run", ids...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return v.run(cmd.Context(), args[0]) }
	return cmd
}

// verification is one `relais adapter verify`: its flags, and what it has come to.
type verification struct {
	*app
	sandbox, pattern string
	verbose, json    bool

	results []conformance.Result
	// failed is the first error of the output; nothing more is written after it.
	failed error
}

// run verifies the adapter at path.
func (v *verification) run(ctx context.Context, path string) (err error) {
	if v.json {
		v.output = outputJSON
	}
	options := conformance.Options{Adapter: path, Log: slog.New(slog.DiscardHandler)}
	if options.Run, err = picked(v.pattern); err != nil {
		return err
	}
	if v.verbose {
		options.Log = slog.New(slog.NewTextHandler(v.Err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	url, stop, err := v.openSandbox(ctx)
	if err != nil {
		return err
	}
	options.SandboxURL = url
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	summary, err := v.Verify(ctx, options, func(r conformance.Result) {
		v.results = append(v.results, r)
		if v.output == outputTable && v.failed == nil {
			v.failed = written(fmt.Fprint(v.Out, resultText(r)))
		}
		if v.failed != nil {
			cancel() // nobody reads the rest
		}
	})
	if stopErr := stop(context.WithoutCancel(ctx)); err == nil && stopErr != nil {
		err = fmt.Errorf("stop the sandbox: %w", stopErr)
	}
	if v.failed != nil {
		return v.failed
	}
	if err != nil {
		return err
	}
	if err := v.conclude(summary); err != nil {
		return err
	}
	if summary.Failed > 0 {
		return &nonconformingError{adapter: summary.Adapter, failed: summary.Failed, checks: len(v.results)}
	}
	return nil
}

// picked makes a filter of checks from the value of --run.
func picked(pattern string) (func(conformance.Info) bool, error) {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return nil, usagef("--run %q is not a regular expression: %w", pattern, err)
	}
	run := func(c conformance.Info) bool { return expression.MatchString(c.ID) }
	if !slices.ContainsFunc(conformance.Checks(), run) {
		return nil, usagef("--run %q matches no check; --run '' runs all", pattern)
	}
	return run, nil
}

// openSandbox returns the address of the sandbox to use, empty for none, and what ends it when it is one of our own.
func (v *verification) openSandbox(ctx context.Context) (url string, stop func(context.Context) error, err error) {
	path := v.sandbox
	switch {
	case path == noSandbox:
		return "", keep, nil
	case strings.HasPrefix(path, "http://"), strings.HasPrefix(path, "https://"):
		return strings.TrimRight(path, "/"), keep, nil
	case path == "":
		if path = v.SandboxPath; path == "" {
			if path, err = besideExecutable(sandboxBinary); err != nil {
				return "", nil, err
			}
		}
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil, usagef("there is no sandbox to start at %s: build it, or write --sandbox with another path, "+
			"the address of one that runs, or none", path)
	}
	sandbox, err := conformance.StartSandbox(ctx, path)
	if err != nil {
		return "", nil, err
	}
	return sandbox.URL(), sandbox.Stop, nil
}

// keep ends nothing: the sandbox, if any, is somebody else's.
func keep(context.Context) error { return nil }

// besideExecutable returns the path of a binary in the directory of this one.
func besideExecutable(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// resultText is the line of one result, with what was seen below a failure.
func resultText(r conformance.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %-*s  %s", r.Outcome, idWidth, clean(r.ID), clean(r.Title))
	if r.Outcome == conformance.Skip && r.Detail != "" {
		fmt.Fprintf(&b, " (%s)", clean(r.Detail))
	}
	b.WriteByte('\n')
	if r.Outcome == conformance.Fail {
		for line := range strings.SplitSeq(strings.TrimSpace(r.Detail), "\n") {
			fmt.Fprintf(&b, "      %s\n", clean(line))
		}
	}
	return b.String()
}

// verdict is the JSON form of a verification.
type verdict struct {
	Adapter     string        `json:"adapter"`
	Version     string        `json:"version"`
	Marketplace string        `json:"marketplace"`
	Passed      int           `json:"passed"`
	Failed      int           `json:"failed"`
	Skipped     int           `json:"skipped"`
	Seconds     float64       `json:"seconds"`
	Checks      []checkResult `json:"checks"`
}

// checkResult is the JSON form of one result.
type checkResult struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Outcome string  `json:"outcome"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

// conclude writes the last line of the report, or the whole of it as one JSON document.
func (v *verification) conclude(s conformance.Summary) error {
	if v.output == outputTable {
		return written(fmt.Fprintf(v.Out, "\n%s: %d passed, %d failed, %d skipped in %s\n",
			clean(joined(" ", s.Adapter, s.Version)), s.Passed, s.Failed, s.Skipped, s.Took.Round(10*time.Millisecond)))
	}
	doc := verdict{
		Adapter: s.Adapter, Version: s.Version, Marketplace: s.Marketplace,
		Passed: s.Passed, Failed: s.Failed, Skipped: s.Skipped, Seconds: s.Took.Seconds(),
		Checks: make([]checkResult, 0, len(v.results)),
	}
	for _, r := range v.results {
		doc.Checks = append(doc.Checks, checkResult{
			ID: r.ID, Title: r.Title, Outcome: r.Outcome.String(), Detail: r.Detail, Seconds: r.Took.Seconds(),
		})
	}
	encoder := json.NewEncoder(v.Out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(doc); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// nonconformingError is an adapter that failed a check.
type nonconformingError struct {
	adapter        string
	failed, checks int
}

func (e *nonconformingError) Error() string {
	return fmt.Sprintf("adapter %s fails %d of %d checks", orElse(e.adapter, "without a name"), e.failed, e.checks)
}
