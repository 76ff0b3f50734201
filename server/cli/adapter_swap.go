package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func (a *app) adapterSwap() *cobra.Command {
	var sum string
	var noWait bool
	cmd := &cobra.Command{
		Use:   "swap ADAPTER [FILE]",
		Short: "Let another release of an adapter serve",
		Long: `Swap lets the release serve that lies in the server's plugin directory: relais-adapter-ADAPTER, or the file that
is named, most often relais-adapter-ADAPTER@VERSION; or, with --sha256, one of those that "relais adapter get"
lists. An adapter that is unloaded and has no file is loaded with the release that it was unloaded with. The new
process is started and probed beside the old one; calls under way finish where they began. A release that does not
do is refused, and the old one serves on. Steps are shown on standard error.

The command waits until the old process has finished its calls, which may take minutes; with --no-wait only until the
new one serves. Interrupted before that it gives the swap up; later the rest happens without it.`,
		Example: `  relais adapter swap cdiscount
  relais adapter swap cdiscount relais-adapter-cdiscount@1.4.0
  relais adapter swap cdiscount --sha256 9f2c41d07be3`,
		Args:              operands(1, 2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.onAdapter(func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, args []string) error {
			request := &marketplacev1.SwapAdapterRequest{Name: name, Sha256: sum}
			if len(args) > 0 {
				request.File = args[0]
			}
			if request.GetFile() != "" && sum != "" {
				return usagef("give either FILE or --sha256")
			}
			return a.followSwap(ctx, api, name, noWait, func(ctx context.Context) (grpc.ServerStreamingClient[marketplacev1.SwapStep], error) {
				return api.SwapAdapter(ctx, request)
			})
		}),
	}
	registerNoWait(cmd, &noWait)
	cmd.Flags().StringVar(&sum, "sha256", "", "the release by its hash instead of a file, or by the first digits of it, at least 8")
	return cmd
}

func (a *app) adapterRollback() *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use:   "rollback ADAPTER",
		Short: "Let the release serve that served before",
		Long: `Rollback is a swap to the release that served before, from the server's own copy, or, should that be lost, from a file
of the plugin directory that holds the same release. A second rollback undoes the first: it brings back the release
that the first one took out of service. An adapter that is unloaded is loaded, with the release before the one that it
was unloaded with. It does not wait for processes that still finish calls after earlier swaps: when there are too many,
the oldest is ended with the calls that it has. Stores that are pinned to a release stay there. Interrupted, it does
what swap does.`,
		Example:           `  relais adapter rollback cdiscount`,
		Args:              operands(1, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.onAdapter(func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, _ []string) error {
			return a.followSwap(ctx, api, name, noWait, func(ctx context.Context) (grpc.ServerStreamingClient[marketplacev1.SwapStep], error) {
				return api.RollbackAdapter(ctx, &marketplacev1.RollbackAdapterRequest{Name: name})
			})
		}),
	}
	registerNoWait(cmd, &noWait)
	return cmd
}

func registerNoWait(cmd *cobra.Command, noWait *bool) {
	cmd.Flags().BoolVar(noWait, "no-wait", false, "end when the release serves; do not wait for calls on the process before it")
}

// followSwap begins a swap, shows its steps, and prints the adapter at its end; with noWait when the release serves.
func (a *app) followSwap(
	ctx context.Context, api marketplacev1.AdapterServiceClient, adapter string, noWait bool,
	begin func(context.Context) (grpc.ServerStreamingClient[marketplacev1.SwapStep], error),
) error {
	following, stop := context.WithCancel(ctx) // once the release serves, the server does the rest by itself
	defer stop()
	stream, err := begin(following)
	if err != nil {
		return err
	}
	last := new(marketplacev1.SwapStep)
	for {
		step, err := stream.Recv()
		switch {
		case status.Code(err) == codes.Canceled:
			return &hintError{err, interruptedSwap(last, adapter)}
		case errors.Is(err, io.EOF):
			return errors.New("the server ended the call before the swap was complete; see what serves with relais adapter get " + shortName(adapter))
		case err != nil:
			return err
		case step.GetKind() == marketplacev1.SwapStep_KIND_COMPLETE:
			return a.print(step.GetAdapter(), func(p *page) { a.describeSlot(p, step.GetAdapter()) })
		case step.GetRetiringCalls() > 0:
			a.note("%-8s  %8s  %s", strings.ToLower(word(step.GetKind())), "…", retireBegins(step))
		case step.GetDone():
			a.note("%-8s  %8s  %s", strings.ToLower(word(step.GetKind())), took(step.GetDuration().AsDuration()), clean(stepDetail(step)))
		}
		if last = step; noWait && serves(step) {
			stop()
			now, err := api.GetAdapter(ctx, &marketplacev1.GetAdapterRequest{Name: adapter})
			if err != nil {
				return err
			}
			return a.print(now, func(p *page) { a.describeSlot(p, now) })
		}
	}
}

