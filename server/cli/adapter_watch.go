package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

func (a *app) adapterWatch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch",
		Short: "Show what happens to the adapters, until it is interrupted",
		Long: `Watch prints every adapter now, and each one again when its line changes: its state, the process that serves, those
that finish their calls, a swap that is under way, pinned stores and their processes. With --output json each adapter is
one JSON document, printed again when anything of it changes.`,
		Example: `  relais adapter watch
  relais adapter watch --output json`,
		Args:              operands(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, _ []string) error {
			stream, err := api.WatchAdapters(ctx, &marketplacev1.WatchAdaptersRequest{})
			if err != nil {
				return err
			}
			shown, lines := make(map[string]*marketplacev1.Adapter), make(map[string]string)
			for {
				answer, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				for _, d := range answer.GetAdapters() {
					line := watchLine(d)
					same := proto.Equal(shown[d.GetName()], d) || a.output == outputTable && lines[d.GetName()] == line
					shown[d.GetName()], lines[d.GetName()] = d, line
					if same {
						continue
					}
					now := a.Now().In(a.Location).Format(time.RFC3339)
					if err := a.print(d, func(p *page) { fmt.Fprintln(&p.buf, now, line) }); err != nil {
						return err
					}
				}
			}
		}),
	}
}

// watchLine is an adapter in one line, without the time.
func watchLine(d *marketplacev1.Adapter) string {
	g := d.GetGeneration()
	words := []string{
		shortName(d.GetName()), slotState(d),
		"version", orElse(g.GetVersion(), "-"), "generation", count(g.GetNumber()), "pid", orElse(processID(g), "-"),
		"restarts", count(d.GetRestartCount()),
	}
	for _, r := range d.GetRetiring() {
		what := "ends"
		if n := r.GetLeases(); n > 0 {
			what = "finishes " + calls(n)
		}
		words = append(words, fmt.Sprintf("(generation %d %s)", r.GetNumber(), what))
	}
	if l := d.GetLastSwap(); l != nil && l.GetEndTime() == nil && !cutOff(l) {
		words = append(words, fmt.Sprintf("(swap under way: %s)", strings.ToLower(word(l.GetStep().GetKind()))))
	}
	words = append(words, pinWords(d)...)
	if d.GetMessage() != "" {
		words = append(words, "-", d.GetMessage())
	}
	return clean(strings.Join(words, " "))
}

// pinWords tells for each release which stores are pinned to it, what its process does, and why their calls do not go there. They share
// one.
func pinWords(d *marketplacev1.Adapter) []string {
	type group struct {
		sha256  string
		state   marketplacev1.Pin_State
		message string
	}
	var order []group
	pins := make(map[group][]*marketplacev1.Pin)
	for _, pin := range d.GetPins() {
		g := group{pin.GetSha256(), pin.GetState(), pin.GetMessage()}
		if len(pins[g]) == 0 {
			order = append(order, g)
		}
		pins[g] = append(pins[g], pin)
	}
	words := make([]string, 0, len(order))
	for _, g := range order {
		pin := pins[g][0]
		says := fmt.Sprintf("%s pinned to version %s: %s", storesOf(pins[g]), orElse(pin.GetVersion(), "-"), pinState(pin))
		if g.state != marketplacev1.Pin_STATE_ENDED {
			process := pin.GetGeneration()
			says += fmt.Sprintf(" generation %d pid %s restarts %d", process.GetNumber(), orElse(processID(process), "-"), pin.GetRestartCount())
		}
		words = append(words, "("+joined(" - ", says, g.message)+")")
	}
	return words
}

// storesOf names the stores of some pins, and counts the others when they are many.
func storesOf(pins []*marketplacev1.Pin) string {
	const most = 3
	names := make([]string, 0, most)
	for _, pin := range pins[:min(len(pins), most)] {
		names = append(names, shortName(pin.GetStore()))
	}
	says := "store "
	if len(pins) > 1 {
		says = "stores "
	}
	says += strings.Join(names, ", ")
	if more := len(pins) - most; more > 0 {
		says += fmt.Sprintf(" and %d more", more)
	}
	return says
}
