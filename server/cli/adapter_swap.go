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
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func (a *app) adapterSwap() *cobra.Command {
	var sum string
	cmd := &cobra.Command{
		Use:   "swap ADAPTER [FILE]",
		Short: "Let another release of an adapter serve",
		Long: `Swap lets the release serve that lies in the server's plugin directory: relais-adapter-ADAPTER, or the file that
is named, most often relais-adapter-ADAPTER@VERSION; or, with --sha256, one of those that "relais adapter get"
lists. An adapter that is unloaded and has no file is loaded with the release that it was unloaded with. The new
process is started and probed beside the old one; calls under way finish where they began. A release that does not
do is refused, and the old one serves on. Steps are shown on standard error.`,
		Example: `  relais adapter swap cdiscount
  relais adapter swap cdiscount relais-adapter-cdiscount@1.4.0
  relais adapter swap cdiscount --sha256 9f2c…`,
		Args:              operands(1, 2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, args []string) error {
			name, err := topName(collectionAdapters, args[0])
			if err != nil {
				return err
			}
			request := &marketplacev1.SwapAdapterRequest{Name: name, Sha256: sum}
			if len(args) > 1 {
				request.File = args[1]
			}
			if request.GetFile() != "" && sum != "" {
				return usagef("give either FILE or --sha256")
			}
			stream, err := api.SwapAdapter(ctx, request)
			if err != nil {
				return err
			}
			return a.followSwap(stream, args[0])
		}),
	}
	cmd.Flags().StringVar(&sum, "sha256", "", "the release by its hash instead of a file")
	return cmd
}

func (a *app) adapterRollback() *cobra.Command {
	return &cobra.Command{
		Use:   "rollback ADAPTER",
		Short: "Let the release serve that served before",
		Long: `Rollback is a swap to the release that served before, from the server's own copy, or, should that be lost, from a file
of the plugin directory that holds the same release. A second rollback undoes the first: it brings back the release
that the first one took out of service. An adapter that is unloaded is loaded, with the release before the one that it
was unloaded with. It does not wait for processes that still finish calls after earlier swaps: when there are too many,
the oldest is ended with the calls that it has. Stores that are pinned to a release stay there.`,
		Example:           `  relais adapter rollback cdiscount`,
		Args:              operands(1, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, args []string) error {
			name, err := topName(collectionAdapters, args[0])
			if err != nil {
				return err
			}
			stream, err := api.RollbackAdapter(ctx, &marketplacev1.RollbackAdapterRequest{Name: name})
			if err != nil {
				return err
			}
			return a.followSwap(stream, args[0])
		}),
	}
}

// followSwap shows the steps of a swap and prints the adapter at its end.
func (a *app) followSwap(stream grpc.ServerStreamingClient[marketplacev1.SwapStep], adapter string) error {
	for {
		step, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the server ended the call before the swap was complete; see what serves with relais adapter get " + adapter)
		case err != nil:
			return err
		case step.GetKind() == marketplacev1.SwapStep_KIND_COMPLETE:
			return a.print(step.GetAdapter(), func(p *page) { a.describeSlot(p, step.GetAdapter()) })
		case step.GetDone():
			a.note("%-8s  %8s  %s", strings.ToLower(word(step.GetKind())), took(step.GetDuration().AsDuration()), clean(stepDetail(step)))
		}
	}
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
		if n := s.GetCutCalls(); n > 0 {
			return fmt.Sprintf("generation %d ended, %d calls were cut short: they took longer than they may", s.GetGeneration(), n)
		}
		return fmt.Sprintf("generation %d finished its calls and ended", s.GetGeneration())
	}
	return ""
}

func (a *app) adapterUnload() *cobra.Command {
	return &cobra.Command{
		Use:   "unload ADAPTER",
		Short: "Take an adapter out of service that no store uses",
		Long: `Unload ends the process of an adapter, also after a restart of the server. It is refused while stores are
connected through the adapter. Swap loads it again.`,
		Example:           `  relais adapter unload cdiscount`,
		Args:              operands(1, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, args []string) error {
			name, err := topName(collectionAdapters, args[0])
			if err != nil {
				return err
			}
			d, err := api.UnloadAdapter(ctx, &marketplacev1.UnloadAdapterRequest{Name: name})
			if err != nil {
				return err
			}
			return a.print(d, func(p *page) { a.describeSlot(p, d) })
		}),
	}
}

func (a *app) adapterWatch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Show what happens to the adapters, until it is interrupted",
		Long: `Watch prints every adapter now, and each one again when it changes: its state, the process that serves, those
that finish their calls, those of pinned stores. With --output json each adapter is one JSON document.`,
		Example: `  relais adapter watch
  relais adapter watch --output json`,
		Args:              operands(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, _ []string) error {
			stream, err := api.WatchAdapters(ctx, &marketplacev1.WatchAdaptersRequest{})
			if err != nil {
				return err
			}
			shown := make(map[string]*marketplacev1.Adapter)
			for {
				answer, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				for _, d := range answer.GetAdapters() {
					if proto.Equal(shown[d.GetName()], d) {
						continue
					}
					shown[d.GetName()] = d
					if err := a.print(d, func(p *page) { a.watchLine(p, d) }); err != nil {
						return err
					}
				}
			}
		}),
	}
}

// watchLine is an adapter in one line.
func (a *app) watchLine(p *page, d *marketplacev1.Adapter) {
	g := d.GetGeneration()
	words := []string{
		a.Now().In(a.Location).Format(time.RFC3339), shortName(d.GetName()), slotState(d),
		"version", orElse(g.GetVersion(), "-"), "generation", count(g.GetNumber()), "pid", orElse(processID(g), "-"),
		"restarts", count(d.GetRestartCount()),
	}
	for _, r := range d.GetRetiring() {
		words = append(words, fmt.Sprintf("(generation %d finishes %d calls)", r.GetNumber(), r.GetLeases()))
	}
	if l := d.GetLastSwap(); l != nil && l.GetEndTime() == nil {
		words = append(words, fmt.Sprintf("(swap under way: %s)", strings.ToLower(word(l.GetStep().GetKind()))))
	}
	words = append(words, pinWords(d)...)
	if d.GetMessage() != "" {
		words = append(words, "-", d.GetMessage())
	}
	fmt.Fprintln(&p.buf, clean(strings.Join(words, " ")))
}