// serves reports whether the release of a swap serves as soon as it is at this step.
func serves(s *marketplacev1.SwapStep) bool {
	return s.GetKind() == marketplacev1.SwapStep_KIND_PUBLISH && s.GetDone() || s.GetKind() == marketplacev1.SwapStep_KIND_RETIRE
}

// interruptedSwap says what becomes of a swap that nobody follows any more after a step.
func interruptedSwap(last *marketplacev1.SwapStep, adapter string) string {
	look := "; see it with relais adapter get " + shortName(adapter)
	switch {
	case last.GetKind() == marketplacev1.SwapStep_KIND_RETIRE:
		return fmt.Sprintf("the release serves; generation %d finishes its calls without this command", last.GetGeneration()) + look
	case serves(last):
		return "the release serves; the process before it finishes its calls without this command" + look
	case last.GetKind() == marketplacev1.SwapStep_KIND_PUBLISH:
		return "whether the release serves was being decided" + look
	}
	return "the swap was given up, and what served before serves on" + look
}

// took prints a short duration with three digits or so.
func took(d time.Duration) string {
	if d < time.Millisecond {
		return d.Round(time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// stepDetail says what a step found.
func stepDetail(s *marketplacev1.SwapStep) string {
	switch s.GetKind() {
	case marketplacev1.SwapStep_KIND_REGISTER:
		if s.GetUnchanged() {
			return "version " + s.GetVersion() + " serves already, nothing changes"
		}
		return "sha256 " + s.GetSha256()
	case marketplacev1.SwapStep_KIND_LAUNCH:
		return "generation " + count(s.GetGeneration())
	case marketplacev1.SwapStep_KIND_PROBE:
		return "version " + s.GetVersion()
	case marketplacev1.SwapStep_KIND_PUBLISH:
		return fmt.Sprintf("new calls go to generation %d", s.GetGeneration())
	case marketplacev1.SwapStep_KIND_RETIRE:
		return retireDetail(s)
	}
	return ""
}

// retireBegins says how long the wait for the old process may be, and that nobody else waits.
func retireBegins(s *marketplacev1.SwapStep) string {
	says := fmt.Sprintf("generation %d finishes %s", s.GetGeneration(), calls(s.GetRetiringCalls()))
	if limit := s.GetRetireLimit(); limit != nil {
		says += ", at most " + took(limit.AsDuration())
	}
	return says + "; new calls go to the new process already"
}

// retireDetail says how the old process ended.
func retireDetail(s *marketplacev1.SwapStep) string {
	cut := s.GetCutCalls()
	switch {
	case s.GetKilled() && cut > 0:
		return fmt.Sprintf("generation %d did not end by itself and was killed, %s cut short", s.GetGeneration(), calls(cut))
	case s.GetKilled():
		return fmt.Sprintf("generation %d finished its calls, did not end by itself and was killed", s.GetGeneration())
	case cut > 0:
		return fmt.Sprintf("generation %d ended before its calls did, %s cut short", s.GetGeneration(), calls(cut))
	}
	return fmt.Sprintf("generation %d finished its calls and ended", s.GetGeneration())
}

// calls counts calls.
func calls(n int32) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func (a *app) adapterUnload() *cobra.Command {
	return &cobra.Command{
		Use:   "unload ADAPTER",
		Short: "Take an adapter out of service that no store uses",
		Long: `Unload takes an adapter out of service, also after a restart of the server, and returns when no process of it is left:
calls under way are finished before. It is refused while stores are connected through the adapter. Swap loads it again.`,
		Example:           `  relais adapter unload cdiscount`,
		Args:              operands(1, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.showsAdapter(a.describeSlot, func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, _ []string) (*marketplacev1.Adapter, error) {
			return api.UnloadAdapter(ctx, &marketplacev1.UnloadAdapterRequest{Name: name})
		}),
	}
}
