package cli

import (
	"context"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// adapterCommand is `relais adapter`, the operator's view on the admin socket.
func (a *app) adapterCommand() *cobra.Command {
	list, get := a.adapterList(), a.adapterGet()
	for _, cmd := range []*cobra.Command{list, get} {
		a.registerClientFlags(cmd)
		a.registerAdminSocket(cmd)
	}
	return group(&cobra.Command{
		Use:     "adapter",
		Aliases: []string{"adapters"},
		Short:   "Show the adapters and the processes that run them, verify an adapter binary",
		Long: `An adapter is the code that speaks one marketplace API, shipped as a plugin binary that the server runs. List and get
use the server's admin socket: they work on the server's machine, as the server's user. Verify needs no server.`,
		Example: `  relais adapter list
  relais adapter get cdiscount
  relais adapter verify bin/plugins/relais-adapter-cdiscount`,
	}, list, get, a.adapterVerify())
}

func (a *app) adapterList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List adapters",
		Long:  "List prints every adapter of the server's plugin directory with its state and the process that serves.",
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
						shortName(d.GetName()), d.GetMarketplace(), word(d.GetState()), g.GetVersion(), count(g.GetNumber()),
						processID(g), count(g.GetLeases()), count(d.GetRestartCount()), a.at(g.GetStartTime()),
					})
				}
				p.table("", []string{
					"ADAPTER", "MARKETPLACE", "STATE", "VERSION", "GENERATION", "PID", "CALLS", "RESTARTS", "SINCE",
				}, rows)
			})
		}),
	}
}

func (a *app) adapterGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get ADAPTER",
		Short: "Show an adapter",
		Long:  "Get prints an adapter: its state, the process that serves, and the credentials that a store needs for it.",
		Example: `  relais adapter get cdiscount
  relais adapter get adapters/cdiscount --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: onAdminSocket(a, marketplacev1.NewAdapterServiceClient, func(ctx context.Context, api marketplacev1.AdapterServiceClient, args []string) error {
			name, err := topName(collectionAdapters, args[0])
			if err != nil {
				return err
			}
			d, err := api.GetAdapter(ctx, &marketplacev1.GetAdapterRequest{Name: name})
			if err != nil {
				return err
			}
			return a.print(d, func(p *page) { a.describeAdapter(p, d) })
		}),
	}
}

func (a *app) describeAdapter(p *page, d *marketplacev1.Adapter) {
	g := d.GetGeneration()
	facts := []fact{
		{"Adapter", d.GetName()},
		{"Name", d.GetDisplayName()},
		{"Marketplace", d.GetMarketplace()},
		{"State", joined(": ", word(d.GetState()), d.GetMessage())},
		{"Restarts", count(d.GetRestartCount())},
	}
	if g != nil {
		facts = append(facts,
			fact{"Generation", count(g.GetNumber())},
			fact{"Version", g.GetVersion()},
			fact{"SHA-256", g.GetSha256()},
			fact{"Protocol", g.GetProtocol()},
			fact{"Process", processID(g)},
			fact{"Serving since", a.at(g.GetStartTime())},
			fact{"Calls in flight", count(g.GetLeases())},
		)
	}
	p.facts(facts...)
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

// processID prints the process of a generation; empty when none runs.
func processID(g *marketplacev1.Generation) string {
	if g.GetPid() == 0 {
		return ""
	}
	return count(g.GetPid())
}
