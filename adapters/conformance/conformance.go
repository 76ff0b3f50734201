package conformance

import (
	"log/slog"
	"time"
)

// Outcome is what a check came to.
type Outcome int

// The outcomes. The zero Outcome is none of them.
const (
	// Pass means that the adapter does what the check asks for.
	Pass Outcome = iota + 1
	// Fail means that it does not; Result.Detail says what was seen.
	Fail
	// Skip means that the check does not apply or could not be made; Result.Detail says why.
	Skip
)

// String returns PASS, FAIL or SKIP.
func (o Outcome) String() string {
	switch o {
	case Pass:
		return "PASS"
	case Fail:
		return "FAIL"
	case Skip:
		return "SKIP"
	default:
		return "NONE"
	}
}

// Info describes a check.
type Info struct {
	// ID names the check: an area and what it is about, such as "list-checkpoints". IDs do not change.
	ID string
	// Title says in a few words what the adapter does when the check passes.
	Title string
	// Proves says what is done and what has to come of it, in a sentence or two.
	Proves string
	// Sandbox is true when the check needs a sandbox.
	Sandbox bool
}

// Result is what came of one check.
type Result struct {
	// ID and Title are those of the check.
	ID, Title string
	// Outcome is PASS, FAIL or SKIP.
	Outcome Outcome
	// Detail says what was seen instead of what was expected, or why the check was skipped; one finding a line. It is empty
	// after a pass. It holds no credentials.
	Detail string
	// Took is how long the check ran.
	Took time.Duration
}

// Summary counts the results of a Verify.
type Summary struct {
	// Adapter, Version and Marketplace are what the binary says of itself.
	Adapter, Version, Marketplace string
	// Passed, Failed and Skipped count the results.
	Passed, Failed, Skipped int
	// Took is how long all of it ran.
	Took time.Duration
}

// Options say what to verify and how. Only Adapter is required.
type Options struct {
	// Adapter is the path of the adapter's binary.
	Adapter string
	// Env holds more environment variables for the adapter's processes ("KEY=value"); see launch.Config.Env.
	Env []string
	// SandboxURL is the base address of a relais sandbox that speaks the adapter's API, such as "http://127.0.0.1:7480". The
	// checks create sellers and orders there and inject faults into calls of their own sellers only. Empty means no sandbox:
	// the checks that need one are skipped.
	SandboxURL string
	// Run picks the checks to run; others are not reported. Default: all.
	Run func(Info) bool
	// Parallel is how many checks run at once. Checks that measure run alone whatever it is. Default: 4.
	Parallel int
	// CheckTimeout is how long one check may take before it fails. Default: 90 s.
	CheckTimeout time.Duration
	// Log takes what the adapter's processes log, beside the attribute "check". Default: discard.
	Log *slog.Logger
}

// withDefaults returns a copy in which every field is set.
func (o Options) withDefaults() Options {
	if o.Run == nil {
		o.Run = func(Info) bool { return true }
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	if o.CheckTimeout <= 0 {
		o.CheckTimeout = 90 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Checks returns every check, in the order in which they are reported.
func Checks() []Info {
	all := checks()
	out := make([]Info, len(all))
	for i, c := range all {
		out[i] = c.Info
	}
	return out
}
