package cli

import (
	"context"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// adapterCommand is `relais adapter`, the operator's view on the admin socket.
func (a *app) adapterCommand() *cobra.Command {
	commands := []*cobra.Command{
		a.adapterList(), a.adapterGet(), a.adapterSwap(), a.adapterRollback(), a.adapterPin(), a.adapterUnpin(), a.adapterUnload(), a.adapterWatch(),
	}
	for _, cmd := range commands {
		a.registerClientFlags(cmd)
		a.registerAdminSocket(cmd)
	}
	return group(&cobra.Command{
		Use:     "adapter",
		Aliases: []string{"adapters"},
		Short:   "Show the adapters, change which release serves, verify an adapter binary",
		Long: `An adapter is the code that speaks one marketplace API, shipped as a plugin binary that the server runs. These
commands use the server's admin socket: they work on the server's machine, as the server's user. Verify needs no
server.`,
		Example: `  relais adapter list
  relais adapter get cdiscount
  relais adapter swap cdiscount
  relais adapter rollback cdiscount
  relais adapter pin cdiscount demo relais-adapter-cdiscount@1.4.0 --for 24h
  relais adapter verify bin/plugins/relais-adapter-cdiscount`,
	}, append(commands, a.adapterVerify())...)
}

func (a *app) adapterList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List adapters",
		Long: `List prints every adapter of the server with its state, the release and the process that serve, or served last, how
many processes that served before finish their calls, and how many stores are pinned to a release of their own.
Available are the files of the plugin directory that hold another release than the one that serves: "relais adapter
swap" takes them, but for those beside which stands what is wrong with them. One that was refused can be tried again;
"relais adapter get" tells why it was. An unresponsive process owes the server an answer: new calls wait until it
answers, or is replaced.`,
		Example: `  relais adapter list
  relais adapter list --admin-socket /run/relais/admin.sock --output json`,
		Args:              operands(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, _ []string) error {
			answer, err := api.ListAdapters(ctx, &marketplacev1.ListAdaptersRequest{})
			if err != nil {
				return err
			}
			if a.output == outputTable && len(answer.GetAdapters()) == 0 {
				a.note("no adapters")
				return nil
			}
			return a.print(answer, func(p *page) {
				rows := make([][]string, 0, len(answer.GetAdapters()))
				for _, d := range answer.GetAdapters() {
					g := d.GetGeneration()
					rows = append(rows, []string{
						shortName(d.GetName()), d.GetMarketplace(), slotState(d), g.GetVersion(), shortHash(g.GetSha256()), count(g.GetNumber()),
						processID(g), count(g.GetLeases()), count(d.GetRestartCount()), a.uptime(g), retiringCount(d), pinnedStores(d), available(d),
					})
				}
				p.table("", []string{
					"ADAPTER", "MARKETPLACE", "STATE", "VERSION", "SHA-256", "GENERATION", "PID", "CALLS", "RESTARTS", "UPTIME", "RETIRING", "PINNED STORES", "AVAILABLE",
				}, rows)
			})
		}),
	}
}

func (a *app) adapterGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get ADAPTER",
		Short: "Show an adapter",
		Long: `Get prints an adapter: its state, the process that serves, those that finish their calls, what became of the
last swap, its pins and releases, and the credentials that a store needs for it.`,
		Example: `  relais adapter get cdiscount
  relais adapter get adapters/cdiscount --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.showsAdapter(a.describeAdapter, func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, _ []string) (*marketplacev1.Adapter, error) {
			return api.GetAdapter(ctx, &marketplacev1.GetAdapterRequest{Name: name})
		}),
	}
}

// onAdapter makes the body of a command whose first argument names an adapter. What f gets as name is the resource name.
func (a *app) onAdapter(f func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, rest []string) error) runE {
	return onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, args []string) error {
		name, err := topName(collectionAdapters, args[0])
		if err != nil {
			return err
		}
		return f(ctx, api, name, args[1:])
	})
}

// showsAdapter is onAdapter for a call that answers with the adapter, which is printed.
func (a *app) showsAdapter(
	describe func(*page, *marketplacev1.Adapter),
	call func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, rest []string) (*marketplacev1.Adapter, error),
) runE {
	return a.onAdapter(func(ctx context.Context, api marketplacev1.AdapterServiceClient, name string, rest []string) error {
		d, err := call(ctx, api, name, rest)
		if err != nil {
			return err
		}
		return a.print(d, func(p *page) { describe(p, d) })
	})
}

// describeSlot is the state of an adapter, its processes and its releases.
func (a *app) describeSlot(p *page, d *marketplacev1.Adapter) {
	g := d.GetGeneration()
	facts := []fact{
		{"Adapter", d.GetName()},
		{"Name", d.GetDisplayName()},
		{"Marketplace", d.GetMarketplace()},
		{"State", joined(": ", slotState(d), d.GetMessage())},
		{"Restarts", count(d.GetRestartCount())},
	}
	if r := d.GetLastRestart(); r != nil {
		facts = append(facts, fact{"Last restart", joined(", ", a.at(r.GetTime()), r.GetReason())})
	}
	if g != nil {
		facts = append(facts,
			fact{"Generation", count(g.GetNumber())},
			fact{"Version", g.GetVersion()},
			fact{"SHA-256", g.GetSha256()},
			fact{"Protocol", g.GetProtocol()},
			fact{"Process", processID(g)},
		)
		facts = append(facts, a.service(g)...)
	}
	if d.GetRetryTime() != nil {
		facts = append(facts, fact{"Next start", a.at(d.GetRetryTime())})
	}
	facts = append(facts, a.lastSwap(d)...)
	p.facts(facts...)
	retiring := make([][]string, 0, len(d.GetRetiring()))
	for _, r := range d.GetRetiring() {
		retiring = append(retiring, []string{
			count(r.GetNumber()), r.GetVersion(), processID(r), count(r.GetLeases()), a.at(r.GetRetireTime()), a.at(r.GetRetireDeadlineTime()),
		})
	}
	p.table("Retiring", []string{"GENERATION", "VERSION", "PID", "CALLS", "RETIRES SINCE", "UNTIL AT MOST"}, retiring)
	a.describePins(p, d)
	releases := make([][]string, 0, len(d.GetReleases()))
	for _, r := range d.GetReleases() {
		releases = append(releases, []string{releaseRole(d, r), r.GetVersion(), r.GetSha256(), releaseFiles(r, ""), a.refusal(r)})
	}
	p.table("Releases", []string{"ROLE", "VERSION", "SHA-256", "FILES", "REFUSED"}, releases)
}

// describeAdapter is the slot and what a store needs to be connected.
func (a *app) describeAdapter(p *page, d *marketplacev1.Adapter) {
	a.describeSlot(p, d)
	rows := make([][]string, 0, len(d.GetCredentialFields()))
	for _, f := range d.GetCredentialFields() {
		need := "required"
		if f.GetOptional() {
			need = "optional"
		}
		secret := "shown"
		if f.GetSecret() {
			secret = "secret"
		}
		rows = append(rows, []string{f.GetKey(), f.GetDisplayName(), need, secret, f.GetDescription()})
	}
	p.table("Credentials", []string{"KEY", "NAME", "NEED", "VIEW", "WHERE TO FIND IT"}, rows)
}
