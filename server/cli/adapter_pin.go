package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func (a *app) adapterPin() *cobra.Command {
	const forFlag = "for"
	var length time.Duration
	var sum string
	cmd := &cobra.Command{
		Use:   "pin ADAPTER STORE [FILE] --for DURATION",
		Short: "Hold a store on a release for a while",
		Long: `Pin lets the calls of one store go to a release of their own, whichever one serves the others: to try a release
with one store before all get it, or to leave one behind. The release is a file of the server's plugin directory, or
with --sha256 one of those that "relais adapter get" lists. It is started and probed beside the one that serves; one
that does not suit is refused, and nothing changes. A pin survives swaps and restarts of the server. It ends after its
time, with unpin, or when the release crashes again and again: the store's calls then go to the release that serves.`,
		Example: `  relais adapter pin cdiscount demo relais-adapter-cdiscount@1.4.0 --for 24h
  relais adapter pin cdiscount demo --sha256 9f2c41d07be3 --for 90m`,
		Args:              operands(2, 3),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.showsAdapter(a.describeSlot, func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, args []string) (*marketplacev1.Adapter, error) {
			store, err := storeName(args[0])
			if err != nil {
				return nil, err
			}
			if length <= 0 {
				return nil, usagef("--%s must be positive", forFlag)
			}
			request := &marketplacev1.PinStoreRequest{Name: name, Store: store, ExpireTime: timestamppb.New(a.Now().Add(length))}
			switch {
			case (len(args) == 2) == (sum != ""):
				return nil, usagef("give either FILE or --sha256")
			case sum != "":
				request.Release = &marketplacev1.PinStoreRequest_Sha256{Sha256: sum}
			default:
				request.Release = &marketplacev1.PinStoreRequest_File{File: args[1]}
			}
			return api.PinStore(ctx, request)
		}),
	}
	cmd.Flags().Var((*stretch)(&length), forFlag, "how long the pin holds, for example 90m, 24h or 7d; at most 30d")
	cmd.Flags().StringVar(&sum, "sha256", "", "the release by its hash instead of a file, or by the first digits of it, at least 8")
	require(cmd, forFlag)
	return cmd
}

// stretch is a flag's value: a duration that may begin with days of 24 hours, which time.ParseDuration does not know.
type stretch time.Duration

// String returns the value in Go's units; empty when there is none, so that help shows no default.
func (s *stretch) String() string {
	if *s == 0 {
		return ""
	}
	return time.Duration(*s).String()
}

// Type is what help calls the value.
func (s *stretch) Type() string { return "duration" }

// Set reads the value.
func (s *stretch) Set(text string) error {
	const longest = 100_000 // days, far from an overflow
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	n, err := strconv.ParseUint(days, 10, 32)
	if err != nil || n > longest {
		return errors.New("write a number of days, hours and minutes, such as 7d, 24h or 1h30m")
	}
	var more time.Duration
	if rest != "" || !found {
		if more, err = time.ParseDuration(rest); err != nil {
			return errors.New("write a number of days, hours and minutes, such as 7d, 24h or 1h30m")
		}
	}
	*s = stretch(time.Duration(n)*24*time.Hour + more)
	return nil
}

func (a *app) adapterUnpin() *cobra.Command {
	return &cobra.Command{
		Use:   "unpin ADAPTER STORE",
		Short: "Let a store's calls go to the release that serves again",
		Long: `Unpin ends a pin before its time, or takes one that ended by itself off the list. Calls under way finish where
they began.`,
		Example:           `  relais adapter unpin cdiscount demo`,
		Args:              operands(2, 2),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.showsAdapter(a.describeSlot, func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, args []string) (*marketplacev1.Adapter, error) {
			store, err := storeName(args[0])
			if err != nil {
				return nil, err
			}
			return api.UnpinStore(ctx, &marketplacev1.UnpinStoreRequest{Name: name, Store: store})
		}),
	}
}

// describePins lists the stores that are held on a release.
func (a *app) describePins(p *page, d *marketplacev1.Adapter) {
	rows := make([][]string, 0, len(d.GetPins()))
	for _, pin := range d.GetPins() {
		g := pin.GetGeneration()
		rows = append(rows, []string{
			shortName(pin.GetStore()), pinState(pin), pin.GetVersion(), count(g.GetNumber()), processID(g), count(g.GetLeases()),
			count(pin.GetRestartCount()), a.at(pin.GetExpireTime()), pin.GetMessage(),
		})
	}
	p.table("Pinned stores", []string{"STORE", "STATE", "VERSION", "GENERATION", "PID", "CALLS", "RESTARTS", "UNTIL", "MESSAGE"}, rows)
}
